"""Sums, means and extremes over axes."""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, contiguous, wrap
from . import _checks


def sum_axes(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum over sorted axes, which stay with size 1; an order fixed by the shape."""
    k = backend.of(x)
    if not axes:
        return np.copy(x, order="C")
    x = contiguous(x)
    shape = list(x.shape)
    while axes:  # the last run of neighbouring axes, as one
        last = first = axes[-1]
        axes = axes[:-1]
        while axes and axes[-1] == first - 1:
            first, axes = axes[-1], axes[:-1]
        before = math.prod(shape[:first])
        run = math.prod(shape[first : last + 1])
        after = math.prod(shape[last + 1 :])
        x = k.sum_axis(x.reshape(before, run, after))
        shape[first : last + 1] = [1] * (last + 1 - first)
    return x.reshape(shape)


def unbroadcast(dy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """dy summed over the axes along which `shape` was repeated."""
    if dy.shape == shape:
        return dy
    lead = dy.ndim - len(shape)
    axes = tuple(i for i, n in enumerate(dy.shape) if i < lead or (shape[i - lead] == 1 and n != 1))
    return sum_axes(dy, axes).reshape(shape)


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
        ctx.shape = x.shape
        ctx.kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        y = sum_axes(x, axes)
        return y if keepdim else y.reshape([n for i, n in enumerate(y.shape) if i not in axes])

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return np.copy(np.broadcast_to(dy.reshape(ctx.kept), ctx.shape), order="C")


class _Extreme(Function):
    """Largest or smallest along one axis; the gradient goes to the first place that has it."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axis: int, keepdim: bool, largest: bool) -> Any:
        find = np.argmax if largest else np.argmin
        index = np.asanyarray(find(x, axis, keepdims=True), np.int64)
        values = np.take_along_axis(x, index, axis)
        if not keepdim:
            index, values = np.squeeze(index, axis), np.squeeze(values, axis)
        ctx.shape, ctx.axis, ctx.keepdim = x.shape, axis, keepdim
        ctx.save(index)
        return values, index

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, _: Any) -> Any:
        (index,) = ctx.saved
        dx = np.zeros(ctx.shape, dy.dtype)
        if not ctx.keepdim:
            index, dy = np.expand_dims(index, ctx.axis), np.expand_dims(dy, ctx.axis)
        np.put_along_axis(dx, index, dy, ctx.axis)
        return dx


class _ExtremeOfAll(Function):
    """Largest or smallest element; the places that have it share the gradient."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, largest: bool) -> Any:
        y = np.asanyarray((np.max if largest else np.min)(x))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, y = ctx.saved
        places = np.isnan(x) if np.isnan(y) else x == y
        return places * (dy / dy.dtype.type(np.count_nonzero(places)))


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over all axes, one or several.  Integers and booleans give int64.

    dtype: of the elements before they are added.
    """
    x = _checks.tensor(input, "sum", "input")
    if dtype is not None:
        from .shape import to

        x = to(x, dtype)
    axes = _checks.axes(dim, x.ndim, "sum")
    if x.dtype.kind != "f":
        kind = np.dtype(np.int64) if dtype is None else x.dtype
        return wrap(np.asanyarray(x._data.sum(axis=axes, keepdims=keepdim, dtype=kind)))
    return _Sum.apply(x, axes, keepdim)


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over all axes, one or several; NaN of no elements.

    dtype: of the elements before they are added.  Raises TypeError for integers.
    """
    from .arithmetic import div

    x = _checks.tensor(input, "mean", "input")
    if dtype is not None:
        from .shape import to

        x = to(x, dtype)
    _checks.kernels(x._data, "mean", "input")
    axes = _checks.axes(dim, x.ndim, "mean")
    n = math.prod(x.shape[i] for i in axes)
    return div(sum(x, axes, keepdim), float(n))


def var(
    input: Tensor,
    dim: Any = None,
    *,
    correction: int = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> Tensor:
    """Sum of squared distances from the mean over (n - correction).

    unbiased: correction by its older name, False for 0 and True for 1.
    """
    from .arithmetic import div, mul, sub

    x = _checks.tensor(input, "var", "input")
    correction = correction if unbiased is None else int(unbiased)
    axes = _checks.axes(dim, x.ndim, "var")
    n = math.prod(x.shape[i] for i in axes)
    off = sub(x, mean(x, axes, keepdim=True))
    return div(sum(mul(off, off), axes, keepdim), float(builtins.max(n - correction, 0)))


def std(
    input: Tensor,
    dim: Any = None,
    *,
    correction: int = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> Tensor:
    """Square root of `var`; its gradient is 0 where that is 0, as PyTorch's."""
    from .arithmetic import root_or_flat

    return root_or_flat(var(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased))


class _ValuesIndices(NamedTuple):
    values: Tensor
    indices: Tensor


def _extreme(input: Tensor, dim: Any, keepdim: bool, largest: bool, function: str) -> Any:
    from .shape import clone

    x = _checks.tensor(input, function, "input")
    if dim is None:
        if not x._data.size:
            raise ValueError(f"{function}: input of shape {x.shape} has no elements")
        return _ExtremeOfAll.apply(x, largest)
    axis = _checks.axis(dim, x.ndim, function)
    if not x.ndim:
        return _ValuesIndices(clone(x), wrap(np.zeros((), np.int64)))
    if not x.shape[axis]:
        raise IndexError(f"{function}: axis {axis} of shape {x.shape} has no elements")
    return _ValuesIndices(*_Extreme.apply(x, axis, keepdim, largest))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Largest element; with dim (values, indices) along that axis.  NaN counts as largest.

    Of equal elements each gets a share of the gradient, or, with dim, the first gets it all.
    With a Tensor in the place of dim: maximum(input, dim).
    """
    if isinstance(dim, Tensor):
        from .pointwise import maximum

        return maximum(input, dim)
    return _extreme(input, dim, keepdim, True, "max")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Smallest element; with dim (values, indices) along that axis.  NaN counts as smallest.

    Of equal elements each gets a share of the gradient, or, with dim, the first gets it all.
    With a Tensor in the place of dim: minimum(input, dim).
    """
    if isinstance(dim, Tensor):
        from .pointwise import minimum

        return minimum(input, dim)
    return _extreme(input, dim, keepdim, False, "min")


def _position(input: Tensor, dim: Any, keepdim: bool, find: Any, function: str) -> Tensor:
    x = _checks.tensor(input, function, "input")._data
    axis = None if dim is None else _checks.axis(dim, x.ndim, function)
    if axis is None and not x.size:
        raise ValueError(f"{function}: input of shape {x.shape} has no elements")
    if axis is not None and x.ndim and not x.shape[axis]:
        raise IndexError(f"{function}: axis {axis} of shape {x.shape} has no elements")
    return wrap(np.asanyarray(find(x, axis=axis if x.ndim else None, keepdims=keepdim), np.int64))


def argmax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """int64 position of the largest element, in the flat tensor or along `dim`."""
    return _position(input, dim, keepdim, np.argmax, "argmax")


def argmin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """int64 position of the smallest element, in the flat tensor or along `dim`."""
    return _position(input, dim, keepdim, np.argmin, "argmin")
