"""Convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .shape import reshape


class _Conv2d(Function):
    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray, bias: Any, geometry: Any, activation: Any
    ) -> Any:
        k = _checks.kernels(x, "conv2d", "input", weight, "weight", bias, "bias")
        _check_conv2d(x.shape, weight.shape, None if bias is None else bias.shape, *geometry)
        y = k.conv2d_forward(x, weight, bias, *geometry, activation)
        ctx.kernels, ctx.geometry, ctx.activation = k, geometry, activation
        if activation is None:
            ctx.save(x, weight)
        else:
            ctx.save(x, weight, y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, *y = ctx.saved
        k = ctx.kernels
        if y:
            dy = getattr(k, ctx.activation + "_backward")(dy, y[0])
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        dx = dweight = dbias = None
        if needs_x:
            dx = k.conv2d_backward_input(dy, weight, x.shape, *ctx.geometry)
        if needs_weight:
            dweight = k.conv2d_backward_weight(dy, x, weight.shape[2:], *ctx.geometry)
        if needs_bias:
            dbias = k.conv2d_backward_bias(dy)
        return dx, dweight, dbias


def _check_conv2d(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    if len(x) != 4 or len(weight) != 4:
        raise ValueError(
            f"conv2d: input has shape {x} and weight {weight}, "
            "expected (N, C_in, H, W) and (C_out, C_in/groups, KH, KW)"
        )
    if x[1] != weight[1] * groups:
        raise ValueError(
            f"conv2d: input has {x[1]} channels, but weight of shape {weight} with "
            f"groups={groups} expects {weight[1] * groups} (input {x})"
        )
    if weight[0] % groups:
        raise ValueError(
            f"conv2d: groups={groups} does not divide the {weight[0]} output channels of weight"
        )
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"conv2d: bias has shape {bias}, expected {weight[:1]}")
    for size, kernel, pad, dil in zip(x[2:], weight[2:], padding, dilation, strict=True):
        if size < 1 or kernel < 1:
            raise ValueError(f"conv2d: input {x} or weight {weight} has an axis of size 0")
        if dil * (kernel - 1) + 1 > size + 2 * pad:
            raise ValueError(
                f"conv2d: the kernel {weight[2:]} with dilation {dilation} is larger than the "
                f"input {x[2:]} with padding {padding}"
            )


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
    _checks.tensor(input, "conv2d", "input")
    _checks.tensor(weight, "conv2d", "weight")
    if bias is not None:
        _checks.tensor(bias, "conv2d", "bias")
    geometry = conv2d_geometry(weight.shape, stride, padding, dilation, groups)
    return apply_conv2d(input, weight, bias, geometry, _checks.activation(activation, "conv2d"))


def conv2d_geometry(
    weight: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    """Checked (stride, padding, dilation, groups), the first three as pairs; of padding "same" with
    an even kernel a pair of pairs (top, bottom), (left, right)."""
    stride = _checks.pair(stride, "conv2d", "stride", 1)
    dilation = _checks.pair(dilation, "conv2d", "dilation", 1)
    groups = _checks.integer(groups, "conv2d", "groups", 1)
    if not isinstance(padding, str):
        return stride, _checks.pair(padding, "conv2d", "padding", 0), dilation, groups
    if padding == "valid":
        return stride, (0, 0), dilation, groups
    if padding != "same":
        raise ValueError(f"conv2d: padding is {padding!r}, expected 'valid', 'same' or integers")
    if stride != (1, 1):
        raise ValueError(f"conv2d: padding 'same' needs a stride of 1, got {stride}")
    if len(weight) != 4:
        raise ValueError(f"conv2d: weight has shape {weight}, expected 4 axes")
    total = [d * (k - 1) for d, k in zip(dilation, weight[2:], strict=True)]
    if total[0] % 2 == 0 and total[1] % 2 == 0:
        return stride, (total[0] // 2, total[1] // 2), dilation, groups
    return stride, tuple((t // 2, t - t // 2) for t in total), dilation, groups


def apply_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: tuple[Any, ...],
    activation: str | None,
) -> Tensor:
    """conv2d with settings that `conv2d_geometry` has checked."""
    stride, padding, dilation, groups = geometry
    if isinstance(padding[0], tuple):
        from .shape import pad

        (top, bottom), (left, right) = padding
        input = pad(input, (left, right, top, bottom))
        geometry = stride, (0, 0), dilation, groups
    if input._data.ndim != 3:
        return _Conv2d.apply(input, weight, bias, geometry, activation)
    y = _Conv2d.apply(reshape(input, (1, *input.shape)), weight, bias, geometry, activation)
    return reshape(y, y.shape[1:])
