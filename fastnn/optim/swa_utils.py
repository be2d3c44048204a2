"""Averages of weights (`torch.optim.swa_utils`): SWA and EMA, their schedule, batch norm."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..creation import tensor
from ..grad_mode import no_grad
from ..nn.module import Module
from ..nn.norm import _BatchNorm
from ..tensor import Tensor
from .lr_scheduler.base import LRScheduler, integer, number, per_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Any]
MultiAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def _store(target: Tensor, value: Any) -> None:
    target._data[...] = value._data if isinstance(value, Tensor) else value
    target._changed()


def _towards(target: Tensor, source: Tensor, share: float) -> None:
    """target += share (source - target); integers are rounded down, as in PyTorch."""
    a, b = target._data, source._data
    if a.dtype.kind == "f":
        _store(target, a + np.asarray(share, a.dtype) * (b - a))
    else:
        _store(target, np.trunc(a * (1 - share) + b * share).astype(a.dtype))


def _decay(decay: float, function: str) -> float:
    return number(decay, f"{function}: decay", 0.0, 1.0)


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """Exponential average of lists of tensors: average <- decay average + (1 - decay) new.

    Raises TypeError; ValueError for a decay outside [0, 1].
    """
    share = 1 - _decay(decay, "get_ema_multi_avg_fn")

    def ema_update(averages: list[Tensor], current: list[Tensor], _: Any) -> None:
        for average, new in zip(averages, current, strict=True):
            _towards(average, new, share)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """Plain average of lists of tensors: average <- average + (new - average) / (n + 1)."""

    def swa_update(averages: list[Tensor], current: list[Tensor], n_averaged: Any) -> None:
        for average, new in zip(averages, current, strict=True):
            _towards(average, new, 1 / (int(n_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """As `get_ema_multi_avg_fn`, of one tensor, which it returns."""
    _decay(decay, "get_ema_avg_fn")

    def ema_update(average: Tensor, current: Tensor, _: Any) -> Tensor:
        return decay * average + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Average:
    """As `get_swa_multi_avg_fn`, of one tensor, which it returns."""

    def swa_update(average: Tensor, current: Tensor, n_averaged: Any) -> Tensor:
        return average + (current - average) / (int(n_averaged) + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model, `module`, whose parameters are averages of the model's.

    `update_parameters(model)` takes the model in; the first time it is copied.  Without functions
    the average is plain: stochastic weight averaging, Izmailov et al. 2018 (arXiv:1803.05407).
    avg_fn(average, new, n_averaged) gives an average; multi_avg_fn changes lists of tensors, such
    as `get_ema_multi_avg_fn(0.999)` (Polyak & Juditsky 1992).  use_buffers: buffers are averaged
    as well; otherwise they are copied each time.  Buffer n_averaged () int64: how many were taken
    in.  Raises TypeError for no Module, ValueError for both functions.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(model, Module):
            raise TypeError(f"AveragedModel: model must be a Module, got {type(model).__name__}")
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, dtype="int64"))
        self.avg_fn, self.multi_avg_fn = avg_fn, multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present weights of `model` into the average.  Raises ValueError if its
        parameters or buffers do not fit."""
        mine, its = self._tensors(self.module), self._tensors(model)
        buffers = list(self.module.buffers()), list(model.buffers())
        shapes = [
            [t.shape for t in (*ts, *bs)] for ts, bs in ((mine, buffers[0]), (its, buffers[1]))
        ]
        if shapes[0] != shapes[1]:
            raise ValueError("AveragedModel: model differs from the averaged one in its shapes")
        with no_grad():
            if int(self.n_averaged) == 0:
                for average, new in zip(mine, its, strict=True):
                    _store(average, new)
            elif self.avg_fn is not None:
                for average, new in zip(mine, its, strict=True):
                    _store(average, self.avg_fn(average.detach(), new.detach(), self.n_averaged))
            else:
                multi = self.multi_avg_fn or get_swa_multi_avg_fn()
                multi(mine, its, self.n_averaged)
            if not self.use_buffers:
                for average, new in zip(*buffers, strict=True):
                    _store(average, new)
            _store(self.n_averaged, self.n_averaged._data + 1)

    def _tensors(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return list(itertools.chain(model.parameters(), buffers))


def _shapes(*lists: list[Tensor]) -> list[tuple[int, ...]]:
    return [t.shape for t in itertools.chain(*lists)]


def update_bn(loader: Iterable[Any], model: Module) -> None:
    """Running statistics of all batch norms in model, anew: the plain average over the batches x,
    or (x, ...), of loader.  Averaged weights need it, as theirs are of no one model."""
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    modes = [(m, m.training) for m in model.modules()]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    model.train()
    try:
        with no_grad():
            for batch in loader:
                model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, was_training in modes:
            module.training = was_training


class SWALR(LRScheduler):
    """From the present rate to swa_lr in anneal_epochs steps ("cos" or "linear"), then constant.

    For averaging of weights; may follow another schedule on the same optimizer.  Izmailov et al.
    2018 (arXiv:1803.05407).  Raises TypeError, ValueError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group(swa_lr, "SWALR: swa_lr", optimizer)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"SWALR: anneal_strategy is {anneal_strategy!r}, expected 'cos' or 'linear'"
            )
        self.anneal_epochs = integer(anneal_epochs, "SWALR: anneal_epochs", 0)
        self._anneal_strategy = anneal_strategy
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, goal = group["lr"], group.get("swa_lr", group["lr"])
            # what the rate would be without the step before; another schedule may have moved it
            start = goal if before == 1 else (lr - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
