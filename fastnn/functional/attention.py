"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..random import Generator, resolve
from ..tensor import Function, Tensor, contiguous
from . import _checks
from .reduce import unbroadcast
from .shape import expand

_NAME = "scaled_dot_product_attention"


def _four(x: np.ndarray) -> np.ndarray:
    """(..., T, E) as (N, H, T, E)."""
    lead = (1, 1, *x.shape[:-2])
    return x.reshape(math.prod(lead[:-1]), lead[-1], *x.shape[-2:])


def _mask_of_four(mask: Any, shape: tuple[int, ...]) -> Any:
    """The mask of scores (..., Tq, Tk) as (N or 1, H or 1, Tq or 1, Tk)."""
    if mask is None:
        return None
    full = mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape)
    if full.shape[-1] != shape[-1]:
        full = np.broadcast_to(full, (*full.shape[:-1], shape[-1]))
    outer = full.shape[:-3]
    if any(n != 1 for n in outer) and outer != shape[:-3]:
        full = np.broadcast_to(full, (*shape[:-3], *full.shape[-3:]))
    return contiguous(_four(full))


class _Attention(Function):
    @staticmethod
    def forward(ctx: Any, q: Any, k: Any, v: Any, mask: Any, *settings: Any) -> Any:
        ctx.kernels = _checks.kernels(q, _NAME, "query", k, "key", v, "value")
        scores = (*q.shape[:-1], k.shape[-2])
        y, lse = ctx.kernels.attention_forward(
            _four(q), _four(k), _four(v), _mask_of_four(mask, scores), *settings
        )
        ctx.settings, ctx.scores = settings, scores
        ctx.save(q, k, v, mask, y, lse)
        return y.reshape(*q.shape[:-1], v.shape[-1])

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        q, k, v, mask, y, lse = ctx.saved
        dq, dk, dv, dmask = ctx.kernels.attention_backward(
            _four(dy), _four(q), _four(k), _four(v), y, lse, _mask_of_four(mask, ctx.scores),
            *ctx.settings, ctx.needs_input_grad[:4],
        )  # fmt: skip
        if dmask is not None:
            dmask = unbroadcast(dmask.reshape(ctx.scores), mask.shape)
        grads = [
            None if g is None else g.reshape(x.shape)
            for g, x in zip((dq, dk, dv), (q, k, v), strict=True)
        ]
        return (*grads, dmask)


def _heads(q: Tensor, k: Tensor, v: Tensor, enable_gqa: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The three with leading axes that fit; ValueError otherwise."""
    shapes = f"query {q.shape}, key {k.shape} and value {v.shape}"
    fits = min(q.ndim, k.ndim, v.ndim) >= 2
    if not fits or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"{_NAME}: shapes of {shapes}, expected (..., Tq, E), (..., Tk, E), (..., Tk, V)"
        )
    leads = [x.shape[:-2] for x in (q, k, v)]
    if leads[0] == leads[1] == leads[2]:
        return q, k, v
    if enable_gqa and all(leads):
        same = leads[0][:-1] == leads[1][:-1] and leads[1] == leads[2]
        if not same or not leads[1][-1] or leads[0][-1] % leads[1][-1]:
            raise ValueError(
                f"{_NAME}: shapes of {shapes}; with enable_gqa the heads of query must be a "
                "multiple of those of key and value"
            )
        return q, k, v
    try:
        lead = np.broadcast_shapes(*leads)
    except ValueError:
        raise ValueError(f"{_NAME}: leading axes of {shapes} do not broadcast") from None
    q, k, v = (expand(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    return q, k, v


def _checked_mask(mask: Tensor, q: Tensor, shape: tuple[int, ...]) -> None:
    if mask.dtype.kind != "b" and mask.dtype != q.dtype:
        raise TypeError(
            f"{_NAME}: attn_mask has dtype {mask.dtype}, expected bool or query's {q.dtype}"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{_NAME}: attn_mask has shape {mask.shape}, expected one that broadcasts to {shape}"
        )


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """softmax(scale query key^T + mask) value, by blocks, so that no Tq x Tk matrix is in memory.

    query (..., Tq, E), key (..., Tk, E), value (..., Tk, V) -> (..., Tq, V).  attn_mask broadcasts
    to (..., Tq, Tk): boolean, True where a key may be seen, or a number added to the score.
    is_causal: query i sees keys 0 to i only; both masks may be given.  A query that may see no key
    gets 0.  scale: 1 / sqrt(E) if None.  dropout_p: dropout of the probabilities, always, as in
    PyTorch; generator: the default one if None.  enable_gqa: the axis before Tq counts heads, and
    each head of key and value serves several neighbours of query (Ainslie et al. 2023,
    arXiv:2305.13245).

    Vaswani et al. 2017, arXiv:1706.03762, computed as by Dao et al. 2022, arXiv:2205.14135.
    Raises TypeError for dtypes, ValueError for shapes or a probability that do not fit.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        _checks.tensor(x, _NAME, name)
    _checks.kernels(query._data, _NAME, "query", key._data, "key", value._data, "value")
    p = _checks.probability(dropout_p, _NAME, "dropout_p")
    query, key, value = _heads(query, key, value, enable_gqa)
    shape = (*query.shape[:-1], key.shape[-2])
    if attn_mask is not None:
        _checked_mask(_checks.tensor(attn_mask, _NAME, "attn_mask"), query, shape)
    factor = 1.0 / math.sqrt(max(query.shape[-1], 1))
    if scale is not None:
        factor = _checks.number(scale, _NAME, "scale")
    seed = offset = 0
    if p > 0.0:
        rows = math.prod(shape[:-1])
        seed, offset = resolve(generator).reserve(rows * (-(-shape[-1] // 64) * 64))
    return _Attention.apply(query, key, value, attn_mask, bool(is_causal), factor, p, seed, offset)
