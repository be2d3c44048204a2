"""RMSprop."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, zeros_like


class RMSprop(Optimizer):
    """Tieleman & Hinton 2012 (Neural Networks for Machine Learning, lecture 6.5).

    v <- alpha v + (1 - alpha) g^2,  s = g / (sqrt(v) + eps),  p <- p - lr s.
    centered (Graves 2013, arXiv:1308.0850): v less the square of the running mean of g, at least
    0, in v's place.  momentum: b <- momentum b + s,  p <- p - lr b.

    weight_decay p + l1_decay sign(p) is added to the gradient.  Raises ValueError for options
    below 0 or not finite.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] else []
        names += ["grad_avg"] if group["centered"] else []
        return {"step": 0, **{name: zeros_like(p) for name in names}}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            self.tick(states)
            backend.of(same[0]._data).rmsprop_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                column(states, "square_avg"),
                column(states, "grad_avg") if group["centered"] else None,
                column(states, "momentum_buffer") if group["momentum"] else None,
                group["lr"],
                group["alpha"],
                group["eps"],
                group["momentum"],
                group["weight_decay"],
                group["l1_decay"],
                group["maximize"],
            )
