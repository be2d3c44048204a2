"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from .. import backend
from .optimizer import Optimizer, column, pair, zeros_like


class Adam(Optimizer):
    """Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1, bias correction included.

    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
    p <- p - lr mhat / (sqrt(vhat) + eps),  mhat = m / (1 - beta1^t),  vhat = v / (1 - beta2^t).

    weight_decay p + l1_decay sign(p) is added to the gradient, or with decoupled_weight_decay lr
    times that is taken from p.  amsgrad: the largest v so far stands for v (Reddi et al. 2018,
    arXiv:1904.09237).  Raises ValueError for options below 0 or not finite, or betas outside
    [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": pair(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        return state | {"max_exp_avg_sq": zeros_like(p)} if group["amsgrad"] else state

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        for _, same, states in self.runs(group, params):
            backend.of(same[0]._data).adam_step(
                *self.adam_arguments(group, same, states),
                column(states, "max_exp_avg_sq") if group["amsgrad"] else None,
                group["decoupled_weight_decay"],
            )


class AdamW(Adam):
    """Loshchilov & Hutter 2019 (arXiv:1711.05101), Algorithm 2: Adam whose decay does not pass
    through the gradient: first p <- p - lr (weight_decay p + l1_decay sign(p)).

    Options, state and errors as Adam's.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            l1_decay=l1_decay,
        )
