"""Rows of an array by index."""

import numpy as np

from ._check import expect_rank

__all__ = ["gather_rows"]


def gather_rows(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """y_b = source[index_b]: source (N, ...) of any plain dtype, index (B,) int64 -> (B, ...).

    IndexError for an index outside 0 <= i < N: no counting from the end.
    """
    if source.ndim < 1:
        raise ValueError("source must be an array of rank 1 or more")
    if source.dtype.kind not in "biuf":
        raise TypeError(f"source has dtype {source.dtype}, expected numbers or booleans")
    if index.dtype != np.int64:
        raise TypeError(f"index has dtype {index.dtype}, expected int64")
    expect_rank(1, index=index)
    rows = source.shape[0]
    for b in np.flatnonzero((index < 0) | (index >= rows))[:1]:
        raise IndexError(f"index[{b}] is {index[b]}, expected 0 <= index < {rows}")
    return source[index]
