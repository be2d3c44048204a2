"""Norm, scaling and clamping of a whole list of arrays: how gradients are clipped."""

import math

import numpy as np

from ._check import expect_same_dtype

__all__ = ["clamp_grads", "grad_norm", "scale_grads"]


def _check(arrays: list[np.ndarray]) -> None:
    expect_same_dtype(**{f"arrays[{i}]": a for i, a in enumerate(arrays)})


@np.errstate(all="ignore")
def grad_norm(arrays: list[np.ndarray], norm_type: float) -> float:
    """(sum |a|^p)^(1/p) over all elements of all arrays, p = norm_type > 0; infinity: max |a|."""
    _check(arrays)
    if not norm_type > 0:
        raise ValueError(f"norm_type is {norm_type}, expected above 0")
    sizes = [np.abs(a.astype(np.float64)) for a in arrays if a.size]
    if norm_type == math.inf:
        return float(np.max([a.max() for a in sizes], initial=0.0))
    return float(np.sum([(a**norm_type).sum() for a in sizes]) ** (1.0 / norm_type))


@np.errstate(all="ignore")
def scale_grads(arrays: list[np.ndarray], scale: float) -> None:
    """a <- scale a, in place."""
    _check(arrays)
    for a in arrays:
        a *= a.dtype.type(scale)


@np.errstate(all="ignore")
def clamp_grads(arrays: list[np.ndarray], limit: float) -> None:
    """a <- min(max(a, -limit), limit), in place; NaN stays NaN."""
    _check(arrays)
    for a in arrays:
        np.clip(a, -limit, limit, out=a)
