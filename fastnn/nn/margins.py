"""Losses of margins, rankings and distributions as modules; equations at the functions."""

from __future__ import annotations

from collections.abc import Callable

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor
from .module import Module


class KLDivLoss(Module):
    """target (log target - input); see functional.kl_div."""

    def __init__(self, *, log_target: bool = False, reduction: str = "mean") -> None:
        super().__init__()
        self.log_target = log_target
        self.reduction = _checks.reduction(reduction, "KLDivLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, log_target=self.log_target, reduction=self.reduction)


class GaussianNLLLoss(Module):
    """Negative log-likelihood of a normal distribution; see functional.gaussian_nll_loss."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__()
        self.full = full
        self.eps = eps
        self.reduction = _checks.reduction(reduction, "GaussianNLLLoss")

    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class PoissonNLLLoss(Module):
    """Negative log-likelihood of a Poisson distribution; see functional.poisson_nll_loss."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = _checks.reduction(reduction, "PoissonNLLLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class HingeEmbeddingLoss(Module):
    """The distance, or margin - it, by a label of 1 or -1; see functional.hinge_embedding_loss."""

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__()
        self.margin = margin
        self.reduction = _checks.reduction(reduction, "HingeEmbeddingLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(Module):
    """input1 above input2, by a label of 1 or -1; see functional.margin_ranking_loss."""

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__()
        self.margin = margin
        self.reduction = _checks.reduction(reduction, "MarginRankingLoss")

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class CosineEmbeddingLoss(Module):
    """Angle of two vectors, by a label of 1 or -1; see functional.cosine_embedding_loss."""

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__()
        self.margin = margin
        self.reduction = _checks.reduction(reduction, "CosineEmbeddingLoss")

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Module):
    """The positive nearer to the anchor than the negative; see functional.triplet_margin_loss."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.margin = _checks.positive(margin, "TripletMarginLoss", "margin")
        self.p = p
        self.eps = eps
        self.swap = swap
        self.reduction = _checks.reduction(reduction, "TripletMarginLoss")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Module):
    """The same with a distance of one's own; see functional.triplet_margin_with_distance_loss."""

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.distance_function = distance_function
        self.margin = _checks.positive(margin, "TripletMarginWithDistanceLoss", "margin")
        self.swap = swap
        self.reduction = _checks.reduction(reduction, "TripletMarginWithDistanceLoss")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class MultiMarginLoss(Module):
    """The target class above each other by a margin; see functional.multi_margin_loss."""

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if p not in (1, 2) or isinstance(p, bool):
            raise ValueError(f"MultiMarginLoss: p is {p!r}, expected 1 or 2")
        self.p = p
        self.margin = margin
        self.register_buffer("weight", weight)
        self.reduction = _checks.reduction(reduction, "MultiMarginLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self._buffers["weight"],
            reduction=self.reduction,
        )


class MultiLabelMarginLoss(Module):
    """Every target class above every other by a margin; see functional.multilabel_margin_loss."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "MultiLabelMarginLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Module):
    """Cross-entropy of each class against the rest; see functional.multilabel_soft_margin_loss."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = _checks.reduction(reduction, "MultiLabelSoftMarginLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(
            input, target, weight=self._buffers["weight"], reduction=self.reduction
        )


class SoftMarginLoss(Module):
    """log(1 + exp(-target input)), targets 1 or -1; see functional.soft_margin_loss."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "SoftMarginLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)
