"""Adagrad."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, full_like


class Adagrad(Optimizer):
    """Duchi, Hazan & Singer 2011 (JMLR 12, 2121-2159), diagonal.

    s <- s + g^2 (at first initial_accumulator_value),
    p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).

    weight_decay p + l1_decay sign(p) is added to the gradient.  Raises ValueError for options
    below 0 or not finite.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # as in PyTorch, there from the beginning
            for p in group["params"]:
                self.state[p] = self.state_of(p, group)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": full_like(p, self.defaults["initial_accumulator_value"])}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            backend.of(same[0]._data).adagrad_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                column(states, "sum"),
                self.tick(states),
                group["lr"],
                group["lr_decay"],
                group["eps"],
                group["weight_decay"],
                group["l1_decay"],
                group["maximize"],
            )
