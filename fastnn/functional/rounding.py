"""Signs and whole numbers; comparisons and logic as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .arithmetic import _broadcasts, clamp, operands


class _Flat(Function):
    """A step function: its gradient is 0."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, find: Any) -> Any:
        return np.asarray(find(x))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return np.zeros_like(dy)


def _flat(name: str, find: Any, text: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        return _Flat.apply(_checks.tensor(input, name, "input"), find)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}, elementwise; its gradient is 0."
    return function


sign = _flat("sign", lambda x: np.where(np.isnan(x), x.dtype.type(0), np.sign(x)), "-1, 0 or 1")
floor = _flat("floor", np.floor, "The next whole number below")
ceil = _flat("ceil", np.ceil, "The next whole number above")
round = _flat("round", np.rint, "The nearest whole number, of two the even one")
trunc = _flat("trunc", np.trunc, "The whole number towards 0")


def _test(name: str, ufunc: Any, sign: str) -> Callable[[Tensor, Any], Tensor]:
    def function(input: Tensor, other: Any) -> Tensor:
        a, b = operands(_checks.tensor(input, name, "input"), other, name)
        _broadcasts(a._data, b._data, name)
        return wrap(np.asarray(ufunc(a._data, b._data)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"input {sign} other, a Tensor or a number, broadcast; bool."
    return function


eq = _test("eq", np.equal, "==")
ne = _test("ne", np.not_equal, "!=")
lt = _test("lt", np.less, "<")
le = _test("le", np.less_equal, "<=")
gt = _test("gt", np.greater, ">")
ge = _test("ge", np.greater_equal, ">=")
logical_and = _test("logical_and", np.logical_and, "and")
logical_or = _test("logical_or", np.logical_or, "or")
logical_xor = _test("logical_xor", np.logical_xor, "xor")


def logical_not(input: Tensor) -> Tensor:
    """Where input is 0, bool."""
    return wrap(np.asarray(np.logical_not(_checks.tensor(input, "logical_not", "input")._data)))


def clamp_min(input: Tensor, min: float) -> Tensor:
    """clamp with a lower bound only."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: float) -> Tensor:
    """clamp with an upper bound only."""
    return clamp(input, max=max)
