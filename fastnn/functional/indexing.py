"""Picking and placing elements by index or mask.  Sums over repeated indices go in index order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .binary import operands
from .reduce import unbroadcast
from .shape import taken


def _grid(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """`index` along `dim`, every other axis in its place: what NumPy takes as an index."""
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[dim] = index
    return tuple(places)


class _Gather(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, places: Any) -> Any:
        ctx.shape, ctx.places = x.shape, places
        return taken(x, places)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = np.zeros(ctx.shape, dy.dtype)
        np.add.at(dx, ctx.places, dy)
        return dx


class _Scatter(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, src: np.ndarray, places: Any, add: bool) -> Any:
        ctx.places, ctx.add = places, add
        y = np.copy(x, order="C")
        if add:
            np.add.at(y, places, src)
        else:
            y[places] = src
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = dy.copy()
        if not ctx.add:
            dx[ctx.places] = 0
        return dx, np.copy(dy[ctx.places], order="C")


class _Where(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> Any:
        ctx.shapes = a.shape, b.shape
        ctx.condition = condition.copy()  # the caller's mask may change
        return np.where(condition, a, b)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        zero = np.zeros((), dy.dtype)
        need_a, need_b = ctx.needs_input_grad[1:]
        da = db = None
        if need_a:
            da = unbroadcast(np.where(ctx.condition, dy, zero), ctx.shapes[0])
        if need_b:
            db = unbroadcast(np.where(ctx.condition, zero, dy), ctx.shapes[1])
        return None, da, db


def _index(index: Any, function: str) -> np.ndarray:
    found = _checks.tensor(index, function, "index")._data
    if found.dtype.char not in "liq":
        raise TypeError(f"{function}: index has dtype {found.dtype}, expected int64 or int32")
    return found.astype(np.int64)  # a copy: the caller's index may change


def _within(index: np.ndarray, n: int, function: str) -> None:
    if index.size and not (index.min() >= 0 and index.max() < n):
        raise IndexError(
            f"{function}: index goes from {index.min()} to {index.max()}, expected 0 <= index < {n}"
        )


def _places(x: Tensor, dim: int, index: Any, function: str) -> tuple[int, np.ndarray, Any]:
    found = _index(index, function)
    d = _checks.axis(dim, x.ndim, function)
    if found.ndim != x.ndim or any(
        m > n for i, (m, n) in enumerate(zip(found.shape, x.shape, strict=True)) if i != d
    ):
        raise ValueError(
            f"{function}: index of shape {found.shape} does not fit into input of shape {x.shape}"
        )
    _within(found, x.shape[d] if x.ndim else 1, function)
    return d, found, _grid(found, d) if x.ndim else ()


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i][j] = input[index[i][j]][j] for dim 0: one element along `dim` per element of index.

    index has as many axes as input and, but for `dim`, is at most as large.  Raises IndexError for
    an index out of range, ValueError for shapes, TypeError for an index that is not integer.
    """
    x = _checks.tensor(input, "gather", "input")
    return _Gather.apply(x, _places(x, dim, index, "gather")[2])


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather whose shapes broadcast outside `dim`; None: of the flat input at the flat indices.

    Takes what argsort and argmax(keepdim=True) give.  Raises as `gather`.
    """
    from .shape import expand, reshape

    x = _checks.tensor(input, "take_along_dim", "input")
    found = _index(indices, "take_along_dim")
    if dim is None:
        x, found, dim = reshape(x, (-1,)), found.reshape(-1), 0
    d = _checks.axis(dim, x.ndim, "take_along_dim")
    if found.ndim != x.ndim:
        raise ValueError(
            f"take_along_dim: indices of shape {found.shape} and input of shape {x.shape} must "
            "have the same number of axes"
        )
    if not x.ndim:
        return gather(x, 0, wrap(found))
    ours, theirs = list(x.shape), list(found.shape)
    ours[d] = theirs[d] = 1
    try:
        shape = np.broadcast_shapes(tuple(ours), tuple(theirs))
    except ValueError:
        raise ValueError(
            f"take_along_dim: indices of shape {found.shape} do not fit input of shape {x.shape}"
        ) from None
    _within(found, x.shape[d], "take_along_dim")
    found = np.broadcast_to(found, (*shape[:d], found.shape[d], *shape[d + 1 :]))
    x = expand(x, (*shape[:d], x.shape[d], *shape[d + 1 :]))
    return _Gather.apply(x, _grid(found, d))


def _source(x: Tensor, src: Any, found: np.ndarray, function: str) -> tuple[Tensor, Tensor]:
    """x, and what src has for each element of the index."""
    x, source = operands(x, src, function)
    if isinstance(src, Tensor):
        if source.ndim != found.ndim or any(
            m > n for m, n in zip(found.shape, source.shape, strict=True)
        ):
            raise ValueError(
                f"{function}: index of shape {found.shape} does not fit into src of shape "
                f"{source.shape}"
            )
        source = source[tuple(slice(n) for n in found.shape)]
    else:
        source = wrap(np.full(found.shape, source._data, x.dtype))
    return x, source


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy of input with y[index[i][j]][j] = src[i][j] for dim 0; src a Tensor or a number, the
    number also by the name of value.

    Where an index repeats the last one stays.  reduce: "add" or "multiply" what stands there with
    all of them instead.  Raises as `gather`.
    """
    x = _checks.tensor(input, "scatter", "input")
    if (src is None) == (value is None):
        raise TypeError("scatter: expected one of src and value")
    if reduce not in (None, "add", "multiply"):
        raise ValueError(f"scatter: reduce is {reduce!r}, expected 'add' or 'multiply'")
    _, found, places = _places(x, dim, index, "scatter")
    x, source = _source(x, value if src is None else src, found, "scatter")
    if reduce == "multiply":
        from .placing import multiplied

        return multiplied(x, source, places)
    return _Scatter.apply(x, source, places, reduce == "add")


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of input with y[index[i][j]][j] += src[i][j] for dim 0, in the order of index.

    Raises as `gather`.
    """
    x = _checks.tensor(input, "scatter_add", "input")
    _, found, places = _places(x, dim, index, "scatter_add")
    x, source = _source(x, src, found, "scatter_add")
    return _Scatter.apply(x, source, places, True)


def _line(x: Tensor, dim: int, index: Any, function: str) -> tuple[int, np.ndarray]:
    found = _index(index, function)
    if found.ndim > 1:
        raise ValueError(f"{function}: index has shape {found.shape}, expected one axis")
    if not x.ndim:
        raise ValueError(f"{function}: input has no axes")
    d = _checks.axis(dim, x.ndim, function)
    found = found.reshape(-1)
    _within(found, x.shape[d], function)
    return d, found


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of input along `dim` that index (n,) names.  Raises as `gather`."""
    x = _checks.tensor(input, "index_select", "input")
    d, found = _line(x, dim, index, "index_select")
    return _Gather.apply(x, (*(slice(None),) * d, found))


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy of input to whose slices along `dim`, named by index (n,), alpha source is added, in
    the order of index.  source: input's shape with n along `dim`.  Raises as `gather`.
    """
    from .arithmetic import mul

    x = _checks.tensor(input, "index_add", "input")
    d, found = _line(x, dim, index, "index_add")
    x, values = operands(x, _checks.tensor(source, "index_add", "source"), "index_add")
    wanted = (*x.shape[:d], found.size, *x.shape[d + 1 :])
    if values.shape != wanted:
        raise ValueError(f"index_add: source has shape {values.shape}, expected {wanted}")
    if alpha != 1:
        values = mul(values, alpha)
    return _Scatter.apply(x, values, (*(slice(None),) * d, found), True)


def _mask(mask: Any, function: str, name: str) -> Tensor:
    found = _checks.tensor(mask, function, name)
    if found.dtype.kind != "b":
        raise TypeError(f"{function}: {name} has dtype {found.dtype}, expected bool")
    return found


def _broadcast(function: str, *tensors: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(t.shape for t in tensors))
    except ValueError:
        shapes = " and ".join(str(t.shape) for t in tensors)
        raise ValueError(f"{function}: shapes {shapes} do not broadcast") from None


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition (bool) holds, else other; broadcast.  A number takes the dtype of the
    other one; two numbers give bool, int64 or float32.

    With condition alone: nonzero(condition, as_tuple=True).
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    c = _mask(condition, "where", "condition")
    numbers = (bool, int, float)
    if isinstance(input, numbers) and isinstance(other, numbers):
        kind = np.result_type(type(input), type(other))
        input = wrap(np.asarray(input, np.float32 if kind.kind == "f" else kind))
    a, b = operands(input, other, "where")
    _broadcast("where", c, a, b)
    return _Where.apply(c, a, b)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """value, a number or a Tensor of no axes, where mask (bool) holds, else input; broadcast."""
    x = _checks.tensor(input, "masked_fill", "input")
    c = _mask(mask, "masked_fill", "mask")
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(f"masked_fill: value has shape {value.shape}, expected no axes")
    x, filler = operands(x, value, "masked_fill")
    if filler.dtype != x.dtype:
        raise TypeError(f"masked_fill: value is {value!r}, but input has dtype {x.dtype}")
    _broadcast("masked_fill", x, c)
    return _Where.apply(c, filler, x)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of input where mask (bool) holds, in one axis; both broadcast."""
    from .shape import expand

    x = _checks.tensor(input, "masked_select", "input")
    c = _mask(mask, "masked_select", "mask")
    shape = _broadcast("masked_select", x, c)
    return _Gather.apply(expand(x, shape), np.nonzero(np.broadcast_to(c._data, shape)))


def argwhere(input: Tensor) -> Tensor:
    """`nonzero` by NumPy's name: int64 (n, axes)."""
    return nonzero(_checks.tensor(input, "argwhere", "input"))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Places of the elements that are not 0, int64 (n, axes); as_tuple: one (n,) per axis."""
    x = _checks.tensor(input, "nonzero", "input")._data
    if as_tuple:
        return tuple(wrap(i.astype(np.int64)) for i in np.nonzero(np.atleast_1d(x)))
    return wrap(np.argwhere(x).astype(np.int64))
