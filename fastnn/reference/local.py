"""Locally connected layers: convolution whose weights are not shared (LeCun 1989; Gregor and
LeCun 2010, arXiv:1006.0448).

y[n, o, i, j] = act(bias[o, i, j] + sum over c, r, t of
                    weight[i, j, o, c, r, t] xpad[n, c, i sh + r, j sw + t]).
"""

from collections.abc import Iterator

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "locally_connected2d_backward_input",
    "locally_connected2d_backward_weight",
    "locally_connected2d_forward",
]

Pair = tuple[int, int]


def _output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    out = []
    for n, k, s, p in zip(size, kernel, stride, padding, strict=True):
        if s < 1 or p < 0 or k < 1 or n + 2 * p < k:
            raise ValueError(
                f"kernel {kernel}, stride {stride} and padding {padding} do not fit an image of "
                f"{size}"
            )
        out.append((n + 2 * p - k) // s + 1)
    return out[0], out[1]


def _taps(kernel: Pair, out: Pair, stride: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Each tap (r, t) with the rows and columns of the padded image that it meets."""
    for r in range(kernel[0]):
        for t in range(kernel[1]):
            rows = slice(r, r + stride[0] * (out[0] - 1) + 1, stride[0])
            yield r, t, rows, slice(t, t + stride[1] * (out[1] - 1) + 1, stride[1])


def _padded(x: np.ndarray, padding: Pair) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


@np.errstate(all="ignore")
def locally_connected2d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    activation: str | None,
) -> np.ndarray:
    """x (N, C_in, H, W), weight (OH, OW, C_out, C_in, KH, KW), bias (C_out, OH, OW) or None ->
    y (N, C_out, OH, OW)."""
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(4, x=x)
    expect_rank(6, weight=weight)
    n, c, h, w = x.shape
    kernel = weight.shape[4], weight.shape[5]
    out = _output_size((h, w), kernel, stride, padding)
    expect_shape((*out, weight.shape[2], c, *kernel), weight=weight)
    padded = _padded(x, padding)
    z = np.zeros((n, weight.shape[2], *out), x.dtype)
    for r, t, rows, columns in _taps(kernel, out, stride):
        z += np.einsum("ijoc,ncij->noij", weight[..., r, t], padded[:, :, rows, columns])
    if bias is not None:
        expect_shape(z.shape[1:], bias=bias)
        z += bias
    return act.apply(activation, z)


@np.errstate(all="ignore")
def locally_connected2d_backward_input(
    dy: np.ndarray, weight: np.ndarray, input_size: tuple[int, ...], stride: Pair, padding: Pair
) -> np.ndarray:
    """dy (N, C_out, OH, OW), weight (OH, OW, C_out, C_in, KH, KW) -> dx of shape input_size."""
    expect_same_dtype(dy=dy, weight=weight)
    expect_rank(4, dy=dy)
    expect_rank(6, weight=weight)
    n, c, h, w = input_size
    kernel = weight.shape[4], weight.shape[5]
    out = _output_size((h, w), kernel, stride, padding)
    expect_shape((*out, weight.shape[2], c, *kernel), weight=weight)
    expect_shape((n, weight.shape[2], *out), dy=dy)
    dpadded = _padded(np.zeros(input_size, dy.dtype), padding)
    for r, t, rows, columns in _taps(kernel, out, stride):
        dpadded[:, :, rows, columns] += np.einsum("ijoc,noij->ncij", weight[..., r, t], dy)
    ph, pw = padding
    return np.ascontiguousarray(dpadded[:, :, ph : ph + h, pw : pw + w])


@np.errstate(all="ignore")
def locally_connected2d_backward_weight(
    dy: np.ndarray, x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """dy (N, C_out, OH, OW), x (N, C_in, H, W) -> dweight (OH, OW, C_out, C_in, *kernel_size)."""
    expect_same_dtype(dy=dy, x=x)
    expect_rank(4, dy=dy, x=x)
    n, c, h, w = x.shape
    out = _output_size((h, w), kernel_size, stride, padding)
    expect_shape((n, dy.shape[1], *out), dy=dy)
    padded = _padded(x, padding)
    dweight = np.zeros((*out, dy.shape[1], c, *kernel_size), x.dtype)
    for r, t, rows, columns in _taps(kernel_size, out, stride):
        dweight[..., r, t] = np.einsum("noij,ncij->ijoc", dy, padded[:, :, rows, columns])
    return dweight
