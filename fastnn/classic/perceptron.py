"""Rosenblatt's perceptron."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._linear_unit import LinearUnit


class Perceptron(LinearUnit):
    """Threshold units that learn from their mistakes only: where t (w x) <= 0, w += t x, with
    t = 1 for the class and -1 for the others, w = 0 at the start.

    Rosenblatt 1958, doi:10.1037/h0042519.  If some w* of length 1 has t (w* x) >= gamma > 0 for
    all samples, and no sample is longer than R, there are at most (R / gamma)^2 mistakes, in
    whatever order (Novikoff 1962); if none has, it never stops.  A learning rate would only scale
    w.  The bias is the weight of an input that is always 1: it counts in R and gamma.

    fit_intercept: with a bias.  max_iter: most epochs; it stops after one without a mistake.
    shuffle: a new order each epoch, by `random_state` (None, an integer, a `fastnn.Generator`).

    After `fit(X, y)`, X (N, features), y (N,) of any two or more labels: classes_, coef_ (1 or
    classes, features), intercept_, mistakes_ (of each unit, until now), n_iter_ (epochs; counts
    those of `fit` only), n_features_in_.  More than two classes are one against the rest.  In
    float32; net values are exact for whole numbers below 2^24.
    TypeError or ValueError for wrong arrays and settings.
    """

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        shuffle: bool = False,
        random_state: Any = None,
    ) -> None:
        self.fit_intercept, self.max_iter = fit_intercept, max_iter
        self.shuffle, self.random_state = shuffle, random_state

    def fit(self, X: Any, y: Any) -> Perceptron:
        """Epochs from w = 0 until one has no mistake; returns self."""
        return self._fit(X, y)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Perceptron:
        """One epoch in the order given, from the weights of before.  classes: all labels, for the
        first call; None: those in y."""
        return self._partial_fit(X, y, classes)

    def _begin(self, x: np.ndarray, classes: np.ndarray, method: str) -> None:
        super()._begin(x, classes, method)
        self.mistakes_ = np.zeros(len(self._weights), np.int64)

    def _epoch(self, inputs: np.ndarray, targets: np.ndarray) -> bool:
        before = self.mistakes_.copy()

        def rule(net: np.ndarray, t: np.ndarray) -> np.ndarray:
            wrong = net * t <= 0
            self.mistakes_ += wrong
            return wrong * t

        self._online(inputs, targets, rule)
        return bool((self.mistakes_ == before).all())
