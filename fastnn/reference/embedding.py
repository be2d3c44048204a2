"""Rows of a table and sums, means, maxima of bags of them; gradients for the table.

index (N,) int64 names rows of weight (V, D); padding_idx: the row that does not count, -1 if none.
offsets (B + 1,) int64: bag b is index[offsets[b]:offsets[b + 1]], and the bags make up index.
"""

import math

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "embedding_backward",
    "embedding_bag_backward",
    "embedding_bag_backward_scale",
    "embedding_bag_forward",
    "embedding_bag_max_backward",
    "embedding_bag_max_forward",
    "renorm_rows",
]


def _check_index(index: np.ndarray, rows: int) -> None:
    if index.dtype != np.int64:
        raise TypeError(f"index has dtype {index.dtype}, expected int64")
    expect_rank(1, index=index)
    for i in np.flatnonzero((index < 0) | (index >= rows))[:1]:
        raise IndexError(f"index[{i}] is {index[i]}, expected 0 <= index < {rows}")


def _check_bags(index: np.ndarray, offsets: np.ndarray) -> None:
    if offsets.dtype != np.int64:
        raise TypeError(f"offsets has dtype {offsets.dtype}, expected int64")
    expect_rank(1, offsets=offsets)
    if (
        not offsets.size
        or offsets[0] != 0
        or offsets[-1] != index.size
        or np.any(np.diff(offsets) < 0)
    ):
        raise ValueError(f"offsets must rise from 0 to {index.size}, the length of index")


def _bag_of(offsets: np.ndarray) -> np.ndarray:
    """The bag that each position belongs to."""
    return np.repeat(np.arange(offsets.size - 1), np.diff(offsets))


def _counts(index: np.ndarray, offsets: np.ndarray, padding_idx: int) -> np.ndarray:
    """Rows that count in each bag, at least 1."""
    kept = _bag_of(offsets)[index != padding_idx]
    return np.maximum(np.bincount(kept, minlength=offsets.size - 1), 1)


@np.errstate(all="ignore")
def embedding_backward(
    dy: np.ndarray,
    index: np.ndarray,
    num_embeddings: int,
    padding_idx: int,
    scale_grad_by_freq: bool,
) -> np.ndarray:
    """y_i = weight[index_i]: dweight_v = sum over index_i = v of dy_i, for v != padding_idx.

    scale_grad_by_freq: divided by how often v occurs.  dy (N, D) -> dweight (V, D).
    """
    expect_rank(2, dy=dy)
    _check_index(index, num_embeddings)
    expect_shape((index.size, dy.shape[1]), dy=dy)
    dweight = np.zeros((num_embeddings, dy.shape[1]), dy.dtype)
    kept = index != padding_idx
    terms = dy[kept]
    if scale_grad_by_freq:
        often = np.bincount(index, minlength=num_embeddings)
        terms = terms / often[index[kept], None].astype(dy.dtype)
    np.add.at(dweight, index[kept], terms)
    return dweight


@np.errstate(all="ignore")
def embedding_bag_forward(
    index: np.ndarray,
    offsets: np.ndarray,
    weight: np.ndarray,
    per_sample_weights: np.ndarray | None,
    mode: str,
    padding_idx: int,
) -> np.ndarray:
    """y_b = sum over the bag's i of s_i weight[index_i]; mode "mean": divided by how many count.

    s: per_sample_weights (N,), 1 if None.  -> y (B, D), 0 for an empty bag.
    """
    if mode not in ("sum", "mean"):
        raise ValueError(f"mode is {mode!r}, expected 'sum' or 'mean'")
    expect_rank(2, weight=weight)
    _check_index(index, weight.shape[0])
    _check_bags(index, offsets)
    rows = weight[index]
    if per_sample_weights is not None:
        expect_same_dtype(weight=weight, per_sample_weights=per_sample_weights)
        expect_shape(index.shape, per_sample_weights=per_sample_weights)
        rows = rows * per_sample_weights[:, None]
    y = np.zeros((offsets.size - 1, weight.shape[1]), weight.dtype)
    kept = index != padding_idx
    np.add.at(y, _bag_of(offsets)[kept], rows[kept])
    if mode == "mean":
        y = y / _counts(index, offsets, padding_idx)[:, None].astype(y.dtype)
    return y


@np.errstate(all="ignore")
def embedding_bag_backward(
    dy: np.ndarray,
    index: np.ndarray,
    offsets: np.ndarray,
    num_embeddings: int,
    per_sample_weights: np.ndarray | None,
    mode: str,
    padding_idx: int,
    scale_grad_by_freq: bool,
) -> np.ndarray:
    """dweight_v = sum over index_i = v of s_i dy[bag of i], for v != padding_idx.

    mode "mean": dy of a bag is divided by how many rows count in it.  dy (B, D) -> (V, D).
    """
    if mode not in ("sum", "mean"):
        raise ValueError(f"mode is {mode!r}, expected 'sum' or 'mean'")
    expect_rank(2, dy=dy)
    _check_index(index, num_embeddings)
    _check_bags(index, offsets)
    expect_shape((offsets.size - 1, dy.shape[1]), dy=dy)
    if mode == "mean":
        dy = dy / _counts(index, offsets, padding_idx)[:, None].astype(dy.dtype)
    rows = dy[_bag_of(offsets)]
    if per_sample_weights is not None:
        expect_same_dtype(dy=dy, per_sample_weights=per_sample_weights)
        expect_shape(index.shape, per_sample_weights=per_sample_weights)
        rows = rows * per_sample_weights[:, None]
    return embedding_backward(rows, index, num_embeddings, padding_idx, scale_grad_by_freq)


@np.errstate(all="ignore")
def embedding_bag_backward_scale(
    dy: np.ndarray,
    index: np.ndarray,
    offsets: np.ndarray,
    weight: np.ndarray,
    padding_idx: int,
) -> np.ndarray:
    """Gradient of the sum's per_sample_weights: ds_i = dy[bag of i] . weight[index_i] (N,).

    0 for the row padding_idx.
    """
    expect_same_dtype(dy=dy, weight=weight)
    expect_rank(2, dy=dy, weight=weight)
    _check_index(index, weight.shape[0])
    _check_bags(index, offsets)
    expect_shape((offsets.size - 1, weight.shape[1]), dy=dy)
    products = (dy[_bag_of(offsets)] * weight[index]).sum(1)
    return np.where(index == padding_idx, weight.dtype.type(0), products)


def embedding_bag_max_forward(
    index: np.ndarray, offsets: np.ndarray, weight: np.ndarray, padding_idx: int
) -> tuple[np.ndarray, np.ndarray]:
    """y_bj = max over the bag's i of weight[index_i, j], and where: the first such i, int32.

    NaN is the largest.  An empty bag has 0 and -1.  -> y, where (B, D).
    """
    expect_rank(2, weight=weight)
    _check_index(index, weight.shape[0])
    _check_bags(index, offsets)
    shape = offsets.size - 1, weight.shape[1]
    y, where = np.zeros(shape, weight.dtype), np.full(shape, -1, np.int32)
    for b in range(shape[0]):
        i = np.arange(offsets[b], offsets[b + 1])
        i = i[index[i] != padding_idx]
        if i.size:
            rows = weight[index[i]]
            best = rows.argmax(0)  # the first NaN, if there is one
            y[b], where[b] = rows[best, np.arange(shape[1])], i[best]
    return y, where


def embedding_bag_max_backward(
    dy: np.ndarray, where: np.ndarray, index: np.ndarray, num_embeddings: int
) -> np.ndarray:
    """dweight[index[where_bj], j] = sum of dy_bj.  dy (B, D) -> (V, D)."""
    expect_rank(2, dy=dy, where=where)
    _check_index(index, num_embeddings)
    expect_shape(dy.shape, where=where)
    if where.dtype != np.int32:
        raise TypeError(f"where has dtype {where.dtype}, expected int32")
    if where.size and where.max() >= index.size:
        raise ValueError(f"where has a place {where.max()}, index has {index.size} elements")
    dweight = np.zeros((num_embeddings, dy.shape[1]), dy.dtype)
    bag, column = np.nonzero(where >= 0)
    np.add.at(dweight, (index[where[bag, column]], column), dy[bag, column])
    return dweight


@np.errstate(all="ignore")
def renorm_rows(weight: np.ndarray, index: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Each row of weight that index names and whose norm n is above max_norm: times
    max_norm / (n + 1e-7), in place.  norm_type: p of (sum |w|^p)^(1/p), or infinity."""
    expect_rank(2, weight=weight)
    _check_index(index, weight.shape[0])
    for v in np.unique(index):
        sizes = np.abs(weight[v].astype(np.float64))
        if norm_type == math.inf:
            norm = sizes.max(initial=0.0)
        else:
            norm = (sizes**norm_type).sum() ** (1.0 / norm_type)
        if norm > max_norm:
            weight[v] *= weight.dtype.type(max_norm / (norm + 1e-7))
