"""Operations with a gradient of one's own (`torch.autograd.Function`)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_mode import no_grad
from ..tensor import Function as _TapeFunction
from ..tensor import Tensor, contiguous, wrap

__all__ = ["Function", "once_differentiable"]


class Function(_TapeFunction):
    """An operation with a gradient of your own; call it as `MyFunction.apply(...)`.

    Subclasses define static methods on Tensors: forward(ctx, *args) and backward(ctx, *grads),
    which returns one gradient, or None, per argument of forward.  ctx.save_for_backward(...) keeps
    tensors, ctx.saved_tensors gives them back; ctx.needs_input_grad says which are wanted.
    """

    _not_differentiable: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep inputs or outputs for backward; it is an error if they are changed until then."""
        self.save(*(None if t is None else t._data for t in tensors))

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What forward saved.  Raises RuntimeError if it was changed or freed since."""
        return tuple(None if a is None else wrap(a) for a in self._unpack())

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say in forward which of its outputs have no gradient: they will not require one.

        backward gets a gradient for them as well, of zeros.  Raises TypeError for other things
        than Tensors; RuntimeError follows if one of them is no output.
        """
        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"mark_non_differentiable: expected Tensors, got {type(t).__name__}"
                )
        self._not_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (True, as at first) or None for an output without gradient.

        Called in forward.
        """
        self.materialize = bool(value)

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and record it where a gradient is needed."""
        result = _operation(cls).apply(*args)
        for y in result if isinstance(result, tuple) else (result,):
            if y._node is not None and y._index in y._node._not_differentiable:
                y._node, y._index, y._requires_grad = None, 0, False
        return result


def _operation(cls: Any) -> Any:
    """The same Function on arrays, as the tape wants it."""
    made: Any = cls.__dict__.get("_on_arrays")
    if made is None:
        made = type(cls.__name__, (cls,), {"apply": _TapeFunction.__dict__["apply"]})
        made.forward = staticmethod(lambda ctx, *arrays: _run_forward(cls, ctx, arrays))
        made.backward = staticmethod(lambda ctx, *dys: _run_backward(cls, ctx, dys))
        cls._on_arrays = made
    return made


def _run_forward(cls: Any, ctx: Any, arrays: Any) -> Any:
    ctx.shapes = [a.shape if isinstance(a, np.ndarray) else None for a in arrays]
    with no_grad():
        result = cls.forward(ctx, *(wrap(a) if isinstance(a, np.ndarray) else a for a in arrays))
    results = result if isinstance(result, tuple) else (result,)
    ctx._not_differentiable = _places(cls, ctx._not_differentiable, results)
    found = []
    for y in results:
        if not isinstance(y, Tensor):
            raise TypeError(f"{cls.__name__}.forward returned {type(y).__name__}, not a Tensor")
        array = y._data
        # an input handed through, or a view of one, would be changed with it unseen
        if any(isinstance(a, np.ndarray) and np.may_share_memory(a, array) for a in arrays):
            array = array.copy()
        found.append(array)
    return tuple(found) if isinstance(result, tuple) else found[0]


def _places(cls: Any, marked: tuple[Tensor, ...], results: tuple[Any, ...]) -> tuple[int, ...]:
    """Which of the results were marked."""
    if any(all(t is not y for y in results) for t in marked):
        raise RuntimeError(
            f"{cls.__name__}.forward marked a tensor that it does not return as non-differentiable"
        )
    return tuple(i for i, y in enumerate(results) if any(t is y for t in marked))


def _run_backward(cls: Any, ctx: Any, dys: Any) -> Any:
    with no_grad():
        grads = cls.backward(ctx, *(None if dy is None else wrap(dy) for dy in dys))
    grads = grads if isinstance(grads, tuple) else (grads,)
    if all(g is None for g in grads[len(ctx.shapes) :]):  # for arguments left at their defaults
        grads = grads[: len(ctx.shapes)]
    if len(grads) != len(ctx.shapes):
        raise RuntimeError(
            f"{cls.__name__}.backward returned {len(grads)} gradients for {len(ctx.shapes)} "
            "arguments"
        )
    arrays = []
    for i, (g, shape) in enumerate(zip(grads, ctx.shapes, strict=True)):
        if g is not None and (not isinstance(g, Tensor) or g.shape != shape):
            found = g.shape if isinstance(g, Tensor) else type(g).__name__
            raise RuntimeError(
                f"{cls.__name__}.backward returned {found} as gradient {i}, expected a Tensor of "
                f"shape {shape}"
            )
        arrays.append(None if g is None else contiguous(g._data))
    return tuple(arrays)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a Function's backward that computes with arrays: `@staticmethod` above it.

    Runs it unrecorded.  Here every backward is: gradients of gradients do not exist, so there is
    no second one to refuse, as PyTorch does.
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            return fn(ctx, *args)

    return wrapper
