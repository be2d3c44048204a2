"""Signs and whole numbers; comparisons and logic as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .arithmetic import clamp
from .binary import _broadcasts, operands


class _Flat(Function):
    """A step function: its gradient is 0."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, find: Any) -> Any:
        return np.asanyarray(find(x))

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
trunc = _flat("trunc", np.trunc, "The whole number towards 0")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number of so many decimals, of two the even one; its gradient is 0.

    decimals < 0: places before the point.  Raises TypeError for integers with decimals.
    """
    x = _checks.tensor(input, "round", "input")
    n = _checks.integer(decimals, "round", "decimals", -(1 << 31))
    if n == 0:
        return _Flat.apply(x, np.rint)
    _checks.kernels(x._data, "round", "input")
    return _Flat.apply(x, lambda a: _rounded(a, n))


@np.errstate(all="ignore")
def _rounded(a: np.ndarray, decimals: int) -> np.ndarray:
    scale = np.power(10.0, abs(decimals)).astype(a.dtype)
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


def _test(name: str, ufunc: Any, sign: str) -> Callable[[Tensor, Any], Tensor]:
    def function(input: Tensor, other: Any) -> Tensor:
        a, b = operands(_checks.tensor(input, name, "input"), other, name)
        _broadcasts(a._data, b._data, name)
        return wrap(np.asanyarray(ufunc(a._data, b._data)))

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
    return wrap(np.asanyarray(np.logical_not(_checks.tensor(input, "logical_not", "input")._data)))


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """clamp with a lower bound only, a number or a Tensor."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """clamp with an upper bound only, a number or a Tensor."""
    return clamp(input, max=max)
