"""Dense layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor
from . import _checks


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray, bias: Any, activation: Any) -> Any:
        k = backend.kernels if x.dtype.char == "f" else _checks.kernels(x, "linear", "input")
        try:
            y = k.linear_forward(_rows(x), weight, bias, activation)
        except (TypeError, ValueError):
            _explain(x, weight, bias)  # the kernel's own checks cost nothing, these words would
            raise
        if x.ndim != 2:
            y = y.reshape(*x.shape[:-1], y.shape[1])
        ctx.kernels, ctx.activation = k, activation
        if activation is None:
            ctx.save(x, weight)
        else:
            ctx.save(x, weight, y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, *y = ctx.saved
        grads = ctx.kernels.linear_backward(
            _rows(dy),
            _rows(x),
            weight,
            _rows(y[0]) if y else None,
            ctx.activation,
            ctx.needs_input_grad[:3],
        )
        if x.ndim == 2 or grads[0] is None:
            return grads
        return grads[0].reshape(x.shape), *grads[1:]


def _rows(x: np.ndarray) -> np.ndarray:
    """(..., n) as (N, n)."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _explain(x: np.ndarray, weight: np.ndarray, bias: Any) -> None:
    _checks.kernels(x, "linear", "input", weight, "weight", bias, "bias")
    if not x.ndim or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input has shape {x.shape} and weight {weight.shape}, "
            "expected (..., in_features) and (out_features, in_features)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias has shape {bias.shape}, expected {weight.shape[:1]} for a weight "
            f"of shape {weight.shape}"
        )


def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str | None = None
) -> Tensor:
    """y = act(input @ weight.T + bias): (..., in) -> (..., out), weight (out, in), bias (out,).

    activation: None, "relu", "tanh" or "sigmoid", computed while y is in registers.
    Raises TypeError for dtypes that are not float32 or float64 or that differ, ValueError for
    shapes that do not fit.
    """
    if activation is not None:
        _checks.activation(activation, "linear")
    if not (isinstance(input, Tensor) and isinstance(weight, Tensor)):
        _checks.tensor(input, "linear", "input")
        _checks.tensor(weight, "linear", "weight")
    if bias is not None and not isinstance(bias, Tensor):
        _checks.tensor(bias, "linear", "bias")
    if input._data.ndim == 0:
        _explain(input._data, weight._data, None)
    return _Linear.apply(input, weight, bias, activation)
