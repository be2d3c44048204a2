"""The range test of learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import random
from ..tensor import Tensor
from .batches import pair
from .checkpoint import copy_tree
from .options import check_penalty, cost, penalty_of


@dataclass(frozen=True)
class LRFind:
    """What `lr_find` found, one number a step in the lists.

    rates; losses, of the batches; smoothed, their exponential average. too_small, good and
    unstable: (lowest, highest) rate of each regime; the loss hardly moves, falls, rises or is not
    finite; None where there is no such regime. suggestion: the rate of the steepest descent of the
    smoothed loss over log(rate), within good; None if the loss never falls.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float | None
    too_small: tuple[float, float] | None
    good: tuple[float, float] | None
    unstable: tuple[float, float] | None

    def regime(self, rate: float) -> str:
        """ "too small", "good" or "unstable": the regime of a rate (those outside: the nearest).
        Raises ValueError if no loss was falling."""
        if self.good is None:
            raise ValueError("LRFind: the loss never fell, so there are no regimes")
        if rate < self.good[0]:
            return "too small"
        return "good" if rate <= self.good[1] else "unstable"


def lr_find(
    model: Any,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Any,
    data: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    n_steps: int = 100,
    smoothing: float = 0.8,
    stop_factor: float = 4.0,
    penalty: Callable[[Any], Tensor] | None = None,
) -> LRFind:
    """Train for n_steps batches (x, y) of data, again and again from its beginning, with rates from
    start_lr to end_lr, evenly in the logarithm, and keep the losses; stops where the smoothed loss
    is more than stop_factor times the best one, or not finite.

    smoothing: share of the average before in the smoothed loss (debiased). penalty, as Trainer's:
    penalty(model) gives a Tensor of shape () that is added to each step's loss, so that the losses
    are those of the objective. Model, optimizer and default generator are then as before, also
    after an error. Smith 2017 (arXiv:1506.01186), section 3.3. Raises ValueError for options out of
    range, data without batches or a penalty that is not one number, TypeError for one that is no
    function or gives no Tensor.
    """
    check_penalty(penalty, "lr_find")
    if not 0 < start_lr < end_lr < math.inf:
        raise ValueError(f"lr_find: rates from {start_lr} to {end_lr}, expected 0 < start < end")
    if n_steps < 10:
        raise ValueError(f"lr_find: n_steps is {n_steps}, expected at least 10")
    if not 0 <= smoothing < 1:
        raise ValueError(f"lr_find: smoothing is {smoothing}, expected a number in [0, 1)")
    if not stop_factor > 1:
        raise ValueError(f"lr_find: stop_factor is {stop_factor}, expected above 1")
    saved = copy_tree(dict(model.state_dict())), copy_tree(optimizer.state_dict())
    options = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    drawn = random.default_generator.get_state()
    gradients = [(p, p.grad) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    rates = [start_lr * (end_lr / start_lr) ** (i / (n_steps - 1)) for i in range(n_steps)]
    try:
        model.train()
        settings = penalty, smoothing, stop_factor
        losses, smoothed = _run(model, loss, optimizer, data, rates, settings)
    finally:
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])
        for group, before in zip(optimizer.param_groups, options, strict=True):
            group.update(before)
        random.default_generator.set_state(drawn)
        for p, gradient in gradients:
            p.grad = gradient
        for module, was_training in modes:
            module.training = was_training
    return _judge(rates[: len(losses)], losses, smoothed)


def _run(
    model: Any,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Any,
    data: Iterable[Any],
    rates: list[float],
    settings: tuple[Callable[[Any], Tensor] | None, float, float],
) -> tuple[list[float], list[float]]:
    penalty, smoothing, stop_factor = settings
    losses: list[float] = []
    smoothed: list[float] = []
    average, best = 0.0, math.inf
    batches = iter(data)
    for i, rate in enumerate(rates):
        batch = next(batches, None)
        if batch is None:
            batches = iter(data)
            batch = next(batches, None)
            if batch is None:
                raise ValueError("lr_find: data has no batches")
        x, y = pair(batch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        value = cost(loss(model(x), y))
        if penalty is not None:
            value = value + penalty_of(model, penalty, "lr_find")
        value.backward()
        losses.append(value.item())
        average = smoothing * average + (1 - smoothing) * losses[-1]
        smoothed.append(average / (1 - smoothing ** (i + 1)))
        best = min(best, smoothed[-1])
        if not math.isfinite(average) or (i > 0 and smoothed[-1] > stop_factor * abs(best)):
            break
        optimizer.step()
    return losses, smoothed


def _judge(rates: list[float], losses: list[float], smoothed: list[float]) -> LRFind:
    """The three regimes: until the loss has fallen by a tenth of all that it falls, until its
    lowest point, and beyond."""
    curve = np.array(smoothed)
    finite = np.isfinite(curve)
    lowest = int(np.argmin(np.where(finite, curve, np.inf)))
    start = float(np.median(curve[: max(lowest // 4, 1)]))
    fall = start - float(curve[lowest])
    noise = float(np.std(np.diff(losses[: max(lowest // 4, 3)]))) if lowest >= 3 else 0.0
    if lowest < 3 or not fall > max(noise / 2, 1e-12):
        return LRFind(rates, losses, smoothed, None, None, None, None)
    fallen = np.flatnonzero(curve[: lowest + 1] > start - fall / 10)
    first = min(int(fallen[-1]) + 1, lowest)
    slope = np.gradient(curve[: lowest + 1])  # over equal steps of log(rate)
    steepest = first + int(np.argmin(slope[first:]))
    too_small = (rates[0], rates[first - 1]) if first else None
    unstable = (rates[lowest + 1], rates[-1]) if lowest + 1 < len(rates) else None
    good = rates[first], rates[lowest]
    return LRFind(rates, losses, smoothed, rates[steepest], too_small, good, unstable)
