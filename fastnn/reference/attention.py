"""Scaled dot-product attention and its gradient, with all probabilities in memory.

q (N, H, Tq, E), k (N, G, Tk, E), v (N, G, Tk, V): each of the G key heads serves H / G neighbouring
query heads.  mask None, boolean (True: may be seen) or of q's dtype (added to the scores): axes of
size N or 1, H or 1, Tq or 1, and Tk.
"""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape
from .random import random_bits

__all__ = ["attention_backward", "attention_forward"]

Grads = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]


@np.errstate(all="ignore")
def attention_forward(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None,
    is_causal: bool,
    scale: float,
    dropout_p: float,
    key: int,
    offset: int,
) -> tuple[np.ndarray, np.ndarray]:
    """s = scale q k^T + mask, y = dropout(exp(s - lse)) v, lse = ln sum exp s over the keys.

    -> y (N, H, Tq, V), lse (N, H, Tq).  is_causal: query i sees keys 0 to i only.  A query that may
    see no key has y = 0 and lse = inf.  dropout_p: see _draw.
    """
    _expect(q, k, v, mask)
    s = _scores(q, k, mask, is_causal, scale)
    top = s.max(axis=3, keepdims=True, initial=-np.inf)
    powers = np.exp(s - np.where(top == -np.inf, 0, top))
    total = powers.sum(axis=3, keepdims=True)
    blind = top == -np.inf
    lse = np.where(blind, np.inf, top + np.log(total)).astype(q.dtype)
    p = np.where(blind, 0, powers / total).astype(q.dtype)
    y = (p * _draw(s, dropout_p, key, offset)) @ _each(v, q)
    return np.asarray(np.where(blind, 0, y).astype(q.dtype)), lse[..., 0]


@np.errstate(all="ignore")
def attention_backward(
    dy: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    y: np.ndarray,
    lse: np.ndarray,
    mask: np.ndarray | None,
    is_causal: bool,
    scale: float,
    dropout_p: float,
    key: int,
    offset: int,
    needs: tuple[bool, bool, bool, bool],
) -> Grads:
    """dq, dk, dv and the gradient of the scores (N, H, Tq, Tk), which is the mask's; None where
    `needs` is False.

    ds = p (dp - sum(p dp)), dp = dropout(dy v^T); dq = scale ds k, dk = scale ds^T q,
    dv = dropout(p)^T dy.  sum(p dp) over the keys is sum(dy y) over a row.
    """
    _expect(q, k, v, mask)
    expect_shape((*q.shape[:3], v.shape[3]), dy=dy, y=y)
    expect_shape(q.shape[:3], lse=lse)
    expect_same_dtype(dy=dy, y=y, lse=lse, q=q)
    s = _scores(q, k, mask, is_causal, scale)
    draw = _draw(s, dropout_p, key, offset)
    p = np.exp(s - lse[..., None])
    dp = draw * (dy @ _each(v, q).swapaxes(2, 3))
    ds = p * (dp - (dy * y).sum(axis=3, keepdims=True))
    dq = q.dtype.type(scale) * (ds @ _each(k, q))
    dk = q.dtype.type(scale) * _shared(ds.swapaxes(2, 3) @ q, k)
    dv = _shared((draw * p).swapaxes(2, 3) @ dy, v)
    grads = [
        np.ascontiguousarray(g) if n else None for g, n in zip((dq, dk, dv, ds), needs, strict=True)
    ]
    return grads[0], grads[1], grads[2], grads[3]


def _scores(
    q: np.ndarray, k: np.ndarray, mask: np.ndarray | None, is_causal: bool, scale: float
) -> np.ndarray:
    s = (q.dtype.type(scale) * q) @ _each(k, q).swapaxes(2, 3)
    if mask is not None:
        s = np.where(mask, s, -np.inf).astype(q.dtype) if mask.dtype == bool else s + mask
    if is_causal:
        rows, columns = np.ogrid[: s.shape[2], : s.shape[3]]
        s = np.where(columns <= rows, s, -np.inf).astype(q.dtype)
    return s


def _draw(s: np.ndarray, p: float, key: int, offset: int) -> np.ndarray:
    """Each probability's factor: 0 with probability p, else 1 / (1 - p).

    One draw of `dropout` for all rows in turn, a row taking a multiple of 64 elements of it.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout_p must be from 0 to 1, got {p}")
    if p == 0:
        return np.ones((), s.dtype)
    *rows, width = s.shape
    wide = -(-width // 64) * 64
    bits = random_bits(int(np.prod(rows)) * wide, key, offset).reshape(*rows, wide)
    kept = (bits[..., :width] >> np.uint32(8)) >= round(p * 2**24)
    return np.where(kept, s.dtype.type(1 / (1 - p) if p < 1 else 0), s.dtype.type(0))


def _each(a: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Key heads as many as query heads."""
    return a if a.shape[1] == q.shape[1] else a.repeat(q.shape[1] // a.shape[1], axis=1)


def _shared(d: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The gradients of all query heads that share a key head, added up."""
    n, heads, t, width = like.shape
    if d.shape[1] == heads:
        return d
    return np.asarray(d.reshape(n, heads, d.shape[1] // heads, t, width).sum(axis=2))


def _expect(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None) -> None:
    expect_same_dtype(q=q, k=k, v=v)
    expect_rank(4, q=q, k=k, v=v)
    expect_shape((q.shape[0], k.shape[1], k.shape[2], q.shape[3]), k=k)
    expect_shape((*k.shape[:3], v.shape[3]), v=v)
    if q.shape[1] != k.shape[1] and (not k.shape[1] or q.shape[1] % k.shape[1]):
        raise ValueError(f"q has {q.shape[1]} heads, expected a multiple of k's {k.shape[1]}")
    if mask is None:
        return
    if mask.dtype != bool:
        expect_same_dtype(q=q, mask=mask)
    expect_rank(4, mask=mask)
    shape = (*q.shape[:3], k.shape[2])
    fits = all(m in (1, n) for m, n in zip(mask.shape[:3], shape[:3], strict=True))
    if not fits or mask.shape[3] != shape[3]:
        raise ValueError(f"mask has shape {mask.shape}, expected {shape}")
