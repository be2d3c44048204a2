"""Dense layers."""

from collections.abc import Callable

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["linear_backward", "linear_forward", "linear_prepared"]


@np.errstate(all="ignore")
def linear_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, activation: str | None
) -> np.ndarray:
    """y = act(x weight^T + bias): x (N, I), weight (O, I), bias (O,) or None -> y (N, O)."""
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(2, x=x, weight=weight)
    if x.shape[1] != weight.shape[1]:
        raise ValueError(f"x has {x.shape[1]} features, weight expects {weight.shape[1]}")
    z = x @ weight.T
    if bias is not None:
        expect_shape((weight.shape[0],), bias=bias)
        z = z + bias
    return act.apply(activation, z)


def linear_prepared(
    weight: np.ndarray, bias: np.ndarray | None, activation: str | None
) -> Callable[[np.ndarray], np.ndarray]:
    """A function x (N, I) -> y (N, O): linear_forward with this weight (O, I) and bias."""
    return lambda x: linear_forward(x, weight, bias, activation)


@np.errstate(all="ignore")
def linear_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray | None,
    activation: str | None,
    needs: tuple[bool, bool, bool],
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """dz = act'(z) dy; dx = dz weight, dweight = dz^T x, dbias = sum_n dz.

    dy (N, O) -> dx (N, I), dweight (O, I), dbias (O,).  needs: three booleans; a gradient not
    needed is None.  y is the forward's output, used with an activation only.
    """
    expect_same_dtype(dy=dy, x=x, weight=weight)
    expect_rank(2, dy=dy, x=x, weight=weight)
    expect_shape((x.shape[0], weight.shape[0]), dy=dy)
    if x.shape[1] != weight.shape[1]:
        raise ValueError(f"x has {x.shape[1]} features, weight expects {weight.shape[1]}")
    dz = dy
    if activation is not None:
        if y is None:
            raise TypeError("y must be a NumPy array with an activation, got NoneType")
        dz = act.apply_backward(activation, dy, y)
    need_x, need_weight, need_bias = needs
    return (
        dz @ weight if need_x else None,
        dz.T @ x if need_weight else None,
        dz.sum(axis=0) if need_bias else None,
    )
