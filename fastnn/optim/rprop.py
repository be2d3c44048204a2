"""Resilient propagation."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, full_like, pair, zeros_like


class Rprop(Optimizer):
    """Riedmiller & Braun 1993 (A direct adaptive method for faster backpropagation learning), for
    gradients of whole data sets: only their signs count.

    Each element has a step size, at first lr: times etas[1] where g keeps its sign, times etas[0]
    where it turned, within step_sizes.  p <- p - sign(g) size; no step where g turned.

    l1_decay sign(p) is added to the gradient.  Raises ValueError for options below 0 or not
    finite, etas not 0 < etas[0] < 1 < etas[1], or step_sizes not in order.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": pair(etas),
            "step_sizes": pair(step_sizes),
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        etas, sizes = group["etas"], group["step_sizes"]
        if len(etas) != 2 or not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Rprop: etas is {etas}, expected 0 < etas[0] < 1 < etas[1]")
        if len(sizes) != 2 or not 0.0 <= sizes[0] <= sizes[1]:
            raise ValueError(f"Rprop: step_sizes is {sizes}, expected two numbers >= 0 in order")

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "prev": zeros_like(p), "step_size": full_like(p, group["lr"])}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            self.tick(states)
            backend.of(same[0]._data).rprop_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                column(states, "prev"),
                column(states, "step_size"),
                group["etas"][0],
                group["etas"][1],
                group["step_sizes"][0],
                group["step_sizes"][1],
                group["l1_decay"],
                group["maximize"],
            )
