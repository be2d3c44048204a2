"""Losses of the estimators: a value per sample, and its mean, weighted or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional
from ..tensor import Tensor
from ..train.options import cost, unreduced


def _log_loss(output: Tensor, y: Tensor, reduction: str) -> Tensor:
    return functional.cross_entropy(output, y, reduction=reduction)


def _per_sample_sum(function: Callable[..., Tensor], factor: float = 1.0) -> Any:
    """The sum over a sample's outputs, as a function of (output, y, reduction)."""

    def loss(output: Tensor, y: Tensor, reduction: str) -> Tensor:
        values = function(output, y, reduction=reduction)
        if reduction == "none":
            return values.sum(1) * factor
        scale = factor * output.shape[1]
        return values if scale == 1.0 else values * scale

    return loss


# (output, y, reduction) -> (N,) for "none", () for "mean".  Of several outputs the sum is taken,
# whose gradient is that of scikit-learn; the square has its factor 1/2.
LOSSES: dict[str, Callable[[Tensor, Tensor, str], Tensor]] = {
    "log_loss": _log_loss,
    "binary_log_loss": _per_sample_sum(functional.binary_cross_entropy_with_logits),
    "squared_error": _per_sample_sum(functional.mse_loss, 0.5),
    "absolute_error": _per_sample_sum(functional.l1_loss),
    "huber": _per_sample_sum(functional.huber_loss),
    "poisson": _per_sample_sum(functional.poisson_nll_loss),
}


class Objective:
    """loss(output, y), a mean over samples; with target [y, weights] it is
    sum(weight loss) / sum(weight).

    loss: a name of LOSSES, or a callable like those of `nn`: (output, y) -> its mean, or its values
    where it has an attribute `reduction` or gives them anyway.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = loss
        self._named = LOSSES[loss] if isinstance(loss, str) else None
        self._unreduced = None if isinstance(loss, str) else unreduced(loss)

    def __call__(self, output: Tensor, target: Any) -> Tensor:
        if isinstance(target, (list, tuple)):
            y, weight = target
            return (self.per_sample(output, y) * weight).sum() / weight.sum()
        if self._named is not None:
            return self._named(output, target, "mean")
        return cost(self.loss(output, target))

    def per_sample(self, output: Tensor, y: Tensor) -> Tensor:
        """The losses (N,).  Raises ValueError if a callable gives no value per sample."""
        if self._named is not None:
            return self._named(output, y, "none")
        values = self._unreduced(output, y)  # type: ignore[misc]
        if values.ndim == 0 or len(values) != len(output):
            raise ValueError(
                f"loss has shape {tuple(values.shape)} for {len(output)} samples: sample_weight "
                "needs one value per sample (reduction='none')"
            )
        return values if values.ndim == 1 else values.reshape(len(values), -1).mean(1)
