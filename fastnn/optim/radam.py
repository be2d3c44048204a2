"""RAdam."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, pair, zeros_like


class RAdam(Optimizer):
    """Liu et al. 2020 (arXiv:1908.03265), Algorithm 2: Adam that begins as SGD with momentum and
    divides by sqrt(v), rectified, once the variance of that can be told.

    rho_inf = 2 / (1 - beta2) - 1,  rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t).
    rho_t > 5 (PyTorch's bound; the paper has 4): p <- p - lr r mhat sqrt(1 - beta2^t) /
    (sqrt(v) + eps), r^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t);
    before: p <- p - lr mhat.

    weight_decay p + l1_decay sign(p) is added to the gradient, or with decoupled_weight_decay lr
    times that is taken from p.  Raises ValueError for options below 0 or not finite, or betas
    outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            backend.of(same[0]._data).radam_step(
                *self.adam_arguments(group, same, states),
                group["decoupled_weight_decay"],
            )
