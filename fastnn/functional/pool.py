"""Max and average pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .shape import reshape


class _MaxPool2d(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, window: Any, activation: Any) -> Any:
        k = _checks.kernels(x, "max_pool2d", "input")
        _check_pool(x.shape, "max_pool2d", *window)
        y, indices = k.max_pool2d_forward(x, *window, activation)
        ctx.kernels, ctx.input_size, ctx.activation = k, x.shape, activation
        # the maxima themselves are needed only to see where ReLU cut
        ctx.save(indices, y if activation else None)
        return y, indices

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, _: Any) -> Any:
        indices, y = ctx.saved
        return ctx.kernels.max_pool2d_backward(dy, indices, ctx.input_size, y, ctx.activation)


class _AvgPool2d(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, window: Any, ceil_mode: Any, count_pad: Any) -> Any:
        k = _checks.kernels(x, "avg_pool2d", "input")
        kernel_size, stride, padding = window
        _check_pool(x.shape, "avg_pool2d", kernel_size, stride, padding, (1, 1), ceil_mode)
        ctx.kernels, ctx.settings = k, (x.shape, *window, ceil_mode, count_pad)
        return k.avg_pool2d_forward(x, *window, ceil_mode, count_pad)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.avg_pool2d_backward(dy, *ctx.settings)


def _check_pool(
    x: tuple[int, ...],
    function: str,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    ceil_mode: bool,
) -> None:
    if len(x) != 4:
        raise ValueError(f"{function}: input has shape {x}, expected (N, C, H, W) or (C, H, W)")
    for size, kernel, step, pad, dil in zip(
        x[2:], kernel_size, stride, padding, dilation, strict=True
    ):
        if size < 1:
            raise ValueError(f"{function}: input of shape {x} has an axis of size 0")
        if dil * (kernel - 1) + 1 > size + 2 * pad + (step - 1 if ceil_mode else 0):
            raise ValueError(
                f"{function}: kernel_size {kernel_size} with dilation {dilation} is larger than "
                f"the input {x[2:]} with padding {padding}"
            )


def pool_window(function: str, kernel_size: Any, stride: Any, padding: Any) -> tuple[Any, ...]:
    """Checked pairs kernel_size, stride (kernel_size if None), padding."""
    kernel = _checks.pair(kernel_size, function, "kernel_size", 1)
    steps = kernel if stride is None else _checks.pair(stride, function, "stride", 1)
    pads = _checks.pair(padding, function, "padding", 0)
    if 2 * pads[0] > kernel[0] or 2 * pads[1] > kernel[1]:
        raise ValueError(
            f"{function}: padding is {padding}, expected at most half of kernel_size {kernel_size}"
        )
    return kernel, steps, pads


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  Padding counts as minus infinity and is at most half of
    kernel_size.  return_indices: also the int64 positions of the maxima in their H*W planes.
    Raises TypeError for another dtype than float32 or float64, ValueError for a window that does
    not fit.
    """
    window = (
        *pool_window("max_pool2d", kernel_size, stride, padding),
        _checks.pair(dilation, "max_pool2d", "dilation", 1),
        bool(ceil_mode),
    )
    y, indices = apply_max_pool2d(input, window, None)
    if not return_indices:
        return y
    return y, Tensor(indices._data.astype(np.int64))


def apply_max_pool2d(
    input: Tensor, window: tuple[Any, ...], activation: str | None
) -> tuple[Tensor, Tensor]:
    """Maxima and their int32 indices; with activation "relu" of relu(input), in one pass."""
    _checks.tensor(input, "max_pool2d", "input")
    if input._data.ndim != 3:
        return _MaxPool2d.apply(input, window, activation)
    y, indices = _MaxPool2d.apply(reshape(input, (1, *input.shape)), window, activation)
    return reshape(y, y.shape[1:]), reshape(indices, indices.shape[1:])


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    count_include_pad: padded zeros count as elements of the mean.  Raises as max_pool2d does.
    """
    _checks.tensor(input, "avg_pool2d", "input")
    window = pool_window("avg_pool2d", kernel_size, stride, padding)
    settings = window, bool(ceil_mode), bool(count_include_pad)
    if input._data.ndim != 3:
        return _AvgPool2d.apply(input, *settings)
    y = _AvgPool2d.apply(reshape(input, (1, *input.shape)), *settings)
    return reshape(y, y.shape[1:])
