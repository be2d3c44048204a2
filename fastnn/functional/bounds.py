"""clamp whose bounds are tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .binary import operands
from .reduce import unbroadcast


class _Bounded(Function):
    """min(max(x, low), high).  The gradient goes to the one of the three that y is; of equal ones
    to x, and where low >= high all of it to high.
    """

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, low: Any, high: Any) -> Any:
        ctx.save(x, low, high)
        y = x if low is None else np.maximum(x, low)
        return y if high is None else np.minimum(y, high)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, low, high = ctx.saved
        need_x, need_low, need_high = ctx.needs_input_grad
        above = True if low is None else x >= low
        below = True if high is None else x <= high
        zero = dy.dtype.type(0)
        dx = dlow = dhigh = None
        if need_x:
            dx = unbroadcast(np.where(above & below, dy, zero), x.shape)
        if need_low:
            is_low = x < low if high is None else (x < low) & (low < high)
            dlow = unbroadcast(np.where(is_low, dy, zero), low.shape)
        if need_high:
            is_high = x > high if low is None else (x > high) | (high < low)
            dhigh = unbroadcast(np.where(is_high, dy, zero), high.shape)
        return dx, dlow, dhigh


def bounded(input: Tensor, low: Any, high: Any) -> Tensor:
    """clamp(input, low, high) of Tensors, either bound None; see arithmetic.clamp."""
    x = _checks.tensor(input, "clamp", "input")
    shapes = [x.shape]
    for name, bound in (("min", low), ("max", high)):
        if bound is None:
            continue
        if not isinstance(bound, Tensor):
            raise TypeError(
                f"clamp: {name} is {bound!r} next to a Tensor; expected two Tensors or two numbers"
            )
        operands(x, bound, "clamp")  # one dtype
        shapes.append(bound.shape)
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"clamp: shapes {listed} do not broadcast") from None
    return _Bounded.apply(x, low, high)
