"""Matrix products."""

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["batched_matmul", "matmul"]


@np.errstate(all="ignore")
def matmul(
    a: np.ndarray,
    b: np.ndarray,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: np.ndarray | None = None,
    activation: str | None = None,
) -> np.ndarray:
    """c_ij = act(sum_p a_ip b_pj + bias_j): a (m, k) or, transposed, (k, m); b (k, n) or (n, k);
    bias (n,) -> c (m, n)."""
    expect_same_dtype(a=a, b=b, bias=bias)
    expect_rank(2, a=a, b=b)
    left = a.T if transpose_a else a
    right = b.T if transpose_b else b
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matmul: a has {left.shape[1]} columns, b has {right.shape[0]} rows")
    c = left @ right
    if bias is not None:
        expect_shape(c.shape[1:], bias=bias)
        c += bias
    return act.apply(activation, c)


@np.errstate(all="ignore")
def batched_matmul(a: np.ndarray, b: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    """c_ij = sum_p a_ip b_pj for all matrices of a (..., m, k) and b (..., k, n), broadcast; summed
    over the leading axes that are 1 or missing in lead -> c (*lead, m, n).
    """
    expect_same_dtype(a=a, b=b)
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"batched_matmul: a has {a.shape[-1]} columns, b has {b.shape[-2]} rows")
    c = a @ b
    wanted = (1,) * (c.ndim - 2 - len(lead)) + tuple(lead)
    c = c.sum(tuple(i for i, n in enumerate(wanted) if n == 1), dtype=c.dtype, keepdims=True)
    return c.reshape(*lead, *c.shape[-2:])
