"""Order along an axis, and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import as_dtype
from ..tensor import Function, Tensor, contiguous, wrap
from . import _checks
from .reduce import _ValuesIndices
from .shape import to


class _Picks(Function):
    """Elements along one axis, each place named at most once."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, index: np.ndarray, axis: int) -> Any:
        ctx.shape, ctx.index, ctx.axis = x.shape, index.copy(), axis
        return np.take_along_axis(x, index, axis)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = np.zeros(ctx.shape, dy.dtype)
        np.put_along_axis(dx, ctx.index, dy, ctx.axis)
        return dx


class _Cumsum(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axis: int) -> Any:
        ctx.axis = axis
        return np.cumsum(x, axis, dtype=x.dtype)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        total = np.cumsum(np.flip(dy, ctx.axis), ctx.axis, dtype=dy.dtype)
        return np.ascontiguousarray(np.flip(total, ctx.axis))


def _order(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Stable; NaN counts as largest."""
    if not descending:
        return np.argsort(x, axis, kind="stable").astype(np.int64, copy=False)
    back = np.argsort(np.flip(x, axis), axis, kind="stable")
    return contiguous(np.flip(x.shape[axis] - 1 - back, axis))


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in ascending or descending order along `dim`; NaN counts as largest.

    Equal elements always keep their order, so `stable` changes nothing.  The gradient goes back to
    where each element came from.  Raises IndexError for dim.
    """
    x = _checks.tensor(input, "sort", "input")
    d = _checks.axis(dim, x.ndim, "sort")
    if not x.ndim:
        return _ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    index = _order(x._data, d, descending)
    return _ValuesIndices(_Picks.apply(x, index, d), wrap(index))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices of `sort`."""
    x = _checks.tensor(input, "argsort", "input")
    d = _checks.axis(dim, x.ndim, "argsort")
    return wrap(_order(x._data, d, descending) if x.ndim else np.zeros((), np.int64))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest, or smallest, along `dim`; always sorted.

    Of equal elements the first are taken.  Raises ValueError for k beyond the axis.
    """
    x = _checks.tensor(input, "topk", "input")
    n = _checks.integer(k, "topk", "k", 0)
    d = _checks.axis(dim, x.ndim, "topk")
    size = x.shape[d] if x.ndim else 1
    if n > size:
        raise ValueError(f"topk: k is {n}, but axis {d} of shape {x.shape} has {size} elements")
    if not x.ndim:
        raise ValueError("topk: input has no axes")
    index = _order(x._data, d, largest)[(*(slice(None),) * d, slice(n))]
    index = contiguous(index)
    return _ValuesIndices(_Picks.apply(x, index, d), wrap(index))


def summed_as(x: Tensor, dtype: Any, function: str) -> tuple[Tensor, np.dtype]:
    """x in dtype, and the dtype of its running sums; None: x's own, int64 if it has no floats."""
    if dtype is None:
        return x, x.dtype if x.dtype.kind == "f" else np.dtype(np.int64)
    wanted = as_dtype(dtype, function)
    if wanted.kind == "b":
        raise TypeError(f"{function}: dtype is bool, expected a dtype of numbers")
    return to(x, wanted), wanted


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """y_i = x_0 + ... + x_i along `dim`, added in that order; integers and bools give int64.

    dtype: of the elements before they are added.  Raises IndexError for dim, TypeError for dtype.
    """
    x = _checks.tensor(input, "cumsum", "input")
    x, kind = summed_as(x, dtype, "cumsum")
    d = _checks.axis(dim, x.ndim, "cumsum")
    if x.dtype.kind != "f":
        total = np.cumsum(np.atleast_1d(x._data), d, dtype=kind)
        return wrap(total.reshape(x.shape))
    return _Cumsum.apply(x, d) if x.ndim else x.clone()
