"""Negative log-likelihoods and distances as modules; equations at the functions."""

from __future__ import annotations

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor
from .module import Module


class NLLLoss(Module):
    """-input at the target class, from log-probabilities; see functional.nll_loss."""

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = _checks.reduction(reduction, "NLLLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        weight, ignored = self._buffers["weight"], self.ignore_index
        return F.nll_loss(input, target, weight, ignore_index=ignored, reduction=self.reduction)


class CosineSimilarity(Module):
    """Cosine of the angle along dim; see functional.cosine_similarity."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """p-norm of x1 - x2 + eps along the last axis; see functional.pairwise_distance."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
