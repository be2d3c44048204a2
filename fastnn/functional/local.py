"""Locally connected layers: convolution whose weights are not shared among pixels.

Sequences run on the kernels for images, with height 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .conv import before_activation, saved
from .shape import reshape

NAMES = {1: "locally_connected1d", 2: "locally_connected2d"}
_SHAPES = {
    1: "(N, C_in, L) and (OL, C_out, C_in, K)",
    2: "(N, C_in, H, W) and (OH, OW, C_out, C_in, KH, KW)",
}


def _flat(n: int, x: Any, weight: Any, bias: Any, window: Any) -> tuple[Any, ...]:
    """Arrays, stride and padding of images; of sequences with height 1."""
    stride, padding = window
    if n == 2:
        return x, weight, bias, stride, padding
    ol, c_out, c_in, k = weight.shape
    bias = bias if bias is None else bias[:, None]
    weight = weight.reshape(1, ol, c_out, c_in, 1, k)
    return x[:, :, None], weight, bias, (1, *stride), (0, *padding)


class _LocallyConnected(Function):
    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray, bias: Any, window: Any, activation: Any
    ) -> Any:
        n = len(window[0])
        k = _checks.kernels(x, NAMES[n], "input", weight, "weight", bias, "bias")
        y = k.locally_connected2d_forward(*_flat(n, x, weight, bias, window), activation)
        if n == 1:
            y = y.reshape(*y.shape[:2], y.shape[3])
        ctx.kernels, ctx.window, ctx.activation = k, window, activation
        return saved(ctx, x, weight, y, activation)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        k = ctx.kernels
        x, weight, dy = before_activation(ctx, dy)
        n = dy.ndim - 2
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        dx = dweight = dbias = None
        if needs_bias:
            flat = dy.reshape(1, len(dy), int(np.prod(dy.shape[1:])))
            dbias = k.sum_axis(flat).reshape(dy.shape[1:])
        shapes = x.shape, weight.shape
        x, weight, _, stride, padding = _flat(n, x, weight, None, ctx.window)
        dy = dy[:, :, None] if n == 1 else dy
        if needs_x:
            dx = k.locally_connected2d_backward_input(dy, weight, x.shape, stride, padding)
            dx = dx.reshape(shapes[0])
        if needs_weight:
            size = weight.shape[4:]
            dweight = k.locally_connected2d_backward_weight(dy, x, size, stride, padding)
            dweight = dweight.reshape(shapes[1])
        return dx, dweight, dbias


def local_size(function: str, size: Any, kernel: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    """Output size of a locally connected layer."""
    out = []
    for i, k, s, p in zip(size, kernel, stride, padding, strict=True):
        if i < 1 or k > i + 2 * p:
            raise ValueError(
                f"{function}: the kernel {tuple(kernel)} is larger than the input {tuple(size)} "
                f"with padding {tuple(padding)}"
            )
        out.append((i + 2 * p - k) // s + 1)
    return tuple(out)


def _locally_connected(
    n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, activation: Any
) -> Tensor:
    name = NAMES[n]
    x, w = _checks.tensor(input, name, "input"), _checks.tensor(weight, name, "weight")
    activation = _checks.activation(activation, name)
    stride = _checks.ntuple(stride, name, "stride", 1, n)
    padding = _checks.ntuple(padding, name, "padding", 0, n)
    if x.ndim not in (n + 1, n + 2) or w.ndim != 2 * n + 2 or 0 in w.shape:
        raise ValueError(
            f"{name}: input has shape {x.shape} and weight {w.shape}, expected {_SHAPES[n]}"
        )
    size, kernel = x.shape[-n:], w.shape[n + 2 :]
    out = local_size(name, size, kernel, stride, padding)
    if w.shape[:n] != out:
        raise ValueError(
            f"{name}: weight of shape {w.shape} is for an output of {w.shape[:n]}, but input "
            f"{x.shape} with kernel {kernel}, stride {stride} and padding {padding} gives {out}"
        )
    if x.shape[-n - 1] != w.shape[n + 1]:
        raise ValueError(
            f"{name}: input has {x.shape[-n - 1]} channels, but weight of shape {w.shape} expects "
            f"{w.shape[n + 1]} (input {x.shape})"
        )
    if bias is not None and _checks.tensor(bias, name, "bias").shape != (w.shape[n], *out):
        raise ValueError(f"{name}: bias has shape {bias.shape}, expected {(w.shape[n], *out)}")
    if x.ndim == n + 2:
        return _LocallyConnected.apply(x, w, bias, (stride, padding), activation)
    x = reshape(x, (1, *x.shape))
    y = _LocallyConnected.apply(x, w, bias, (stride, padding), activation)
    return reshape(y, y.shape[1:])


def locally_connected1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *,
    activation: str | None = None,
) -> Tensor:
    """y[n, o, i] = act(bias[o, i] + sum over c, t of weight[i, o, c, t] input[n, c, i s - p + t]).

    input (N, C_in, L) or (C_in, L), weight (OL, C_out, C_in, K), bias (C_out, OL) ->
    (N, C_out, OL).  Settings and errors as of `locally_connected2d`.
    """
    return _locally_connected(1, input, weight, bias, stride, padding, activation)


def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *,
    activation: str | None = None,
) -> Tensor:
    """A convolution with weights of its own for each output pixel (LeCun 1989).

    input (N, C_in, H, W) or (C_in, H, W), weight (OH, OW, C_out, C_in, KH, KW): weight[i, j] is the
    weight of a convolution that is asked for pixel (i, j) alone; bias (C_out, OH, OW) ->
    (N, C_out, OH, OW), OH = (H + 2 padding - KH) // stride + 1.  activation: None, "relu", "tanh"
    or "sigmoid".  Raises TypeError for dtypes, ValueError for shapes and settings.
    """
    return _locally_connected(2, input, weight, bias, stride, padding, activation)
