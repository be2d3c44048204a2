"""Sums over one axis."""

import numpy as np

from ._check import expect_rank, expect_same_dtype

__all__ = ["sum_axis"]


@np.errstate(all="ignore")
def sum_axis(x: np.ndarray) -> np.ndarray:
    """y_ab = sum_r x_arb: x (A, R, B) -> y (A, B)."""
    expect_same_dtype(x=x)
    expect_rank(3, x=x)
    return x.sum(axis=1)
