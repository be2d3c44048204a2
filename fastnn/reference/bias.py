"""Bias and activation of planes: x[n, c, ...] becomes act(x[n, c, ...] + bias[c])."""

import numpy as np

from . import activation as act
from ._check import expect_same_dtype, expect_shape

__all__ = ["bias_activation"]


@np.errstate(all="ignore")
def bias_activation(x: np.ndarray, bias: np.ndarray | None, activation: str | None) -> np.ndarray:
    """x (N, C, ...) becomes act(x + bias), in place, and is returned; bias (C,) or None."""
    expect_same_dtype(x=x, bias=bias)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}, expected (N, C, ...)")
    if bias is not None:
        expect_shape(x.shape[1:2], bias=bias)
        x += bias.reshape(-1, *[1] * (x.ndim - 2))
    x[...] = act.apply(activation, x)
    return x
