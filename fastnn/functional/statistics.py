"""Order statistics: medians, quantiles and modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .arrange import movedim
from .elementwise import lerp
from .indexing import _Gather, _grid
from .reduce import _ValuesIndices
from .shape import permute, reshape, squeeze
from .sorting import _order, _Picks


def _line(input: Any, dim: Any, function: str) -> tuple[Tensor, int]:
    x = _checks.tensor(input, function, "input")
    axis = _checks.axis(dim, x.ndim, function)
    if x.ndim and not x.shape[axis]:
        raise IndexError(f"{function}: axis {axis} of shape {x.shape} has no elements")
    return x, axis


def _picked(x: Tensor, index: np.ndarray, axis: int, keepdim: bool) -> Any:
    """index (size 1 along axis)."""
    values = _Picks.apply(x, index, axis)
    if keepdim:
        return _ValuesIndices(values, wrap(index))
    return _ValuesIndices(squeeze(values, axis), wrap(np.squeeze(index, axis)))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the k-th smallest along `dim`, k from 1; NaN counts as largest.

    Of equal elements the places are taken in order.  Raises ValueError for k beyond the axis.
    """
    x, axis = _line(input, dim, "kthvalue")
    n = x.shape[axis] if x.ndim else 1
    if _checks.integer(k, "kthvalue", "k", 1) > n:
        raise ValueError(f"kthvalue: k is {k}, but axis {axis} of shape {x.shape} has {n} elements")
    if not x.ndim:
        return _ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    index = np.take(_order(x._data, axis, False), [k - 1], axis)
    return _picked(x, index, axis, keepdim)


class _MedianOfAll(Function):
    """The places that have the median share its gradient."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        flat = np.sort(x, None)
        y = np.asanyarray(flat[-1] if np.isnan(flat[-1]) else flat[(flat.size - 1) // 2])
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, y = ctx.saved
        here = np.isnan(x) if np.isnan(y) else x == y
        return np.where(here, dy / dy.dtype.type(np.count_nonzero(here)), dy.dtype.type(0))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements; with dim (values, indices) along that axis.

    NaN if one element is.  Of equal elements each gets a share of the gradient, or, with dim, one
    gets it all.  Raises ValueError or IndexError for no elements.
    """
    if dim is None:
        x = _checks.tensor(input, "median", "input")
        if not x._data.size:
            raise ValueError(f"median: input of shape {x.shape} has no elements")
        return _MedianOfAll.apply(x)
    x, axis = _line(input, dim, "median")
    if not x.ndim:
        return _ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    middle = np.take(_order(x._data, axis, False), [(x.shape[axis] - 1) // 2], axis)
    nan = np.isnan(x._data)
    first_nan = np.expand_dims(np.argmax(nan, axis), axis)
    index = np.where(nan.any(axis, keepdims=True), first_nan, middle).astype(np.int64)
    return _picked(x, index, axis, keepdim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent value along `dim`: the smallest of several, and the
    last place that has it.

    A NaN equals no other one.  The gradient goes to that place.  Raises IndexError for no elements.
    """
    x, axis = _line(input, dim, "mode")
    if not x.ndim:
        return _ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    order = np.moveaxis(_order(x._data, axis, False), axis, -1)
    ranked = np.take_along_axis(np.moveaxis(x._data, axis, -1), order, -1)
    place = np.arange(order.shape[-1])
    first = np.ones(order.shape, bool)
    first[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    run = place - np.maximum.accumulate(np.where(first, place, 0), -1)  # equal ones before
    last = np.expand_dims(run.argmax(-1), -1)
    return _picked(x, np.moveaxis(np.take_along_axis(order, last, -1), -1, axis), axis, keepdim)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The value below which a share q of the elements lies; q a number or a Tensor (Q,) of them.

    Of all elements or along `dim`; with q (Q,) the result has a first axis of Q.  interpolation:
    how two neighbours are joined, "linear", "lower", "higher", "midpoint" or "nearest".  NaN if an
    element is.  Raises ValueError for q outside [0, 1] or no elements.
    """
    x = _checks.tensor(input, "quantile", "input")
    _checks.kernels(x._data, "quantile", "input")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"quantile: interpolation is {interpolation!r}, expected one of {_INTERPOLATIONS}"
        )
    if isinstance(q, Tensor):
        _checks.kernels(x._data, "quantile", "input", q._data, "q")
        shares = q._data
    else:
        shares = np.asarray(_checks.number(q, "quantile", "q"), x.dtype)
    if shares.ndim > 1:
        raise ValueError(f"quantile: q has shape {shares.shape}, expected at most one axis")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("quantile: q must be between 0 and 1")
    axis = 0 if dim is None else _checks.axis(dim, x.ndim, "quantile")
    lines = movedim(x, axis, -1) if dim is not None and x.ndim else reshape(x, (-1,))
    n = lines.shape[-1]
    if not n:
        raise ValueError(f"quantile: input of shape {x.shape} has no elements")
    y = _between(lines, shares.reshape(-1) * x.dtype.type(n - 1), interpolation)
    kept = [1 if dim is None or i == axis else m for i, m in enumerate(x.shape)]
    rest = [] if dim is None else [m for i, m in enumerate(x.shape) if i != axis]
    y = permute(y, [y.ndim - 1, *range(y.ndim - 1)])
    return reshape(y, [*shares.shape, *(kept if keepdim else rest)])


def _between(lines: Tensor, ranks: np.ndarray, interpolation: str) -> Tensor:
    """Values of the sorted last axis at ranks (Q,): (..., Q)."""
    order = _order(lines._data, lines.ndim - 1, False)
    n = order.shape[-1]
    ranks = np.broadcast_to(ranks, (*order.shape[:-1], ranks.size))
    ranks = np.where(np.isnan(lines._data).any(-1, keepdims=True), n - 1, ranks)  # NaN is last
    if interpolation == "nearest":
        ranks = np.rint(ranks)
    below, above = np.floor(ranks), np.ceil(ranks)
    index = (np.take_along_axis(order, r.astype(np.int64), -1) for r in (below, above))
    low, high = (_Gather.apply(lines, _grid(i, lines.ndim - 1)) for i in index)
    if interpolation in ("lower", "nearest"):
        return low
    if interpolation == "higher":
        return high
    if interpolation == "midpoint":
        return lerp(low, high, 0.5)
    return lerp(low, high, wrap((ranks - below).astype(lines.dtype)))
