"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, zeros_like


class SGD(Optimizer):
    """p -= lr b with momentum b = momentum b + (1 - dampening) g (the first time b = g).

    g is the gradient (negated to maximize) + weight_decay p + l1_decay sign(p).  nesterov: g +
    momentum b in place of b.  Sutskever et al. 2013, in PyTorch's form.  Raises ValueError for
    options below 0 or not finite, or nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError("SGD: nesterov needs momentum and no dampening")

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        momentum = group["momentum"]
        runs = self.runs(group, params) if momentum else self.plain_runs(params)
        for is_first, same, states in runs:
            backend.of(same[0]._data).sgd_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                [s["momentum_buffer"] for s in states] if momentum else None,
                group["lr"],
                momentum,
                group["dampening"],
                group["weight_decay"],
                group["nesterov"],
                group["maximize"],
                group["l1_decay"],
                is_first,
            )
