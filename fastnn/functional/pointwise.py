"""Elementwise functions beyond arithmetic, comparisons as functions, and named products.

sin, cos and their like are NumPy's, computed in double precision and rounded, so that CPUs whose
last bit differs agree: glue, not what training spends its time in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .arithmetic import matmul
from .binary import _Binary, _broadcasts, operands
from .erf import erf_array, erfc_array

_SLOPES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    # name: (f, f')
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "tan": (np.tan, lambda x: 1 + np.tan(x) ** 2),
    "atan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "asin": (np.arcsin, lambda x: 1 / np.sqrt(1 - x * x)),
    "acos": (np.arccos, lambda x: -1 / np.sqrt(1 - x * x)),
    "asinh": (np.arcsinh, lambda x: 1 / np.hypot(1, x)),
    "acosh": (np.arccosh, lambda x: 1 / np.sqrt((x - 1) * (x + 1))),
    "atanh": (np.arctanh, lambda x: 1 / ((1 - x) * (1 + x))),
    "erf": (erf_array, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "erfc": (erfc_array, lambda x: -2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "expm1": (np.expm1, np.exp),
    "log2": (np.log2, lambda x: 1 / (x * np.log(2.0))),
    "log10": (np.log10, lambda x: 1 / (x * np.log(10.0))),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: -0.5 / (x * np.sqrt(x))),
    "reciprocal": (np.reciprocal, lambda x: -1 / (x * x)),
    "square": (np.square, lambda x: 2 * x),
}


class _Unary(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, name: str) -> Any:
        ctx.name_of = name
        ctx.save(x)
        with np.errstate(all="ignore"):
            return np.asanyarray(_SLOPES[name][0](x.astype(np.float64))).astype(x.dtype)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        with np.errstate(all="ignore"):
            return np.asanyarray(dy * _SLOPES[ctx.name_of][1](x.astype(np.float64))).astype(
                dy.dtype
            )


def _unary(name: str, text: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        x = _checks.floating(input, name)
        if name == "square" and x is not input:
            return wrap(np.asanyarray(input._data * input._data))  # integers stay what they are
        return _Unary.apply(x, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}, elementwise; computed in double precision, of integers float32."
    return function


sin = _unary("sin", "Sine")
cos = _unary("cos", "Cosine")
tan = _unary("tan", "Tangent")
atan = _unary("atan", "Arc tangent")
asin = _unary("asin", "Arc sine, NaN outside [-1, 1]")
acos = _unary("acos", "Arc cosine, NaN outside [-1, 1]")
asinh = _unary("asinh", "Inverse hyperbolic sine")
acosh = _unary("acosh", "Inverse hyperbolic cosine, NaN below 1")
atanh = _unary("atanh", "Inverse hyperbolic tangent, NaN outside [-1, 1]")
erf = _unary("erf", "2 / sqrt(pi) times the integral of exp(-t^2) from 0 to input")
erfc = _unary("erfc", "1 - erf(input)")
sinh = _unary("sinh", "Hyperbolic sine")
cosh = _unary("cosh", "Hyperbolic cosine")
log1p = _unary("log1p", "log(1 + input)")
expm1 = _unary("expm1", "exp(input) - 1")
log2 = _unary("log2", "Logarithm to base 2")
log10 = _unary("log10", "Logarithm to base 10")
rsqrt = _unary("rsqrt", "1 / sqrt(input)")
reciprocal = _unary("reciprocal", "1 / input")
square = _unary("square", "input * input")


def _half_at_ties(dy: np.ndarray, wins: np.ndarray, equal: np.ndarray) -> np.ndarray:
    return np.where(equal, dy * dy.dtype.type(0.5), np.where(wins, dy, dy.dtype.type(0)))


class _Maximum(_Binary):
    op = "maximum"
    needs_values = b_needs_b = True
    value = staticmethod(np.maximum)

    @classmethod
    def forward(cls, ctx: Any, a: Any, b: Any) -> Any:
        y = super().forward(ctx, a, b)
        ctx.save(a, b)  # who wins depends on both
        return y

    grad_a = staticmethod(lambda dy, a, b: _half_at_ties(dy, ~(a <= b), a == b))
    grad_b = staticmethod(lambda dy, a, b: _half_at_ties(dy, ~(b <= a), a == b))


class _Minimum(_Maximum):
    op = "minimum"
    value = staticmethod(np.minimum)
    grad_a = staticmethod(lambda dy, a, b: _half_at_ties(dy, ~(a >= b), a == b))
    grad_b = staticmethod(lambda dy, a, b: _half_at_ties(dy, ~(b >= a), a == b))


def _extreme(cls: Any, input: Tensor, other: Tensor) -> Tensor:
    a = _checks.tensor(input, cls.op, "input")
    a, b = operands(a, _checks.tensor(other, cls.op, "other"), cls.op)
    _broadcasts(a._data, b._data, cls.op)
    return cls.apply(a, b)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements, broadcast; NaN if one is.  Equal ones share the gradient."""
    return _extreme(_Maximum, input, other)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements, broadcast; NaN if one is.  Equal ones share the gradient."""
    return _extreme(_Minimum, input, other)


class _Logit(Function):
    """In double precision, so that CPUs that differ in the last bit agree after rounding."""

    strided = True

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, x: np.ndarray, low: Any, high: Any) -> Any:
        ctx.low, ctx.high = low, high
        ctx.save(x)
        wide = (x if low is None else np.clip(x, low, high)).astype(np.float64)
        return np.asanyarray(np.log(wide / (1 - wide))).astype(x.dtype)

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        low, high, outside = ctx.low, ctx.high, dy.dtype.type(0)
        if low is None:
            low, high, outside = 0, 1, dy.dtype.type(np.nan)
        away = (x < low) | (x > high)
        size = np.abs(x)  # -0 is an end as 0 is
        return np.where(away, outside, dy / (size * (1 - x)))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), NaN outside [0, 1]; of integers float32.

    eps: input is first brought into [eps, 1 - eps], outside of which the gradient is 0.  Raises
    TypeError for an eps that is no number.
    """
    x = _checks.floating(input, "logit")
    if eps is None:
        return _Logit.apply(x, None, None)
    low = x.dtype.type(_checks.number(eps, "logit", "eps"))
    return _Logit.apply(x, low, 1 - low)


def isnan(input: Tensor) -> Tensor:
    """Where input is NaN, bool."""
    return wrap(np.asanyarray(np.isnan(_checks.tensor(input, "isnan", "input")._data)))


def isinf(input: Tensor) -> Tensor:
    """Where input is infinite, bool."""
    return wrap(np.asanyarray(np.isinf(_checks.tensor(input, "isinf", "input")._data)))


def isfinite(input: Tensor) -> Tensor:
    """Where input is neither infinite nor NaN, bool."""
    return wrap(np.asanyarray(np.isfinite(_checks.tensor(input, "isfinite", "input")._data)))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal."""
    a = _checks.tensor(input, "equal", "input")
    return np.array_equal(a._data, _checks.tensor(other, "equal", "other")._data)


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere, broadcast; see `isclose`."""
    a, b = operands(_checks.tensor(input, "allclose", "input"), other, "allclose")
    return bool(_close(a._data, b._data, rtol, atol, equal_nan, "allclose").all())


@np.errstate(all="ignore")
def _close(
    a: np.ndarray, b: np.ndarray, rtol: Any, atol: Any, equal_nan: bool, function: str
) -> np.ndarray:
    for name, value in (("rtol", rtol), ("atol", atol)):
        if _checks.number(value, function, name) < 0:
            raise ValueError(f"{function}: {name} is {value}, expected at least 0")
    _broadcasts(a, b, function)
    close = np.asanyarray(a == b)
    if equal_nan:
        close = close | np.isnan(a) & np.isnan(b)
    if rtol == 0 and atol == 0:
        return close
    if a.dtype.kind != "f":
        a, b = a.astype(np.float32), b.astype(np.float32)
    allowed = a.dtype.type(atol) + np.abs(a.dtype.type(rtol) * b)
    apart = np.abs(a - b)
    return np.asanyarray(close | np.isfinite(apart) & (apart <= allowed))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol |other|, broadcast; bool.

    Equal infinities are close; equal_nan: two NaN as well.  Raises ValueError for a tolerance below
    0 or shapes, TypeError for dtypes that differ.
    """
    a, b = _checks.tensor(input, "isclose", "input"), _checks.tensor(other, "isclose", "other")
    a, b = operands(a, b, "isclose")
    return wrap(_close(a._data, b._data, rtol, atol, equal_nan, "isclose"))


class _LogAddExp(_Binary):
    """In double precision, so that CPUs that differ in the last bit agree after rounding."""

    op = "logaddexp"
    needs_values = a_needs_a = b_needs_b = True

    value = staticmethod(
        lambda a, b: np.asanyarray(np.logaddexp(a, b, dtype=np.float64)).astype(a.dtype)
    )
    grad_a = staticmethod(lambda dy, a, b: dy * _share(a, b))
    grad_b = staticmethod(lambda dy, a, b: dy * _share(b, a))


def _share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """exp(a) / (exp(a) + exp(b))"""
    wide = 1 / (1 + np.exp(np.subtract(b, a, dtype=np.float64)))
    return np.asanyarray(wide).astype(a.dtype)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), broadcast, without overflow.

    Raises TypeError for integers or dtypes that differ, ValueError for shapes.
    """
    a = _checks.tensor(input, "logaddexp", "input")
    b = _checks.tensor(other, "logaddexp", "other")
    _checks.kernels(a._data, "logaddexp", "input", b._data, "other")
    _broadcasts(a._data, b._data, "logaddexp")
    return _LogAddExp.apply(a, b)


def _product(name: str, input: Tensor, other: Tensor, axes: tuple[int, int]) -> Tensor:
    a, b = _checks.tensor(input, name, "input"), _checks.tensor(other, name, "other")
    if (a.ndim, b.ndim) != axes or (name == "bmm" and a.shape[0] != b.shape[0]):
        raise ValueError(
            f"{name}: shapes {a.shape} and {b.shape}, expected {axes[0]} and {axes[1]} axes that "
            "fit"
        )
    return matmul(a, b)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Matrix product (m, k) @ (k, n).  Raises ValueError for other shapes."""
    return _product("mm", input, mat2, (2, 2))


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Matrix products (b, m, k) @ (b, k, n).  Raises ValueError for other shapes."""
    return _product("bmm", input, mat2, (3, 3))


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Matrix times vector (m, k) @ (k,).  Raises ValueError for other shapes."""
    return _product("mv", input, vec, (2, 1))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two vectors (k,).  Raises ValueError for other shapes."""
    return _product("dot", input, tensor, (1, 1))
