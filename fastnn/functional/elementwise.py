"""Elementwise functions of several tensors: remainders, angles, blends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .arithmetic import add, div, mul
from .binary import _Binary, _broadcasts, operands
from .reduce import unbroadcast


class _Atan2(_Binary):
    op = "atan2"
    needs_values = a_needs_a = b_needs_b = True

    # in double precision, so that CPUs that differ in the last bit agree after rounding
    value = staticmethod(
        lambda a, b: np.asanyarray(np.arctan2(a, b, dtype=np.float64)).astype(a.dtype)
    )
    grad_a = staticmethod(lambda dy, a, b: dy * (b / (a * a + b * b)))
    grad_b = staticmethod(lambda dy, a, b: dy * (-a / (a * a + b * b)))


class _Fmod(_Binary):
    op = "fmod"
    needs_values = b_needs_b = True
    value = staticmethod(np.fmod)
    grad_a = staticmethod(lambda dy, a, b: dy)
    grad_b = staticmethod(lambda dy, a, b: -dy * np.trunc(a / b))


class _Remainder(_Fmod):
    op = "remainder"
    value = staticmethod(np.remainder)
    grad_b = staticmethod(lambda dy, a, b: -dy * np.floor_divide(a, b))


class _FloorDivide(_Binary):
    op = "floor_divide"
    value = staticmethod(np.floor_divide)


def _truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    down = np.floor_divide(a, b)
    return down + ((down * b != a) & ((a < 0) != (b < 0)))


class _DivTrunc(_Binary):
    op = "div"
    value = staticmethod(_truncated)
    grad_a = staticmethod(lambda dy, a, b: np.zeros_like(dy))
    grad_b = staticmethod(lambda dy, a, b: np.zeros_like(dy))


class _DivFloor(_DivTrunc):
    value = staticmethod(lambda a, b: np.floor_divide(a, b))


_ROUNDED = {"floor": _DivFloor, "trunc": _DivTrunc}


def _division(cls: Any, a: Any, b: Any) -> Tensor:
    a, b = operands(a, b, cls.op)
    _broadcasts(a._data, b._data, cls.op)
    if a._data.dtype.kind == b._data.dtype.kind == "f" and cls is not _FloorDivide:
        return cls.apply(a, b)
    kinds = a._data.dtype.kind + b._data.dtype.kind
    if kinds == "bb":
        raise TypeError(f"{cls.op}: input and other have dtype bool")
    if "f" not in kinds and not b._data.all():
        raise ZeroDivisionError(f"{cls.op}: other has a 0, and integers have no infinity")
    with np.errstate(all="ignore"):
        y = np.asanyarray(cls.value(a._data, b._data))
    return wrap(y if "f" not in kinds or kinds == "ff" else y.astype(np.float32, copy=False))


def rounded_division(input: Any, other: Any, rounding_mode: str) -> Tensor:
    """div with a rounding_mode."""
    if rounding_mode not in _ROUNDED:
        raise ValueError(f"div: rounding_mode is {rounding_mode!r}, expected 'trunc' or 'floor'")
    a, b = operands(input, other, "div")
    if "f" in (a._data.dtype.kind, b._data.dtype.kind):  # an integer and a number
        input, other = _checks.floating(a, "div"), _checks.floating(b, "div", "other")
    return _division(_ROUNDED[rounding_mode], input, other)


def fmod(input: Any, other: Any) -> Tensor:
    """input - trunc(input / other) other, broadcast: the sign is input's.

    Raises ZeroDivisionError for integers over 0, TypeError for dtypes that differ.
    """
    return _division(_Fmod, input, other)


def remainder(input: Any, other: Any) -> Tensor:
    """input - floor(input / other) other, broadcast: the sign is other's, as Python's %.

    Raises ZeroDivisionError for integers over 0, TypeError for dtypes that differ.
    """
    return _division(_Remainder, input, other)


def floor_divide(input: Any, other: Any) -> Tensor:
    """floor(input / other), broadcast, as Python's //; it has no gradient.

    Raises ZeroDivisionError for integers over 0, TypeError for dtypes that differ.
    """
    return _division(_FloorDivide, input, other)


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input) in (-pi, pi], broadcast; of integers float32."""
    a, b = _checks.floating(input, "atan2"), _checks.floating(other, "atan2", "other")
    a, b = operands(a, b, "atan2")
    _broadcasts(a._data, b._data, "atan2")
    return _Atan2.apply(a, b)


class _NanToNum(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, nan: Any, posinf: Any, neginf: Any) -> Any:
        ctx.save(x)
        return np.asanyarray(np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy * np.isfinite(ctx.saved[0])


def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """input with numbers for NaN and the infinities; None: the largest and the smallest finite.

    The gradient is 0 where an element was replaced.  Raises TypeError for what is no number.
    """
    x = _checks.tensor(input, "nan_to_num", "input")
    given = []
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        given.append(None if value is None else _checks.number(value, "nan_to_num", name))
    return _NanToNum.apply(x, 0.0 if given[0] is None else given[0], *given[1:])


class _Lerp(Function):
    strided = True

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, a: np.ndarray, b: np.ndarray, w: np.ndarray) -> Any:
        ctx.save(a, b, w)
        step = b - a
        # from the nearer end, so that weight 1 gives b exactly
        return np.where(np.abs(w) < 0.5, a + w * step, b - step * (1 - w))

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        a, b, w = ctx.saved
        slopes = ((1 - w), w, b - a)
        return tuple(
            unbroadcast(np.asanyarray(dy * slope), x.shape) if need else None
            for slope, x, need in zip(slopes, ctx.saved, ctx.needs_input_grad, strict=True)
        )


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight (end - input), broadcast; weight a number or a Tensor.

    Raises TypeError for dtypes, ValueError for shapes.
    """
    a, b = _checks.tensor(input, "lerp", "input"), _checks.tensor(end, "lerp", "end")
    _checks.kernels(a._data, "lerp", "input", b._data, "end")
    _, w = operands(a, weight, "lerp")
    try:
        np.broadcast_shapes(a.shape, b.shape, w.shape)
    except ValueError:
        raise ValueError(
            f"lerp: input {a.shape}, end {b.shape} and weight {w.shape} do not broadcast"
        ) from None
    return _Lerp.apply(a, b, w)


def _plus(input: Tensor, term: Tensor, value: Any) -> Tensor:
    return add(input, term if isinstance(value, int) and value == 1 else mul(term, value))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value tensor1 tensor2, broadcast.  Raises TypeError or ValueError as mul and add."""
    a = _checks.tensor(input, "addcmul", "input")
    b = _checks.tensor(tensor1, "addcmul", "tensor1")
    return _plus(a, mul(b, _checks.tensor(tensor2, "addcmul", "tensor2")), value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value tensor1 / tensor2, broadcast.  Raises TypeError for integers, ValueError for
    shapes."""
    a = _checks.tensor(input, "addcdiv", "input")
    b = _checks.tensor(tensor1, "addcdiv", "tensor1")
    c = _checks.tensor(tensor2, "addcdiv", "tensor2")
    _checks.kernels(b._data, "addcdiv", "tensor1", c._data, "tensor2")
    return _plus(a, div(b, c), value)
