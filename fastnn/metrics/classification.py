"""Metrics of classifiers: accuracy, top-k, confusion matrix, F1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Metric, as_array, check_target, fraction


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
        return fraction(self.count_right, self.count_all)

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
        scores, target = as_array(output), as_array(target)
        if scores.ndim != 2 or scores.shape[1] < self.k:
            raise ValueError(
                f"{self.name}: output has shape {scores.shape}, expected (N, C) with C >= {self.k}"
            )
        check_target(target, len(scores), self.name)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.k]
        self.count_right += int(np.count_nonzero(best == target[:, None]))
        self.count_all += len(target)

    def compute(self) -> float:
        return fraction(self.count_right, self.count_all)

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
            return fraction(2 * int(right.sum()), int(true.sum() + predicted.sum()))
        both = true + predicted
        scores = np.divide(2.0 * right, both, out=np.zeros(len(both)), where=both > 0)
        if self.average is None:
            return scores
        if not true.sum():
            return math.nan
        # As scikit-learn: the macro mean is over classes that occur or are predicted.
        weights = true if self.average == "weighted" else both > 0
        return float(np.average(scores, weights=weights))


def _labels(
    output: Any, target: Any, threshold: float | None, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true classes, both (N,)."""
    scores, target = as_array(output), as_array(target)
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
    check_target(target, len(scores), name)
    return predicted, target
