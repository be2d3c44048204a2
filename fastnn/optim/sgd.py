"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

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

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        state = self.state
        momentum = group["momentum"]
        is_first = (lambda p: p not in state) if momentum else (lambda p: False)
        for kernels, first, same in self.batches(params, is_first):
            buffers = None
            if momentum:
                if first:
                    for p in same:
                        state[p] = {"momentum_buffer": zeros_like(p)}
                buffers = [state[p]["momentum_buffer"] for p in same]
            kernels.sgd_step(
                [p._data for p in same],
                [p._grad._data for p in same],
                buffers,
                group["lr"],
                momentum,
                group["dampening"],
                group["weight_decay"],
                group["nesterov"],
                group["maximize"],
                group["l1_decay"],
                first,
            )
