"""Transposed convolution: the gradient of a convolution's input as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .conv import (
    AXES,
    KERNELS,
    backward_bias,
    before_activation,
    flat,
    flat_geometry,
    kernel_of,
    saved,
)
from .padding import pad_axes
from .shape import reshape

NAMES = {1: "conv_transpose1d", 2: "conv_transpose2d", 3: "conv_transpose3d"}


class _ConvTranspose(Function):
    """Of the convolution (N, C_out, *size) -> (N, C_in, ...) with the same weight."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray, bias: Any, geometry: Any, size: Any, act: Any
    ) -> Any:
        n = len(size)
        k = _checks.kernels(x, NAMES[n], "input", weight, "weight", bias, "bias")
        shape = (len(x), weight.shape[1] * geometry[3], *([1] if n == 1 else []), *size)
        y = kernel_of(k, n, "backward_input")(
            flat(x), flat(weight), shape, *flat_geometry(geometry)
        )
        if n == 1:
            y = y.reshape(*y.shape[:2], y.shape[3])
        if bias is not None or act is not None:
            y = k.bias_activation(y, bias, act)
        ctx.kernels, ctx.geometry, ctx.activation = k, geometry, act
        return saved(ctx, x, weight, y, act)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        k, geometry = ctx.kernels, flat_geometry(ctx.geometry)
        x, weight, dy = before_activation(ctx, dy)
        n, shape, kernel = dy.ndim - 2, x.shape, weight.shape
        dy, x, weight = flat(dy), flat(x), flat(weight)
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        dx = dweight = dbias = None
        if needs_x:
            dx = kernel_of(k, n, "forward")(dy, weight, None, *geometry, None).reshape(shape)
        if needs_weight:
            dweight = kernel_of(k, n, "backward_weight")(x, dy, weight.shape[2:], *geometry)
            dweight = dweight.reshape(kernel)
        if needs_bias:
            dbias = backward_bias(k, dy)
        return dx, dweight, dbias


def _check(
    n: int,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    groups: int,
    size: tuple[int, ...],
) -> None:
    name = NAMES[n]
    if x[1] != weight[0]:
        raise ValueError(
            f"{name}: input has {x[1]} channels, but weight of shape {weight} expects {weight[0]} "
            f"(input {x})"
        )
    if weight[0] % groups:
        raise ValueError(f"{name}: groups={groups} does not divide the {weight[0]} input channels")
    if bias is not None and bias != (weight[1] * groups,):
        raise ValueError(f"{name}: bias has shape {bias}, expected {(weight[1] * groups,)}")
    if min(x[2:]) < 1 or min(weight[2:]) < 1:
        raise ValueError(f"{name}: input {x} or weight {weight} has an axis of size 0")
    if min(size) < 1:
        raise ValueError(
            f"{name}: input {x} with weight {weight} gives an output of size {size}; choose less "
            "padding or more output_padding"
        )


def transposed_geometry(
    n: int, stride: Any, padding: Any, output_padding: Any, groups: Any, dilation: Any
) -> tuple[Any, ...]:
    """Checked (stride, padding, dilation, groups), output_padding."""
    name = NAMES[n]
    stride = _checks.ntuple(stride, name, "stride", 1, n)
    padding = _checks.ntuple(padding, name, "padding", 0, n)
    extra = _checks.ntuple(output_padding, name, "output_padding", 0, n)
    groups = _checks.integer(groups, name, "groups", 1)
    dilation = _checks.ntuple(dilation, name, "dilation", 1, n)
    for more, s, d in zip(extra, stride, dilation, strict=True):
        if more >= max(s, d):
            raise ValueError(
                f"{name}: output_padding is {output_padding!r}, expected less than stride {stride} "
                f"or dilation {dilation}"
            )
    return (stride, padding, dilation, groups), extra


def apply_conv_transpose(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: tuple[Any, ...],
    output_padding: tuple[int, ...],
    activation: str | None,
) -> Tensor:
    """With settings that `transposed_geometry` has checked."""
    stride, padding, dilation, groups = geometry
    w = weight.shape
    if input.ndim not in (n + 1, n + 2) or len(w) != n + 2:
        raise ValueError(
            f"{NAMES[n]}: input has shape {input.shape} and weight {w}, "
            f"expected (N, C_in, {AXES[n]}) and (C_in, C_out/groups, {KERNELS[n]})"
        )
    batched = input.ndim == n + 2
    x = input if batched else reshape(input, (1, *input.shape))
    size = tuple(
        [
            (i - 1) * s - 2 * p + d * (k - 1) + more + 1
            for i, s, p, d, k, more in zip(
                x.shape[2:], stride, padding, dilation, w[2:], output_padding, strict=True
            )
        ]
    )
    _check(n, x.shape, w, None if bias is None else bias.shape, groups, size)
    more = [(0, extra // s) for extra, s in zip(output_padding, stride, strict=True)]
    if any(high for _, high in more):  # windows that begin beyond the input, as a dilation allows
        x = pad_axes(x, more, "constant", 0.0, NAMES[n])
    y = _ConvTranspose.apply(x, weight, bias, geometry, size, activation)
    return y if batched else reshape(y, y.shape[1:])


def _conv_transpose(
    n: int, input: Any, weight: Any, bias: Any, settings: Any, activation: Any
) -> Tensor:
    name = NAMES[n]
    _checks.tensor(input, name, "input")
    _checks.tensor(weight, name, "weight")
    if bias is not None:
        _checks.tensor(bias, name, "bias")
    geometry, extra = transposed_geometry(n, *settings)
    activation = _checks.activation(activation, name)
    return apply_conv_transpose(n, input, weight, bias, geometry, extra, activation)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv_transpose(input, weight) + bias) along sequences.

    input (N, C_in, L) or (C_in, L), weight (C_in, C_out/groups, K), bias (C_out,) ->
    (N, C_out, OL).  Sizes, settings and errors as of `conv_transpose2d`.
    """
    settings = stride, padding, output_padding, groups, dilation
    return _conv_transpose(1, input, weight, bias, settings, activation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv_transpose(input, weight) + bias): what the gradient of a convolution does.

    input (N, C_in, H, W) or (C_in, H, W), weight (C_in, C_out/groups, KH, KW), bias (C_out,) ->
    (N, C_out, OH, OW), OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1,
    output_padding less than stride or dilation.  For C the convolution with the same weight and
    settings <C x, y> = <x, conv_transpose(y)> (Zeiler et al. 2010).  activation: None, "relu",
    "tanh" or "sigmoid".  Raises TypeError for dtypes, ValueError for shapes and settings.
    """
    settings = stride, padding, output_padding, groups, dilation
    return _conv_transpose(2, input, weight, bias, settings, activation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act(conv_transpose(input, weight) + bias) over volumes.

    input (N, C_in, D, H, W) or (C_in, D, H, W), weight (C_in, C_out/groups, KD, KH, KW), bias
    (C_out,) -> (N, C_out, OD, OH, OW).  Sizes, settings and errors as of `conv_transpose2d`.
    """
    settings = stride, padding, output_padding, groups, dilation
    return _conv_transpose(3, input, weight, bias, settings, activation)
