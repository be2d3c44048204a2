"""Stacks of transformer layers and the encoder-decoder network made of two of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from ..dtypes import as_dtype
from ..functional import _checks
from ..tensor import Tensor, wrap
from . import init
from .collections import ModuleList
from .layer_norm import LayerNorm
from .module import Module
from .transformer_layer import TransformerDecoderLayer, TransformerEncoderLayer, sequence


def _clones(layer: Module, n: Any, name: str) -> ModuleList:
    n = _checks.integer(n, name, "num_layers", 0)
    return ModuleList(copy.deepcopy(layer) for _ in range(n))


def _is_causal(mask: Tensor | None, given: bool | None) -> bool:
    """Whether mask lets step i see steps 0 to i only, so that attention may skip the rest."""
    if given is not None:
        return bool(given)
    if mask is None or mask.ndim != 2 or mask.requires_grad or mask.dtype.kind not in "bf":
        return False
    rows, columns = mask.shape
    return rows == columns and np.array_equal(mask._data, _causal(rows, mask.dtype))


def _causal(sz: int, dtype: Any) -> np.ndarray:
    return np.triu(np.full((sz, sz), -np.inf).astype(dtype), 1)


class TransformerEncoder(Module):
    """num_layers copies of encoder_layer, one after the other, then norm.

    src (T, N, d_model), or as encoder_layer takes it -> the same shape.  The copies begin with
    equal weights.  enable_nested_tensor and mask_check are settings of a fast path that PyTorch has
    and we have not: nothing depends on them.  Source: Vaswani et al. 2017, arXiv:1706.03762.
    Raises TypeError and ValueError for num_layers below 0, and as the layers do.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers, "TransformerEncoder")
        self.num_layers, self.norm = len(self.layers), norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Masks as for TransformerEncoderLayer; is_causal None: found out by looking at mask."""
        causal = _is_causal(mask, is_causal)
        for layer in self.layers:
            src = layer(
                src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=causal
            )
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of decoder_layer, one after the other, all with the same memory; then norm.

    tgt (T, N, d_model), memory (S, N, d_model), or as decoder_layer takes them -> the shape of
    tgt.  The copies begin with equal weights.  Source and errors: TransformerEncoder.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers, "TransformerDecoder")
        self.num_layers, self.norm = len(self.layers), norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Masks as for TransformerDecoderLayer; tgt_is_causal None: found out from tgt_mask."""
        causal = _is_causal(tgt_mask, tgt_is_causal)
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """decoder(tgt, encoder(src)): stacks of layers, each with a LayerNorm at its end.

    src (S, N, d_model), tgt (T, N, d_model), with N first if batch_first, or both without N -> the
    shape of tgt.  Embeddings, positions and the layer of the outputs are the caller's.  Settings:
    TransformerEncoderLayer; custom_encoder, custom_decoder: modules in place of the two stacks.
    Matrices begin Glorot-uniform.  Source: Vaswani et al. 2017, arXiv:1706.03762.
    Raises TypeError and ValueError for settings and shapes that do not fit.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        settings: tuple[Any, ...] = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias,
        )  # fmt: skip
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias)
            first = TransformerEncoderLayer(*settings)
            custom_encoder = TransformerEncoder(first, num_encoder_layers, norm)
        if custom_decoder is None:
            last = TransformerDecoderLayer(*settings)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias)
            custom_decoder = TransformerDecoder(last, num_decoder_layers, norm)
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, bool(batch_first)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Masks as for the layers; *_is_causal None: found out by looking at the mask."""
        for x, what in ((src, "src"), (tgt, "tgt")):
            sequence(x, "Transformer", what, self.d_model)
        axis = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or src.ndim == 3 and src.shape[axis] != tgt.shape[axis]:
            raise ValueError(
                f"Transformer: src has shape {src.shape}, but tgt has shape {tgt.shape}, expected "
                f"the same batch on axis {axis}"
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, *, dtype: Any = np.float32) -> Tensor:
        """The causal mask (sz, sz): 0 up to the diagonal, -inf above, or True with dtype bool.

        Raises TypeError and ValueError for a size that is not an integer of at least 0, or for
        integers as dtype.
        """
        name = "generate_square_subsequent_mask"
        size, kind = _checks.integer(sz, name, "sz", 0), as_dtype(dtype, name)
        if kind.kind not in "bf":
            raise TypeError(f"{name}: dtype is {kind}, expected float32, float64 or bool")
        return wrap(_causal(size, kind))
