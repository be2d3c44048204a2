"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import functional as F
from ..creation import empty, zeros
from ..functional import _checks
from ..tensor import Parameter, Tensor, wrap
from . import init
from .linear import Linear
from .module import Module


def _added(mask: Tensor, dtype: Any) -> Tensor:
    """A boolean mask (True: may not be seen) as numbers to add; others as they are."""
    if mask.dtype.kind != "b":
        return mask
    return wrap(np.where(mask._data, -np.inf, 0.0).astype(dtype))


class MultiheadAttention(Module):
    """softmax(q k^T / sqrt(d)) v in num_heads heads of d = embed_dim / num_heads, their outputs
    side by side through a Linear: query (T, N, E), key (S, N, kdim), value (S, N, vdim) ->
    (T, N, E), with N first if batch_first; without N, too (Vaswani et al. 2017, arXiv:1706.03762).

    Parameters: in_proj_weight (3 E, E), or q_proj_weight, k_proj_weight and v_proj_weight where
    kdim or vdim differ; in_proj_bias (3 E,), out_proj, bias_k and bias_v.  add_bias_kv,
    add_zero_attn: one key and value more, learned or 0.  dropout: of the probabilities.
    Raises TypeError and ValueError for sizes and shapes that do not fit.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim = E = _checks.integer(embed_dim, name, "embed_dim", 1)
        self.num_heads = _checks.integer(num_heads, name, "num_heads", 1)
        self.dropout = _checks.probability(dropout, name, "dropout")
        self.kdim = E if kdim is None else _checks.integer(kdim, name, "kdim", 1)
        self.vdim = E if vdim is None else _checks.integer(vdim, name, "vdim", 1)
        self.batch_first, self.add_zero_attn = bool(batch_first), bool(add_zero_attn)
        if E % self.num_heads:
            raise ValueError(f"{name}: num_heads {num_heads} does not divide embed_dim {E}")
        self.head_dim = E // self.num_heads
        sizes = {"q": E, "k": self.kdim, "v": self.vdim}
        self._same = self.kdim == self.vdim == E
        for part, size in sizes.items():
            w = None if self._same else Parameter(empty(E, size))
            self.register_parameter(f"{part}_proj_weight", w)
        self.register_parameter(
            "in_proj_weight", Parameter(empty(3 * E, E)) if self._same else None
        )
        self.register_parameter("in_proj_bias", Parameter(empty(3 * E)) if bias else None)
        self.out_proj = Linear(E, E, bias)
        for extra in ("bias_k", "bias_v"):
            self.register_parameter(extra, Parameter(empty(1, 1, E)) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for part in ("in", "q", "k", "v"):
            weight = self._parameters[f"{part}_proj_weight"]
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output, and the weights (N, T, S), or (N, num_heads, T, S) if not averaged, or None.

        key_padding_mask (N, S), attn_mask (T, S) or (N num_heads, T, S): boolean, True where a key
        may not be seen, or added.  is_causal: a promise that attn_mask is the causal one.
        need_weights keeps all weights in memory; without it attention runs by blocks.
        """
        name = "MultiheadAttention"
        for what, x in (("query", query), ("key", key), ("value", value)):
            _checks.tensor(x, name, what)
        named = (query._data, "query", key._data, "key", value._data, "value")
        _checks.kernels(self.out_proj.weight._data, name, "weight", *named)
        alone = query.ndim == 2
        if not query.ndim == key.ndim == value.ndim or query.ndim not in (2, 3):
            raise ValueError(
                f"{name}: query, key and value have shapes {query.shape}, {key.shape} and "
                f"{value.shape}, expected two axes each or three"
            )
        if is_causal and attn_mask is None:
            raise ValueError(f"{name}: is_causal=True needs attn_mask, the mask that it speaks of")
        axis = 0 if self.batch_first else 1
        if alone:
            query, key, value = (F.unsqueeze(x, axis) for x in (query, key, value))
        q, k, v = self._project(query, key, value)
        shape = (q.shape[0], self.num_heads, q.shape[2], k.shape[2])
        self._check_masks(attn_mask, key_padding_mask, shape, q.dtype, alone)
        causal = is_causal and key_padding_mask is None and not need_weights
        mask = None if causal else self._mask(attn_mask, key_padding_mask, shape, q.dtype)
        if self.bias_k is not None:
            k, v = (self._more(x, b) for x, b in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            zero = zeros(1, 1, self.embed_dim, dtype=q.dtype)
            k, v = self._more(k, zero), self._more(v, zero)
        extra = k.shape[2] - shape[3]
        if extra and mask is not None:
            mask = F.cat([mask, zeros(*mask.shape[:-1], extra, dtype=mask.dtype)], -1)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            s = F.matmul(q * math.sqrt(1.0 / self.head_dim), F.transpose(k, 2, 3))
            weights = F.dropout(F.softmax(s if mask is None else s + mask, -1), p)
            y = F.matmul(weights, v)
            weights = F.mean(weights, 1) if average_attn_weights else weights
            weights = F.squeeze(weights, 0) if alone else weights
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask, p, causal)
        y = F.permute(y, (0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3))
        y = self.out_proj(F.reshape(y, query.shape))
        return (F.squeeze(y, axis) if alone else y), weights

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v (N, num_heads, T, head_dim)."""
        inputs, E = (query, key, value), self.embed_dim
        for x, size, what in zip(
            inputs, (E, self.kdim, self.vdim), ("query", "key", "value"), strict=True
        ):
            n = 0 if self.batch_first else 1
            if x.shape[2] != size or x.shape[n] != query.shape[n]:
                raise ValueError(
                    f"MultiheadAttention: {what} has shape {x.shape}, expected {size} features and "
                    f"a batch of {query.shape[n]}"
                )
        if key.shape[:2] != value.shape[:2]:
            raise ValueError(
                f"MultiheadAttention: key has shape {key.shape}, but value has {value.shape}"
            )
        bias = self.in_proj_bias
        if self._same and query is key and key is value:
            found = F.chunk(F.linear(query, self.in_proj_weight, bias), 3, -1)
        else:
            weights = (
                F.chunk(self.in_proj_weight, 3)
                if self._same
                else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            )
            biases = (None,) * 3 if bias is None else F.chunk(bias, 3)
            found = tuple(map(F.linear, inputs, weights, biases))
        order = (0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3)
        q, k, v = (
            F.permute(F.reshape(x, (*x.shape[:2], self.num_heads, self.head_dim)), order)
            for x in found
        )
        return q, k, v

    def _more(self, x: Tensor, row: Tensor) -> Tensor:
        """One key or value more for each head."""
        one = F.reshape(row, (1, self.num_heads, 1, self.head_dim))
        return F.cat([x, F.expand(one, (x.shape[0], -1, -1, -1))], 2)

    def _check_masks(
        self, attn: Tensor | None, padding: Tensor | None, shape: Any, dtype: Any, alone: bool
    ) -> None:
        """Raises TypeError or ValueError."""
        n, heads, t, s = shape
        for what, mask, shapes in (
            ("attn_mask", attn, [(t, s), (n * heads, t, s)]),
            ("key_padding_mask", padding, [(s,) if alone else (n, s)]),
        ):
            if mask is None:
                continue
            _checks.tensor(mask, "MultiheadAttention", what)
            if mask.dtype.kind != "b" and mask.dtype != dtype:
                raise TypeError(
                    f"MultiheadAttention: {what} has dtype {mask.dtype}, expected bool or query's "
                    f"{dtype}"
                )
            if mask.shape not in shapes:
                raise ValueError(
                    f"MultiheadAttention: {what} has shape {mask.shape}, expected "
                    f"{' or '.join(map(str, shapes))}"
                )

    def _mask(
        self, attn: Tensor | None, padding: Tensor | None, shape: Any, dtype: Any
    ) -> Tensor | None:
        """Both masks as one that is added to the scores (N, num_heads, T, S)."""
        n, _, t, s = shape
        mask: Any = None
        if attn is not None:
            mask = F.reshape(_added(attn, dtype), (1, 1, t, s) if attn.ndim == 2 else shape)
        if padding is not None:
            added = F.reshape(_added(padding, dtype), (n, 1, 1, s))
            mask = added if mask is None else mask + added
        return mask
