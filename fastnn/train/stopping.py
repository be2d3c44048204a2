"""Callbacks that end a run by its progress on one column of the history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


def _value(callback: Any, row: dict[str, Any]) -> float:
    if callback.monitor not in row:
        raise KeyError(
            f"{type(callback).__name__}: nothing called {callback.monitor!r} to monitor, "
            f"there is {', '.join(row)}"
        )
    return float(row[callback.monitor])


class StopAtLoss(Callback):
    """Stops after the first epoch in which `monitor` is below `threshold`; NaN never is.

    Raises ValueError for a threshold that is NaN; KeyError, in training, without the column.
    """

    def __init__(self, threshold: float, monitor: str = "loss") -> None:
        if math.isnan(threshold):
            raise ValueError("StopAtLoss: threshold is nan, expected a number")
        self.threshold = threshold
        self.monitor = monitor

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        value = _value(self, row)
        if value < self.threshold:
            trainer.stop_training = True
            trainer.stop_reason = f"{self.monitor} is {value:.6g}, below {self.threshold:.6g}"


class StopOnPlateau(Callback):
    """Stops after `patience` epochs in a row that each changed `monitor` by at most `min_delta`,
    up or down, from the epoch before.

    This is the textbook's "until the change is small"; `EarlyStopping` compares with the best
    epoch instead. Raises ValueError for min_delta < 0 or patience < 1; KeyError, in training,
    without the column.
    """

    def __init__(self, monitor: str = "loss", min_delta: float = 1e-4, patience: int = 5) -> None:
        if not min_delta >= 0:
            raise ValueError(f"StopOnPlateau: min_delta is {min_delta}, expected at least 0")
        if patience < 1:
            raise ValueError(f"StopOnPlateau: patience is {patience}, expected at least 1")
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.last = math.nan
        self.waited = 0

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        value = _value(self, row)
        self.waited = self.waited + 1 if abs(value - self.last) <= self.min_delta else 0
        self.last = value
        if self.waited >= self.patience:
            trainer.stop_training = True
            trainer.stop_reason = (
                f"{self.monitor} has changed by at most {self.min_delta:.6g} an epoch "
                f"for {self.waited} epochs"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"last": self.last, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last, self.waited = state["last"], state["waited"]
