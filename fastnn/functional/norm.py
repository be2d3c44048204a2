"""Normalisation."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks


def _planes(x: np.ndarray) -> np.ndarray:
    """(N, C, d1, d2, ...) as (N, C, d1 d2 ...)."""
    return x.reshape(x.shape[0], x.shape[1], prod(x.shape[2:]))


class _BatchNorm(Function):
    """seen: a list that receives the mean and variance that were used."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: Any, bias: Any, mean: Any, var: Any, settings: Any,
        seen: Any,
    ) -> Any:  # fmt: skip
        k = _checks.kernels(
            x, "batch_norm", "input", weight, "weight", bias, "bias",
            mean, "running_mean", var, "running_var",
        )  # fmt: skip
        training, eps, activation = settings
        if training:
            mean = var = None
        y, mean, var = k.batch_norm_forward(_planes(x), weight, bias, mean, var, eps, activation)
        ctx.kernels, ctx.settings = k, settings
        ctx.save(x, weight, None if activation is None else bias, mean, var)
        seen[:] = mean, var
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, bias, mean, var = ctx.saved
        training, eps, activation = ctx.settings
        dx, dweight, dbias = ctx.kernels.batch_norm_backward(
            _planes(dy), _planes(x), weight, bias, mean, var, eps, training, activation,
            ctx.needs_input_grad[:3],
        )  # fmt: skip
        return dx if dx is None else dx.reshape(x.shape), dweight, dbias


def eps_of(value: Any, function: str) -> float:
    """A finite eps of at least 0; TypeError or ValueError otherwise."""
    eps = _checks.number(value, function, "eps")
    if not 0.0 <= eps < math.inf:
        raise ValueError(f"{function}: eps is {eps}, expected at least 0 and finite")
    return eps


def fused_activation(value: Any, function: str) -> str | None:
    """None or "relu", which normalisation can fuse; ValueError otherwise."""
    if value is not None and value != "relu":
        raise ValueError(f"{function}: activation is {value!r}, expected None or 'relu'")
    return value


def _update(running: Tensor | None, value: np.ndarray, momentum: float) -> None:
    """running = (1 - momentum) running + momentum value, in place."""
    if running is None:
        return
    a, number = running._data, running._data.dtype.type
    a[...] = number(1.0 - momentum) * a + number(momentum) * value
    running._changed()


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    activation: str | None = None,
) -> Tensor:
    """y = act((x - mean) / sqrt(var + eps) weight + bias), channel by channel of (N, C, ...).

    training: mean and var (over the number of values, biased) are the batch's, the gradient goes
    through them, and the running ones, unless None, move by the share `momentum` towards mean and
    the unbiased variance; otherwise mean and var are the running ones.  weight, bias, running_mean
    and running_var (C,).  activation: None or "relu", in the same pass.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.

    Raises TypeError for dtypes, ValueError for shapes and settings, for one value per channel in
    training and for missing running statistics otherwise.
    """
    x = _checks.tensor(input, "batch_norm", "input")
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"batch_norm: input has shape {shape}, expected (N, C, ...)")
    named = {
        "weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var
    }  # fmt: skip
    for name, value in named.items():
        if value is None:
            continue
        if _checks.tensor(value, "batch_norm", name).shape != shape[1:2]:
            raise ValueError(
                f"batch_norm: {name} has shape {value.shape}, expected ({shape[1]},), one for each "
                f"channel of input {shape}"
            )
        if name.startswith("running") and value.requires_grad:
            raise ValueError(f"batch_norm: {name} must not require a gradient")
    eps = eps_of(eps, "batch_norm")
    fused_activation(activation, "batch_norm")
    if not training:
        for name in ("running_mean", "running_var"):
            if named[name] is None:
                raise ValueError(f"batch_norm: {name} is None, but training is False")
        settings = False, eps, activation
        return _BatchNorm.apply(x, weight, bias, running_mean, running_var, settings, [])
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: one of running_mean and running_var is None, not both")
    momentum = _checks.number(momentum, "batch_norm", "momentum")
    if eps == 0.0:
        raise ValueError("batch_norm: eps is 0.0, expected more than 0 in training")
    count = shape[0] * prod(shape[2:])
    if count == 1:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got input {shape}"
        )
    seen: list[np.ndarray] = []
    settings = True, eps, activation
    y = _BatchNorm.apply(x, weight, bias, running_mean, running_var, settings, seen)
    if count:
        mean, var = seen
        _update(running_mean, mean, momentum)
        _update(running_var, var * var.dtype.type(count / (count - 1)), momentum)
    return y


class _LocalResponseNorm(Function):
    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, size: int, alpha: float, beta: float, k: float
    ) -> np.ndarray:
        kernels = ctx.kernels = _checks.kernels(x, "local_response_norm", "input")
        y, base = kernels.local_response_norm_forward(_planes(x), size, alpha, beta, k)
        ctx.settings = size, alpha, beta
        y = y.reshape(x.shape)
        ctx.save(x, y, base)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        x, y, base = ctx.saved
        dx = ctx.kernels.local_response_norm_backward(
            _planes(dy), _planes(x), _planes(y), base, *ctx.settings
        )
        return dx.reshape(x.shape)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """y_c = x_c (k + alpha / size sum_j x_j^2)^-beta over `size` neighbouring channels j.

    input (N, C, d1, ...); j from c - size // 2 to c + (size - 1) // 2 as far as there are channels.
    NaN where the base is below 0, unless beta is 1.  Source: Krizhevsky et al. 2012, section 3.3
    (with alpha in place of alpha / size).  Raises TypeError for dtypes, ValueError for shapes.
    """
    x = _checks.tensor(input, "local_response_norm", "input")
    if x.ndim < 3:
        raise ValueError(
            f"local_response_norm: input has shape {x.shape}, expected (N, C, d1, ...)"
        )
    size = _checks.integer(size, "local_response_norm", "size", 1)
    numbers = [
        _checks.number(value, "local_response_norm", name)
        for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
    ]
    return _LocalResponseNorm.apply(x, size, *numbers)
