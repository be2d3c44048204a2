"""Unfold and fold of NCHW images:

cols[n, (c, r, t), (i, j)] = xpad[n, c, i sh + r dh, j sw + t dw], and the adjoint of that, which
adds each column to the pixels that it came from.
"""

from collections.abc import Iterator

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["fold", "unfold"]

Pair = tuple[int, int]


def _output_size(size: Pair, kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Pair:
    out = []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        if s < 1 or d < 1 or p < 0 or k < 1 or n + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"kernel_size {kernel}, dilation {dilation}, padding {padding} and stride "
                f"{stride} do not fit an image of {size}"
            )
        out.append((n + 2 * p - d * (k - 1) - 1) // s + 1)
    return out[0], out[1]


def _taps(
    kernel: Pair, out: Pair, dilation: Pair, stride: Pair
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each tap (r, t) with the rows and columns of the padded image that it meets."""
    for r in range(kernel[0]):
        top = r * dilation[0]
        rows = slice(top, top + stride[0] * (out[0] - 1) + 1, stride[0])
        for t in range(kernel[1]):
            left = t * dilation[1]
            yield r, t, rows, slice(left, left + stride[1] * (out[1] - 1) + 1, stride[1])


def unfold(
    x: np.ndarray, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> np.ndarray:
    """x (N, C, H, W) -> cols (N, C KH KW, OH OW): the window of each output pixel, a column."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    n, c, h, w = x.shape
    out = _output_size((h, w), kernel_size, dilation, padding, stride)
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    cols = np.zeros((n, c, *kernel_size, *out), x.dtype)
    for r, t, rows, columns in _taps(kernel_size, out, dilation, stride):
        cols[:, :, r, t] = padded[:, :, rows, columns]
    return cols.reshape(n, c * kernel_size[0] * kernel_size[1], out[0] * out[1])


@np.errstate(all="ignore")
def fold(
    cols: np.ndarray,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair,
    padding: Pair,
    stride: Pair,
) -> np.ndarray:
    """cols (N, C KH KW, OH OW) -> x (N, C, *output_size): the sum of all windows, each at its
    place."""
    expect_same_dtype(cols=cols)
    expect_rank(3, cols=cols)
    (h, w), (ph, pw) = output_size, padding
    out = _output_size(output_size, kernel_size, dilation, padding, stride)
    n, c = len(cols), cols.shape[1] // (kernel_size[0] * kernel_size[1])
    expect_shape((n, c * kernel_size[0] * kernel_size[1], out[0] * out[1]), cols=cols)
    windows = cols.reshape(n, c, *kernel_size, *out)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), cols.dtype)
    for r, t, rows, columns in _taps(kernel_size, out, dilation, stride):
        padded[:, :, rows, columns] += windows[:, :, r, t]
    return np.ascontiguousarray(padded[:, :, ph : ph + h, pw : pw + w])
