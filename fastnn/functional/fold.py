"""Unfold and fold: the windows of images as columns, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .shape import reshape


class _Unfold(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, window: Any) -> Any:
        ctx.kernels, ctx.size, ctx.window = _checks.kernels(x, "unfold", "input"), x.shape, window
        return ctx.kernels.unfold(x, *window)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.fold(dy, ctx.size[2:], *ctx.window)


class _Fold(Function):
    @staticmethod
    def forward(ctx: Any, cols: np.ndarray, size: Any, window: Any) -> Any:
        ctx.kernels, ctx.window = _checks.kernels(cols, "fold", "input"), window
        return ctx.kernels.fold(cols, size, *window)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.unfold(dy, *ctx.window)


def fold_window(
    function: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Any, ...]:
    """Checked pairs."""
    return (
        _checks.pair(kernel_size, function, "kernel_size", 1),
        _checks.pair(dilation, function, "dilation", 1),
        _checks.pair(padding, function, "padding", 0),
        _checks.pair(stride, function, "stride", 1),
    )


def _pixels(function: str, size: tuple[int, ...], window: tuple[Any, ...]) -> int:
    """Windows of an image of this size."""
    found = 1
    for n, k, d, p, s in zip(size, *window, strict=True):
        if n < 1 or n + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"{function}: kernel_size {window[0]} with dilation {window[1]} and padding "
                f"{window[2]} does not fit an image of size {tuple(size)}"
            )
        found *= (n + 2 * p - d * (k - 1) - 1) // s + 1
    return found


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The window of each pixel as a column (im2col).

    input (N, C, H, W) or (C, H, W) -> (N, C KH KW, OH OW): element ((c, r, t), (i, j)) is
    input[c, i stride - padding + r dilation, j stride - padding + t dilation], zero outside.
    Raises TypeError for dtypes, ValueError for shapes and settings.
    """
    x = _checks.tensor(input, "unfold", "input")
    window = fold_window("unfold", kernel_size, dilation, padding, stride)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ValueError(f"unfold: input has shape {x.shape}, expected (N, C, H, W) or (C, H, W)")
    _pixels("unfold", x.shape[-2:], window)
    if x.ndim == 4:
        return _Unfold.apply(x, window)
    y = _Unfold.apply(reshape(x, (1, *x.shape)), window)
    return reshape(y, y.shape[1:])


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """The sum of all columns, each at the place of its window (col2im): the adjoint of `unfold`.

    input (N, C KH KW, OH OW) or (C KH KW, OH OW) -> (N, C, *output_size).
    Raises TypeError for dtypes, ValueError for shapes and settings.
    """
    x = _checks.tensor(input, "fold", "input")
    size = _checks.pair(output_size, "fold", "output_size", 1)
    window = fold_window("fold", kernel_size, dilation, padding, stride)
    taps, pixels = window[0][0] * window[0][1], _pixels("fold", size, window)
    if x.ndim not in (2, 3) or not x.shape[-2] or x.shape[-2] % taps or x.shape[-1] != pixels:
        raise ValueError(
            f"fold: input has shape {x.shape}, expected (N, C {taps}, {pixels}) or "
            f"(C {taps}, {pixels}) for output_size {size} and kernel_size {window[0]}"
        )
    if x.ndim == 3:
        return _Fold.apply(x, size, window)
    y = _Fold.apply(reshape(x, (1, *x.shape)), size, window)
    return reshape(y, y.shape[1:])
