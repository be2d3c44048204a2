"""Callbacks that average the weights, or keep what the optimizer does: rates, gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


class _PerStep(Callback):
    """Calls `on_step` after each optimizer step, of which there may be one in several batches."""

    def __init__(self, every: int) -> None:
        if isinstance(every, bool) or not hasattr(every, "__index__"):
            raise TypeError(f"{type(self).__name__}: every must be an integer, got {every!r}")
        if every < 1:
            raise ValueError(f"{type(self).__name__}: every is {every}, expected at least 1")
        self.every = every
        self._seen = 0

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._seen = trainer.iteration

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        if trainer.iteration != self._seen:
            self._seen = trainer.iteration
            if trainer.iteration % self.every == 0:
                self.on_step(trainer)

    def on_step(self, trainer: Trainer) -> None:
        """After the step number trainer.iteration."""


class EMA(_PerStep):
    """Keeps an exponential average of the model's weights, `averaged` (an `AveragedModel`):
    average <- decay average + (1 - decay) new, after each `every` optimizer steps.

    use_buffers: buffers are averaged, too, otherwise copied. replace: at the end of `fit` the model
    gets the averaged weights (not after an error or Ctrl-C). Source: Polyak & Juditsky 1992,
    doi:10.1137/0330046. Raises TypeError, ValueError.
    """

    def __init__(
        self,
        decay: float = 0.999,
        every: int = 1,
        *,
        use_buffers: bool = False,
        replace: bool = False,
    ) -> None:
        super().__init__(every)
        self._average = get_ema_multi_avg_fn(decay)
        self.decay, self.use_buffers, self.replace = decay, use_buffers, replace
        self.averaged: AveragedModel | None = None
        self._loaded: dict[str, Any] | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        super().on_fit_begin(trainer)
        if self.averaged is None:
            self.averaged = AveragedModel(
                trainer.model, multi_avg_fn=self._average, use_buffers=self.use_buffers
            )
        if self._loaded is not None:
            self.averaged.load_state_dict(self._loaded)
            self._loaded = None

    def on_step(self, trainer: Trainer) -> None:
        assert self.averaged is not None
        self.averaged.update_parameters(trainer.model)

    def on_fit_end(self, trainer: Trainer) -> None:
        ended = trainer.stop_training or trainer.epoch >= trainer.epochs  # no error, no Ctrl-C
        if self.replace and ended and self.averaged is not None:
            trainer.model.load_state_dict(self.averaged.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return {} if self.averaged is None else {"averaged": dict(self.averaged.state_dict())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._loaded = state.get("averaged")
        if self._loaded is not None and self.averaged is not None:
            self.averaged.load_state_dict(self._loaded)
            self._loaded = None


class LRMonitor(_PerStep):
    """Keeps the rates of all parameter groups after each `every` optimizer steps: `iterations`, and
    `rates`, a list for each of them with one number a group; `momenta` likewise, None where an
    optimizer has neither momentum nor betas. Raises TypeError, ValueError."""

    def __init__(self, every: int = 1) -> None:
        super().__init__(every)
        self.iterations: list[int] = []
        self.rates: list[list[float]] = []
        self.momenta: list[list[float | None]] = []

    def on_step(self, trainer: Trainer) -> None:
        groups = trainer.optimizer.param_groups
        self.iterations.append(trainer.iteration)
        self.rates.append([float(group["lr"]) for group in groups])
        self.momenta.append([_momentum(group) for group in groups])

    def state_dict(self) -> dict[str, Any]:
        return {"iterations": self.iterations, "rates": self.rates, "momenta": self.momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.iterations = list(state["iterations"])
        self.rates, self.momenta = list(state["rates"]), list(state["momenta"])


def _momentum(group: dict[str, Any]) -> float | None:
    if "momentum" in group:
        return float(group["momentum"])
    return float(group["betas"][0]) if "betas" in group else None


class GradientFlow(_PerStep):
    """Keeps the root mean square of each parameter's gradient after each `every` optimizer steps:
    `iterations`, `names` and `norms`, a list for each of them with one number a parameter (NaN
    without a gradient). `ratio()`: the first weight's to the last one's, far from 1 where gradients
    vanish or explode (Glorot & Bengio 2010). Raises TypeError, ValueError."""

    def __init__(self, every: int = 1) -> None:
        super().__init__(every)
        self.iterations: list[int] = []
        self.names: list[str] = []
        self.norms: list[list[float]] = []

    def on_step(self, trainer: Trainer) -> None:
        named = list(trainer.model.named_parameters())
        self.names = [name for name, _ in named]
        self.iterations.append(trainer.iteration)
        self.norms.append([_rms(p) for _, p in named])

    def ratio(self) -> float:
        """Of parameters that are no biases: the first one's mean over the last one's, all steps
        together. Raises ValueError before the first step."""
        if not self.norms:
            raise ValueError("GradientFlow: no step was seen yet")
        means = np.nanmean(np.array(self.norms), axis=0)
        weights = [i for i, name in enumerate(self.names) if not name.endswith("bias")]
        first, last = weights[0], weights[-1]
        return float(means[first] / means[last]) if means[last] else float("inf")

    def state_dict(self) -> dict[str, Any]:
        return {"iterations": self.iterations, "names": self.names, "norms": self.norms}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.iterations, self.names = list(state["iterations"]), list(state["names"])
        self.norms = list(state["norms"])


def _rms(p: Any) -> float:
    if p.grad is None or not p.grad.numpy().size:
        return float("nan")
    return float(np.sqrt(np.mean(np.square(p.grad.numpy(), dtype=np.float64))))
