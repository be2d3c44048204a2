"""Distances and angles of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from . import arithmetic as ops
from .reduce import sum_axes


class _Norm(Function):
    """(sum |x|^p)^(1/p) over the last axis, which stays with size 1.

    The gradient is sign(x) (|x| / norm)^(p - 1), 0 where the norm is 0; of the largest |x|, for
    p = infinity, each has a share.
    """

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, p: float) -> Any:
        ctx.p = p
        y = _norm(x, p)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x, y), p = ctx.saved, ctx.p
        if p == 0:
            return np.zeros_like(x)
        with np.errstate(all="ignore"):
            if p == 2:
                return np.where(y == 0, 0, dy * (x / y)).astype(x.dtype)
            if p == 1:
                return dy * np.sign(x)
            if math.isinf(p):
                largest = np.abs(x) == y
                share = dy / np.count_nonzero(largest, -1, keepdims=True).astype(x.dtype)
                return np.where(largest, np.sign(x) * share, 0).astype(x.dtype)
            # in double precision, so that CPUs that differ in the last bit agree after rounding
            slope = np.power(np.abs(x) / y, p - 1, dtype=np.float64).astype(x.dtype)
            return np.where((y == 0) | (x == 0), 0, dy * np.sign(x) * slope).astype(x.dtype)


def _norm(x: np.ndarray, p: float) -> np.ndarray:
    last = (x.ndim - 1,)
    with np.errstate(all="ignore"):
        if p == 2:
            return np.sqrt(sum_axes(x * x, last))
        if p == 1:
            return sum_axes(np.abs(x), last)
        if p == 0:
            return np.count_nonzero(x, -1, keepdims=True).astype(x.dtype)
        if math.isinf(p):
            return np.abs(x).max(-1, keepdims=True, initial=0)
        powers = np.power(np.abs(x), p, dtype=np.float64).astype(x.dtype)
        return np.power(sum_axes(powers, last), 1 / p, dtype=np.float64).astype(x.dtype)


class _Cosine(Function):
    """The dot product of two arrays' vectors along an axis, each over its length or eps."""

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, a: np.ndarray, b: np.ndarray, axis: int, eps: float) -> Any:
        least = a.dtype.type(eps)
        lengths = [np.maximum(np.sqrt(sum_axes(v * v, (axis,))), least) for v in (a, b)]
        u, v = a / lengths[0], b / lengths[1]
        y = sum_axes(u * v, (axis,))
        ctx.axis = axis
        ctx.save(u, v, *lengths, y)
        return np.squeeze(y, axis)

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        u, v, length_a, length_b, y = ctx.saved
        dy = np.expand_dims(dy, ctx.axis)
        return dy * (v - y * u) / length_a, dy * (u - y * v) / length_b, None, None


def _together(x1: Tensor, x2: Tensor, function: str) -> tuple[Tensor, Tensor]:
    """Both in the shape to which they broadcast; TypeError or ValueError otherwise."""
    from .shape import expand

    a, b = _checks.tensor(x1, function, "x1"), _checks.tensor(x2, function, "x2")
    _checks.kernels(a._data, function, "x1", b._data, "x2")
    if a.shape == b.shape:
        return a, b
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"{function}: x1 has shape {a.shape} and x2 {b.shape}, which do not broadcast"
        ) from None
    return expand(a, shape), expand(b, shape)


def _order(p: Any, function: str) -> float:
    order = _checks.number(p, function, "p")
    if not order >= 0:
        raise ValueError(f"{function}: p is {p}, expected at least 0")
    return order


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, which goes; shapes broadcast.

    Raises TypeError for dtypes, ValueError for shapes, IndexError for a dim out of range.
    """
    a, b = _together(x1, x2, "cosine_similarity")
    if not a.ndim:
        raise ValueError("cosine_similarity: x1 and x2 have no axes")
    axis = _checks.axis(dim, a.ndim, "cosine_similarity")
    return _Cosine.apply(a, b, axis, _checks.number(eps, "cosine_similarity", "eps"))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last axis; shapes broadcast.

    (N, D) and (N, D) -> (N,), (N, 1) with keepdim.  Raises TypeError for dtypes, ValueError for
    shapes or p < 0.
    """
    from .shape import squeeze

    a, b = _checks.tensor(x1, "pairwise_distance", "x1"), x2
    order = _order(p, "pairwise_distance")
    shift = _checks.number(eps, "pairwise_distance", "eps")
    a, b = _together(a, b, "pairwise_distance")
    if not a.ndim:
        raise ValueError("pairwise_distance: x1 and x2 have no axes")
    y = _Norm.apply(ops.add(ops.sub(a, b), shift), order)
    return y if keepdim else squeeze(y, -1)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of each row of x1 and each row of x2.

    x1 (..., P, M), x2 (..., R, M), whose leading axes broadcast -> (..., P, R).  Memory: an array
    (..., P, R, M) of the differences.  Raises TypeError for dtypes, ValueError for shapes or p < 0.
    """
    from .shape import squeeze, unsqueeze

    a, b = _checks.tensor(x1, "cdist", "x1"), _checks.tensor(x2, "cdist", "x2")
    order = _order(p, "cdist")
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"cdist: x1 has shape {a.shape} and x2 {b.shape}, expected (..., P, M) and (..., R, M)"
        )
    a, b = _together(unsqueeze(a, -2), unsqueeze(b, -3), "cdist")
    return squeeze(_Norm.apply(ops.sub(a, b), order), -1)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of every pair of rows: (N, M) -> (N (N - 1) / 2,), in the order
    (0, 1), (0, 2), ... (1, 2), ...

    Memory: an array (N (N - 1) / 2, M).  Raises TypeError for dtypes, ValueError for shapes or
    p < 0.
    """
    from .indexing import index_select
    from .shape import squeeze

    x = _checks.tensor(input, "pdist", "input")
    _checks.kernels(x._data, "pdist", "input")
    order = _order(p, "pdist")
    if x.ndim != 2:
        raise ValueError(f"pdist: input has shape {x.shape}, expected two axes")
    i, j = np.triu_indices(x.shape[0], 1)
    a, b = (index_select(x, 0, wrap(k.astype(np.int64))) for k in (i, j))
    return squeeze(_Norm.apply(ops.sub(a, b), order), -1)
