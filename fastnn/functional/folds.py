"""Reductions beyond sum and mean: extremes over several axes, products, norms, truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks, reduce
from .activation import exp, log
from .arithmetic import abs, add, div, root_or_flat, sub
from .indexing import where
from .shape import reshape


class _ExtremeOver(Function):
    """Largest or smallest over axes; the places that have it share the gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, axes: tuple[int, ...], keepdim: bool, largest: bool
    ) -> Any:
        y = np.asanyarray((np.max if largest else np.min)(x, axis=axes, keepdims=True))
        ctx.axes = axes
        ctx.save(x, y)
        return y if keepdim else y.reshape([n for i, n in enumerate(y.shape) if i not in axes])

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, y = ctx.saved
        places = (x == y) | (np.isnan(x) & np.isnan(y))
        count = np.count_nonzero(places, axis=ctx.axes, keepdims=True)
        return places * (dy.reshape(y.shape) / count.astype(dy.dtype))


def _over(input: Tensor, dim: Any, keepdim: bool, largest: bool, function: str) -> Tensor:
    x = _checks.tensor(input, function, "input")
    axes = _checks.axes(dim, x.ndim, function)
    if not _occupied(x.shape, axes):
        raise IndexError(f"{function}: input of shape {x.shape} has no elements along {axes}")
    return _ExtremeOver.apply(x, axes, keepdim, largest)


def _occupied(shape: tuple[int, ...], axes: tuple[int, ...]) -> bool:

    return math.prod(shape[i] for i in axes) > 0


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Largest element over all axes, one or several; equal ones share the gradient."""
    return _over(input, dim, keepdim, True, "amax")


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Smallest element over all axes, one or several; equal ones share the gradient."""
    return _over(input, dim, keepdim, False, "amin")


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over one axis or several, the largest element taken out first."""
    x = _checks.tensor(input, "logsumexp", "input")
    _checks.kernels(x._data, "logsumexp", "input")
    axes = _checks.axes(dim, x.ndim, "logsumexp")
    top = amax(x.detach(), axes, True)._data
    top = wrap(np.where(np.isfinite(top), top, top.dtype.type(0)))
    y = add(log(reduce.sum(exp(sub(x, top)), axes, True)), top)
    return y if keepdim else reshape(y, [n for i, n in enumerate(y.shape) if i not in axes])


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0, over all axes, one or several; int64.  NaN is not 0."""
    x = _checks.tensor(input, "count_nonzero", "input")
    axes = _checks.axes(dim, x.ndim, "count_nonzero")
    return wrap(np.asanyarray(np.count_nonzero(x._data, axis=axes), np.int64))


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum of what is not NaN over all axes, one or several; integers and booleans give int64.

    dtype: of the elements before they are added.  Raises IndexError for dim.
    """
    x = _checks.tensor(input, "nansum", "input")
    if x.dtype.kind == "f":
        x = where(wrap(np.isnan(x._data)), 0.0, x)
    return reduce.sum(x, dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean of what is not NaN over all axes, one or several; NaN where there is nothing.

    dtype: of the elements before they are added.  Raises TypeError for integers, IndexError for
    dim.
    """
    x = _checks.tensor(input, "nanmean", "input")
    _checks.kernels(x._data, "nanmean", "input")
    total = nansum(x, dim, keepdim, dtype=dtype)
    _checks.kernels(total._data, "nanmean", "dtype")
    axes = _checks.axes(dim, x.ndim, "nanmean")
    n = np.count_nonzero(~np.isnan(x._data), axis=axes, keepdims=keepdim)
    return div(total, wrap(np.asarray(n, total.dtype)))


class _PNorm(Function):
    """(sum |x|^p)^(1/p); powers in double precision, rounded."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, p: float, axes: tuple[int, ...], keepdim: bool) -> Any:
        total = reduce.sum_axes(np.abs(x.astype(np.float64)) ** p, axes)
        y = (total ** (1 / p)).astype(x.dtype)
        ctx.p = p
        ctx.save(x, y)
        return y if keepdim else y.reshape([n for i, n in enumerate(y.shape) if i not in axes])

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, y = ctx.saved
        with np.errstate(all="ignore"):
            slope = np.sign(x) * (np.abs(x.astype(np.float64)) / y) ** (ctx.p - 1)
        return np.where(x == 0, 0, dy.reshape(y.shape) * slope).astype(dy.dtype)


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
    """(sum |input|^p)^(1/p) over all axes, one or several; "fro" is p = 2.

    p = inf, -inf: the largest, smallest magnitude; p = 0: how many are not 0.  The gradient of a
    norm that is 0 is 0.  Raises ValueError for another word.
    """
    x = _checks.tensor(input, "norm", "input")
    _checks.kernels(x._data, "norm", "input")
    axes = _checks.axes(dim, x.ndim, "norm")
    if isinstance(p, str):
        if p != "fro":
            raise ValueError(f"norm: p is {p!r}, expected a number or 'fro'")
        p = 2
    order = _checks.number(p, "norm", "p")
    if order == 2:
        return root_or_flat(reduce.sum(x * x, axes, keepdim))
    if order == 1:
        return reduce.sum(abs(x), axes, keepdim)
    if math.isinf(order):
        return (amax if order > 0 else amin)(abs(x), axes, keepdim)
    if order == 0:
        return reduce.sum(wrap((x._data != 0).astype(x.dtype)), axes, keepdim)
    return _PNorm.apply(x, order, axes, keepdim)


def _truth(input: Tensor, dim: Any, keepdim: bool, find: Any, function: str) -> Tensor:
    x = _checks.tensor(input, function, "input")
    found = np.asanyarray(find(x._data, axis=_checks.axes(dim, x.ndim, function), keepdims=keepdim))
    return wrap(found.astype(np.uint8 if x.dtype == np.uint8 else bool))


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether an element is not 0, over all axes, one or several; bool, of uint8 uint8."""
    return _truth(input, dim, keepdim, np.any, "any")


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether no element is 0, over all axes, one or several; bool, of uint8 uint8."""
    return _truth(input, dim, keepdim, np.all, "all")
