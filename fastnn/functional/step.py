"""The step function and the gradients that stand in for the one it does not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks

SURROGATES = ("sigmoid", "triangle", "fast_sigmoid")


class _Step(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, surrogate: str | None) -> Any:
        ctx.kernels = _checks.kernels(x, "step", "input")
        ctx.surrogate = surrogate
        if surrogate is not None:
            ctx.save(x)
        return np.where(np.isnan(x), x, (x >= 0).astype(x.dtype))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        if ctx.surrogate is None:
            raise RuntimeError(
                "step has no gradient: it is flat but at 0, where it jumps; train the weights "
                "before it by the perceptron rule, or pass surrogate="
                + ", ".join(map(repr, SURROGATES))
            )
        (x,) = ctx.saved
        one = x.dtype.type(1)
        if ctx.surrogate == "sigmoid":
            return ctx.kernels.sigmoid_backward(dy, ctx.kernels.sigmoid_forward(x))
        if ctx.surrogate == "triangle":
            return np.asanyarray(dy * np.maximum(one - np.abs(x), x.dtype.type(0)))
        size = np.abs(x) + one
        return np.asanyarray(dy / size / size)


def step(input: Tensor, surrogate: str | None = None) -> Tensor:
    """1 where x >= 0, else 0, any shape; NaN stays NaN.

    It has no gradient: backward raises RuntimeError.  With a surrogate it has that of a smooth
    function: "sigmoid" s (1 - s), s = sigmoid(x); "triangle" max(1 - |x|, 0); "fast_sigmoid"
    1 / (1 + |x|)^2.  Scale the input for a narrower one.  Raises ValueError for another surrogate.
    Source: Zenke and Ganguli 2018, doi:10.1162/neco_a_01086; Neftci et al. 2019, arXiv:1901.09948.
    """
    check_surrogate(surrogate, "step")
    return _Step.apply(_checks.tensor(input, "step", "input"), surrogate)


def check_surrogate(surrogate: str | None, function: str) -> str | None:
    """surrogate, if it is None or a name that `step` knows; ValueError otherwise."""
    if surrogate is not None and surrogate not in SURROGATES:
        raise ValueError(
            f"{function}: surrogate is {surrogate!r}, expected None, 'sigmoid', 'triangle' or "
            "'fast_sigmoid'"
        )
    return surrogate
