"""What all metrics share: the base class and the reading of arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor


class Metric:
    """Base class. `name` is the metric's key in History and in `Trainer.evaluate`."""

    name = "metric"

    def update(self, output: Any, target: Any) -> None:
        """Add a batch. Raises TypeError or ValueError, naming output and target, if they do not
        fit."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def compute(self) -> Any:
        """The metric over all batches since `reset`."""
        raise NotImplementedError(f"{type(self).__name__} has no compute")

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} has no reset")

    def state_dict(self) -> dict[str, Any]:
        """What was gathered: every attribute that begins with `sum_` or `count_`."""
        return {
            key: value.copy() if isinstance(value, np.ndarray) else value
            for key, value in vars(self).items()
            if key.startswith(("sum_", "count_"))
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`. Raises ValueError if its entries are not this metric's."""
        self._check_state(state)
        vars(self).update(
            {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in state.items()}
        )

    def _check_state(self, state: dict[str, Any]) -> None:
        expected = set(self.state_dict())
        if set(state) != expected:
            raise ValueError(f"{self.name}: state has {sorted(state)}, expected {sorted(expected)}")


def as_array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def check_target(target: np.ndarray, n: int, name: str) -> None:
    if target.shape != (n,):
        raise ValueError(f"{name}: target has shape {target.shape}, expected ({n},) as output")
    if target.dtype.kind not in "biu":
        raise TypeError(f"{name}: target has dtype {target.dtype}, expected integers")


def fraction(part: float, whole: int) -> float:
    return part / whole if whole else math.nan
