"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random import Generator, resolve
from ..tensor import Function, Tensor
from . import _checks


class _Dropout(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, p: float, key: int, offset: int) -> Any:
        ctx.kernels = _checks.kernels(x, "dropout", "input")
        ctx.settings = p, key, offset
        return ctx.kernels.dropout(x, p, key, offset)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.dropout(dy, *ctx.settings)  # the same draw, no mask in memory


def given(x: Tensor, y: Tensor, inplace: bool, function: str) -> Tensor:
    """y, or x with its values."""
    if not inplace:
        return y
    from .inplace import assign

    return assign(x, y, f"{function}(inplace=True)")


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Each element becomes 0 with probability p, the others are divided by 1 - p (Srivastava et al.
    2014).  Not training: input itself.  generator: the default one if None.

    Raises TypeError for a dtype that is not float32 or float64, ValueError for p outside [0, 1].
    """
    _checks.tensor(input, "dropout", "input")
    p = _checks.probability(p, "dropout")
    if not training or p == 0.0:
        return input
    key, offset = resolve(generator).reserve(input._data.size)
    return given(input, _Dropout.apply(input, p, key, offset), inplace, "dropout")
