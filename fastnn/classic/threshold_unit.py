"""The threshold unit, with weights set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import from_numpy
from ..functional import _checks, linear
from ..grad_mode import no_grad
from ._arrays import labels, matrix, share
from ._estimator import Estimator


class ThresholdUnit(Estimator):
    """y = 1 if the net value sum_i w_i x_i is above the threshold, otherwise 0.

    McCulloch and Pitts 1943, doi:10.1007/BF02478259; real weights as in Rosenblatt 1958,
    doi:10.1037/h0042519.  "Above" is strict (McCulloch and Pitts fire at the threshold too), so a
    unit with threshold 0 is silent where there is no input.  Nothing is learned: there is no `fit`.

    weights: (features,).  threshold: a number; the same as a weight -threshold on an input that
    is always 1.  TypeError or ValueError for other values, when the unit is used.  In float32.
    """

    def __init__(self, weights: Any, threshold: float = 0.0) -> None:
        self.weights, self.threshold = weights, threshold

    @no_grad()
    def decision_function(self, X: Any) -> np.ndarray:
        """The net value minus the threshold of each row of X (N, features): (N,)."""
        weights = matrix(np.asarray(self.weights)[None], "ThresholdUnit: weights as a row")
        threshold = np.float32(_checks.number(self.threshold, "ThresholdUnit", "threshold"))
        x = matrix(X, "ThresholdUnit", weights.shape[1])
        return linear(from_numpy(x), from_numpy(weights)).numpy()[:, 0] - threshold

    def predict(self, X: Any) -> np.ndarray:
        """0 or 1 for each row of X (N, features): (N,)."""
        return (self.decision_function(X) > 0).astype(np.int64)

    def score(self, X: Any, y: Any) -> float:
        """Share of the rows of X that give y (N,)."""
        answers = self.predict(X)
        where = "ThresholdUnit.score"
        return share(answers == labels(y, len(answers), where), where)
