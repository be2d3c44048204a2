"""Adaptive pooling of NCHW images and max-unpooling."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool2d_forward",
    "adaptive_max_pool2d_forward",
    "max_unpool2d_backward",
    "max_unpool2d_forward",
]

Pair = tuple[int, int]


def _windows(size: int, out: int) -> list[slice]:
    """Window o reaches from floor(o size / out) to ceil((o + 1) size / out)."""
    return [slice(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]


def _expect_sizes(size: tuple[int, ...], out: tuple[int, ...]) -> None:
    if min(size) < 1 or min(out) < 0:
        raise ValueError(f"cannot pool a plane of {size} to {out}")


@np.errstate(all="ignore")
def adaptive_avg_pool2d_forward(x: np.ndarray, output_size: Pair) -> np.ndarray:
    """The mean of each window: x (N, C, H, W) -> y (N, C, OH, OW)."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    _expect_sizes(x.shape[2:], output_size)
    y = np.empty((*x.shape[:2], *output_size), x.dtype)
    for o, rows in enumerate(_windows(x.shape[2], output_size[0])):
        for p, columns in enumerate(_windows(x.shape[3], output_size[1])):
            y[:, :, o, p] = x[:, :, rows, columns].mean(axis=(2, 3))
    return y


@np.errstate(all="ignore")
def adaptive_avg_pool2d_backward(dy: np.ndarray, input_size: tuple[int, ...]) -> np.ndarray:
    """Each output's dy, over its window's size, goes to all of its window: dx of input_size."""
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    _expect_sizes(input_size[2:], dy.shape[2:])
    expect_shape((*input_size[:2], *dy.shape[2:]), dy=dy)
    dx = np.zeros(input_size, dy.dtype)
    for o, rows in enumerate(_windows(input_size[2], dy.shape[2])):
        for p, columns in enumerate(_windows(input_size[3], dy.shape[3])):
            part = dx[:, :, rows, columns]
            part += dy[:, :, o, p, None, None] / (part.shape[2] * part.shape[3])
    return dx


@np.errstate(all="ignore")
def adaptive_max_pool2d_forward(x: np.ndarray, output_size: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of each window, x (N, C, H, W) -> y (N, C, OH, OW), and its int32 position in the
    plane: the first of equals, of NaN the last."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    _expect_sizes(x.shape[2:], output_size)
    n, c, _, w = x.shape
    y = np.empty((n, c, *output_size), x.dtype)
    index = np.empty((n, c, *output_size), np.int32)
    for o, rows in enumerate(_windows(x.shape[2], output_size[0])):
        for p, columns in enumerate(_windows(x.shape[3], output_size[1])):
            part = x[:, :, rows, columns]
            height, width = part.shape[2:]
            flat = part.reshape(n, c, height * width)
            last_nan = height * width - 1 - np.isnan(flat[:, :, ::-1]).argmax(axis=2)
            at = np.where(np.isnan(flat).any(axis=2), last_nan, flat.argmax(axis=2))
            y[:, :, o, p] = np.take_along_axis(flat, at[:, :, None], 2)[:, :, 0]
            index[:, :, o, p] = (rows.start + at // width) * w + columns.start + at % width
    return y, index


def _expect_places(indices: np.ndarray, size: int) -> None:
    if indices.dtype != np.int64:
        raise TypeError("indices must be a contiguous int64 array")
    if indices.size and not (indices.min() >= 0 and indices.max() < size):
        raise ValueError(f"indices must be from 0 to {size - 1}")


def max_unpool2d_forward(x: np.ndarray, indices: np.ndarray, output_size: Pair) -> np.ndarray:
    """x (N, C, H, W) at its int64 positions in planes of output_size; zero elsewhere."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    expect_shape(x.shape, indices=indices)
    size = output_size[0] * output_size[1]
    _expect_places(indices, size)
    y = np.zeros((*x.shape[:2], size), x.dtype)
    for n, c in np.ndindex(x.shape[:2]):
        y[n, c, indices[n, c].ravel()] = x[n, c].ravel()
    return y.reshape(*x.shape[:2], *output_size)


def max_unpool2d_backward(dy: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """dx of the shape of indices: dy (N, C, OH, OW) at those positions."""
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    expect_rank(4, indices=indices)
    expect_shape((*dy.shape[:2], *indices.shape[2:]), indices=indices)
    size = dy.shape[2] * dy.shape[3]
    _expect_places(indices, size)
    n, c, h, w = indices.shape
    flat = dy.reshape(n, c, size)
    return np.take_along_axis(flat, indices.reshape(n, c, h * w), 2).reshape(indices.shape)
