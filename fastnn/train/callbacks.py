"""Callbacks: what happens beside the training loop.

`row` is the epoch's dict for History. A callback may set `trainer.stop_training` and
`trainer.stop_reason`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..creation import from_numpy

if TYPE_CHECKING:
    from .trainer import Trainer

_HIGHER_IS_BETTER = ("accuracy", "top", "f1", "r2")


class Callback:
    """Base class; every method may be left out. State in `state_dict` travels in checkpoints."""

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first epoch of a `fit`."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        """After a batch (and the optimizer's step, if one was due); `loss` is the batch's."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """After validation and the scheduler; `row` is in the history already."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, also after an error or Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs; numbers, strings, lists, dicts and arrays."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class _Monitor(Callback):
    """Knows the best value of one column of the history."""

    def __init__(self, monitor: str, min_delta: float, mode: str) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{type(self).__name__}: mode is {mode!r}, expected 'auto', 'min' or 'max'"
            )
        if mode == "auto":
            name = monitor.removeprefix("val_")
            mode = "max" if name.startswith(_HIGHER_IS_BETTER) else "min"
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.mode = mode
        self.best = math.inf if mode == "min" else -math.inf

    def improved(self, row: dict[str, Any]) -> bool:
        """Whether `row` is better than all before; NaN never is. Raises KeyError without the
        column."""
        if self.monitor not in row:
            raise KeyError(
                f"{type(self).__name__}: nothing called {self.monitor!r} to monitor, "
                f"there is {', '.join(row)}"
            )
        value = row[self.monitor]
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping(_Monitor):
    """Stops after `patience` epochs in a row without a gain of more than `min_delta` in `monitor`.

    mode: "min", "max" or "auto" (max for accuracy, top-k, F1, R2). restore_best: the model ends
    with the weights of its best epoch. Source: Prechelt 1998, doi:10.1007/3-540-49430-8_3.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        *,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, min_delta, mode)
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience is {patience}, expected at least 1")
        self.patience = patience
        self.restore_best = restore_best
        self.best_epoch = self.waited = 0
        self._weights: dict[str, np.ndarray] | None = None

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if self.improved(row):
            self.best_epoch, self.waited = trainer.epoch, 0
            if self.restore_best:
                state = trainer.model.state_dict()
                self._weights = {k: np.array(t.detach().numpy()) for k, t in state.items()}
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop_training = True
            trainer.stop_reason = (
                f"{self.monitor} has not improved for {self.waited} epochs, "
                f"best {self.best:.6g} in epoch {self.best_epoch}"
            )

    def on_fit_end(self, trainer: Trainer) -> None:
        ended = trainer.stop_training or trainer.epoch >= trainer.epochs  # no error, no Ctrl-C
        if self._weights is not None and ended:
            trainer.model.load_state_dict({k: from_numpy(a) for k, a in self._weights.items()})

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self._weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.waited, self._weights = state["waited"], state["weights"]


class ModelCheckpoint(_Monitor):
    """Writes a checkpoint after each epoch, or only after the best so far; always the last
    callback.

    path: a file name, which may hold `{epoch}` and columns of the history, as in
    "run/{epoch:03d}.safetensors". keep: how many of the files written to remain, None for all.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "val_loss",
        save_best_only: bool = False,
        keep: int | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, 0.0, mode)
        if keep is not None and keep < 1:
            raise ValueError(f"ModelCheckpoint: keep is {keep}, expected at least 1 or None")
        self.path = os.fspath(path)
        self.save_best_only = save_best_only
        self.keep = keep
        self.written: list[str] = []

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if self.save_best_only and not self.improved(row):
            return
        path = self.path.format(**row)
        old = [p for p in self.written if p != path]
        self.written = [*old, path]
        drop = [] if self.keep is None else self.written[: -self.keep]
        self.written = self.written[len(drop) :]
        trainer.save_checkpoint(path)
        for stale in drop:
            if os.path.exists(stale):
                os.unlink(stale)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "written": self.written}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.written = state["best"], list(state["written"])


class CSVLogger(Callback):
    """Keeps `path` a CSV file of the whole history, replaced at each epoch (right after a resume,
    too)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        trainer.history.to_csv(self.path)


class JSONLLogger(Callback):
    """One JSON object per epoch and line, appended at each epoch; `fit` first writes the earlier
    epochs."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._write("w", list(trainer.history.rows()))

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self._write("a", [row])

    def _write(self, mode: str, rows: list[dict[str, Any]]) -> None:
        with open(self.path, mode, encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


class TerminateOnNaN(Callback):
    """Stops at the first batch whose loss is NaN or infinite; that epoch is not counted or
    saved."""

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        if not math.isfinite(loss):
            trainer.stop_training = True
            trainer.stop_reason = f"loss is {loss} at iteration {trainer.iteration}"


class LambdaCallback(Callback):
    """Calls the given functions; each has the arguments of the Callback method of its name."""

    def __init__(self, **functions: Callable[..., None]) -> None:
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, function in functions.items():
            if name not in known:
                raise TypeError(f"LambdaCallback: no event {name!r}, expected {', '.join(known)}")
            setattr(self, name, function)
