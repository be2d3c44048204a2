"""NAdam."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, pair, zeros_like


class NAdam(Optimizer):
    """Dozat 2016 (Incorporating Nesterov momentum into Adam), with its schedule of momenta.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); m, v and vhat as in Adam,
    mhat = mu_{t+1} m / (1 - prod_{i<=t+1} mu_i) + (1 - mu_t) g / (1 - prod_{i<=t} mu_i),
    p <- p - lr mhat / (sqrt(vhat) + eps).

    weight_decay p + l1_decay sign(p) is added to the gradient, or with decoupled_weight_decay lr
    times that is taken from p.  Raises ValueError for options below 0 or not finite, or betas
    outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": pair(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        arrays = {"exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        return {"step": 0, "mu_product": 1.0, **arrays}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            product = backend.of(same[0]._data).nadam_step(
                *self.adam_arguments(group, same, states),
                group["decoupled_weight_decay"],
                group["momentum_decay"],
                states[0]["mu_product"],
            )
            for state in states:
                state["mu_product"] = product
