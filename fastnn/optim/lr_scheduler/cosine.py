"""Cosine annealing, once and with warm restarts: Loshchilov & Hutter 2017 (arXiv:1608.03983)."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, integer, number


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base lr - eta_min) (1 + cos(pi last_epoch / T_max)) / 2.

    After T_max it goes up again.  Loshchilov & Hutter 2017 (arXiv:1608.03983), without restarts.
    Raises TypeError, ValueError.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = number(T_max, "CosineAnnealingLR: T_max")
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: T_max is {T_max}, expected above 0")
        self.eta_min = number(eta_min, "CosineAnnealingLR: eta_min")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self.closed_form()
        now, before = self._cosine(self.last_epoch), self._cosine(self.last_epoch - 1)
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # at the lowest point nothing is left to multiply
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            pairs = zip(self._rates(), self.base_lrs, strict=False)
            return [lr + (base - self.eta_min) * rise for lr, base in pairs]
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in self._rates()]

    def closed_form(self) -> list[float]:
        height = self._cosine(self.last_epoch) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def _cosine(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base lr - eta_min) (1 + cos(pi T_cur / T_i)) / 2: T_cur steps since the last
    restart, T_i to the next: at first T_0, each time T_mult times as many.

    step(epoch) takes fractions, too.  Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5.
    Raises TypeError, ValueError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        name = "CosineAnnealingWarmRestarts"
        self.T_0 = self.T_i = integer(T_0, f"{name}: T_0")
        self.T_mult = integer(T_mult, f"{name}: T_mult")
        self.eta_min = number(eta_min, f"{name}: eta_min")
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        """One step further; or to `epoch`, which may be a fraction.  Raises ValueError below 0."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._place(number(epoch, "CosineAnnealingWarmRestarts: epoch", 0))
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _place(self, epoch: float) -> None:
        """T_cur and T_i at epoch."""
        if self.T_mult == 1:
            self.T_cur, self.T_i = epoch % self.T_0, self.T_0
            return
        self.T_cur, self.T_i = epoch, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
