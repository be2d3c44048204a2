"""Convolution over one, two and three axes.

One axis runs on the kernels for two, as images of height 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .padding import pad_axes
from .shape import reshape

NAMES = {1: "conv1d", 2: "conv2d", 3: "conv3d"}
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
KERNELS = {1: "K", 2: "KH, KW", 3: "KD, KH, KW"}
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def flat(a: Any) -> Any:
    """An array of one spatial axis with an axis of height 1 before that."""
    return a.reshape(*a.shape[:2], 1, *a.shape[2:]) if a is not None and a.ndim == 3 else a


def flat_geometry(geometry: tuple[Any, ...]) -> tuple[Any, ...]:
    """Stride, padding, dilation and groups of that; others as they are."""
    stride, padding, dilation, groups = geometry
    if len(stride) != 1:
        return geometry
    return (1, *stride), (0, *padding), (1, *dilation), groups


def kernel_of(k: Any, n: int, what: str) -> Any:
    """The kernel conv2d_<what> or, for three axes, conv3d_<what>."""
    return getattr(k, ("conv3d_" if n == 3 else "conv2d_") + what)


def backward_bias(k: Any, dy: np.ndarray) -> Any:
    """Sum over all axes but the channels."""
    if dy.ndim == 5:
        dy = dy.reshape(*dy.shape[:3], dy.shape[3] * dy.shape[4])
    return k.conv2d_backward_bias(flat(dy))


def saved(ctx: Any, x: np.ndarray, weight: np.ndarray, y: np.ndarray, activation: Any) -> Any:
    """y, after keeping what `before_activation` needs: y itself only with an activation."""
    if activation is None:
        ctx.save(x, weight)
    else:
        ctx.save(x, weight, y)
    return y


def before_activation(ctx: Any, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, weight and the gradient of what the activation was taken of."""
    x, weight, *y = ctx.saved
    if y:
        dy = getattr(ctx.kernels, ctx.activation + "_backward")(dy, y[0])
    return x, weight, dy


class _Conv2d(Function):
    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray, bias: Any, geometry: Any, activation: Any
    ) -> Any:
        n = len(geometry[0])
        k = _checks.kernels(x, NAMES[n], "input", weight, "weight", bias, "bias")
        check_conv(n, x.shape, weight.shape, None if bias is None else bias.shape, *geometry)
        if n == 1:
            y = k.conv2d_forward(flat(x), flat(weight), bias, *flat_geometry(geometry), activation)
            y = y.reshape(*y.shape[:2], y.shape[3])
        else:
            y = kernel_of(k, n, "forward")(x, weight, bias, *geometry, activation)
        ctx.kernels, ctx.geometry, ctx.activation = k, geometry, activation
        return saved(ctx, x, weight, y, activation)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        k = ctx.kernels
        x, weight, dy = before_activation(ctx, dy)
        geometry, n, shape, kernel = ctx.geometry, dy.ndim - 2, x.shape, weight.shape
        if n == 1:
            dy, x, weight, geometry = flat(dy), flat(x), flat(weight), flat_geometry(geometry)
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        dx = dweight = dbias = None
        if needs_x:
            dx = kernel_of(k, n, "backward_input")(dy, weight, x.shape, *geometry)
        if needs_weight:
            dweight = kernel_of(k, n, "backward_weight")(dy, x, weight.shape[2:], *geometry)
        if needs_bias:
            dbias = backward_bias(k, dy)
        if n == 1:
            dx = None if dx is None else dx.reshape(shape)
            dweight = None if dweight is None else dweight.reshape(kernel)
        return dx, dweight, dbias


class _Conv1d(_Conv2d):
    pass


class _Conv3d(_Conv2d):
    pass


_FUNCTIONS = {1: _Conv1d, 2: _Conv2d, 3: _Conv3d}


def check_conv(
    n: int,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> None:
    """ValueError unless the shapes of a convolution over n axes fit together."""
    if len(x) != n + 2 or len(weight) != n + 2:
        raise _rank_error(n, x, weight)
    if x[1] != weight[1] * groups:
        raise ValueError(
            f"{NAMES[n]}: input has {x[1]} channels, but weight of shape {weight} with "
            f"groups={groups} expects {weight[1] * groups} (input {x})"
        )
    if weight[0] % groups:
        raise ValueError(
            f"{NAMES[n]}: groups={groups} does not divide the {weight[0]} output channels of weight"
        )
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"{NAMES[n]}: bias has shape {bias}, expected {weight[:1]}")
    for size, kernel, pad, dil in zip(x[2:], weight[2:], padding, dilation, strict=True):
        if size < 1 or kernel < 1:
            raise ValueError(f"{NAMES[n]}: input {x} or weight {weight} has an axis of size 0")
        if dil * (kernel - 1) + 1 > size + 2 * pad:
            raise ValueError(
                f"{NAMES[n]}: the kernel {weight[2:]} with dilation {dilation} is larger than the "
                f"input {x[2:]} with padding {padding}"
            )


def _rank_error(n: int, x: tuple[int, ...], weight: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"{NAMES[n]}: input has shape {x} and weight {weight}, "
        f"expected (N, C_in, {AXES[n]}) and (C_out, C_in/groups, {KERNELS[n]})"
    )


def _conv(n: int, input: Any, weight: Any, bias: Any, settings: Any, activation: Any) -> Tensor:
    name = NAMES[n]
    _checks.tensor(input, name, "input")
    _checks.tensor(weight, name, "weight")
    if bias is not None:
        _checks.tensor(bias, name, "bias")
    geometry = conv_geometry(n, weight.shape, *settings)
    return apply_conv(n, input, weight, bias, geometry, _checks.activation(activation, name))


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv(input, weight) + bias) along sequences.

    input (N, C_in, L) or (C_in, L), weight (C_out, C_in/groups, K), bias (C_out,) ->
    (N, C_out, OL).  Sizes, settings and errors as of `conv2d`.
    """
    return _conv(1, input, weight, bias, (stride, padding, dilation, groups), activation)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv(input, weight) + bias), a cross-correlation.

    input (N, C_in, H, W) or (C_in, H, W), weight (C_out, C_in/groups, KH, KW), bias (C_out,) ->
    (N, C_out, OH, OW), OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1.  padding may be
    "valid" or, with stride 1, "same" (the odd pixel goes right and below).  activation: None,
    "relu", "tanh" or "sigmoid".  Raises TypeError for dtypes, ValueError for shapes and settings.
    """
    return _conv(2, input, weight, bias, (stride, padding, dilation, groups), activation)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv(input, weight) + bias) over volumes.

    input (N, C_in, D, H, W) or (C_in, D, H, W), weight (C_out, C_in/groups, KD, KH, KW), bias
    (C_out,) -> (N, C_out, OD, OH, OW).  Sizes, settings and errors as of `conv2d`.
    """
    return _conv(3, input, weight, bias, (stride, padding, dilation, groups), activation)


def conv_geometry(
    n: int, weight: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    """Checked (stride, padding, dilation, groups), the first three as n integers; of padding "same"
    with an even kernel n pairs (before, after)."""
    name = NAMES[n]
    stride = _checks.ntuple(stride, name, "stride", 1, n)
    dilation = _checks.ntuple(dilation, name, "dilation", 1, n)
    groups = _checks.integer(groups, name, "groups", 1)
    if not isinstance(padding, str):
        return stride, _checks.ntuple(padding, name, "padding", 0, n), dilation, groups
    if padding == "valid":
        return stride, (0,) * n, dilation, groups
    if padding != "same":
        raise ValueError(f"{name}: padding is {padding!r}, expected 'valid', 'same' or integers")
    if stride != (1,) * n:
        raise ValueError(f"{name}: padding 'same' needs a stride of 1, got {stride}")
    if len(weight) != n + 2:
        raise ValueError(f"{name}: weight has shape {weight}, expected {n + 2} axes")
    total = [d * (k - 1) for d, k in zip(dilation, weight[2:], strict=True)]
    if not any(t % 2 for t in total):
        return stride, tuple(t // 2 for t in total), dilation, groups
    return stride, tuple((t // 2, t - t // 2) for t in total), dilation, groups


def apply_conv(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: tuple[Any, ...],
    activation: str | None,
    padding_mode: str = "zeros",
) -> Tensor:
    """The convolution over n axes with settings that `conv_geometry` has checked."""
    stride, padding, dilation, groups = geometry
    batched = input._data.ndim != n + 1
    if not batched:
        input = reshape(input, (1, *input.shape))
    if padding_mode != "zeros" or isinstance(padding[0], tuple):
        if input.ndim != n + 2:
            raise _rank_error(n, input.shape, weight.shape)
        pairs = [p if isinstance(p, tuple) else (p, p) for p in padding]
        mode = "constant" if padding_mode == "zeros" else padding_mode
        input = pad_axes(input, pairs, mode, 0.0, NAMES[n])
        geometry = stride, (0,) * n, dilation, groups
    y = _FUNCTIONS[n].apply(input, weight, bias, geometry, activation)
    return y if batched else reshape(y, y.shape[1:])
