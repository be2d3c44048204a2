"""Widrow and Hoff's adaptive linear unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import from_numpy
from ..functional import _checks, matmul, mean
from ._linear_unit import LinearUnit, _product


class Adaline(LinearUnit):
    """Linear units that learn by the delta rule, from the error before the threshold:

    online, one sample after the other: w += learning_rate (t - w x) x;
    batch, all samples at once: w += learning_rate mean_n (t_n - w x_n) x_n,

    the steps down the gradient of 1/2 (t - w x)^2; t = 1 for the class and -1 for the others,
    w = 0 at the start.  Widrow and Hoff 1960, "Adaptive switching circuits", IRE WESCON 4, 96-104
    (doi:10.7551/mitpress/4943.003.0012).  Batch steps come to the least-squares solution if
    learning_rate < 2 / (largest eigenvalue of mean x x^T); online ones to a neighbourhood that
    shrinks with learning_rate.  Least squares is not fewest mistakes: separable classes may stay
    unseparated.

    method: "online" or "batch".  max_iter: most epochs.  tol: stop when no weight moves by more
    in an epoch.  shuffle: a new order each epoch, by `random_state` (None, an integer, a
    `fastnn.Generator`).  fit_intercept: with a bias, the weight of an input that is always 1.

    After `fit(X, y)`, X (N, features), y (N,) of any two or more labels: classes_, coef_ (1 or
    classes, features), intercept_, loss_curve_ (half the mean squared error before each epoch,
    over all units), n_iter_, n_features_in_.  More than two classes are one against the rest.
    Computes in float32.  TypeError or ValueError for wrong arrays and settings; ValueError when
    the weights overflow because learning_rate is too large.
    """

    def __init__(
        self,
        *,
        learning_rate: float = 0.01,
        method: str = "online",
        fit_intercept: bool = True,
        max_iter: int = 100,
        tol: float = 1e-6,
        shuffle: bool = False,
        random_state: Any = None,
    ) -> None:
        self.learning_rate, self.method, self.fit_intercept = learning_rate, method, fit_intercept
        self.max_iter, self.tol = max_iter, tol
        self.shuffle, self.random_state = shuffle, random_state

    def fit(self, X: Any, y: Any) -> Adaline:
        """Epochs from w = 0; returns self."""
        return self._fit(X, y)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Adaline:
        """One epoch in the order given, from the weights of before.  classes: all labels, for the
        first call; None: those in y."""
        return self._partial_fit(X, y, classes)

    def _begin(self, x: np.ndarray, classes: np.ndarray, method: str) -> None:
        super()._begin(x, classes, method)
        self.loss_curve_: list[float] = []

    def _settings(self) -> None:
        if self.method not in ("online", "batch"):
            raise ValueError(f"Adaline: method is {self.method!r}, expected 'online' or 'batch'")
        if not np.float32(_checks.number(self.learning_rate, "Adaline", "learning_rate")) > 0:
            raise ValueError(f"Adaline: learning_rate is {self.learning_rate}, expected above 0")
        if not _checks.number(self.tol, "Adaline", "tol") >= 0:
            raise ValueError(f"Adaline: tol is {self.tol}, expected 0 or more")

    def _epoch(self, inputs: np.ndarray, targets: np.ndarray) -> bool:
        rate = np.float32(self.learning_rate)
        before = self._weights.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            error = targets - _product(inputs, self._weights)
            self.loss_curve_.append(float(mean(from_numpy(error * error)).item()) / 2)
            if self.method == "online":
                self._online(inputs, targets, lambda net, t: rate * (t - net))
            else:
                step = matmul(from_numpy(error.T.copy()), from_numpy(inputs)).numpy()
                self._weights += step * (rate / np.float32(len(inputs)))
                self._publish()
        if not np.isfinite(self._weights).all():
            raise ValueError(
                f"Adaline: the weights overflow, learning_rate {self.learning_rate} is too large"
            )
        return bool(np.abs(self._weights - before).max() <= self.tol)
