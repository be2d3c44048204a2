"""Adadelta."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, zeros_like


class Adadelta(Optimizer):
    """Zeiler 2012 (arXiv:1212.5701), Algorithm 1, times lr.

    v <- rho v + (1 - rho) g^2,  s = sqrt(d + eps) / sqrt(v + eps) g,
    d <- rho d + (1 - rho) s^2,  p <- p - lr s.

    weight_decay p + l1_decay sign(p) is added to the gradient.  Raises ValueError for options
    below 0 or not finite, or rho above 1.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        if group["rho"] > 1.0:
            raise ValueError(f"Adadelta: rho is {group['rho']}, expected a number in [0, 1]")

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            self.tick(states)
            backend.of(same[0]._data).adadelta_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                column(states, "square_avg"),
                column(states, "acc_delta"),
                group["lr"],
                group["rho"],
                group["eps"],
                group["weight_decay"],
                group["l1_decay"],
                group["maximize"],
            )
