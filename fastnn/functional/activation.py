"""Activations, exponential and logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, contiguous, wrap
from . import _checks
from .shape import to


class _Activation(Function):
    """y = f(x) whose gradient follows from y."""

    op = ""

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray) -> Any:
        k = ctx.kernels = _checks.kernels(x, cls.op, "input")
        y = getattr(k, cls.op + "_forward")(x)
        ctx.save(y)
        return y

    @classmethod
    def backward(cls, ctx: Any, dy: np.ndarray) -> Any:
        (y,) = ctx.saved
        return getattr(ctx.kernels, cls.op + "_backward")(dy, y)


class _Relu(_Activation):
    op = "relu"


class _Tanh(_Activation):
    op = "tanh"


class _Sigmoid(_Activation):
    op = "sigmoid"


class _LeakyRelu(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, negative_slope: float) -> Any:
        k = ctx.kernels = _checks.kernels(x, "leaky_relu", "input")
        ctx.slope = negative_slope
        ctx.save(x)
        return k.leaky_relu_forward(x, negative_slope)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        return ctx.kernels.leaky_relu_backward(dy, x, ctx.slope)


class _LeakyReluInPlace(_LeakyRelu):
    """The sign of the output, which replaces the input, is the input's if the slope is >= 0."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, negative_slope: float) -> Any:
        y = _LeakyRelu.forward(ctx, x, negative_slope)
        ctx.save(y)
        return y


class _Exp(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        y = _checks.kernels(x, "exp", "input").exp_forward(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (y,) = ctx.saved
        return dy * y


class _Log(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        ctx.save(x)
        return _checks.kernels(x, "log", "input").log_forward(x)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        with np.errstate(all="ignore"):
            return dy / x


class _Rows(Function):
    """Softmax and log-softmax along one axis, as rows of a matrix."""

    op = ""

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray, dim: int) -> Any:
        k = ctx.kernels = _checks.kernels(x, cls.op, "input")
        ctx.dim = dim
        y = from_rows(getattr(k, cls.op + "_forward")(as_rows(x, dim)), x.shape, dim)
        ctx.save(y)
        return y

    @classmethod
    def backward(cls, ctx: Any, dy: np.ndarray) -> Any:
        (y,) = ctx.saved
        rows = as_rows(dy, ctx.dim), as_rows(y, ctx.dim)
        return from_rows(getattr(ctx.kernels, cls.op + "_backward")(*rows), dy.shape, ctx.dim)


class _Softmax(_Rows):
    op = "softmax"


class _LogSoftmax(_Rows):
    op = "log_softmax"


def as_rows(x: np.ndarray, dim: int) -> np.ndarray:
    """(N, C) with C the axis `dim`, C-contiguous."""
    if x.ndim == 2 and dim == 1:
        return contiguous(x)
    if not x.ndim:
        return x.reshape(1, 1)
    moved = np.moveaxis(x, dim, -1)
    rows = moved.size // moved.shape[-1] if moved.shape[-1] else 0
    return contiguous(moved).reshape(rows, moved.shape[-1])


def from_rows(rows: np.ndarray, shape: tuple[int, ...], dim: int) -> np.ndarray:
    """The inverse of as_rows."""
    if len(shape) == 2 and dim == 1:
        return rows
    if not shape:
        return rows.reshape(())
    moved = rows.reshape((*shape[:dim], *shape[dim + 1 :], shape[dim]))
    return contiguous(np.moveaxis(moved, -1, dim))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), any shape; NaN stays NaN, integers keep their dtype.  inplace: in input's
    memory, too.  Raises TypeError for bool."""
    x = _checks.tensor(input, "relu", "input")
    if x._data.dtype.kind in "iu":
        y = wrap(np.asanyarray(np.maximum(x._data, x._data.dtype.type(0), order="C")))
    else:
        y = _Relu.apply(x)
    if inplace:
        from .inplace import assign

        return assign(input, y, "relu(inplace=True)")
    return y


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is above 0, else negative_slope input, any shape.

    inplace: in input's memory, too; RuntimeError if that is recorded with a slope below 0, whose
    gradient the output does not tell.  Raises TypeError for a slope that is no number.
    """
    x = _checks.tensor(input, "leaky_relu", "input")
    if isinstance(negative_slope, bool) or not isinstance(negative_slope, (int, float, np.number)):
        raise TypeError(f"leaky_relu: negative_slope must be a number, got {negative_slope!r}")
    slope = float(negative_slope)
    if not inplace:
        return _LeakyRelu.apply(x, slope)
    from .inplace import assign

    y = _LeakyReluInPlace.apply(x, slope)
    if slope < 0 and y.requires_grad:
        raise RuntimeError(
            f"leaky_relu: negative_slope is {slope}, expected at least 0 with inplace=True"
        )
    return assign(input, y, "leaky_relu(inplace=True)")


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, any shape."""
    return _Tanh.apply(_checks.floating(input, "tanh"))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)), any shape."""
    return _Sigmoid.apply(_checks.floating(input, "sigmoid"))


def exp(input: Tensor) -> Tensor:
    """e ** input, any shape."""
    return _Exp.apply(_checks.floating(input, "exp"))


def log(input: Tensor) -> Tensor:
    """Natural logarithm, any shape; -inf at 0, NaN below."""
    return _Log.apply(_checks.floating(input, "log"))


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum exp(x) along `dim`, of x in dtype.  Raises IndexError for a dim out of range."""
    _checks.tensor(input, "softmax", "input")
    input = input if dtype is None else to(input, dtype)
    return _Softmax.apply(input, _checks.axis(dim, input.ndim, "softmax"))


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """x - log sum exp(x) along `dim`, of x in dtype.  Raises IndexError for a dim out of range."""
    _checks.tensor(input, "log_softmax", "input")
    input = input if dtype is None else to(input, dtype)
    return _LogSoftmax.apply(input, _checks.axis(dim, input.ndim, "log_softmax"))
