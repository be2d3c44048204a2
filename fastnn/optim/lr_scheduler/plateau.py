"""ReduceLROnPlateau: the rate goes down when a metric stops to improve."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

from ..optimizer import Optimizer
from .base import LRScheduler, checked, integer, number, per_group


class ReduceLROnPlateau(LRScheduler):
    """lr <- max(lr * factor, min_lr) after more than `patience` steps in a row whose metric was no
    better than the best before; then `cooldown` steps do not count.

    mode: "min" or "max" is better.  Better is below best (1 - threshold) or above best
    (1 + threshold); threshold_mode "abs": best -+ threshold.  A change of at most eps is not made.
    NaN is never better.  Raises TypeError, ValueError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        self.optimizer = checked(optimizer, name)
        if mode not in ("min", "max"):
            raise ValueError(f"{name}: mode is {mode!r}, expected 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"{name}: threshold_mode is {threshold_mode!r}, expected rel or abs")
        self.factor = number(factor, f"{name}: factor")
        if factor >= 1.0:
            raise ValueError(f"{name}: factor is {factor}, expected below 1")
        self.min_lrs = per_group(min_lr, f"{name}: min_lr", optimizer)
        self.mode, self.threshold_mode = mode, threshold_mode
        self.patience = integer(patience, f"{name}: patience", 0)
        self.threshold = number(threshold, f"{name}: threshold")
        self.cooldown = integer(cooldown, f"{name}: cooldown", 0)
        self.eps = number(eps, f"{name}: eps")
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self.best = math.inf if mode == "min" else -math.inf
        self._last_lr = self._rates()

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """One step further, after which `metrics` was measured."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    @property
    def in_cooldown(self) -> bool:
        """Whether bad steps do not count now."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return value < bound if self.mode == "min" else value > bound

    def _reduce(self) -> None:
        # groups that were added since have no bound of their own: the first one's
        bounds = self.min_lrs + self.min_lrs[:1] * len(self.optimizer.param_groups)
        for group, lowest in zip(self.optimizer.param_groups, bounds, strict=False):
            lr = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where state_dict was called, here or in PyTorch.  Raises KeyError, ValueError."""
        int(state_dict["last_epoch"])
        if len(state_dict["min_lrs"]) != len(self.min_lrs):
            raise ValueError(
                f"ReduceLROnPlateau: the state has {len(state_dict['min_lrs'])} groups, "
                f"this optimizer {len(self.min_lrs)}"
            )
        self._take(state_dict)
