"""Cross-entropy fused with its softmax, and mean squared error."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape
from .activation import log_softmax_forward, softmax_forward

__all__ = ["cross_entropy_backward", "cross_entropy_forward", "mse_backward", "mse_forward"]


def _expect_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def _labels(
    rows: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, e: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted smoothed labels q_nc w_c (N, C), zero for rows that do not count, and the sum of
    w[target] over the rows that do."""
    n, c = rows.shape
    if target.dtype != np.int64:
        raise TypeError(f"target must be an int64 array of rank 1, got {target.dtype}")
    expect_shape((n,), target=target)
    counts = target != ignore_index
    for i in np.flatnonzero(counts & ((target < 0) | (target >= c)))[:1]:
        raise IndexError(f"target[{i}] is {target[i]}, expected 0 <= target < {c}")
    if weight is None:
        weight = np.ones(c, rows.dtype)
    expect_shape((c,), weight=weight)
    q = np.zeros_like(rows)
    q[counts] = e / c if c else 0
    q[counts, target[counts]] += 1 - e
    return q * weight, weight[target[counts]].sum()


def _over(total: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The ratio; 0 if no row counts."""
    return np.asarray(total / denominator if denominator != 0 else np.zeros_like(total))


def _by_row(x: np.ndarray) -> np.ndarray:
    """(N, C) or (N, C, S) -> (N S, C)."""
    if x.ndim == 2:
        return x
    expect_rank(3, logits=x)
    return x.transpose(0, 2, 1).reshape(x.shape[0] * x.shape[2], x.shape[1])


def _as_before(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of _by_row."""
    if len(shape) == 2:
        return rows
    n, c, s = shape
    return np.ascontiguousarray(rows.reshape(n, s, c).transpose(0, 2, 1))


@np.errstate(all="ignore")
def cross_entropy_forward(
    logits: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Row n's loss is sum_c q_nc w_c (ln sum_j exp x_nj - x_nc) with the smoothed label
    q_nc = (1 - e) [c = target_n] + e / C (Szegedy et al. 2016, arXiv:1512.00567).

    logits (N, C), or (N, C, S) of N S rows whose classes are S apart; target (N S,) int64, weight
    (C,) or None -> loss () or (N S,), probs of the logits' shape.  Rows whose target is
    ignore_index count zero; "mean" divides by the sum of w[target] over the others (0 if there are
    none).  IndexError for any other target that is not a class.
    """
    expect_same_dtype(logits=logits, weight=weight)
    _expect_reduction(reduction)
    rows = _by_row(logits)
    qw, denominator = _labels(rows, target, weight, ignore_index, label_smoothing)
    nll = -log_softmax_forward(rows)
    # A class without a label costs nothing, even where its probability is zero: 0 inf is NaN.
    loss = (qw * np.where(qw != 0, nll, 0)).sum(axis=1)
    if reduction != "none":
        loss = np.asarray(loss.sum())
    if reduction == "mean":
        loss = _over(loss, denominator)
    return loss, _as_before(softmax_forward(rows), logits.shape)


@np.errstate(all="ignore")
def cross_entropy_backward(
    dloss: np.ndarray,
    probs: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> np.ndarray:
    """dlogits_nc = dloss_n (p_nc sum_j q_nj w_j - q_nc w_c), q as in the forward.

    dloss () or (N S,), probs of the forward -> dlogits of their shape.
    """
    expect_same_dtype(dloss=dloss, probs=probs, weight=weight)
    _expect_reduction(reduction)
    rows = _by_row(probs)
    qw, denominator = _labels(rows, target, weight, ignore_index, label_smoothing)
    expect_shape(rows.shape[:1] if reduction == "none" else (), dloss=dloss)
    scale = _over(dloss, denominator) if reduction == "mean" else dloss
    of_row = scale[:, None] if reduction == "none" else scale
    counts = (target != ignore_index)[:, None]
    drows = np.where(counts, of_row * (rows * qw.sum(axis=1, keepdims=True) - qw), 0)
    return _as_before(drows, probs.shape)


@np.errstate(all="ignore")
def mse_forward(x: np.ndarray, target: np.ndarray, reduction: str) -> np.ndarray:
    """(x - target)^2, its mean or its sum; equal shapes -> loss of that shape or ()."""
    expect_same_dtype(x=x, target=target)
    expect_shape(x.shape, target=target)
    _expect_reduction(reduction)
    squares = np.asarray((x - target) ** 2)
    if reduction == "none":
        return squares
    total = squares.sum()
    return np.asarray(total / x.dtype.type(x.size) if reduction == "mean" else total)


@np.errstate(all="ignore")
def mse_backward(
    dloss: np.ndarray, x: np.ndarray, target: np.ndarray, reduction: str
) -> np.ndarray:
    """dx = 2 (x - target) dloss (over the number of elements for "mean")."""
    expect_same_dtype(dloss=dloss, x=x, target=target)
    expect_shape(x.shape, target=target)
    _expect_reduction(reduction)
    expect_shape(x.shape if reduction == "none" else (), dloss=dloss)
    dx = np.asarray(2 * (x - target) * dloss)
    return dx / x.size if reduction == "mean" and x.size else dx
