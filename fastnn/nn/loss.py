"""Losses as modules."""

from __future__ import annotations

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor
from .module import Module


class MSELoss(Module):
    """(input - target)^2: its "mean", its "sum", or with "none" each element; equal shapes."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "MSELoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class BCELoss(Module):
    """Cross-entropy of targets and probabilities in [0, 1]; see functional.binary_cross_entropy."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = _checks.reduction(reduction, "BCELoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        weight = self._buffers["weight"]
        return F.binary_cross_entropy(input, target, weight, reduction=self.reduction)


class BCEWithLogitsLoss(Module):
    """Cross-entropy of targets in [0, 1] and sigmoid(input); see
    functional.binary_cross_entropy_with_logits."""

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = _checks.reduction(reduction, "BCEWithLogitsLoss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self._buffers["weight"],
            reduction=self.reduction,
            pos_weight=self._buffers["pos_weight"],
        )


class CrossEntropyLoss(Module):
    """Softmax and negative log-likelihood of the target class in one; see
    functional.cross_entropy.

    Raises ValueError for another reduction or a label_smoothing outside [0, 1].
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        _checks.probability(label_smoothing, "CrossEntropyLoss", "label_smoothing")
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = _checks.reduction(reduction, "CrossEntropyLoss")
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self._buffers["weight"],
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
