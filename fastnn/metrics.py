"""Metrics that gather batch after batch: `update(output, target)`, `compute()`, `reset()`.

Outputs and targets are Tensors or ndarrays; nothing is recorded on the tape. `compute()` without
any sample gives nan (ConfusionMatrix: zeros). Counts are exact integers, sums are float64.
`state_dict()` and `load_state_dict()` hold what was gathered, for checkpoints in the middle of an
epoch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .tensor import Tensor


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
        expected = set(self.state_dict())
        if set(state) != expected:
            raise ValueError(f"{self.name}: state has {sorted(state)}, expected {sorted(expected)}")
        vars(self).update(
            {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in state.items()}
        )


class Accuracy(Metric):
    """Fraction of samples whose class is right, 0 to 1.

    output: scores (N, C), the largest counts; integer labels (N,); or, with `threshold`, scores
    (N,) or (N, 1) of class 1 (0.5 for probabilities, 0 for logits). target: integer (N,) or, with
    `threshold`, any numbers 0 and 1.
    """

    def __init__(self, threshold: float | None = None, *, name: str = "accuracy") -> None:
        self.threshold = threshold
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        predicted, target = _labels(output, target, self.threshold, self.name)
        self.count_right += int(np.count_nonzero(predicted == target))
        self.count_all += len(target)

    def compute(self) -> float:
        return _ratio(self.count_right, self.count_all)

    def reset(self) -> None:
        self.count_right = self.count_all = 0


class TopK(Metric):
    """Fraction of samples whose class is among the k with the largest scores, 0 to 1.

    output: scores (N, C), C >= k; target: integer (N,). Among equal scores the smaller class comes
    first.
    """

    def __init__(self, k: int = 5, *, name: str | None = None) -> None:
        if k < 1:
            raise ValueError(f"TopK: k is {k}, expected at least 1")
        self.k = k
        self.name = f"top{k}" if name is None else name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        scores, target = _array(output), _array(target)
        if scores.ndim != 2 or scores.shape[1] < self.k:
            raise ValueError(
                f"{self.name}: output has shape {scores.shape}, expected (N, C) with C >= {self.k}"
            )
        _check_target(target, len(scores), self.name)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.k]
        self.count_right += int(np.count_nonzero(best == target[:, None]))
        self.count_all += len(target)

    def compute(self) -> float:
        return _ratio(self.count_right, self.count_all)

    def reset(self) -> None:
        self.count_right = self.count_all = 0


class ConfusionMatrix(Metric):
    """Counts, int64 (C, C): row = true class, column = predicted class. Inputs as for Accuracy."""

    def __init__(
        self, num_classes: int, threshold: float | None = None, *, name: str = "confusion"
    ) -> None:
        if num_classes < 1:
            raise ValueError(f"ConfusionMatrix: num_classes is {num_classes}, expected at least 1")
        self.num_classes = num_classes
        self.threshold = threshold
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        predicted, target = _labels(output, target, self.threshold, self.name)
        n = self.num_classes
        for kind, values in (("output", predicted), ("target", target)):
            if values.size and not (values.min() >= 0 and values.max() < n):
                raise ValueError(f"{self.name}: {kind} has a class outside 0..{n - 1}")
        flat = target.astype(np.int64) * n + predicted
        self.count_pairs += np.bincount(flat, minlength=n * n).reshape(n, n)

    def compute(self) -> np.ndarray:
        return self.count_pairs.copy()

    def reset(self) -> None:
        self.count_pairs = np.zeros((self.num_classes, self.num_classes), np.int64)


class F1(ConfusionMatrix):
    """F1 = 2 TP / (2 TP + FP + FN) per class, 0 where a class neither occurs nor is predicted.

    average: "macro" (mean over classes), "weighted" (by true counts), "micro" (from the summed
    counts) or None, an array (C,). Names and values as scikit-learn's f1_score. Inputs as for
    Accuracy.
    """

    def __init__(
        self,
        num_classes: int,
        average: str | None = "macro",
        threshold: float | None = None,
        *,
        name: str = "f1",
    ) -> None:
        if average not in ("macro", "weighted", "micro", None):
            raise ValueError(
                f"F1: average is {average!r}, expected 'macro', 'weighted', 'micro' or None"
            )
        super().__init__(num_classes, threshold, name=name)
        self.average = average

    def compute(self) -> Any:
        pairs = self.count_pairs
        right, true, predicted = np.diag(pairs), pairs.sum(axis=1), pairs.sum(axis=0)
        if self.average == "micro":
            return _ratio(2 * int(right.sum()), int(true.sum() + predicted.sum()))
        both = true + predicted
        scores = np.divide(2.0 * right, both, out=np.zeros(len(both)), where=both > 0)
        if self.average is None:
            return scores
        if not true.sum():
            return math.nan
        # As scikit-learn: the macro mean is over classes that occur or are predicted.
        weights = true if self.average == "weighted" else both > 0
        return float(np.average(scores, weights=weights))


class MSE(Metric):
    """Mean of (output - target)**2 over all elements; equal shapes."""

    def __init__(self, *, name: str = "mse") -> None:
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        error = _difference(output, target, self.name)
        self.sum_error += float(np.square(error).sum())
        self.count_all += error.size

    def compute(self) -> float:
        return _ratio(self.sum_error, self.count_all)

    def reset(self) -> None:
        self.sum_error, self.count_all = 0.0, 0


class MAE(MSE):
    """Mean of |output - target| over all elements; equal shapes."""

    def __init__(self, *, name: str = "mae") -> None:
        super().__init__(name=name)

    def update(self, output: Any, target: Any) -> None:
        error = _difference(output, target, self.name)
        self.sum_error += float(np.abs(error).sum())
        self.count_all += error.size


class R2(Metric):
    """1 - sum (target - output)**2 / sum (target - mean)**2, the mean over columns; equal shapes
    (N, ...).

    As scikit-learn's r2_score: a column with constant target gives 1 if matched exactly, otherwise
    0; nan below two samples. The spread is merged by Chan's formula, so large means do not cancel
    digits.
    """

    count_all: int
    sum_mean: Any
    sum_spread: Any
    sum_error: Any

    def __init__(self, *, name: str = "r2") -> None:
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        error = _difference(output, target, self.name)
        if error.ndim == 0:
            raise ValueError(f"{self.name}: output is 0-d, expected (N, ...)")
        n = len(error)
        if not n:
            return
        y = _array(target).astype(np.float64).reshape(n, -1)
        mean, total = y.mean(axis=0), self.count_all + n
        step = mean - self.sum_mean
        self.sum_spread = (
            self.sum_spread
            + np.square(y - mean).sum(axis=0)
            + np.square(step) * (self.count_all * n / total)
        )
        self.sum_mean = self.sum_mean + step * (n / total)
        self.sum_error = self.sum_error + np.square(error.reshape(n, -1)).sum(axis=0)
        self.count_all = total

    def compute(self) -> float:
        if self.count_all < 2:
            return math.nan
        varies = self.sum_spread > 0
        ratio = np.divide(
            self.sum_error, self.sum_spread, out=np.ones_like(self.sum_error), where=varies
        )
        ratio[~varies & (self.sum_error == 0)] = 0.0
        return float(np.mean(1.0 - ratio))

    def reset(self) -> None:
        self.count_all = 0
        self.sum_error = self.sum_mean = self.sum_spread = np.zeros(1)


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _labels(
    output: Any, target: Any, threshold: float | None, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true classes, both (N,)."""
    scores, target = _array(output), _array(target)
    if threshold is not None:
        if scores.ndim == 2 and scores.shape[1] == 1:
            scores = scores[:, 0]
        target = target.reshape(-1) if target.shape == (len(scores), 1) else target
        if scores.ndim != 1 or target.shape != scores.shape:
            raise ValueError(
                f"{name}: output has shape {scores.shape}, target {target.shape}; with threshold "
                "both are expected (N,) or (N, 1)"
            )
        return (scores > threshold).astype(np.int64), target.astype(np.int64)
    if scores.ndim == 2 and scores.shape[1]:
        predicted = scores.argmax(axis=1)
    elif scores.ndim == 1 and scores.dtype.kind in "biu":
        predicted = scores
    else:
        raise ValueError(
            f"{name}: output is {scores.dtype} of shape {scores.shape}, expected scores (N, C) or "
            "integer labels (N,); for scores of one class give threshold="
        )
    _check_target(target, len(scores), name)
    return predicted, target


def _check_target(target: np.ndarray, n: int, name: str) -> None:
    if target.shape != (n,):
        raise ValueError(f"{name}: target has shape {target.shape}, expected ({n},) as output")
    if target.dtype.kind not in "biu":
        raise TypeError(f"{name}: target has dtype {target.dtype}, expected integers")


def _difference(output: Any, target: Any, name: str) -> np.ndarray:
    a, b = _array(output), _array(target)
    if a.shape != b.shape:
        raise ValueError(
            f"{name}: output has shape {a.shape}, target {b.shape}, expected equal shapes"
        )
    return a.astype(np.float64) - b.astype(np.float64)


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else math.nan
