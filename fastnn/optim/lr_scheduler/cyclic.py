"""Schedules that cycle the rate and, against it, the momentum: CyclicLR and OneCycleLR."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, attributes, checked, integer, number, per_group

_MODES = ("triangular", "triangular2", "exp_range")


class _Cycling(LRScheduler):
    """Sets "momentum", or the first of "betas", beside the rate."""

    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(
        self, optimizer: Optimizer, base: Any, highest: Any, last_epoch: int
    ) -> tuple[list[float], list[float]]:
        """base_momentum and max_momentum of each group, noted there; all begin with the latter."""
        name = type(self).__name__
        defaults = optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(
                f"{name}: cycle_momentum is True, but {type(optimizer).__name__} has neither "
                "momentum nor betas"
            )
        self.use_beta1 = "betas" in defaults
        bases = per_group(base, f"{name}: base_momentum", optimizer)
        tops = per_group(highest, f"{name}: max_momentum", optimizer)
        if last_epoch == -1:
            for low, high, group in zip(bases, tops, optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return bases, tops

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Cycling):
    """lr goes from base_lr up to max_lr in step_size_up steps and back in step_size_down (as many
    if None), again and again; with cycle_momentum the momentum goes from max_momentum down to
    base_momentum and back.

    mode: "triangular"; "triangular2": the height halves with each cycle; "exp_range": it is
    gamma ** step.  scale_fn: the height instead, of the cycle's number from 1 (scale_mode "cycle")
    or the step ("iterations").  Smith 2017 (arXiv:1506.01186).  Raises TypeError, ValueError.
    """

    _unsaved = ("_scale_fn_custom",)

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer, "CyclicLR")
        base_lrs = per_group(base_lr, "CyclicLR: base_lr", optimizer)
        self.max_lrs = per_group(max_lr, "CyclicLR: max_lr", optimizer)
        up = float(integer(step_size_up, "CyclicLR: step_size_up"))
        down = up
        if step_size_down is not None:
            down = float(integer(step_size_down, "CyclicLR: step_size_down"))
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in _MODES and scale_fn is None:
            raise ValueError(f"CyclicLR: mode is {mode!r}, expected {', '.join(_MODES)}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(
                f"CyclicLR: scale_mode is {scale_mode!r}, expected 'cycle' or 'iterations'"
            )
        self.mode, self.gamma = mode, number(gamma, "CyclicLR: gamma")
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                group["lr"] = lr
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of a cycle."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        height: float = 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x
        return height

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        if x <= self.step_ratio:
            height = x / self.step_ratio
        else:
            height = (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for low, high, group in zip(
                self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=False
            ):
                self._set_momentum(group, high - (high - low) * height)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        function = self._scale_fn_custom
        saved = None if function is None else attributes(function)
        return super().state_dict() | {"_scale_fn_custom": saved}

    def _take(self, state_dict: dict[str, Any]) -> None:
        super()._take({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        saved = state_dict.get("_scale_fn_custom")
        if saved is not None and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(saved)


class OneCycleLR(_Cycling):
    """lr goes from max_lr / div_factor up to max_lr in the first pct_start of the steps, then down
    to that beginning / final_div_factor; with cycle_momentum the momentum goes from max_momentum
    down to base_momentum and back.  Step it after every batch.

    Steps: total_steps, or epochs * steps_per_epoch.  anneal_strategy: "cos" or "linear".
    three_phase: down to the beginning in another pct_start of the steps, then further.  Smith &
    Topin 2018 (arXiv:1708.07120).  Raises TypeError, ValueError, also for a step too many.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 10000.0,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer, "OneCycleLR")
        if total_steps is not None:
            self.total_steps = integer(total_steps, "OneCycleLR: total_steps")
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = integer(epochs, "OneCycleLR: epochs") * integer(
                steps_per_epoch, "OneCycleLR: steps_per_epoch"
            )
        else:
            raise ValueError(
                "OneCycleLR: give total_steps, or both epochs and steps_per_epoch, "
                f"got {total_steps}, {epochs} and {steps_per_epoch}"
            )
        share = number(pct_start, "OneCycleLR: pct_start", 0, 1)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy is {anneal_strategy!r}, expected 'cos' or 'linear'"
            )
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, share, three_phase)
        max_lrs = per_group(max_lr, "OneCycleLR: max_lr", optimizer)
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if not number(factor, f"OneCycleLR: {name}") > 0:
                raise ValueError(f"OneCycleLR: {name} is {factor}, expected above 0")
        if last_epoch == -1:
            for lr, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"], group["max_lr"] = lr / div_factor, lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch} of {self.total_steps}, expected no more"
            )
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if self.last_epoch <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        share = (self.last_epoch - start) / (end - start) if end != start else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            if "max_lr" not in group:  # added since
                rates.append(group["lr"])
                continue
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, share))
        return rates

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _phases(total_steps: int, share: float, three_phase: bool) -> list[dict[str, Any]]:
    """What goes from where to where until which step, in PyTorch's form."""

    def phase(end_step: float, start: str, end: str, first: str, last: str) -> dict[str, Any]:
        return {
            "end_step": end_step,
            "start_lr": f"{start}_lr",
            "end_lr": f"{end}_lr",
            "start_momentum": f"{first}_momentum",
            "end_momentum": f"{last}_momentum",
        }

    up = phase(share * total_steps - 1, "initial", "max", "max", "base")
    if not three_phase:
        return [up, phase(total_steps - 1, "max", "min", "base", "max")]
    down = phase(2 * share * total_steps - 2, "max", "initial", "base", "max")
    return [up, down, phase(total_steps - 1, "initial", "min", "max", "max")]
