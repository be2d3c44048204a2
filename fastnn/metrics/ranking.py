"""Metrics of rankings: the area under the ROC curve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Metric, as_array


class AUC(Metric):
    """Area under the receiver operating characteristic: the probability that a sample of class 1
    has a larger score than one of class 0, equal scores counting one half.

    AUC = (R - P (P + 1) / 2) / (P Q): R the sum of the ranks of the P samples of class 1 among
    all, equal scores sharing their mean rank; Q samples of class 0.  0.5 for chance, 1 for a
    perfect order.  As scikit-learn's roc_auc_score for two classes.

    output: scores of class 1, (N,) or (N, 1), in any increasing scale, or scores of both classes
    (N, 2), of which column 1 - column 0 counts.  target: (N,) or (N, 1) of 0 and 1, any numbers.
    `compute()` is nan until both classes have occurred.
    Source: Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    """

    def __init__(self, *, name: str = "auc") -> None:
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        scores, labels = as_array(output).astype(np.float64), as_array(target)
        if scores.ndim == 2 and scores.shape[1] in (1, 2):
            with np.errstate(invalid="ignore"):  # inf - inf is refused below
                scores = scores[:, -1] - scores[:, 0] if scores.shape[1] == 2 else scores[:, 0]
        labels = labels.reshape(-1) if labels.shape == (len(labels), 1) else labels
        if scores.ndim != 1 or labels.shape != scores.shape:
            raise ValueError(
                f"{self.name}: output has shape {np.shape(as_array(output))}, target "
                f"{np.shape(as_array(target))}, expected scores (N,), (N, 1) or (N, 2) and "
                "target (N,)"
            )
        if np.isnan(scores).any():
            raise ValueError(f"{self.name}: output has a NaN, which has no rank")
        if not np.isin(labels, (0, 1)).all():
            raise ValueError(f"{self.name}: target has another value than 0 and 1")
        self._scores.append(scores)
        self._positive.append(labels == 1)

    def compute(self) -> float:
        scores, positive = self._gathered()
        n_positive = int(np.count_nonzero(positive))
        n_pairs = n_positive * (len(scores) - n_positive)
        if not n_pairs:
            return math.nan
        _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
        mean_rank = np.cumsum(count) - (count - 1) / 2  # from 1; halves are exact
        total = float(mean_rank[place[positive]].sum())
        return (total - n_positive * (n_positive + 1) / 2) / n_pairs

    def reset(self) -> None:
        self._scores: list[np.ndarray] = []
        self._positive: list[np.ndarray] = []

    def state_dict(self) -> dict[str, Any]:
        scores, positive = self._gathered()
        return {"scores": scores, "positive": positive}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self._scores = [np.array(state["scores"], np.float64)]
        self._positive = [np.array(state["positive"], bool)]

    def _gathered(self) -> tuple[np.ndarray, np.ndarray]:
        """All scores and whether they are of class 1, as new arrays."""
        return (
            np.concatenate([np.zeros(0), *self._scores]),
            np.concatenate([np.zeros(0, bool), *self._positive]),
        )
