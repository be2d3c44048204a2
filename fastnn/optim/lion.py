"""Lion."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, pair, zeros_like


class Lion(Optimizer):
    """Chen et al. 2023 (arXiv:2302.06675), Algorithm 2: the sign of a mean of gradients.

    p <- p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p + l1_decay sign(p)),
    m <- beta2 m + (1 - beta2) g.

    Steps are larger than Adam's: take a third to a tenth of its lr, and as much more weight_decay.
    PyTorch has none; state and options are those of the authors' code.  Raises ValueError for
    options below 0 or not finite, or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": pair(betas),
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"exp_avg": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            backend.of(same[0]._data).lion_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                column(states, "exp_avg"),
                group["lr"],
                group["betas"][0],
                group["betas"][1],
                group["weight_decay"],
                group["l1_decay"],
                group["maximize"],
            )
