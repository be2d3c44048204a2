"""Powers whose exponents are a tensor, and powers of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from . import _checks
from .arithmetic import _Pow
from .binary import _Binary, _broadcasts, operands


def _rounded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """In double precision, so that CPUs that differ in the last bit agree after rounding."""
    return np.asanyarray(np.power(a, b, dtype=np.float64)).astype(a.dtype)


def _slope_of_exponent(dy: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    wide = np.power(a, b, dtype=np.float64) * np.log(a, dtype=np.float64)
    return dy * np.where((a == 0) & (b >= 0), 0, wide).astype(a.dtype)


class _Power(_Binary):
    op = "pow"
    needs_values = a_needs_a = b_needs_b = True
    value = staticmethod(_rounded)
    grad_a = staticmethod(lambda dy, a, b: dy * np.where(b == 0, 0, b * _rounded(a, b - 1)))
    grad_b = staticmethod(_slope_of_exponent)


def power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, but for a Tensor of floats to a number; see arithmetic.pow."""
    for name, value in (("input", input), ("exponent", exponent)):
        if not isinstance(value, (Tensor, int, float, np.number)) or isinstance(value, bool):
            raise TypeError(f"pow: {name} must be a Tensor or a number, got {value!r}")
    if not isinstance(input, Tensor):
        _checks.tensor(exponent, "pow", "exponent")
    a, b = operands(input, exponent, "pow")
    _broadcasts(a._data, b._data, "pow")
    if a._data.dtype.kind == b._data.dtype.kind == "f":
        return _Power.apply(a, b)
    if "f" in (a._data.dtype.kind, b._data.dtype.kind):
        a, b = _checks.floating(a, "pow"), _checks.floating(b, "pow", "exponent")
        return _Pow.apply(a, exponent) if not isinstance(exponent, Tensor) else _Power.apply(a, b)
    if b._data.size and b._data.min() < 0:
        raise ValueError("pow: exponent is negative, but input has integers; use input.float()")
    bits = a._data.dtype.kind == "b" or b._data.dtype.kind == "b"
    return wrap(np.asanyarray(np.power(a._data, b._data, dtype=np.int64 if bits else None)))
