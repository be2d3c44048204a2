"""Layer and RMS normalisation: each row is the last axes of the input."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .norm import eps_of


class _LayerNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: Any, bias: Any, n: int, eps: float) -> np.ndarray:
        k = _checks.kernels(x, "layer_norm", "input", weight, "weight", bias, "bias")
        w, b = (None if a is None else a.reshape(n) for a in (weight, bias))
        rows = _rows(x, n)
        y, mean, rstd = k.layer_norm_forward(rows, w, b, eps)
        ctx.kernels, ctx.n = k, n
        ctx.affine = [None if a is None else a.shape for a in (weight, bias)]
        ctx.save(x, weight, mean, rstd)
        return _shaped(y, x.shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, mean, rstd = ctx.saved
        dx, dweight, dbias = ctx.kernels.layer_norm_backward(
            _rows(dy, ctx.n), _rows(x, ctx.n), None if weight is None else weight.reshape(ctx.n),
            mean, rstd, ctx.needs_input_grad[:3],
        )  # fmt: skip
        shapes = x.shape, *ctx.affine
        return tuple(_shaped(g, s) for g, s in zip((dx, dweight, dbias), shapes, strict=True))


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: Any, n: int, eps: float) -> np.ndarray:
        k = _checks.kernels(x, "rms_norm", "input", weight, "weight")
        y, rstd = k.rms_norm_forward(
            _rows(x, n), None if weight is None else weight.reshape(n), eps
        )
        ctx.kernels, ctx.n = k, n
        ctx.save(x, weight, rstd)
        return _shaped(y, x.shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, rstd = ctx.saved
        dx, dweight = ctx.kernels.rms_norm_backward(
            _rows(dy, ctx.n), _rows(x, ctx.n), None if weight is None else weight.reshape(ctx.n),
            rstd, ctx.needs_input_grad[:2],
        )  # fmt: skip
        return _shaped(dx, x.shape), None if dweight is None else _shaped(dweight, weight.shape)


def _rows(x: np.ndarray, n: int) -> np.ndarray:
    return x.reshape(x.size // n if n else 0, n)


def _shaped(a: Any, shape: Any) -> Any:
    """a in that shape; itself if it has it, as the tape copies views that become a leaf's grad."""
    return a if a is None or a.shape == shape else a.reshape(shape)


def shape_of(value: Any, function: str) -> tuple[int, ...]:
    """normalized_shape: an int or at least one of them; TypeError or ValueError otherwise."""
    sizes = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if not sizes:
        raise ValueError(f"{function}: normalized_shape is {value!r}, expected at least one size")
    return tuple(_checks.integer(n, function, "normalized_shape", 0) for n in sizes)


def _checked(
    input: Any, normalized_shape: Any, function: str, **affine: Any
) -> tuple[Tensor, tuple[int, ...]]:
    x = _checks.tensor(input, function, "input")
    sizes = shape_of(normalized_shape, function)
    if len(x.shape) < len(sizes) or x.shape[len(x.shape) - len(sizes) :] != sizes:
        raise ValueError(
            f"{function}: input has shape {x.shape}, whose last axes are not normalized_shape "
            f"{sizes}"
        )
    for name, value in affine.items():
        if value is not None and _checks.tensor(value, function, name).shape != sizes:
            raise ValueError(
                f"{function}: {name} has shape {value.shape}, expected normalized_shape {sizes}"
            )
    return x, sizes


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) weight + bias over the last axes, normalized_shape.

    mean and var (over the number of elements) are those of each example; weight and bias, of shape
    normalized_shape, belong to the elements.  Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    Raises TypeError for dtypes, ValueError for shapes and for eps below 0.
    """
    x, sizes = _checked(input, normalized_shape, "layer_norm", weight=weight, bias=bias)
    return _LayerNorm.apply(x, weight, bias, prod(sizes), eps_of(eps, "layer_norm"))


def rms_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """y = x / sqrt(mean(x^2) + eps) weight over the last axes, normalized_shape.

    weight: of shape normalized_shape.  eps: None means the dtype's rounding unit, 2^-23 or 2^-52.
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    Raises TypeError for dtypes, ValueError for shapes and for eps below 0.
    """
    x, sizes = _checked(input, normalized_shape, "rms_norm", weight=weight)
    if eps is None:
        _checks.kernels(x._data, "rms_norm", "input")
        eps = float(np.finfo(x.dtype).eps)
    return _RMSNorm.apply(x, weight, prod(sizes), eps_of(eps, "rms_norm"))
