"""LRScheduler: what all schedules share, and checks of their arguments."""

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np

from ..optimizer import Optimizer


def checked(optimizer: Any, name: str) -> Optimizer:
    """optimizer, if it is one.  Raises TypeError."""
    if not isinstance(optimizer, Optimizer):
        kind = type(optimizer).__name__
        raise TypeError(f"{name}: optimizer is {kind}, expected an Optimizer")
    return optimizer


def integer(value: Any, name: str, lowest: int = 1) -> int:
    """value; name is "Class: argument".  Raises TypeError, ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < lowest:
        raise ValueError(f"{name} is {value}, expected at least {lowest}")
    return int(value)


def number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """value, finite and in [low, high].  Raises TypeError, ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (low <= value <= high and math.isfinite(value)):
        raise ValueError(f"{name} is {value}, expected a finite number in [{low:g}, {high:g}]")
    return value  # type: ignore[return-value]


def per_group(value: Any, name: str, optimizer: Optimizer) -> list[float]:
    """A number for all groups, or a list with one for each.  Raises TypeError, ValueError."""
    groups = optimizer.param_groups
    values = list(value) if isinstance(value, (list, tuple)) else [value] * len(groups)
    if len(values) != len(groups):
        raise ValueError(f"{name} has {len(values)} values for {len(groups)} groups")
    return [number(v, name) for v in values]


class LRScheduler:
    """Base class: sets group["lr"]; call step() after optimizer.step().

    A subclass gives `get_lr`: one rate per group, from the present rates (so that two schedules
    on one optimizer multiply, as in PyTorch) or from base_lrs, those of the beginning, which stand
    in group["initial_lr"].  last_epoch counts calls of step from 0.  To go on at last_epoch >= 0
    the groups must have "initial_lr".  Raises TypeError for no optimizer, KeyError without
    "initial_lr".
    """

    _unsaved: tuple[str, ...] = ()  # attributes that are functions

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer, type(self).__name__)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch is {last_epoch}, but group {i} has no "
                    "'initial_lr' to go on from"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The rate of each group at last_epoch."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def closed_form(self) -> list[float]:
        """The rate of each group as a function of last_epoch and base_lrs alone."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return list(self._last_lr)

    def step(self, epoch: int | None = None) -> None:
        """One step further; or to `epoch`, by the closed form if there is one."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._set(self.get_lr())
        else:
            self.last_epoch = epoch
            self._set(self.closed_form())

    def _set(self, rates: list[float]) -> None:
        # a schedule with something for each group leaves groups that were added since alone
        for group, lr in zip(self.optimizer.param_groups, rates, strict=False):
            group["lr"] = lr
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that changes and all settings, under PyTorch's names; of functions, only the
        attributes of callable objects."""
        hidden = ("optimizer", "_is_initial", *self._unsaved)
        state = {key: value for key, value in vars(self).items() if key not in hidden}
        return {k: list(v) if isinstance(v, list) else v for k, v in state.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where state_dict was called, here or in PyTorch.  Raises KeyError without
        last_epoch and base_lrs, ValueError for another number of groups."""
        int(state_dict["last_epoch"])
        base_lrs = state_dict["base_lrs"]
        if len(base_lrs) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: the state has {len(base_lrs)} groups, "
                f"this optimizer {len(self.base_lrs)}"
            )
        self._take(state_dict)

    def _take(self, state_dict: dict[str, Any]) -> None:
        for key in self.state_dict():
            if key in state_dict:
                value = state_dict[key]
                setattr(self, key, list(value) if isinstance(value, list) else value)


def attributes(function: Any) -> dict[str, Any] | None:
    """What a callable object holds; None of a plain function."""
    if isinstance(function, types.FunctionType) or not hasattr(function, "__dict__"):
        return None
    return dict(vars(function))
