"""Padding of the last three axes: y[m, e, i, j] = x[m, d(e), h(i), w(j)], or a value outside."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["pad_backward", "pad_forward"]

Widths = tuple[tuple[int, int], ...]


def _source(n: int, low: int, high: int, mode: str) -> np.ndarray:
    """The element that each position of a padded axis shows; -1 where that is the value."""
    at = np.arange(-low, n + high)
    if mode == "reflect":  # without the edge: period 2 (n - 1)
        at = np.abs(at)
        at = np.where(at >= n, 2 * (n - 1) - at, at)
    elif mode == "replicate":
        at = np.clip(at, 0, n - 1)
    elif mode == "circular":  # what a negative width has cut is not repeated
        first, kept = max(0, -low), n - max(0, -low) - max(0, -high)
        at = (at - first) % max(kept, 1) + first
    elif mode == "constant":
        at = np.where((at < 0) | (at >= n), -1, at)
    else:
        raise ValueError(f"mode is {mode!r}")
    if at.size and (at.max() >= n or (mode != "constant" and at.min() < 0)):
        raise ValueError(f"widths ({low}, {high}) do not fit an axis of {n} in mode {mode!r}")
    return at


def pad_forward(x: np.ndarray, widths: Widths, mode: str, value: float) -> np.ndarray:
    """x (M, D, H, W), widths three pairs (before, after), negative to cut -> y padded; mode
    "constant" (by value), "reflect", "replicate" or "circular"."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    at = [_source(n, *pair, mode) for n, pair in zip(x.shape[1:], widths, strict=True)]
    y = np.full((len(x), *map(len, at)), value, x.dtype)
    shown = [np.flatnonzero(a >= 0) for a in at]
    rows = np.arange(len(x))
    y[np.ix_(rows, *shown)] = x[np.ix_(rows, *(a[s] for a, s in zip(at, shown, strict=True)))]
    return y


@np.errstate(all="ignore")
def pad_backward(
    dy: np.ndarray, input_size: tuple[int, ...], widths: Widths, mode: str
) -> np.ndarray:
    """Each element gets the sum of dy where it is shown: dy of y's shape -> dx of shape
    input_size."""
    expect_same_dtype(dy=dy)
    at = [_source(n, *pair, mode) for n, pair in zip(input_size[1:], widths, strict=True)]
    expect_shape((input_size[0], *map(len, at)), dy=dy)
    shown = [np.flatnonzero(a >= 0) for a in at]
    dx, rows = np.zeros(input_size, dy.dtype), np.arange(len(dy))
    to = np.ix_(rows, *(a[s] for a, s in zip(at, shown, strict=True)))
    np.add.at(dx, to, dy[np.ix_(rows, *shown)])
    return dx
