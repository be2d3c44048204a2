"""Metrics of regression: mean squared and absolute error, R2."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Metric, as_array, fraction


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
        return fraction(self.sum_error, self.count_all)

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
        y = as_array(target).astype(np.float64).reshape(n, -1)
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


def _difference(output: Any, target: Any, name: str) -> np.ndarray:
    a, b = as_array(output), as_array(target)
    if a.shape != b.shape:
        raise ValueError(
            f"{name}: output has shape {a.shape}, target {b.shape}, expected equal shapes"
        )
    return a.astype(np.float64) - b.astype(np.float64)
