"""Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .optimizer import Optimizer, zeros_like


class Adam(Optimizer):
    """Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1, bias correction included.

    weight_decay p + l1_decay sign(p) is added to the gradient.  Raises ValueError for options
    below 0 or not finite, or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas) if isinstance(betas, (tuple, list)) else (betas,),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        betas = group["betas"]
        if len(betas) != 2 or not all(
            isinstance(b, (int, float, np.number)) and 0.0 <= b < 1.0 for b in betas
        ):
            raise ValueError(f"Adam: betas is {betas}, expected two numbers in [0, 1)")

    def state_of(self, p: Any) -> dict[str, Any]:
        return {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            for state in states:
                state["step"] += 1
            backend.of(same[0]._data).adam_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                states[0]["step"],
                group["lr"],
                group["betas"][0],
                group["betas"][1],
                group["eps"],
                group["weight_decay"],
                group["l1_decay"],
                group["maximize"],
            )
