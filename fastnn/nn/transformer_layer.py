"""One layer of a transformer: attention and a feed-forward network, each in a residual branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor
from .attention import MultiheadAttention
from .dropout import Dropout
from .fused import altered
from .layer_norm import LayerNorm
from .linear import Linear
from .module import Module

_NAMED = {"relu": F.relu, "gelu": F.gelu}


def activation_of(activation: Any, name: str) -> Callable[[Tensor], Tensor]:
    """The function itself: "relu", "gelu" or one of the caller's."""
    found = _NAMED.get(activation) if isinstance(activation, str) else activation
    if not callable(found):
        raise ValueError(
            f"{name}: activation is {activation!r}, expected 'relu', 'gelu' or a function"
        )
    return found


def sequence(x: Any, name: str, what: str, width: int) -> Tensor:
    """x, if it is (T, width) or a batch of such; ValueError otherwise."""
    if _checks.tensor(x, name, what).ndim not in (2, 3) or x.shape[-1] != width:
        raise ValueError(
            f"{name}: {what} has shape {x.shape}, expected two axes or three, the last of {width}"
        )
    return x


class _Layer(Module):
    """What encoder and decoder layers have in common."""

    _attentions: tuple[str, ...] = ("self_attn",)

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.d_model = _checks.integer(d_model, name, "d_model", 1)
        _checks.integer(dim_feedforward, name, "dim_feedforward", 1)
        self.norm_first = bool(norm_first)
        for part in self._attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias=bias, batch_first=batch_first
            )
            self.add_module(part, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        branches = range(1, 2 + len(self._attentions))  # the feed-forward network is the last
        for i in branches:
            self.add_module(f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias))
        for i in branches:
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = activation_of(activation, name)

    def _branch(self, i: int, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        """x + f(norm(x)) or norm(x + f(x)), with dropout behind f."""
        norm, dropout = self._modules[f"norm{i}"], self._modules[f"dropout{i}"]
        return x + dropout(f(norm(x))) if self.norm_first else norm(x + dropout(f(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        if self.activation is F.relu and not altered(self.linear1):
            h = self.linear1.forward_with(x, "relu")  # one pass less over (T, N, dim_feedforward)
        else:
            h = self.activation(self.linear1(x))
        return self.linear2(self.dropout(h))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then linear2(activation(linear1(x))): each a residual branch with LayerNorm.

    src (T, N, d_model), (N, T, d_model) if batch_first, or (T, d_model) -> the same shape.
    x = norm1(x + attention(x)); y = norm2(x + feed_forward(x)), as Vaswani et al. 2017
    (arXiv:1706.03762); norm_first: x = x + attention(norm1(x)); y = x + feed_forward(norm2(x)), as
    Xiong et al. 2020 (arXiv:2002.04745).  dropout: of attention's probabilities, in feed_forward
    and of the branches.  activation: "relu", "gelu" or a function of a Tensor.
    Raises TypeError and ValueError for settings and shapes that do not fit.
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """src_mask (T, T) or (N nhead, T, T), src_key_padding_mask (N, T): boolean, True where a
        step may not be seen, or added.  is_causal: a promise that src_mask is the causal one."""
        x = sequence(src, "TransformerEncoderLayer", "src", self.d_model)

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )[0]

        return self._branch(2, self._branch(1, x, attend), self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to memory, feed-forward network: three residual branches.

    tgt (T, N, d_model), memory (S, N, d_model), with N first if batch_first, or both without N ->
    the shape of tgt.  Settings, order of norms, errors and sources: TransformerEncoderLayer.
    """

    _attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt_mask (T, T), memory_mask (T, S), or with (N nhead) first; tgt_key_padding_mask
        (N, T), memory_key_padding_mask (N, S): boolean, True where a step may not be seen, or
        added.  *_is_causal: a promise that the mask of that name is the causal one."""
        x = sequence(tgt, "TransformerDecoderLayer", "tgt", self.d_model)
        memory = sequence(memory, "TransformerDecoderLayer", "memory", self.d_model)

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]

        def look(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask,
                is_causal=memory_is_causal,
            )[0]  # fmt: skip

        x = self._branch(2, self._branch(1, x, attend), look)
        return self._branch(3, x, self._feed_forward)
