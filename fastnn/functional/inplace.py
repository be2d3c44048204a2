"""Operations that change a tensor's memory, and what the tape makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..grad_mode import mode
from ..tensor import Function, Tensor
from . import _checks
from .reduce import unbroadcast


def writable(x: Tensor, function: str) -> np.ndarray:
    """x's array, if it may be written; RuntimeError for a leaf that requires a gradient, ValueError
    for read-only memory."""
    _checks.tensor(x, function, "input")
    if mode.enabled and x._requires_grad:
        if x._node is None:
            raise RuntimeError(
                f"{function}: a leaf tensor that requires grad is changed in place; do it in "
                "no_grad()"
            )
        if x._is_view:
            raise RuntimeError(
                f"{function}: a view of a tensor that requires grad is changed in place; "
                "change a clone() of it"
            )
    if not x._data.flags.writeable:
        raise ValueError(f"{function}: input is read-only")
    return x._data


def assign(x: Tensor, y: Tensor, function: str) -> Tensor:
    """y's values into x's memory; from then on x is the result that y was."""
    target = writable(x, function)
    if y._data.shape != target.shape:
        raise ValueError(f"{function}: a result of shape {y.shape} does not fit into {x.shape}")
    if y._requires_grad and x._is_view:
        raise RuntimeError(f"{function}: a view is changed in place to a recorded result")
    target[...] = y._data
    if not (mode.enabled and (x._requires_grad or y._requires_grad)):
        x._changed()
        return x
    x._recorded_change()
    x._node, x._index, x._requires_grad = y._node, y._index, y._requires_grad
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
    """Every element = value, a number or an ndarray that broadcasts; the gradient of what stood
    there is 0."""
    target = writable(x, function)
    if not (mode.enabled and x._node is not None):
        target[...] = value
        x._changed()
        return x
    y = _Fill.apply(x, value)
    x._recorded_change()
    x._node, x._index, x._requires_grad = y._node, y._index, y._requires_grad
    return x


def copy(x: Tensor, source: Tensor) -> Tensor:
    """x.copy_(source): broadcast and converted; the gradient passes to source."""
    from .shape import clone, expand, to

    _checks.tensor(source, "copy_", "source")
    try:
        np.broadcast_shapes(source.shape, x.shape)
    except ValueError:
        raise ValueError(f"copy_: source {source.shape} does not fit into {x.shape}") from None
    if not mode.enabled:
        source = source.detach()
    y = to(source, x.dtype)
    if y.shape != x.shape:
        y = expand(y, x.shape)
    elif y is source and y._requires_grad:
        y = clone(y)  # x becomes a result of its own, not the leaf that source may be
    return assign(x, y, "copy_")


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
        part = np.array(dy[ctx.taken][ctx.rest], order="C")
        lead = max(len(ctx.shape) - part.ndim, 0)  # axes of size 1 that the assignment dropped
        return dx, unbroadcast(part, ctx.shape[lead:]).reshape(ctx.shape)


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, broadcast and converted, in the order of axes in which x[index] reads; the
    gradient passes to value.

    Raises RuntimeError for a leaf that requires grad and for views, where that is recorded.
    """
    from .shape import index_steps, to

    target = writable(x, "setitem")
    parts = index if isinstance(index, tuple) else (index,)
    taken, rest = index_steps(parts, x.ndim)
    recorded = isinstance(value, Tensor) and value._requires_grad or x._requires_grad
    if not (mode.enabled and recorded):
        _put(target[taken], rest, value._data if isinstance(value, Tensor) else value)
        x._changed()
        return
    if x._is_view:
        raise RuntimeError("setitem: a view is changed in place to a recorded result")
    source = value if isinstance(value, Tensor) else Tensor(np.asarray(value, x.dtype))
    y = _Put.apply(x, to(source, x.dtype), taken, rest)
    x._recorded_change()
    x._node, x._index, x._requires_grad = y._node, y._index, y._requires_grad
