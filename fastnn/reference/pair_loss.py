"""Losses of pairs (x, target) of equal shape: L1, smooth L1, Huber, Kullback-Leibler."""

import numpy as np

from ._check import expect_same_dtype, expect_shape

__all__ = [
    "huber_backward",
    "huber_forward",
    "kl_div_backward",
    "kl_div_forward",
    "l1_backward",
    "l1_forward",
    "smooth_l1_backward",
    "smooth_l1_forward",
]


def _difference(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    expect_same_dtype(x=x, target=target)
    expect_shape(x.shape, target=target)
    return np.asarray(x - target)


def _reduced(loss: np.ndarray, reduction: str) -> np.ndarray:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    if reduction == "none":
        return np.asarray(loss)
    total = loss.sum()
    return np.asarray(total / loss.dtype.type(loss.size) if reduction == "mean" else total)


def _chain(dloss: np.ndarray, slope: np.ndarray, reduction: str) -> np.ndarray:
    """dloss times the derivative of each element's loss."""
    slope = np.asarray(slope)
    expect_same_dtype(dloss=dloss, x=slope)
    expect_shape(slope.shape if reduction == "none" else (), dloss=dloss)
    dx = np.asarray(dloss * slope)
    return dx / dx.dtype.type(dx.size) if reduction == "mean" and dx.size else dx


@np.errstate(all="ignore")
def l1_forward(x: np.ndarray, target: np.ndarray, reduction: str) -> np.ndarray:
    """|x - target|, its mean or its sum; equal shapes -> loss of that shape or ()."""
    return _reduced(np.abs(_difference(x, target)), reduction)


@np.errstate(all="ignore")
def l1_backward(dloss: np.ndarray, x: np.ndarray, target: np.ndarray, reduction: str) -> np.ndarray:
    """dx = sign(x - target) dloss (over the number of elements for "mean")."""
    return _chain(dloss, np.sign(_difference(x, target)), reduction)


@np.errstate(all="ignore")
def smooth_l1_forward(x: np.ndarray, target: np.ndarray, beta: float, reduction: str) -> np.ndarray:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, d = x - target; beta > 0.

    Source: Girshick 2015, arXiv:1504.08083.
    """
    d = _difference(x, target)
    size = np.abs(d)
    loss = np.where(size < beta, d * d / d.dtype.type(2 * beta), size - d.dtype.type(beta / 2))
    return _reduced(loss, reduction)


@np.errstate(all="ignore")
def smooth_l1_backward(
    dloss: np.ndarray, x: np.ndarray, target: np.ndarray, beta: float, reduction: str
) -> np.ndarray:
    """dx = dloss d / beta where |d| < beta, else dloss sign(d)."""
    d = _difference(x, target)
    slope = np.where(np.abs(d) < beta, d / d.dtype.type(beta), np.sign(d))
    return _chain(dloss, slope, reduction)


@np.errstate(all="ignore")
def huber_forward(x: np.ndarray, target: np.ndarray, delta: float, reduction: str) -> np.ndarray:
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), d = x - target.

    Source: Huber 1964, doi:10.1214/aoms/1177703732.
    """
    d = _difference(x, target)
    size, delta = np.abs(d), d.dtype.type(delta)
    return _reduced(np.where(size < delta, d * d / 2, delta * (size - delta / 2)), reduction)


@np.errstate(all="ignore")
def huber_backward(
    dloss: np.ndarray, x: np.ndarray, target: np.ndarray, delta: float, reduction: str
) -> np.ndarray:
    """dx = dloss d where |d| < delta, else dloss delta sign(d)."""
    d = _difference(x, target)
    slope = np.where(np.abs(d) < delta, d, d.dtype.type(delta) * np.sign(d))
    return _chain(dloss, slope, reduction)


@np.errstate(all="ignore")
def kl_div_forward(
    x: np.ndarray, target: np.ndarray, log_target: bool, reduction: str
) -> np.ndarray:
    """t (ln t - x), 0 ln 0 = 0; log_target: e^t (t - x).

    Source: Kullback & Leibler 1951, doi:10.1214/aoms/1177729694.
    """
    _difference(x, target)
    if log_target:
        return _reduced(np.asarray(np.exp(target) * (target - x)), reduction)
    entropy = np.where(target == 0, 0, target * np.log(target))
    return _reduced(np.asarray(entropy - target * x, x.dtype), reduction)


@np.errstate(all="ignore")
def kl_div_backward(
    dloss: np.ndarray, x: np.ndarray, target: np.ndarray, log_target: bool, reduction: str
) -> np.ndarray:
    """dx = -t dloss; log_target: -e^t dloss."""
    _difference(x, target)
    return _chain(dloss, -np.asarray(np.exp(target) if log_target else target), reduction)
