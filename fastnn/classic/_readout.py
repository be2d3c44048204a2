"""Linear readouts of features that are not learned, by ridge regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..functional import _checks
from ._arrays import labels, share
from ._estimator import Estimator, not_fitted

TASKS = ("auto", "classification", "regression")


def ridge(features: np.ndarray, targets: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """coef (M, K) and intercept (K,) with the least |features coef + intercept - targets|^2 +
    alpha |coef|^2; of several, with alpha 0, the shortest coef.  float64.

    By a QR decomposition of the features with sqrt(alpha) I below: the normal equations would
    square its condition number, and features of such networks are nearly dependent.
    """
    h, t = features.astype(np.float64), targets.astype(np.float64)
    h_mean, t_mean = h.mean(axis=0), t.mean(axis=0)
    m = h.shape[1]
    both = np.concatenate([h - h_mean, t - t_mean], axis=1)
    if alpha > 0:
        below = np.zeros((m, both.shape[1]))
        np.fill_diagonal(below, math.sqrt(alpha))
        both = np.concatenate([both, below])
    r: Any = np.linalg.qr(both, mode="r")
    # float32 features have no meaning below its eps, so that nothing is divided by what is smaller
    eps = float(np.finfo(features.dtype).eps) if alpha == 0 else None
    coef = np.linalg.lstsq(r[:m, :m], r[:m, m:], rcond=eps)[0]
    return coef, t_mean - h_mean @ coef


class Readout(Estimator):
    """Estimators with `_features(x)` (N, M) that are learned without y, and a linear readout.

    Subclasses have `alpha`, `task` and a method `_begin(X, where)` that gives the checked x.
    """

    alpha: float
    task: str
    coef_: np.ndarray
    intercept_: np.ndarray
    n_features_in_: int

    @property
    def _estimator_type(self) -> str | None:  # type: ignore[override]
        """As task says; "auto" is known once it is fitted."""
        if self.task == "auto" and not hasattr(self, "coef_"):
            return None
        labels = self.task == "classification" or hasattr(self, "classes_")
        return "classifier" if labels else "regressor"

    def _features(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _samples(self, X: Any, where: str) -> np.ndarray:
        """X of a fitted estimator, checked."""
        raise NotImplementedError

    def _alpha(self) -> float:
        name = type(self).__name__
        alpha = _checks.number(self.alpha, name, "alpha")
        if not 0 <= alpha < math.inf:
            raise ValueError(f"{name}: alpha is {self.alpha}, expected a finite number from 0 on")
        if self.task not in TASKS:
            raise ValueError(f"{name}: task is {self.task!r}, expected one of {', '.join(TASKS)}")
        return alpha

    def _targets(self, y: Any, n: int) -> np.ndarray:
        """What the readout is to give, (n, K); sets classes_ where y are labels."""
        where = f"{type(self).__name__}.fit"
        y = np.asarray(y)
        if self.task == "classification" or self.task == "auto" and y.dtype.kind != "f":
            y = labels(y, n, where)
            classes = np.unique(y)
            if len(classes) < 2:
                raise ValueError(f"{where}: y has {len(classes)} classes, expected 2 or more")
            self.classes_ = classes
            units = classes[1:] if len(classes) == 2 else classes
            self._shape: tuple[int, ...] = (len(units),) if len(units) > 1 else ()
            return np.where(y[:, None] == units, 1.0, -1.0)
        t = _real(y, n, where)
        self.__dict__.pop("classes_", None)
        self._shape = t.shape[1:]
        return t.reshape(n, -1)

    def _learn(self, x: np.ndarray, y: Any, **found: Any) -> Any:
        """The readout; `found`: the new attributes that the features need.  They are set after all
        checks, so that a fit that is refused leaves the fit of before as it was."""
        alpha = self._alpha()
        targets = self._targets(y, len(x))
        vars(self).update(found)
        self.coef_, self.intercept_ = ridge(self._features(x), targets, alpha)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """What the readout gives, float64: (N,) for real targets (N,), and for two classes, above
        0 the second one; otherwise (N, classes) or (N, K).  RuntimeError before fit."""
        return self._outputs(X, "decision_function")

    def predict(self, X: Any) -> np.ndarray:
        """Real targets or, if fitted with labels, the class of each row of X."""
        found = self._outputs(X, "predict")
        if not hasattr(self, "classes_"):
            return found
        return self.classes_[(found > 0).astype(int) if found.ndim == 1 else found.argmax(axis=1)]

    def score(self, X: Any, y: Any) -> float:
        """Share of rows that get their class y; of real targets R^2, the mean over the columns."""
        answers = self.predict(X)
        where = f"{type(self).__name__}.score"
        if hasattr(self, "classes_"):
            return share(answers == labels(y, len(answers), where), where)
        t = _real(y, len(answers), where)
        if t.shape != answers.shape:
            raise ValueError(f"{where}: y has shape {t.shape}, expected {answers.shape}")
        if not len(t):
            raise ValueError(f"{where}: X has no rows")
        with np.errstate(all="ignore"):  # targets that do not vary have no R^2: -inf or NaN
            spread = ((t - t.mean(axis=0)) ** 2).sum(axis=0)
            return float(np.mean(1 - ((t - answers) ** 2).sum(axis=0) / spread))

    def _outputs(self, X: Any, method: str) -> np.ndarray:
        if not hasattr(self, "coef_"):
            raise not_fitted(self, method)
        x = self._samples(X, f"{type(self).__name__}.{method}")
        found = self._features(x).astype(np.float64) @ self.coef_ + self.intercept_
        return found.reshape(len(x), *self._shape)


def _real(y: Any, n: int, where: str) -> np.ndarray:
    """Real targets (n,) or (n, K), checked."""
    y = np.asarray(y)
    if y.dtype.kind not in "fiub":
        raise TypeError(f"{where}: y has dtype {y.dtype}, expected real numbers")
    if y.ndim not in (1, 2) or len(y) != n or 0 in y.shape[1:]:
        raise ValueError(f"{where}: y has shape {y.shape}, expected ({n},) or ({n}, targets)")
    y = y.astype(np.float64)
    if not np.isfinite(y).all():
        raise ValueError(f"{where}: y has values that are not finite")
    return y
