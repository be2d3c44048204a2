"""+ - * / with broadcasting, what functions of two Tensors share, and what their operands may be.

+ - * / of float32 arrays of one shape, or of one and a number, are a kernel's (threads, memory from
the pool), the rest is NumPy's; both are rounded as IEEE 754 says, denormal numbers too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, is_contiguous, wrap
from . import _checks
from .reduce import unbroadcast


def _broadcasts(a: np.ndarray, b: np.ndarray, op: str) -> None:
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(f"{op}: shapes {a.shape} and {b.shape} do not broadcast") from None


class _Binary(Function):
    strided = True
    op = ""
    needs_values = False  # whether the gradient of one depends on the other
    a_needs_a = b_needs_b = False  # whether it depends on itself as well

    @classmethod
    def forward(cls, ctx: Any, a: Any, b: Any) -> Any:
        ctx.shapes = a.shape, b.shape
        if a.shape != b.shape:
            _broadcasts(a, b, cls.op)
        if cls.needs_values:
            need_a, need_b = ctx.needs_input_grad
            ctx.save(a if need_b or cls.a_needs_a else None, b if need_a or cls.b_needs_b else None)
        with np.errstate(all="ignore"):
            return cls.value(a, b)

    @classmethod
    def backward(cls, ctx: Any, dy: np.ndarray) -> Any:
        a, b = ctx.saved if cls.needs_values else (None, None)
        need_a, need_b = ctx.needs_input_grad
        da = db = None
        with np.errstate(all="ignore"):
            if need_a:
                da = unbroadcast(cls.grad_a(dy, a, b), ctx.shapes[0])
            if need_b:
                db = unbroadcast(cls.grad_b(dy, a, b), ctx.shapes[1])
        return da, db

    value: Any
    grad_a: Any
    grad_b: Any


_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
}


def _by_numpy(op: str, a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        if type(b) is float:
            b = a.dtype.type(b)
        elif type(a) is float:
            a = b.dtype.type(a)
        try:
            return _UFUNCS[op](a, b)
        except ValueError:
            raise ValueError(f"{op}: shapes {a.shape} and {b.shape} do not broadcast") from None


def _value(op: str, a: Any, b: Any, ctx: Any = None) -> Any:
    """a op b of arrays of one dtype, or of one and a float: by the kernel where they lie alike.

    Notes in ctx shapes that differ.
    """
    if type(b) is float:
        alike = a.dtype.char == "f" and is_contiguous(a)
    elif type(a) is float:
        alike = b.dtype.char == "f" and is_contiguous(b)
    else:
        fit = a.shape == b.shape
        if not fit:
            if ctx is not None:
                ctx.shapes = a.shape, b.shape
            fit = not a.ndim or not b.ndim  # one is a number
        alike = fit and a.dtype.char == b.dtype.char == "f"
        alike = alike and is_contiguous(a) and is_contiguous(b)
    return (backend.kernels.arithmetic_forward if alike else _by_numpy)(op, a, b)


class _Arithmetic(Function):
    """a op b; one of the two may be a float instead of an array."""

    strided = True
    op = ""
    shapes: Any = None  # of the operands, if they differ


def _summed(ctx: Any, da: Any, db: Any) -> Any:
    """Gradients summed to the shapes of the operands."""
    if ctx.shapes is None:
        return da, db
    return (
        None if da is None else unbroadcast(np.asanyarray(da), ctx.shapes[0]),
        None if db is None else unbroadcast(np.asanyarray(db), ctx.shapes[1]),
    )


class _Add(_Arithmetic):
    op = "add"

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        return _value("add", a, b, ctx)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        need_a, need_b = ctx.needs_input_grad
        return _summed(ctx, dy if need_a else None, dy if need_b else None)


class _Sub(_Arithmetic):
    op = "sub"

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        return _value("sub", a, b, ctx)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        need_a, need_b = ctx.needs_input_grad
        return _summed(ctx, dy if need_a else None, _value("mul", dy, -1.0) if need_b else None)


class _Mul(_Arithmetic):
    op = "mul"

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        need_a, need_b = ctx.needs_input_grad
        ctx.save(a if need_b else None, b if need_a else None)
        return _value("mul", a, b, ctx)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        a, b = ctx.saved
        da = None if b is None else _value("mul", dy, b)
        return _summed(ctx, da, None if a is None else _value("mul", dy, a))


class _Div(_Arithmetic):
    op = "div"

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save(a if ctx.needs_input_grad[1] else None, b)
        return _value("div", a, b, ctx)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        a, b = ctx.saved
        da = _value("div", dy, b) if ctx.needs_input_grad[0] else None
        if a is None:
            return _summed(ctx, da, None)
        db = _value("div", _value("mul", dy, _value("div", a, b)), b)
        return _summed(ctx, da, _value("mul", db, -1.0))


def operands(a: Any, b: Any, op: str) -> tuple[Tensor, Tensor]:
    """Both as tensors of one dtype; a number takes the dtype of the other one."""
    if not isinstance(a, Tensor):
        return _number(a, _checks.tensor(b, op, "input"), op), b
    if not isinstance(b, Tensor):
        return a, _number(b, a, op)
    if a._data.dtype != b._data.dtype:
        raise TypeError(f"{op}: dtypes {a.dtype} and {b.dtype} differ; convert one with .to()")
    return a, b


def _number(value: Any, like: Tensor, op: str) -> Tensor:
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"{op}: expected a Tensor or a number, got an ndarray; use from_numpy")
    if not isinstance(value, (int, float, np.number, np.bool_, np.ndarray)):
        raise TypeError(f"{op}: expected a Tensor or a number, got {type(value).__name__}")
    kind = like.dtype.kind
    if kind != "f" and isinstance(value, (float, np.floating)):
        return wrap(np.asarray(value, np.float32))
    if kind == "b" and not isinstance(value, (bool, np.bool_)):
        return wrap(np.asarray(value, np.int64))
    if kind in "iu" and not np.iinfo(like.dtype).min <= value <= np.iinfo(like.dtype).max:
        raise ValueError(f"{op}: {value} does not fit into {like.dtype}")
    return wrap(np.asarray(value, like.dtype))


def binary(cls: Any, a: Any, b: Any) -> Tensor:
    """a op b of an _Arithmetic; a number beside floats becomes no tensor."""
    if isinstance(b, (float, int)):
        if isinstance(a, Tensor) and a._data.dtype.kind == "f":
            return cls.apply(a, float(b))
    elif isinstance(b, Tensor) and b._data.dtype.kind == "f":
        if isinstance(a, Tensor):
            if a._data.dtype.char == b._data.dtype.char:
                return cls.apply(a, b)
        elif isinstance(a, (float, int)):
            return cls.apply(float(a), b)
    a, b = operands(a, b, cls.op)
    if a._data.dtype.kind == b._data.dtype.kind == "f":
        return cls.apply(a, b)
    if cls is _Sub and a._data.dtype.kind == b._data.dtype.kind == "b":
        raise TypeError("sub: input and other have dtype bool; use ^ or ~")
    y = np.asanyarray(_by_numpy(cls.op, a._data, b._data))
    wanted = np.float32 if y.dtype == np.float64 else y.dtype
    return wrap(y.astype(wanted, copy=False))
