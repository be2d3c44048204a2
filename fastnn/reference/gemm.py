"""Matrix product."""

import numpy as np

from ._check import expect_rank, expect_same_dtype

__all__ = ["matmul"]


@np.errstate(all="ignore")
def matmul(
    a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    """c_ij = sum_p a_ip b_pj: a (m, k) or, transposed, (k, m); b (k, n) or (n, k) -> c (m, n)."""
    expect_same_dtype(a=a, b=b)
    expect_rank(2, a=a, b=b)
    left = a.T if transpose_a else a
    right = b.T if transpose_b else b
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matmul: a has {left.shape[1]} columns, b has {right.shape[0]} rows")
    return left @ right
