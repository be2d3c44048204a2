"""Schedules that multiply the rate: by a function, at certain steps, towards an end."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, attributes, checked, integer, number

Factor = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """One function, or one for each group."""

    _unsaved = ("lr_lambdas",)

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        name = type(self).__name__
        n = len(checked(optimizer, name).param_groups)
        functions = [lr_lambda] * n if callable(lr_lambda) else lr_lambda
        if not isinstance(functions, (list, tuple)) or not all(map(callable, functions)):
            raise TypeError(f"{name}: lr_lambda must be a function, or a list of them")
        if len(functions) != n:
            raise ValueError(f"{name}: {len(functions)} functions for {n} groups")
        self.lr_lambdas = list(functions)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"lr_lambdas": [attributes(f) for f in self.lr_lambdas]}

    def _take(self, state_dict: dict[str, Any]) -> None:
        super()._take({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            if saved is not None:
                vars(function).update(saved)


class LambdaLR(_OfFunctions):
    """lr = base lr * lr_lambda(last_epoch); one function, or one per group.

    Raises TypeError, ValueError for a wrong number of functions.
    """

    def get_lr(self) -> list[float]:
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * factor(self.last_epoch) for base, factor in pairs]


class MultiplicativeLR(_OfFunctions):
    """lr <- lr * lr_lambda(last_epoch) at each step; one function, or one per group.

    Raises TypeError, ValueError for a wrong number of functions.
    """

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        pairs = zip(self._rates(), self.lr_lambdas, strict=False)
        return [lr * factor(self.last_epoch) for lr, factor in pairs]


class StepLR(LRScheduler):
    """lr = base lr * gamma ** (last_epoch // step_size).  Raises TypeError, ValueError."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = integer(step_size, "StepLR: step_size")
        self.gamma = number(gamma, "StepLR: gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return self._rates()
        return [lr * self.gamma for lr in self._rates()]

    def closed_form(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr = base lr * gamma ** (number of milestones <= last_epoch).  A milestone may stand there
    several times.  Raises TypeError, ValueError."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(integer(m, "MultiStepLR: milestone", 0) for m in milestones)
        self.gamma = number(gamma, "MultiStepLR: gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = self.gamma ** self.milestones[self.last_epoch]
        return [lr * factor for lr in self._rates()]

    def closed_form(self) -> list[float]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"milestones": dict(self.milestones)}

    def _take(self, state_dict: dict[str, Any]) -> None:
        super()._take(state_dict)
        self.milestones = Counter(self.milestones)


class ConstantLR(LRScheduler):
    """lr = base lr * factor before total_iters, then base lr.  Raises TypeError; ValueError for a
    factor outside [0, 1]."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = number(factor, "ConstantLR: factor", 0, 1)
        self.total_iters = integer(total_iters, "ConstantLR: total_iters", 0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [lr * self.factor for lr in self._rates()]
        if self.last_epoch != self.total_iters:
            return self._rates()
        if self.factor == 0:  # nothing is left to multiply
            return self.closed_form()
        return [lr * (1.0 / self.factor) for lr in self._rates()]

    def closed_form(self) -> list[float]:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """lr = base lr * a factor that goes from start_factor to end_factor within total_iters steps
    in a straight line.  Raises TypeError; ValueError for a start outside (0, 1], an end outside
    [0, 1]."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = number(start_factor, "LinearLR: start_factor", 0, 1)
        if start_factor == 0:
            raise ValueError("LinearLR: start_factor is 0, expected above 0")
        self.end_factor = number(end_factor, "LinearLR: end_factor", 0, 1)
        self.total_iters = integer(total_iters, "LinearLR: total_iters", 0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._rates()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [lr * (1.0 + rise / before) for lr in self._rates()]

    def closed_form(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / max(self.total_iters, 1)
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr = base lr * gamma ** last_epoch.  Raises TypeError, ValueError."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number(gamma, "ExponentialLR: gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        return [lr * self.gamma for lr in self._rates()]

    def closed_form(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = base lr * (1 - min(last_epoch, total_iters) / total_iters) ** power.  Raises TypeError,
    ValueError."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = integer(total_iters, "PolynomialLR: total_iters")
        self.power = number(power, "PolynomialLR: power")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return [lr * (left / before) ** self.power for lr in self._rates()]

    def closed_form(self) -> list[float]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
