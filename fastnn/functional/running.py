"""Running products, extremes and logarithms of sums along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .reduce import _ValuesIndices
from .sorting import summed_as


def _from_the_end(x: np.ndarray, axis: int, accumulate: Any) -> np.ndarray:
    return np.flip(accumulate(np.flip(x, axis), axis), axis)


class _Cumprod(Function):
    """dx_i = sum over k >= i of dy_k y_k / x_i.  Where x has zeros, the first of a line is the only
    one at or before which anything arrives besides: at it, x counts as 1 instead.
    """

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axis: int) -> Any:
        ctx.axis = axis
        ctx.save(x)
        with np.errstate(all="ignore"):
            return np.cumprod(x, axis, dtype=x.dtype)

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,), axis = ctx.saved, ctx.axis
        zeros = x == 0
        count = np.cumsum(zeros, axis)
        first = zeros & (count == 1)
        y = np.cumprod(x, axis, dtype=x.dtype)
        dx = _from_the_end(dy * y, axis, np.cumsum) / x
        if first.any():
            others = np.cumprod(np.where(first, x.dtype.type(1), x), axis, dtype=x.dtype)
            at_first = _from_the_end(dy * others, axis, np.cumsum)
            dx = np.where(first, at_first, np.where(count == 0, dx, x.dtype.type(0)))
        return np.ascontiguousarray(dx, x.dtype)


class _LogCumSumExp(Function):
    """dx_k = exp(x_k) times the sum over i >= k of dy_i exp(-y_i), as logarithms, dy > 0 and dy < 0
    apart.  In double precision, so that CPUs that differ in the last bit agree after rounding.
    """

    strided = True

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, x: np.ndarray, axis: int) -> Any:
        y = np.logaddexp.accumulate(x.astype(np.float64), axis).astype(x.dtype)
        ctx.axis = axis
        ctx.save(x, y)
        return y

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, y = (a.astype(np.float64) for a in ctx.saved)
        wide = dy.astype(np.float64)
        parts = []
        for part in (np.maximum(wide, 0), np.maximum(-wide, 0)):
            sums = _from_the_end(np.log(part) - y, ctx.axis, np.logaddexp.accumulate)
            parts.append(np.exp(sums + x))
        return np.ascontiguousarray(parts[0] - parts[1], dy.dtype)


class _CumExtreme(Function):
    """The gradient goes to the place that each running extreme came from, of equals the last."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axis: int, largest: bool) -> Any:
        find = np.maximum if largest else np.minimum
        values = find.accumulate(x, axis)
        shape = [1] * x.ndim
        shape[axis] = -1
        place = np.arange(x.shape[axis], dtype=np.int64).reshape(shape)
        new = (x == values) | (x != x)
        index = np.maximum.accumulate(np.where(new, place, 0), axis)
        ctx.axis = axis
        ctx.save(index)
        return values, index

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, _: Any) -> Any:
        (index,), axis = ctx.saved, ctx.axis
        dx = np.zeros(dy.shape, dy.dtype)
        places = list(np.ogrid[tuple(slice(n) for n in dy.shape)])
        places[axis] = index
        np.add.at(dx, tuple(places), dy)
        return dx


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """y_i = x_0 ... x_i along `dim`; integers and bools give int64.

    dtype: of the elements before they are multiplied.  Raises IndexError for dim, TypeError for
    dtype.
    """
    x = _checks.tensor(input, "cumprod", "input")
    x, kind = summed_as(x, dtype, "cumprod")
    d = _checks.axis(dim, x.ndim, "cumprod")
    if x.dtype.kind != "f":
        return wrap(np.cumprod(np.atleast_1d(x._data), d, dtype=kind).reshape(x.shape))
    return _Cumprod.apply(x, d) if x.ndim else x.clone()


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """y_i = log(exp(x_0) + ... + exp(x_i)) along `dim`, without overflow.

    Raises TypeError for integers, IndexError for dim.
    """
    x = _checks.tensor(input, "logcumsumexp", "input")
    _checks.kernels(x._data, "logcumsumexp", "input")
    d = _checks.axis(dim, x.ndim, "logcumsumexp")
    return _LogCumSumExp.apply(x, d) if x.ndim else x.clone()


def _cumextreme(input: Tensor, dim: int, largest: bool, function: str) -> Any:
    x = _checks.tensor(input, function, "input")
    d = _checks.axis(dim, x.ndim, function)
    if not x.ndim:
        return _ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    return _ValuesIndices(*_CumExtreme.apply(x, d, largest))


def cummax(input: Tensor, dim: int) -> Any:
    """(values, indices): the largest of x_0 ... x_i along `dim`, of equal ones the last.

    From a NaN on, all are NaN.  Raises IndexError for dim.
    """
    return _cumextreme(input, dim, True, "cummax")


def cummin(input: Tensor, dim: int) -> Any:
    """(values, indices): the smallest of x_0 ... x_i along `dim`, of equal ones the last.

    From a NaN on, all are NaN.  Raises IndexError for dim.
    """
    return _cumextreme(input, dim, False, "cummin")
