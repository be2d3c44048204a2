"""Elements in another order or more than once; diagonals; products over an axis; one-hot codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .indexing import index_select, scatter
from .reduce import sum
from .shape import expand, reshape
from .sorting import summed_as


class _Flip(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        ctx.axes = axes
        return np.copy(np.flip(x, axes), order="C")

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return np.copy(np.flip(dy, ctx.axes), order="C")


class _Roll(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, shifts: tuple[int, ...], axes: Any) -> Any:
        ctx.shifts, ctx.axes = shifts, axes
        return np.roll(x, shifts if axes else shifts[0], axes)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        back = tuple(-s for s in ctx.shifts)
        return np.roll(dy, back if ctx.axes else back[0], ctx.axes)


class _Prod(Function):
    """Multiplied in order; a factor's slope is the product of those before and after it."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, axis: int) -> Any:
        ctx.axis = axis
        ctx.save(x)
        if not x.shape[axis]:
            return np.ones([n for i, n in enumerate(x.shape) if i != axis], x.dtype)
        return np.copy(np.take(np.cumprod(x, axis, dtype=x.dtype), -1, axis), order="C")

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x = np.moveaxis(ctx.saved[0], ctx.axis, 0)
        before, after = np.ones_like(x), np.ones_like(x)
        before[1:] = np.cumprod(x[:-1], 0, dtype=x.dtype)
        after[:-1] = np.cumprod(x[:0:-1], 0, dtype=x.dtype)[::-1]
        return np.copy(np.moveaxis(before * after * dy, 0, ctx.axis), order="C")


def _numbers(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the order along the axes `dims` reversed.  Raises IndexError for dims."""
    x = _checks.tensor(input, "flip", "input")
    found = _numbers(dims)
    return _Flip.apply(x, _checks.axes(found, x.ndim, "flip") if found and x.ndim else ())


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """A copy shifted along the axes `dims`, around the end; without dims as one flat axis."""
    x = _checks.tensor(input, "roll", "input")
    steps, axes = [tuple(v) if isinstance(v, (tuple, list)) else (v,) for v in (shifts, dims)]
    if dims is None:
        axes = ()
    if len(steps) != (len(axes) or 1):
        raise ValueError(f"roll: shifts {shifts} and dims {dims} differ in length")
    return _Roll.apply(x, steps, tuple(_checks.axis(d, x.ndim, "roll") for d in axes) or None)


def _repeated(x: Tensor, times: tuple[int, ...]) -> Tensor:
    shape = (1,) * (len(times) - x.ndim) + x.shape
    apart = reshape(x, [m for n in shape for m in (1, n)])
    y = expand(apart, [m for r, n in zip(times, shape, strict=True) for m in (r, n)])
    return reshape(y, [r * n for r, n in zip(times, shape, strict=True)])


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """The tensor set side by side, repeats[i] times along axis i; more repeats add axes in front.

    Raises ValueError for fewer repeats than axes.
    """
    x = _checks.tensor(input, "repeat", "input")
    times = tuple(_checks.integer(r, "repeat", "repeats", 0) for r in _numbers(repeats))
    if len(times) < x.ndim:
        raise ValueError(f"repeat: repeats {times} for input of shape {x.shape}, expected one each")
    return _repeated(x, times)


def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, but fewer dims than axes stand for the last axes."""
    x = _checks.tensor(input, "tile", "input")
    times = tuple(_checks.integer(r, "tile", "dims", 0) for r in _numbers(dims))
    return _repeated(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each slice along `dim` `repeats` times in a row, an int or an int64 Tensor with one number
    per slice; without dim of the flat tensor.  Raises ValueError for repeats that do not fit.
    """
    x = _checks.tensor(input, "repeat_interleave", "input")
    if dim is None:
        x, dim = reshape(x, [-1]), 0
    n = x.shape[_checks.axis(dim, x.ndim, "repeat_interleave")]
    times = np.atleast_1d(repeats._data if isinstance(repeats, Tensor) else repeats)
    if times.dtype.kind not in "iu" or times.shape not in ((1,), (n,)) or np.min(times) < 0:
        raise ValueError(f"repeat_interleave: repeats is {repeats!r}, expected 1 or {n} integers")
    return index_select(x, dim, wrap(np.repeat(np.arange(n), np.broadcast_to(times, n))))


class _Diagonal(Function):
    strided = is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, offset: int, dim1: int, dim2: int) -> Any:
        ctx.shape, ctx.place = x.shape, (offset, dim1, dim2)
        return _diagonal_of(x, ctx.place)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = np.zeros(ctx.shape, dy.dtype)
        _diagonal_of(dx, ctx.place)[...] = dy
        return dx


def _diagonal_of(x: np.ndarray, place: tuple[int, int, int]) -> np.ndarray:
    y = x.diagonal(*place)
    y.flags.writeable = x.flags.writeable  # NumPy's is read-only, out of care for old programs
    return y


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal over two axes, as the last axis; offset > 0 is above the main one.  A view.

    Raises IndexError or ValueError for dim1 and dim2.
    """
    x = _checks.tensor(input, "diagonal", "input")
    i, j = [_checks.axis(d, x.ndim, "diagonal") for d in (dim1, dim2)]
    if i == j or x.ndim < 2:
        raise ValueError(f"diagonal: dim1 {dim1} and dim2 {dim2} of input of shape {x.shape}")
    return _Diagonal.apply(x, _checks.integer(offset, "diagonal", "offset", -(1 << 31)), i, j)


def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix; integers give int64.  Raises ValueError for other shapes."""
    x = _checks.tensor(input, "trace", "input")
    if x.ndim != 2:
        raise ValueError(f"trace: input has shape {x.shape}, expected two axes")
    if x.dtype.kind == "b":
        raise TypeError("trace: input has dtype bool, expected numbers")
    return sum(diagonal(x))


_diagonal = diagonal  # `diag` has an argument of that name


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on its diagonal, or the diagonal of a matrix."""
    x = _checks.tensor(input, "diag", "input")
    if x.ndim == 2:
        return _diagonal(x, diagonal)
    if x.ndim != 1:
        raise ValueError(f"diag: input has shape {x.shape}, expected one axis or two")
    n = x.shape[0] + abs(diagonal)
    places = np.arange(x.shape[0]) * (n + 1) + (diagonal if diagonal > 0 else -diagonal * n)
    flat = scatter(wrap(np.zeros(n * n, x.dtype)), 0, wrap(places), x)
    return reshape(flat, [n, n])


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Product over all elements or one axis, in order; integers and booleans give int64.

    dtype: of the elements before they are multiplied.
    """
    x = _checks.tensor(input, "prod", "input")
    x, kind = summed_as(x, dtype, "prod")
    flat = reshape(x, [-1]) if dim is None or not x.ndim else x
    d = 0 if dim is None else _checks.axis(dim, x.ndim, "prod")
    if x.dtype.kind != "f":
        y = wrap(np.asanyarray(np.prod(flat._data, axis=d, dtype=kind)))
    else:
        y = _Prod.apply(flat, d)
    if not keepdim:
        return y
    return reshape(y, [1 if dim is None or i == d else n for i, n in enumerate(x.shape)])


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 (*, num_classes): 1 at the class, 0 elsewhere; -1: as many as the largest needs.

    Raises TypeError for a tensor that is not int64, ValueError for a class out of range.
    """
    x = _checks.tensor(tensor, "one_hot", "tensor")._data
    if x.dtype != np.int64:
        raise TypeError(f"one_hot: tensor has dtype {x.dtype}, expected int64")
    if num_classes == -1 and x.size:
        num_classes = int(x.max()) + 1
    n = _checks.integer(num_classes, "one_hot", "num_classes", 1)
    if x.size and not (x.min() >= 0 and x.max() < n):
        raise ValueError(f"one_hot: classes {x.min()} to {x.max()}, expected 0 <= class < {n}")
    return wrap((x[..., None] == np.arange(n)).astype(np.int64))
