"""Separable resampling of NCHW images by tables of indices and weights."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["resample2d_backward", "resample2d_forward"]

Table = np.ndarray | None


def _matrix(size: int, index: Table, weight: Table, dtype: np.dtype) -> np.ndarray:
    """(out, size): row j has weight[j, t] at column index[j, t]; without tables the identity."""
    if index is None or weight is None:
        return np.eye(size, dtype=dtype)
    expect_rank(2, index=index, weight=weight)
    expect_shape(index.shape, weight=weight)
    if index.dtype != np.int32 or weight.dtype != dtype:
        raise TypeError(f"tables have dtypes {index.dtype} and {weight.dtype}")
    if index.size and not (index.min() >= 0 and index.max() < size):
        raise ValueError(f"index must hold numbers from 0 to {size - 1}")
    matrix = np.zeros((index.shape[0], size), dtype)
    np.add.at(matrix, (np.arange(index.shape[0])[:, None], index), weight)
    return matrix


@np.errstate(all="ignore")
def resample2d_forward(
    x: np.ndarray, row_index: Table, row_weight: Table, column_index: Table, column_weight: Table
) -> np.ndarray:
    """y = R x C^T with R[i, row_index[i, t]] += row_weight[i, t], C alike: x (N, C, H, W) -> y
    (N, C, OH, OW).  Tables (OH, T) and (OW, T), or None for an axis that stays as it is."""
    expect_same_dtype(x=x)
    expect_rank(4, x=x)
    rows = _matrix(x.shape[2], row_index, row_weight, x.dtype)
    columns = _matrix(x.shape[3], column_index, column_weight, x.dtype)
    return np.einsum("ih,nchw,jw->ncij", rows, x, columns, optimize=True)


@np.errstate(all="ignore")
def resample2d_backward(
    dy: np.ndarray,
    input_size: tuple[int, ...],
    row_index: Table,
    row_weight: Table,
    column_index: Table,
    column_weight: Table,
) -> np.ndarray:
    """dx = R^T dy C: dy (N, C, OH, OW) -> dx of shape input_size."""
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    rows = _matrix(input_size[2], row_index, row_weight, dy.dtype)
    columns = _matrix(input_size[3], column_index, column_weight, dy.dtype)
    expect_shape((*input_size[:2], rows.shape[0], columns.shape[0]), dy=dy)
    return np.einsum("ih,ncij,jw->nchw", rows, dy, columns, optimize=True)
