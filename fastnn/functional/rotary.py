"""Rotary position encoding: pairs of features turn with the position."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks

_NAME = "rotary_encoding"


def rotations(positions: np.ndarray, width: int, base: float) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin (T, width / 2) of positions t / base^(2 i / width), in float64, so that CPUs that
    differ in the last bit agree after rounding."""
    rates = base ** (-np.arange(0, width, 2) / width)
    angle = positions[:, None] * rates
    return np.cos(angle), np.sin(angle)


class Rotate(Function):
    """(x0, x1) -> (x0 cos - x1 sin, x0 sin + x1 cos) for neighbours on the last axis."""

    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
        cos, sin = (a.astype(x.dtype) for a in (cos, sin))
        ctx.save(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        cos, sin = ctx.saved
        return _turned(dy, cos, -sin)


def _turned(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    y = np.empty(x.shape, x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    np.subtract(even * cos, odd * sin, out=y[..., 0::2])
    np.add(even * sin, odd * cos, out=y[..., 1::2])
    return y


def rotated_input(input: Any, name: str) -> Tensor:
    """input, if it is (..., T, E) with E even; TypeError or ValueError otherwise."""
    x = _checks.tensor(input, name, "input")
    _checks.kernels(x._data, name, "input")
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(
            f"{name}: input has shape {x.shape}, expected (..., T, E) with E an even number"
        )
    return x


def rotary_encoding(
    input: Tensor, positions: Tensor | None = None, base: float = 10000.0
) -> Tensor:
    """Features 2i and 2i + 1 of step t turned by the angle positions[t] / base^(2 i / E).

    input (..., T, E), E even: queries or keys of one head -> the same shape.  positions (T,), whole
    numbers or not; 0 to T - 1 if None.  Lengths stay, and the product of a turned query and a
    turned key depends on the distance of their positions only.
    Source: Su et al. 2021, arXiv:2104.09864, equations 14 and 15.
    Raises TypeError for dtypes, ValueError for shapes or a base that do not fit.
    """
    x, factor = rotated_input(input, _NAME), _checks.positive(base, _NAME, "base")
    steps = x.shape[-2]
    if positions is None:
        places = np.arange(steps)
    else:
        places = _checks.tensor(positions, _NAME, "positions")._data
        if places.shape != (steps,):
            raise ValueError(
                f"{_NAME}: positions has shape {places.shape}, expected {(steps,)}, one for each "
                "step of input"
            )
        if places.dtype.kind == "b":
            raise TypeError(f"{_NAME}: positions has dtype bool, expected numbers")
    return Rotate.apply(x, *rotations(places.astype(np.float64), x.shape[-1], factor))
