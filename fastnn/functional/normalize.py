"""Vectors of a given length: `normalize`, and the weights of weight normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .reduce import sum_axes


def norm_over(x: np.ndarray, p: float, axes: tuple[int, ...]) -> np.ndarray:
    """(sum |x|^p)^(1/p) over axes, which stay with size 1; p may be infinity."""
    if p == 2.0:
        return np.sqrt(sum_axes(x * x, axes))
    size = np.abs(x)
    if p == math.inf:
        return size.max(axis=axes, keepdims=True, initial=0.0)
    if p == 1.0:
        return sum_axes(size, axes)
    number = x.dtype.type
    return sum_axes(size ** number(p), axes) ** number(1.0 / p)


def norm_slope(x: np.ndarray, norm: np.ndarray, p: float, axes: tuple[int, ...]) -> np.ndarray:
    """d norm / d x; 0 for a norm of 0, and shared by the elements that are as large as an infinity
    norm."""
    number = x.dtype.type
    if p == 1.0:
        return np.sign(x)
    if p == math.inf:
        places = (np.abs(x) == norm).astype(x.dtype)
        return np.sign(x) * places / np.maximum(sum_axes(places, axes), number(1))
    ratio = x / norm
    slope = ratio if p == 2.0 else np.sign(x) * np.abs(ratio) ** number(p - 1.0)
    return np.where(norm == 0, number(0), slope)


class _Normalize(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, p: float, axis: int, eps: float) -> np.ndarray:
        norm = norm_over(x, p, (axis,) if x.ndim else ())
        ctx.settings = p, (axis,) if x.ndim else (), eps
        ctx.save(x, norm)
        with np.errstate(all="ignore"):
            return np.asanyarray(x / np.maximum(norm, x.dtype.type(eps)))

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        x, norm = ctx.saved
        p, axes, eps = ctx.settings
        floor = np.maximum(norm, x.dtype.type(eps))
        lost = np.where(norm >= x.dtype.type(eps), sum_axes(dy * x, axes) / (floor * floor), 0)
        dx = dy / floor - lost.astype(x.dtype) * norm_slope(x, norm, p, axes)
        return np.ascontiguousarray(dx).reshape(x.shape)


class _WeightNorm(Function):
    """w = g v / ||v||, the norm over all axes but one, or over all."""

    @staticmethod
    def forward(ctx: Any, g: np.ndarray, v: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        _checks.kernels(v, "weight_norm", "v", g, "g")
        norm = norm_over(v, 2.0, axes)
        ctx.axes = axes
        ctx.save(g, v, norm)
        with np.errstate(all="ignore"):
            return np.asanyarray(v * (g / norm))

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dw: np.ndarray) -> Any:
        g, v, norm = ctx.saved
        unit = v / norm
        dg = sum_axes(dw * unit, ctx.axes)
        return dg.reshape(g.shape), np.asanyarray((g / norm) * (dw - unit * dg))


def weight_norm(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """w = g v / ||v||: g the length and v the direction of a weight (arXiv:1602.07868, eq. 2).

    The norm is over all axes of v but dim; dim None or -1: over all.  g has v's axes, of size 1
    where the norm is taken, or no axes if that is everywhere.
    """
    return _WeightNorm.apply(g, v, weight_norm_axes(v, dim))


def weight_norm_axes(v: Tensor, dim: int | None) -> tuple[int, ...]:
    """The axes over which a weight's norm is taken; IndexError for a dim that v has not."""
    if dim is None or dim == -1:
        return tuple(range(v.ndim))
    kept = _checks.axis(dim, v.ndim, "weight_norm")
    return tuple(i for i in range(v.ndim) if i != kept)


def lengths(v: np.ndarray, dim: int | None, axes: tuple[int, ...]) -> np.ndarray:
    """||v|| in the shape of g."""
    norm = norm_over(v, 2.0, axes)
    return norm.reshape(()) if dim is None or dim == -1 else norm


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """y = x / max(||x||_p, eps), the norm along dim; p above 0, or infinity.

    The gradient of the norm is 0 where that is 0.  Raises TypeError for a dtype that is not float32
    or float64, IndexError for dim, ValueError for p and eps.
    """
    x = _checks.tensor(input, "normalize", "input")
    _checks.kernels(x._data, "normalize", "input")
    p = _checks.number(p, "normalize", "p")
    if not p > 0:
        raise ValueError(f"normalize: p is {p}, expected above 0 or infinity")
    eps = _checks.number(eps, "normalize", "eps")
    if not 0.0 <= eps < math.inf:
        raise ValueError(f"normalize: eps is {eps}, expected at least 0 and finite")
    return _Normalize.apply(x, p, _checks.axis(dim, x.ndim, "normalize"), eps)
