"""Elementwise arithmetic with broadcasting, and matrix products.

The elementwise part is NumPy's but for + - * /, see binary.py; those and sqrt are rounded as IEEE
754 says on every CPU.  A Python number takes the tensor's dtype; two tensors must have the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, wrap
from . import _checks
from .binary import _Add, _Div, _Mul, _Sub, binary


class _AddRelu(Function):
    @staticmethod
    def forward(ctx: Any, a: np.ndarray, b: np.ndarray) -> Any:
        k = ctx.kernels = _checks.kernels(a, "add_relu", "input", b, "other")
        y = k.add_relu_forward(a, b)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = ctx.kernels.relu_backward(dy, *ctx.saved)
        return dx, dx


class _Pow(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, exponent: float) -> Any:
        ctx.exponent = exponent
        ctx.save(x)
        return _power(x, exponent)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        if ctx.exponent == 0:
            return np.zeros_like(dy)
        with np.errstate(all="ignore"):
            return dy * x.dtype.type(ctx.exponent) * _power(x, ctx.exponent - 1)


def _power(x: np.ndarray, exponent: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        if exponent == 2:
            return x * x
        if exponent == 3:
            return x * x * x
        if exponent == 0.5:
            return np.sqrt(x)
        if exponent == 0:
            return np.ones_like(x)
        if exponent in (1, -1):
            return x.copy() if exponent == 1 else np.reciprocal(x)
        # in double precision, so that CPUs that differ in the last bit agree after rounding
        return np.power(x, exponent, dtype=np.float64).astype(x.dtype)


class _Sqrt(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            y = np.asanyarray(np.sqrt(x))
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (y,) = ctx.saved
        with np.errstate(all="ignore"):
            return dy / (y + y)


class _RootOrFlat(_Sqrt):
    """Square root whose gradient at 0 is 0."""

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (y,) = ctx.saved
        with np.errstate(all="ignore"):
            return np.where(y == 0, y, dy / (y + y))


class _Abs(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        ctx.save(x)
        return np.abs(x)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy * np.sign(ctx.saved[0])


class _Clamp(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, low: Any, high: Any) -> Any:
        ctx.low, ctx.high = low, high
        ctx.save(x)
        return np.clip(x, low, high)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        inside = np.ones(x.shape, bool)
        if ctx.low is not None:
            inside &= x >= ctx.low
        if ctx.high is not None:
            inside &= x <= ctx.high
        return dy * inside


class _Matmul(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, a: np.ndarray, b: np.ndarray) -> Any:
        ctx.save(a, b)
        lead = a.shape[:-2] if a.ndim == b.ndim == 2 else _lead(a, b)
        return backend.of(a).batched_matmul(a, b, lead)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        a, b = ctx.saved
        product = backend.of(a).batched_matmul
        da = db = None
        if ctx.needs_input_grad[0]:
            da = product(dy, b.swapaxes(-1, -2), a.shape[:-2])
        if ctx.needs_input_grad[1]:
            db = product(a.swapaxes(-1, -2), dy, b.shape[:-2])
        return da, db


def _lead(a: np.ndarray, b: np.ndarray) -> tuple[int, ...]:
    """The leading axes of a product."""
    return np.broadcast_shapes(a.shape[:-2], b.shape[:-2])


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other, broadcast."""
    return binary(_Add, input, other if alpha == 1 else other * alpha)


def add_relu(input: Tensor, other: Tensor) -> Tensor:
    """max(input + other, 0) in one pass, as residual blocks end; equal shapes.

    The bits are those of relu(input + other).  Raises TypeError for dtypes, ValueError for shapes.
    """
    a = _checks.tensor(input, "add_relu", "input")
    b = _checks.tensor(other, "add_relu", "other")
    if a.shape != b.shape:
        raise ValueError(
            f"add_relu: input has shape {a.shape}, but other has shape {b.shape}; "
            "they are not broadcast"
        )
    return _AddRelu.apply(a, b)


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other, broadcast."""
    return binary(_Sub, input, other if alpha == 1 else other * alpha)


def mul(input: Any, other: Any) -> Tensor:
    """input * other, broadcast."""
    return binary(_Mul, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, broadcast; integers give float32.

    rounding_mode: "trunc" (towards 0) or "floor" (down) to a whole number, integers to integers,
    with gradient 0.  Raises ZeroDivisionError for integers rounded over 0.
    """
    if rounding_mode is None:
        return binary(_Div, input, other)
    from .elementwise import rounded_division

    return rounded_division(input, other, rounding_mode)


def true_divide(input: Any, other: Any) -> Tensor:
    """input / other; `div` by another name."""
    return div(input, other)


def neg(input: Tensor) -> Tensor:
    """-input; of uint8 modulo 256."""
    if isinstance(input, Tensor) and input._data.dtype.kind == "u":
        return wrap(np.asanyarray(np.negative(input._data)))
    if isinstance(input, Tensor) and input._data.dtype.kind == "b":
        raise TypeError("neg: input has dtype bool; use ~")
    return mul(_checks.tensor(input, "neg", "input"), -1)


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent; one of the two may be a number, two Tensors are broadcast.

    Integers to integers stay integers.  The gradient of the exponent is y log(input), 0 where
    input is 0 and exponent is not negative.  Raises ValueError for a negative power of integers,
    TypeError for dtypes that differ.
    """
    from .powers import power

    if isinstance(input, Tensor) and input._data.dtype.kind == "f":
        if isinstance(exponent, (int, float, np.number)) and not isinstance(exponent, bool):
            return _Pow.apply(input, exponent)
    return power(input, exponent)


def sqrt(input: Tensor) -> Tensor:
    """Square root; NaN below 0."""
    return _Sqrt.apply(_checks.floating(input, "sqrt"))


def root_or_flat(input: Tensor) -> Tensor:
    """Square root, with gradient 0 at 0; for `std`."""
    return _RootOrFlat.apply(input)


def abs(input: Tensor) -> Tensor:
    """|input|."""
    return _Abs.apply(_checks.tensor(input, "abs", "input"))


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input, but not below min nor above max; where they cross, max.  The gradient is 0 outside.

    min, max: numbers, or Tensors of input's dtype that broadcast, which get the gradient outside.
    Raises TypeError for one of each and for dtypes, ValueError for shapes or without bounds.
    """
    x = _checks.tensor(input, "clamp", "input")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        from .bounds import bounded

        return bounded(x, min, max)
    if min is None and max is None:
        raise ValueError("clamp: min and max are both None")
    for name, bound in (("min", min), ("max", max)):
        if bound is not None and not isinstance(bound, (int, float, np.number)):
            raise TypeError(f"clamp: {name} must be a number, got {type(bound).__name__}")
        if x.dtype.kind != "f" and isinstance(bound, (float, np.floating)):
            raise TypeError(f"clamp: {name} is {bound}, but input has dtype {x.dtype}")
    return _Clamp.apply(x, min, max)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product as PyTorch's: (m, k) @ (k, n); vectors and leading axes as in NumPy.

    Raises TypeError for dtypes that are not float32 or float64 or that differ, ValueError for
    shapes that do not fit.
    """
    from .shape import reshape

    a = _checks.tensor(input, "matmul", "input")
    b = _checks.tensor(other, "matmul", "other")
    _checks.kernels(a._data, "matmul", "input", b._data, "other")
    fits = a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else 0]
    if not fits:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit")
    left = a if a.ndim > 1 else reshape(a, (1, -1))
    right = b if b.ndim > 1 else reshape(b, (-1, 1))
    try:
        _lead(left._data, right._data)
    except ValueError:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not broadcast") from None
    y = _Matmul.apply(left, right)
    shape = y.shape[:-2] + y.shape[-2:-1] * (a.ndim > 1) + y.shape[-1:] * (b.ndim > 1)
    return y if shape == y.shape else reshape(y, shape)
