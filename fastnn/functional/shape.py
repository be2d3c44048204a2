"""Views, copies, joins and indexing: NumPy does them, the tape remembers how to undo them."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import as_dtype
from ..tensor import Function, Tensor, wrap
from ..tensor import contiguous as c_order
from . import _checks


class _Reshape(Function):
    strided = is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy.reshape(ctx.shape)


class _Permute(Function):
    strided = is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, dims: tuple[int, ...]) -> Any:
        ctx.inverse = tuple(np.argsort(dims))
        return x.transpose(dims)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return c_order(dy.transpose(ctx.inverse))


class _Expand(Function):
    strided = is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        lead = len(shape) - x.ndim
        if (1,) * lead + x.shape == shape:
            return x[(None,) * lead]  # nothing is repeated: it may be written
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        from .reduce import unbroadcast

        return unbroadcast(dy, ctx.shape)


class _Copy(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, dtype: Any) -> Any:
        ctx.dtype = x.dtype
        return x.astype(dtype, order="C")

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy.astype(ctx.dtype, copy=False)


def taken(x: np.ndarray, index: Any) -> np.ndarray:
    """A new array of x[index].  A subclass of ndarray in the index, which is `frozen`'s, does it
    itself."""
    for part in index if isinstance(index, tuple) else (index,):
        kind: Any = type(part)
        if isinstance(part, np.ndarray) and kind is not np.ndarray:
            x = kind.taken(x, index)
            break
    else:
        x = x[index]
    return np.copy(x, order="C")


class _Index(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, index: Any) -> Any:
        if ctx.needs_input_grad[0]:  # a copy of the caller's arrays, which may change
            index = tuple(np.array(i) if isinstance(i, (np.ndarray, list)) else i for i in index)
        ctx.shape, ctx.index = x.shape, index
        return taken(x, index)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = np.zeros(ctx.shape, dy.dtype)
        np.add.at(dx, ctx.index, dy)  # in the order of the index, which may repeat
        return dx


class _View(Function):
    """Basic indexing: slices, integers, None, ..."""

    strided = is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, index: Any) -> Any:
        ctx.shape, ctx.index = x.shape, index
        y = x[index]
        if isinstance(y, np.ndarray):
            return y
        return x[(*index, ...) if isinstance(index, tuple) else (index, ...)]  # a view, no scalar

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = np.zeros(ctx.shape, dy.dtype)
        dx[ctx.index] = dy
        return dx


class _Cat(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, dim: int, *xs: np.ndarray) -> Any:
        ctx.dim, ctx.sizes = dim, [x.shape[dim] for x in xs]
        return np.concatenate(xs, dim)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        parts = np.split(dy, np.cumsum(ctx.sizes)[:-1], ctx.dim)
        return None, *(c_order(part) for part in parts)


def sizes(shape: Sequence[Any], function: str) -> tuple[int, ...]:
    """A tuple of integers from f(2, 3) or f((2, 3))."""
    if len(shape) == 1 and not hasattr(shape[0], "__index__"):
        shape = shape[0]
    try:
        return tuple(map(operator.index, shape))
    except TypeError:
        raise TypeError(f"{function}: sizes must be integers, got {shape!r}") from None


def reshape(input: Tensor, shape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1.  A view where memory allows.

    Raises ValueError if the sizes do not fit.
    """
    _checks.tensor(input, "reshape", "input")
    if type(shape) is not tuple:
        shape = sizes((shape,), "reshape")
    if shape and min(shape) < -1:
        raise ValueError(f"reshape: shape {shape} has an axis below -1")
    try:
        y = _Reshape.apply(input, shape)
    except ValueError:
        raise ValueError(f"reshape: shape {input.shape} does not fit into {shape}") from None
    if not input._data.flags.c_contiguous and not np.may_share_memory(y._data, input._data):
        return _own(y)  # NumPy had to copy
    return y


def _own(y: Tensor) -> Tensor:
    """Cut a result that turned out to be a copy off the counter of its source."""
    fresh = wrap(y._data)
    y._counter, y._is_view, y._made = fresh._counter, False, None
    return y


def view(input: Tensor, shape: Any) -> Tensor:
    """reshape that never copies: ValueError where axes that are not contiguous would be joined."""
    _checks.tensor(input, "view", "input")
    y = reshape(input, shape)
    if not input._data.flags.c_contiguous and input._data.size and not y._is_view:
        raise ValueError("view: the tensor is not contiguous; use reshape")
    return y


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim to end_dim become one."""
    shape = _checks.tensor(input, "flatten", "input")._data.shape
    n = len(shape)
    if start_dim == 1 and end_dim == -1 and n == 4:  # the way from images to a dense layer
        return reshape(input, (shape[0], shape[1] * shape[2] * shape[3]))
    first = _checks.axis(start_dim, n, "flatten")
    last = _checks.axis(end_dim, n, "flatten")
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = math.prod(shape[first : last + 1])
    return reshape(input, (*shape[:first], joined, *shape[last + 1 :]))


def permute(input: Tensor, dims: Any) -> Tensor:
    """Axes in the order `dims`, a view.  Raises IndexError or ValueError for other axes."""
    n = _checks.tensor(input, "permute", "input").ndim
    order = tuple(_checks.axis(d, n, "permute") for d in _listed(dims, "permute", "dims"))
    if len(set(order)) != n or len(order) != n:
        raise ValueError(f"permute: dims {tuple(dims)} must name each of {n} axes once")
    return _Permute.apply(input, order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes change places, a view."""
    n = _checks.tensor(input, "transpose", "input").ndim
    order = list(range(n))
    if n:
        i, j = _checks.axis(dim0, n, "transpose"), _checks.axis(dim1, n, "transpose")
        order[i], order[j] = order[j], order[i]
    return _Permute.apply(input, tuple(order))


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without axes of size 1: all of them, or those in `dim` that have size 1."""
    shape = _checks.tensor(input, "squeeze", "input").shape
    if isinstance(dim, (tuple, list)) and not dim:
        return reshape(input, shape)
    drop = {d for d in _checks.axes(dim, len(shape), "squeeze") if shape[d] == 1}
    return reshape(input, tuple(n for d, n in enumerate(shape) if d not in drop))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """An axis of size 1 more, at `dim`."""
    shape = list(_checks.tensor(input, "unsqueeze", "input").shape)
    shape.insert(_checks.axis(dim, len(shape) + 1, "unsqueeze"), 1)
    return reshape(input, tuple(shape))


def expand(input: Tensor, shape: Any) -> Tensor:
    """A view in which axes of size 1 are repeated; -1 keeps a size.  Raises ValueError."""
    x = _checks.tensor(input, "expand", "input")
    wanted = sizes((shape,), "expand")
    lead = len(wanted) - x.ndim
    full = tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    try:
        return _Expand.apply(x, full)
    except ValueError:
        raise ValueError(f"expand: shape {x.shape} does not fit into {wanted}") from None


def clone(input: Tensor) -> Tensor:
    """A contiguous copy; the gradient passes."""
    return _Copy.apply(_checks.tensor(input, "clone", "input"), input.dtype)


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if its memory is in C order, otherwise a copy."""
    return input if input._data.flags.c_contiguous else clone(input)


def to(input: Tensor, dtype: Any) -> Tensor:
    """The tensor in another dtype; itself if it has that dtype.  The gradient passes.

    Raises TypeError for a dtype that fastnn does not have.
    """
    wanted = as_dtype(dtype, "to")
    return input if input.dtype == wanted else _Copy.apply(input, wanted)


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index] as in NumPy: a view for slices and integers, also those in Tensors without axes;
    a copy for arrays and masks."""
    parts = index if isinstance(index, tuple) else (index,)
    if _is_basic(parts):
        return _View.apply(input, index)
    taken, rest = index_steps(parts, input.ndim)
    if _is_basic(rest):
        return _View.apply(input, rest)
    return _Index.apply(input if taken == (Ellipsis,) else _View.apply(input, taken), rest)


def _is_basic(parts: tuple[Any, ...]) -> bool:
    """Whether NumPy gives a view for an index of these parts."""
    return all(
        p is None or p is Ellipsis or isinstance(p, (int, slice, np.integer)) for p in parts
    ) and not any(isinstance(p, bool) for p in parts)


def index_steps(parts: tuple[Any, ...], ndim: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """(taken, rest): x[taken][rest] of an ndarray with ndim axes is what PyTorch calls x[parts];
    x[taken] a view.

    NumPy would count integers among the arrays of an index; PyTorch takes them first.  An ellipsis
    that stands for no axis parts two arrays in NumPy, and is nothing in PyTorch.
    """
    plain = tuple(_number(p._data) if isinstance(p, Tensor) else p for p in parts)
    if len(plain) > 2 and sum(map(_axes_taken, plain)) == ndim:
        plain = tuple(p for p in plain if p is not Ellipsis)
    if (
        not any(isinstance(p, (int, np.integer)) for p in plain)
        or not any(isinstance(p, (np.ndarray, list)) for p in plain)
        or any(isinstance(p, bool) for p in plain)
    ):
        return (...,), plain
    taken: list[Any] = []
    rest: list[Any] = []
    for p in plain:
        if isinstance(p, (np.ndarray, list)):
            is_mask = np.asarray(p).dtype.kind == "b"
            taken += [slice(None)] * (np.ndim(p) if is_mask else 1)
            rest.append(p)
            continue
        taken.append(p)
        if p is None or isinstance(p, slice):
            rest.append(slice(None))
        elif p is Ellipsis:
            rest.append(p)
    return tuple(taken), tuple(rest)


def _axes_taken(part: Any) -> int:
    """How many axes one part of an index is for."""
    if part is None or part is Ellipsis or isinstance(part, (bool, np.bool_)):
        return 0
    is_mask = isinstance(part, (np.ndarray, list)) and np.asarray(part).dtype.kind == "b"
    return np.ndim(part) if is_mask else 1


def _number(index: np.ndarray) -> Any:
    """An index array; one without axes as the integer that it is."""
    return index if index.ndim or index.dtype.kind == "b" else operator.index(index.item())


def _listed(values: Any, function: str, name: str) -> Any:
    """values, if they have a length; TypeError otherwise."""
    if not hasattr(values, "__len__"):
        raise TypeError(f"{function}: {name} must be a list or tuple, got {type(values).__name__}")
    return values


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an existing axis.  Raises ValueError or TypeError if they do not fit."""
    if not len(_listed(tensors, "cat", "tensors")):
        raise ValueError("cat: no tensors")
    xs = [_checks.tensor(t, "cat", f"tensors[{i}]") for i, t in enumerate(tensors)]
    if not xs[0].ndim:
        raise ValueError("cat: tensors have no axes; use stack")
    d = _checks.axis(dim, xs[0].ndim, "cat")
    rest = [t.shape[:d] + t.shape[d + 1 :] for t in xs]
    if any(r != rest[0] or t.ndim != xs[0].ndim for r, t in zip(rest, xs, strict=True)):
        raise ValueError(f"cat: shapes {[t.shape for t in xs]} differ outside axis {d}")
    if any(t.dtype != xs[0].dtype for t in xs):
        raise TypeError(f"cat: dtypes differ: {[str(t.dtype) for t in xs]}")
    return _Cat.apply(d, *xs)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along a new axis.  Raises ValueError or TypeError if they do not fit."""
    if not len(_listed(tensors, "stack", "tensors")):
        raise ValueError("stack: no tensors")
    for i, t in enumerate(tensors):
        _checks.tensor(t, "stack", f"tensors[{i}]")
    if any(t.shape != tensors[0].shape for t in tensors):
        raise ValueError(f"stack: shapes differ: {[t.shape for t in tensors]}")
    d = _checks.axis(dim, tensors[0].ndim + 1, "stack")
    return cat([unsqueeze(t, d) for t in tensors], d)


def split(input: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of equal size (the last may be smaller), or of the given sizes, along `dim`."""
    d = _checks.axis(dim, _checks.tensor(input, "split", "input").ndim, "split")
    if not input.ndim:
        raise ValueError("split: input has no axes")
    n = input.shape[d]
    if hasattr(split_size_or_sections, "__index__"):
        size = _checks.integer(split_size_or_sections, "split", "split_size", 1)
        parts = [min(size, n - i) for i in range(0, max(n, 1), size)]
    else:
        sections = _listed(split_size_or_sections, "split", "split_size_or_sections")
        parts = [_checks.integer(s, "split", "section", 0) for s in sections]
        if sum(parts) != n:
            raise ValueError(f"split: sections {parts} must add up to {n}")
    ends = np.cumsum([0, *parts]).tolist()
    index = (slice(None),) * d
    return tuple(
        getitem(input, (*index, slice(a, b))) for a, b in zip(ends[:-1], ends[1:], strict=True)
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size (the last may be smaller) along `dim`."""
    d = _checks.axis(dim, _checks.tensor(input, "chunk", "input").ndim, "chunk")
    if not input.ndim:
        raise ValueError("chunk: input has no axes")
    n = input.shape[d]
    return split(input, max(1, -(-n // _checks.integer(chunks, "chunk", "chunks", 1))), dim)
