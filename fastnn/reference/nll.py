"""Negative log-likelihood of labels."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["nll_backward", "nll_forward"]


def _weights(
    size: tuple[int, ...],
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    dtype: np.dtype,
) -> tuple[np.ndarray, np.ndarray]:
    """One-hot labels times their weights, (N, C, S), zero where ignored; the sum of the weights."""
    n, c, s = size
    if target.dtype != np.int64:
        raise TypeError(f"target must be an int64 array of rank 1, got {target.dtype}")
    expect_shape((n * s,), target=target)
    for i in np.flatnonzero((target != ignore_index) & ((target < 0) | (target >= c)))[:1]:
        raise IndexError(f"target[{i}] is {target[i]}, expected 0 <= target < {c}")
    if weight is None:
        weight = np.ones(c, dtype)
    expect_shape((c,), weight=weight)
    labels = target.reshape(n, 1, s)
    hot = (np.arange(c)[:, None] == labels) & (labels != ignore_index)
    weighted = np.where(hot, weight[:, None], 0).astype(dtype)
    return weighted, weighted.sum()


@np.errstate(all="ignore")
def nll_forward(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
) -> np.ndarray:
    """-w_t x_nts with the label t of (n, s), its mean (over the weights of the labels) or sum.

    x (N, C, S) log-probabilities, target (N S,) int64, weight (C,) or None -> loss () or (N S,).
    Labels that are ignore_index count zero; the mean of no label is 0.  IndexError for any other
    label that is no class.
    """
    expect_same_dtype(x=x, weight=weight)
    expect_rank(3, x=x)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    weighted, total = _weights(x.shape, target, weight, ignore_index, x.dtype)
    # Other classes do not count, even where they are infinite: 0 inf is NaN.
    loss = -(weighted * np.where(weighted != 0, x, 0)).sum(axis=1).reshape(-1)
    if reduction == "none":
        return loss
    if reduction == "mean" and total == 0:
        return np.zeros((), x.dtype)
    return np.asarray(loss.sum() / total if reduction == "mean" else loss.sum())


@np.errstate(all="ignore")
def nll_backward(
    dloss: np.ndarray,
    size: tuple[int, ...],
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
) -> np.ndarray:
    """dx_nts = -w_t dloss (over the weights of the labels for "mean"), 0 elsewhere."""
    expect_same_dtype(dloss=dloss, weight=weight)
    weighted, total = _weights(size, target, weight, ignore_index, dloss.dtype)
    expect_shape((size[0] * size[2],) if reduction == "none" else (), dloss=dloss)
    if reduction == "mean":
        dloss = np.asarray(dloss / total if total != 0 else np.zeros_like(dloss))
    of_label = dloss.reshape(size[0], 1, size[2]) if reduction == "none" else dloss
    return np.where(weighted != 0, -weighted * of_label, 0)
