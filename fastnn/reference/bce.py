"""Binary cross-entropy, from logits or probabilities."""

import numpy as np

from ._check import expect_same_dtype, expect_shape
from .activation import sigmoid_forward

__all__ = [
    "bce_backward",
    "bce_forward",
    "bce_with_logits_backward",
    "bce_with_logits_forward",
]


def _expect(x: np.ndarray, reduction: str, **others: np.ndarray | None) -> None:
    expect_same_dtype(x=x, **others)
    expect_shape(x.shape, **{name: a for name, a in others.items() if a is not None})
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def _reduced(loss: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return np.asarray(loss)
    total = loss.sum()
    return np.asarray(total / loss.dtype.type(loss.size) if reduction == "mean" else total)


def _scaled(dloss: np.ndarray, dx: np.ndarray, reduction: str) -> np.ndarray:
    expect_shape(dx.shape if reduction == "none" else (), dloss=dloss)
    dx = np.asarray(dloss * dx)
    return dx / dx.dtype.type(dx.size) if reduction == "mean" and dx.size else dx


def _or_one(weight: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    return np.ones_like(x) if weight is None else weight


@np.errstate(all="ignore")
def bce_with_logits_forward(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    pos_weight: np.ndarray | None,
    reduction: str,
) -> np.ndarray:
    """weight ((1 - t) x + (1 + (pos_weight - 1) t) ln(1 + e^-x)), its mean or its sum.

    All of one shape, weight and pos_weight also None -> loss of that shape or ().
    """
    _expect(x, reduction, target=target, weight=weight, pos_weight=pos_weight)
    # ln(1 + e^-x) = ln(1 + e^-|x|) + max(-x, 0): the exponential never overflows.
    softplus = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)
    factor = 1 + (_or_one(pos_weight, x) - 1) * target
    return _reduced(_or_one(weight, x) * ((1 - target) * x + factor * softplus), reduction)


@np.errstate(all="ignore")
def bce_with_logits_backward(
    dloss: np.ndarray,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    pos_weight: np.ndarray | None,
    reduction: str,
) -> np.ndarray:
    """dx = dloss weight ((1 - t + pos_weight t) sigmoid(x) - pos_weight t)."""
    _expect(x, reduction, target=target, weight=weight, pos_weight=pos_weight)
    positive = _or_one(pos_weight, x) * target
    dx = (1 - target + positive) * sigmoid_forward(x) - positive
    return _scaled(dloss, np.asarray(_or_one(weight, x) * dx), reduction)


@np.errstate(all="ignore")
def bce_forward(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str
) -> np.ndarray:
    """-weight (t max(ln x, -100) + (1 - t) max(ln(1 - x), -100)), its mean or its sum."""
    _expect(x, reduction, target=target, weight=weight)
    yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    return _reduced(-_or_one(weight, x) * (target * yes + (1 - target) * no), reduction)


@np.errstate(all="ignore")
def bce_backward(
    dloss: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str
) -> np.ndarray:
    """dx = dloss weight (x - t) / max(x (1 - x), 1e-12)."""
    _expect(x, reduction, target=target, weight=weight)
    least = x.dtype.type(1e-12)
    dx = (x - target) / np.maximum(x * (1 - x), least)
    return _scaled(dloss, np.asarray(_or_one(weight, x) * dx), reduction)
