"""More losses as modules; the equations stand at the functions of their names."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor
from .module import Module


class L1Loss(Module):
    """|input - target|; see functional.l1_loss."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "L1Loss")

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Module):
    """Quadratic below beta, linear above; see functional.smooth_l1_loss."""

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "SmoothL1Loss")
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Module):
    """Quadratic below delta, linear above; see functional.huber_loss."""

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__()
        self.reduction = _checks.reduction(reduction, "HuberLoss")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CTCLoss(Module):
    """Connectionist temporal classification; see functional.ctc_loss."""

    def __init__(
        self, blank: int = 0, *, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__()
        self.blank, self.zero_infinity = blank, zero_infinity
        self.reduction = _checks.reduction(reduction, "CTCLoss")

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        settings: dict[str, Any] = {"blank": self.blank, "reduction": self.reduction}
        lengths = input_lengths, target_lengths
        return F.ctc_loss(
            log_probs, targets, *lengths, zero_infinity=self.zero_infinity, **settings
        )
