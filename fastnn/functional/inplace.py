"""Operations that change a tensor's memory, and what the tape makes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..engine import take_place
from ..grad_mode import mode
from ..tensor import Function, Tensor
from . import _checks
from .reduce import unbroadcast


def writable(x: Tensor, function: str) -> np.ndarray:
    """x's array, if it may be written; RuntimeError for a leaf that requires a gradient and for a
    tensor with repeated elements, ValueError for read-only memory."""
    _checks.tensor(x, function, "input")
    if mode.enabled and x.requires_grad and x._node is None:
        raise RuntimeError(
            f"{function}: a leaf tensor that requires grad is changed in place; do it in no_grad()"
        )
    if not x._data.flags.writeable:
        if x._is_view and 0 in x._data.strides:
            raise RuntimeError(
                f"{function}: several elements of an expanded tensor are one in memory; change a "
                "clone() of it"
            )
        raise ValueError(f"{function}: input is read-only")
    return x._data


def _base(x: Tensor, function: str) -> tuple[Tensor, list[Any]]:
    """(base, views): the tensor that x views, through all views, and these from the base to x.

    RuntimeError for a view of a leaf that requires a gradient, and for one made where nothing was
    recorded: a change of it cannot be recorded.
    """
    views: list[Any] = []
    base = x
    while base._is_view:
        if base._made is None:
            raise RuntimeError(
                f"{function}: a view that was made in no_grad(), or by a backward hook of a "
                "module, is changed in place by a recorded operation; change a clone() of it"
            )
        cls, args = base._made
        views.append((cls, args[1:]))
        base = args[0]
        if base._requires_grad and base._node is None:
            raise RuntimeError(
                f"{function}: a view of a leaf tensor that requires grad is changed in place; do "
                "it in no_grad(), or change a clone()"
            )
    return base, views[::-1]


class _CopySlices(Function):
    """base with its part, seen through the views, replaced by `part`, which is in its memory."""

    strided = True

    @staticmethod
    def forward(ctx: Any, base: np.ndarray, part: np.ndarray, views: list[Any]) -> Any:
        ctx.views = views
        return base

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dbase = np.copy(dy, order="C")
        dpart = _through(ctx.views, dbase)
        if np.may_share_memory(dpart, dbase):
            kept = np.copy(dpart, order="C")
            dpart[...] = 0
            return dbase, kept
        # base is in another order in memory, where a reshape was a view that is none of dbase
        places = _through(ctx.views, np.arange(dy.size).reshape(dy.shape))
        dbase.reshape(-1)[places] = 0
        return dbase, np.copy(dpart, order="C")


def _through(views: list[Any], array: np.ndarray) -> np.ndarray:
    """What the views show of an array."""
    for cls, args in views:
        array = cls.forward(SimpleNamespace(), array, *args)
    return array


def _become(x: Tensor, y: Tensor, base: Tensor, views: list[Any]) -> None:
    """From now on x, whose memory has y's values, is the result that y was.  Of a view, its base
    is; x and other views are recorded again when they are used next."""
    if views:
        y = _CopySlices.apply(base, y, views)
    x._recorded_change()
    take_place(base, y)


def assign(x: Tensor, y: Tensor, function: str) -> Tensor:
    """y's values into x's memory; from then on x is the result that y was."""
    target = writable(x, function)
    if y._data.shape != target.shape:
        raise ValueError(f"{function}: a result of shape {y.shape} does not fit into {x.shape}")
    if not (mode.enabled and (x.requires_grad or y.requires_grad)):
        target[...] = y._data
        x._changed()
        return x
    if not y.requires_grad:
        return fill(x, y._data, function)
    base, views = _base(x, function)
    target[...] = y._data
    _become(x, y, base, views)
    return x


class _Fill(Function):
    """x[...] = value in x's own memory: nothing of x is left, so its gradient is 0."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, value: Any) -> Any:
        x[...] = value
        return x

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return np.zeros_like(dy), None


def fill(x: Tensor, value: Any, function: str = "fill_") -> Tensor:
    """Every element = value, a number, an ndarray that broadcasts, or a Tensor of no axes, which
    gets a gradient; that of what stood there is 0."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise ValueError(f"{function}: value has shape {value.shape}, expected no axes")
        return copy(x, value, function)
    target = writable(x, function)
    if not (mode.enabled and x.requires_grad):
        target[...] = value
        x._changed()
        return x
    base, views = _base(x, function)
    _become(x, _Fill.apply(x, value), base, views)
    return x


def copy(x: Tensor, source: Tensor, function: str = "copy_") -> Tensor:
    """x.copy_(source): broadcast and converted; the gradient passes to source."""
    from .shape import clone, expand, to

    _checks.tensor(source, function, "source")
    try:
        np.broadcast_shapes(source.shape, x.shape)
    except ValueError:
        raise ValueError(f"copy_: source {source.shape} does not fit into {x.shape}") from None
    if not mode.enabled:
        source = source.detach()
    y = to(source, x.dtype)
    if y.shape != x.shape:
        y = expand(y, x.shape)
    elif y is source and y.requires_grad:
        y = clone(y)  # x becomes a result of its own, not the leaf that source may be
    return assign(x, y, function)


def _put(x: np.ndarray, index: Any, value: Any) -> None:
    """x[index] = value; PyTorch lets value have further first axes, of size 1."""
    try:
        x[index] = value
    except (TypeError, ValueError):
        ndim, value = x[index].ndim, np.asarray(value)
        lead = value.ndim - ndim
        if lead <= 0 or value.shape[:lead] != (1,) * lead:
            raise
        x[index] = value.reshape(value.shape[lead:])


class _Put(Function):
    """x[taken][rest] = value in x's own memory."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, value: np.ndarray, taken: Any, rest: Any) -> Any:
        # a copy of the caller's arrays, which may change
        ctx.rest = tuple(np.array(i) if isinstance(i, (np.ndarray, list)) else i for i in rest)
        ctx.taken, ctx.shape = taken, value.shape
        _put(x[taken], rest, value)
        return x

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = dy.copy()
        dx[ctx.taken][ctx.rest] = 0
        part = np.copy(dy[ctx.taken][ctx.rest], order="C")
        lead = max(len(ctx.shape) - part.ndim, 0)  # axes of size 1 that the assignment dropped
        return dx, unbroadcast(part, ctx.shape[lead:]).reshape(ctx.shape)


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, broadcast and converted, in the order of axes in which x[index] reads; the
    gradient passes to value.

    Raises RuntimeError for a leaf that requires grad and for views of one, where that is recorded.
    """
    from .shape import index_steps, to

    target = writable(x, "setitem")
    parts = index if isinstance(index, tuple) else (index,)
    taken, rest = index_steps(parts, x.ndim)
    recorded = isinstance(value, Tensor) and value.requires_grad or x.requires_grad
    if not (mode.enabled and recorded):
        _put(target[taken], rest, value._data if isinstance(value, Tensor) else value)
        x._changed()
        return
    base, views = _base(x, "setitem")
    source = value if isinstance(value, Tensor) else Tensor(np.asarray(value, x.dtype))
    y = _Put.apply(x, to(source, x.dtype), taken, rest)
    _become(x, y, base, views)
