"""Learning rate schedules: they set group["lr"]; call step() after optimizer.step()."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .optimizer import Optimizer


def _checked(optimizer: Any, name: str) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        kind = type(optimizer).__name__
        raise TypeError(f"{name}: optimizer is {kind}, expected an Optimizer")
    return optimizer


class LRScheduler:
    """Base class.  A subclass gives `get_lr`, one rate per group, as a function of last_epoch,
    which counts calls of step from 0, and base_lrs, the rates at the beginning.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = _checked(optimizer, type(self).__name__)
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        """The rate of each group at last_epoch."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """One step further."""
        self.last_epoch += 1
        # groups that were added since keep their rate
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=False):
            group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """{"last_epoch", "base_lrs"}."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where state_dict was called.  Raises KeyError or ValueError."""
        last_epoch, base_lrs = int(state_dict["last_epoch"]), list(state_dict["base_lrs"])
        if len(base_lrs) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: the state has {len(base_lrs)} groups, "
                f"this optimizer {len(self.base_lrs)}"
            )
        self.last_epoch, self.base_lrs = last_epoch, base_lrs


class LambdaLR(LRScheduler):
    """lr = base lr * lr_lambda(last_epoch); one function, or one per group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        n = len(_checked(optimizer, "LambdaLR").param_groups)
        functions = [lr_lambda] * n if callable(lr_lambda) else lr_lambda
        if not isinstance(functions, (list, tuple)) or not all(map(callable, functions)):
            raise TypeError("LambdaLR: lr_lambda must be a function, or a list of them")
        if len(functions) != n:
            raise ValueError(f"LambdaLR: {len(functions)} functions for {n} groups")
        self.lr_lambdas = list(functions)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [
            base * factor(self.last_epoch)
            for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]


class StepLR(LRScheduler):
    """lr = base lr * gamma ** (last_epoch // step_size)."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if isinstance(step_size, bool) or not hasattr(step_size, "__index__"):
            raise TypeError(f"StepLR: step_size must be an integer, got {step_size!r}")
        if step_size < 1:
            raise ValueError(f"StepLR: step_size is {step_size}, expected at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]
