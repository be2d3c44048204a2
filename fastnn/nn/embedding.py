"""Tables of vectors: Embedding, EmbeddingBag."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.embedding import bag_mode, norm_limits, padding_row, refuse_sparse
from ..grad_mode import no_grad
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class _Table(Module):
    """weight (num_embeddings, embedding_dim), normal with a row of zeros at padding_idx."""

    weight: Parameter

    def _set_up(
        self, sizes: Any, padding_idx: Any, limits: Any, weight: Any, freeze: bool, sparse: Any
    ) -> None:
        name = type(self).__name__
        names = ("num_embeddings", "embedding_dim")
        rows, columns = (
            _checks.integer(n, name, key, 0) for n, key in zip(sizes, names, strict=True)
        )
        self.num_embeddings, self.embedding_dim = rows, columns
        row = padding_row(padding_idx, rows, name)
        self.padding_idx = None if padding_idx is None else row
        self.max_norm, self.norm_type = max_norm, norm_type = limits
        if max_norm is not None:
            norm_limits(max_norm, norm_type, name)
        refuse_sparse(sparse, name)
        self.sparse = False
        if weight is None:
            self.weight = Parameter(empty(rows, columns), not freeze)
            self.reset_parameters()
            return
        if _checks.tensor(weight, name, "_weight").shape != (rows, columns):
            raise ValueError(f"{name}: _weight has shape {weight.shape}, expected {rows, columns}")
        _checks.kernels(weight._data, name, "_weight")
        self.weight = Parameter(weight, not freeze)

    def reset_parameters(self) -> None:
        """Normal numbers, and zeros at padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        return ", ".join(parts)


def _pretrained(embeddings: Any, name: str) -> Tensor:
    if _checks.tensor(embeddings, name, "embeddings").ndim != 2:
        raise ValueError(f"{name}: embeddings has shape {embeddings.shape}, expected 2 axes")
    return embeddings


class Embedding(_Table):
    """y = weight[x]: x (*), int64 or int32 -> (*, embedding_dim); see functional.embedding.

    weight begins as N(0, 1).  padding_idx: a row that begins as zeros and is not trained.
    Raises ValueError for settings, sparse=True among them, and IndexError for a number in x that is
    not below num_embeddings.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
    ) -> None:
        super().__init__()
        sizes, limits = (num_embeddings, embedding_dim), (max_norm, norm_type)
        self._set_up(sizes, padding_idx, limits, _weight, _freeze, sparse)
        self.scale_grad_by_freq = scale_grad_by_freq

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer whose weight is embeddings (V, D), memory shared; freeze: it is not trained."""
        rows, columns = _pretrained(embeddings, "Embedding.from_pretrained").shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq,
        )  # fmt: skip


class EmbeddingBag(_Table):
    """y_b = sum, mean or maximum of weight[x] over bag b; see functional.embedding_bag.

    x (B, L), each row a bag, or (N,) with offsets (B,) -> (B, embedding_dim).  Raises ValueError
    for settings, sparse=True among them, and IndexError for a number in x that is not below
    num_embeddings.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> None:
        super().__init__()
        sizes, limits = (num_embeddings, embedding_dim), (max_norm, norm_type)
        self._set_up(sizes, padding_idx, limits, _weight, False, sparse)
        self.mode = bag_mode(mode, scale_grad_by_freq, "EmbeddingBag")
        self.scale_grad_by_freq = scale_grad_by_freq
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer whose weight is embeddings (V, D), memory shared; freeze: it is not trained."""
        rows, columns = _pretrained(embeddings, "EmbeddingBag.from_pretrained").shape
        layer = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse,
            embeddings, include_last_offset, padding_idx,
        )  # fmt: skip
        layer.weight.requires_grad = not freeze
        return layer

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, False, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
