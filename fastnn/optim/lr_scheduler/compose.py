"""Schedules made of others: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, checked, integer
from .plateau import ReduceLROnPlateau


class _Composed(LRScheduler):
    _unsaved = ("_schedulers",)
    _schedulers: list[LRScheduler]

    def _check(self, schedulers: Any, optimizer: Any) -> list[LRScheduler]:
        name = type(self).__name__
        if not isinstance(schedulers, (list, tuple)):
            raise TypeError(f"{name}: schedulers is {type(schedulers).__name__}, expected a list")
        if not schedulers:
            raise ValueError(f"{name}: schedulers is empty")
        for i, scheduler in enumerate(schedulers):
            kind = type(scheduler).__name__
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(f"{name}: schedulers[{i}] is {kind}, expected an LRScheduler")
            optimizer = scheduler.optimizer if optimizer is None else optimizer
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name}: schedulers[{i}] is {kind}, whose step needs a metric")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{name}: schedulers[{i}], {kind}, has another optimizer")
        self.optimizer = optimizer
        return list(schedulers)

    def state_dict(self) -> dict[str, Any]:
        states = [scheduler.state_dict() for scheduler in self._schedulers]
        return super().state_dict() | {"_schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where state_dict was called, here or in PyTorch.  Raises KeyError, ValueError."""
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"{type(self).__name__}: the state has {len(states)} schedulers, "
                f"this one {len(self._schedulers)}"
            )
        before = [scheduler.state_dict() for scheduler in self._schedulers]
        try:
            for scheduler, state in zip(self._schedulers, states, strict=True):
                scheduler.load_state_dict(state)
        except BaseException:
            for scheduler, state in zip(self._schedulers, before, strict=True):
                scheduler.load_state_dict(state)
            raise
        self._take({key: value for key, value in state_dict.items() if key != "_schedulers"})


class SequentialLR(_Composed):
    """One schedule after another: schedulers[i + 1] begins anew at step milestones[i].

    Raises TypeError, ValueError: one milestone less than schedulers, in increasing order; no
    ReduceLROnPlateau; one optimizer.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self._schedulers = self._check(schedulers, checked(optimizer, "SequentialLR"))
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones for {len(schedulers)} schedulers, "
                "expected one less"
            )
        self._milestones = [integer(m, "SequentialLR: milestone", 0) for m in milestones]
        if self._milestones != sorted(self._milestones):
            raise ValueError(f"SequentialLR: milestones are {milestones}, expected in order")
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self._schedulers)  # each has made its first step, on the others' rates
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """One step further."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(schedulers: list[LRScheduler]) -> None:
    for scheduler in schedulers:
        if isinstance(scheduler, _Composed):
            _undo(scheduler._schedulers)
        else:
            scheduler.last_epoch -= 1


class ChainedScheduler(_Composed):
    """Several schedules at once: each step makes a step of all, and their factors multiply.

    Raises TypeError, ValueError: no ReduceLROnPlateau; one optimizer.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._schedulers = self._check(schedulers, optimizer)
        self._last_lr = self._rates()

    def step(self) -> None:  # type: ignore[override]
        """One step further."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()
