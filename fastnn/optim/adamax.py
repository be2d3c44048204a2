"""Adamax."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, pair, zeros_like


class Adamax(Optimizer):
    """Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 2: Adam with the infinity norm.

    m <- beta1 m + (1 - beta1) g,  u <- max(beta2 u, |g| + eps),  p <- p - lr / (1 - beta1^t) m / u.

    weight_decay p + l1_decay sign(p) is added to the gradient.  Raises ValueError for options
    below 0 or not finite, or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": pair(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            backend.of(same[0]._data).adamax_step(
                *self.adam_arguments(group, same, states, "exp_inf"),
            )
