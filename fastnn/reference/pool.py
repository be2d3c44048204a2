"""Max and average pooling of NCHW images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "max_pool2d_backward",
    "max_pool2d_backward_tap",
    "max_pool2d_forward",
]

Pair = tuple[int, int]
NO_TAP = 255


def _output_size(size: int, k: int, stride: int, pad: int, dil: int, ceil_mode: bool) -> int:
    """How many windows an axis holds; with ceil_mode a last one may hang over the right edge, but
    must start inside the image or its left padding (as PyTorch)."""
    room = size + 2 * pad - dil * (k - 1) - 1
    over = stride - 1 if ceil_mode else 0  # by how much a window may hang over
    if k < 1 or stride < 1 or dil < 1 or pad < 0 or 2 * pad > k or room + over < 0:
        raise ValueError(
            f"pooling window of {k} (stride {stride}, padding {pad}, dilation {dil}) "
            f"does not fit an axis of {size}"
        )
    if not ceil_mode:
        return room // stride + 1
    out = -(-room // stride) + 1
    return out - 1 if (out - 1) * stride >= size + pad else out


def _output_sizes(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Pair:
    oh, ow = (
        _output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    return oh, ow


def _taps(
    kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each position in the window, row by row, with the image row (OH, 1) and column (1, OW) that
    every output finds there; they may lie outside of the image."""
    for r in range(kernel[0]):
        rows = np.arange(out[0]) * stride[0] - padding[0] + r * dilation[0]
        for q in range(kernel[1]):
            cols = np.arange(out[1]) * stride[1] - padding[1] + q * dilation[1]
            yield rows[:, None], cols[None, :]


def _inside(rows: np.ndarray, cols: np.ndarray, size: Pair) -> np.ndarray:
    """(OH, OW): whether the position lies in the image."""
    return (rows >= 0) & (rows < size[0]) & (cols >= 0) & (cols < size[1])


@np.errstate(all="ignore")
def max_pool2d_forward(
    x: np.ndarray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    activation: str | None,
    keep: str | None = "index",
) -> Any:
    """y = act(max of each window): x (N, C, H, W) -> y (N, C, OH, OW), and where each maximum was.

    keep "index": also its int32 position in the H W plane.  "tap": also its uint8 position in the
    window, row by row, for windows of at most 255 elements; 255 where no gradient passes: the
    window sees only padding or, with "relu", the maximum is not above zero.  None: y alone.

    Of equal maxima the first wins; a NaN beats every number, the last NaN all others (as PyTorch).
    Padding never wins: a dilated window that sees nothing else gives -inf and position -1.
    activation: None or "relu".
    """
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    _expect_relu(activation)
    if keep not in ("index", "tap", None):
        raise ValueError(f"keep must be 'index', 'tap' or None, got {keep!r}")
    if keep == "tap" and kernel_size[0] * kernel_size[1] > NO_TAP:
        raise ValueError(f"a window of {kernel_size} is too large to keep a tap")
    n, c, h, w = x.shape
    out = _output_sizes((h, w), kernel_size, stride, padding, dilation, ceil_mode)
    best = np.full((n, c, *out), -np.inf, x.dtype)
    index = np.full((n, c, *out), -1, np.int32)
    tap = np.full((n, c, *out), NO_TAP, np.int64)
    for number, (rows, cols) in enumerate(_taps(kernel_size, out, stride, padding, dilation)):
        there = _inside(rows, cols, (h, w))
        r, q = np.clip(rows, 0, h - 1), np.clip(cols, 0, w - 1)
        value = x[:, :, r, q]
        wins = there & ((index < 0) | (value > best) | np.isnan(value))
        best = np.where(wins, value, best)
        index = np.where(wins, (r * w + q).astype(np.int32), index)
        tap = np.where(wins, number, tap)
    if activation == "relu":
        tap = np.where(best > 0, tap, NO_TAP)
    y = act.apply(activation, best)
    if keep is None:
        return y
    return y, index if keep == "index" else tap.astype(np.uint8)


@np.errstate(all="ignore")
def max_pool2d_backward(
    dy: np.ndarray,
    indices: np.ndarray,
    input_size: tuple[int, ...],
    y: np.ndarray | None,
    activation: str | None,
) -> np.ndarray:
    """dx = sum of dy over the windows whose maximum stands there.

    dy (N, C, OH, OW) and the forward's indices -> dx of shape input_size.  With activation "relu"
    the gradient passes only where y > 0.
    """
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    _expect_relu(activation)
    if indices.dtype != np.int32:
        raise TypeError("indices must be the int32 array of max_pool2d_forward")
    expect_shape(dy.shape, indices=indices)
    n, c, h, w = input_size
    if (n, c) != dy.shape[:2]:
        raise ValueError(f"dy has shape {dy.shape}, input_size is {input_size}")
    if activation is not None:
        if y is None:
            raise TypeError("y must be a NumPy array with an activation, got NoneType")
        dy = act.apply_backward(activation, dy, y)
    seen = indices >= 0
    dx = np.zeros((n, c, h * w), dy.dtype)
    image, channel, _, _ = np.nonzero(seen)
    np.add.at(dx, (image, channel, indices[seen]), dy[seen])
    return dx.reshape(n, c, h, w)


def max_pool2d_backward_tap(
    dy: np.ndarray,
    taps: np.ndarray,
    input_size: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> np.ndarray:
    """dx = sum of dy over the windows whose maximum stands there; none where the tap is 255.

    dy (N, C, OH, OW) and the forward's taps -> dx of shape input_size.
    """
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    n, c, h, w = input_size
    out = _output_sizes((h, w), kernel_size, stride, padding, dilation, ceil_mode)
    expect_shape((n, c, *out), dy=dy, taps=taps)
    if taps.dtype != np.uint8:
        raise TypeError("taps must be the uint8 array of max_pool2d_forward")
    index = np.full(dy.shape, -1, np.int32)
    for number, (rows, cols) in enumerate(_taps(kernel_size, out, stride, padding, dilation)):
        index = np.where(taps == number, (rows * w + cols).astype(np.int32), index)
    return max_pool2d_backward(dy, index, input_size, None, None)


def _expect_relu(activation: str | None) -> None:
    if activation not in (None, "relu"):
        raise ValueError(f"activation must be None or 'relu', got {activation!r}")


def _divisor(
    size: Pair,
    out: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
    override: int | None,
) -> np.ndarray:
    """(OH, OW): the positions of each window in the image or, with count_include_pad, in the padded
    image; what hangs over beyond that with ceil_mode never counts (as PyTorch)."""
    if override is not None:
        if override == 0:
            raise ValueError("divisor_override must not be 0")
        return np.full(out, override)
    shift, extent = (0, 0), size
    if count_include_pad:
        shift = padding
        extent = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    count = np.zeros(out, np.int64)
    for rows, cols in _taps(kernel, out, stride, padding, (1, 1)):
        count += _inside(rows + shift[0], cols + shift[1], extent)
    return count


@np.errstate(all="ignore")
def avg_pool2d_forward(
    x: np.ndarray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> np.ndarray:
    """The mean of each window: x (N, C, H, W) -> y (N, C, OH, OW); with divisor_override its sum
    over that number."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    n, c, h, w = x.shape
    out = _output_sizes((h, w), kernel_size, stride, padding, (1, 1), ceil_mode)
    total = np.zeros((n, c, *out), x.dtype)
    for rows, cols in _taps(kernel_size, out, stride, padding, (1, 1)):
        there = _inside(rows, cols, (h, w))
        value = x[:, :, np.clip(rows, 0, h - 1), np.clip(cols, 0, w - 1)]
        total += np.where(there, value, np.zeros_like(value))
    window = kernel_size, stride, padding, count_include_pad
    count = _divisor((h, w), out, *window, divisor_override)
    return total / count.astype(x.dtype)


@np.errstate(all="ignore")
def avg_pool2d_backward(
    dy: np.ndarray,
    input_size: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Each output's dy, over its divisor, goes to all of its window: dy (N, C, OH, OW) -> dx of
    shape input_size."""
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    n, c, h, w = input_size
    out = _output_sizes((h, w), kernel_size, stride, padding, (1, 1), ceil_mode)
    expect_shape((n, c, *out), dy=dy)
    window = kernel_size, stride, padding, count_include_pad
    count = _divisor((h, w), out, *window, divisor_override)
    share = dy / count.astype(dy.dtype)
    dx = np.zeros((n, c, h, w), dy.dtype)
    for rows, cols in _taps(kernel_size, out, stride, padding, (1, 1)):
        there = _inside(rows, cols, (h, w))
        i, j = np.nonzero(there)
        # Within one position of the window no pixel is met twice, so += is safe.
        dx[:, :, rows[i, 0], cols[0, j]] += share[:, :, i, j]
    return dx
