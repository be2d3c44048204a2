"""What Trainer's options become: callbacks in their order, metrics, costs, penalties."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any

from ..metrics import Accuracy, Metric
from ..tensor import Tensor
from .callbacks import Callback, CSVLogger, JSONLLogger, ModelCheckpoint
from .progress import ProgressBar


def ordered(
    callbacks: Sequence[Callback],
    progress: bool | str | ProgressBar,
    log: str | os.PathLike[str] | None,
) -> list[Callback]:
    """The user's, then progress and log; ModelCheckpoint last, so it saves the others' new
    states."""
    found = list(callbacks)
    if isinstance(progress, ProgressBar):
        found.append(progress)
    elif progress == "auto" or isinstance(progress, bool):
        if progress:
            found.append(ProgressBar())
    else:
        raise ValueError(
            f"Trainer: progress is {progress!r}, expected True, False, 'auto' or a ProgressBar"
        )
    if log is not None:
        suffix = os.path.splitext(os.fspath(log))[1]
        loggers = {".csv": CSVLogger, ".jsonl": JSONLLogger}
        if suffix not in loggers:
            raise ValueError(f"Trainer: log is {os.fspath(log)!r}, expected .csv or .jsonl")
        found.append(loggers[suffix](log))
    return sorted(found, key=lambda callback: isinstance(callback, ModelCheckpoint))


def as_metric(metric: Metric | str) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if metric == "accuracy":
        return Accuracy()
    raise ValueError(f"Trainer: metric is {metric!r}, expected a Metric or 'accuracy'")


def cost(loss: Tensor) -> Tensor:
    """The mean of per-sample losses; what is one number already stays as it is."""
    return loss.mean() if loss.ndim else loss


def check_penalty(penalty: Any, function: str = "Trainer") -> None:
    """TypeError unless it is None or can be called; function: whose name the message gives."""
    if penalty is not None and not callable(penalty):
        raise TypeError(
            f"{function}: penalty is {type(penalty).__name__}, expected None or a callable"
        )


def penalty_of(model: Any, penalty: Callable[[Any], Tensor], function: str = "Trainer") -> Tensor:
    """The penalty's value, checked to be one number."""
    value = penalty(model)
    if not isinstance(value, Tensor):
        raise TypeError(f"{function}: penalty returned {type(value).__name__}, expected a Tensor")
    if value.ndim:
        raise ValueError(f"{function}: penalty has shape {tuple(value.shape)}, expected ()")
    return value


def unreduced(loss: Any) -> Any:
    """The loss with reduction="none" where it has that option; the given one is left alone."""
    if getattr(loss, "reduction", "none") == "none":
        return loss
    loss = copy.copy(loss)
    loss.reduction = "none"
    return loss
