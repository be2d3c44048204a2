"""What the perceptron and Adaline share: one linear unit a class, shown one sample at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import from_numpy, randperm
from ..functional import _checks, linear, matmul
from ..grad_mode import no_grad
from ._arrays import labels, matrix, share
from ._estimator import Estimator, not_fitted

BLOCK = 64  # samples whose net values are found by one product


class LinearUnit(Estimator):
    """s = X coef_^T + intercept_, one unit for two classes, otherwise one against the rest."""

    _estimator_type = "classifier"
    max_iter: int
    fit_intercept: bool
    shuffle: bool
    random_state: Any
    coef_: np.ndarray
    intercept_: np.ndarray
    classes_: np.ndarray
    n_features_in_: int

    @no_grad()
    def _fit(self, X: Any, y: Any) -> Any:
        x, y = self._samples(X, y, "fit")
        max_iter = _checks.integer(self.max_iter, type(self).__name__, "max_iter", 1)
        self._settings()
        generator = self._random()
        self._begin(x, np.unique(y), "fit")
        inputs, targets = self._inputs(x), self._targets(y, "fit")
        for self.n_iter_ in range(1, max_iter + 1):
            order: Any = slice(None)
            if self.shuffle:
                order = randperm(len(x), generator=generator).numpy()
            if self._epoch(inputs[order], targets[order]):
                break
        return self

    @no_grad()
    def _partial_fit(self, X: Any, y: Any, classes: Any) -> Any:
        x, y = self._samples(X, y, "partial_fit")
        self._settings()
        if not hasattr(self, "coef_"):
            self._begin(x, np.unique(y if classes is None else classes), "partial_fit")
        self._take_back()
        self._epoch(self._inputs(x), self._targets(y, "partial_fit"))
        return self

    def _settings(self) -> None:
        """Refuse wrong ones, before any weights are replaced."""

    def _epoch(self, inputs: np.ndarray, targets: np.ndarray) -> bool:
        """Learn from the rows once; True: there is nothing more to learn."""
        raise NotImplementedError

    def _samples(self, X: Any, y: Any, method: str) -> tuple[np.ndarray, np.ndarray]:
        where = f"{type(self).__name__}.{method}"
        known = self.n_features_in_ if method == "partial_fit" and hasattr(self, "coef_") else None
        x = matrix(X, where, known)
        if not len(x):
            raise ValueError(f"{where}: X has no rows")
        return x, labels(y, len(x), where)

    def _begin(self, x: np.ndarray, classes: np.ndarray, method: str) -> None:
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__}.{method}: y has {len(classes)} classes, expected 2 or more"
            )
        n_units = 1 if len(classes) == 2 else len(classes)
        self.classes_, self.n_features_in_, self.n_iter_ = classes, x.shape[1], 0
        self._weights = np.zeros((n_units, x.shape[1] + bool(self.fit_intercept)), np.float32)
        self._publish()

    def _publish(self) -> None:
        n = self.n_features_in_
        self.coef_ = self._weights[:, :n].copy()
        rest = self._weights[:, n:]
        self.intercept_ = rest[:, 0].copy() if rest.size else np.zeros(len(rest), np.float32)

    def _take_back(self) -> None:
        """What was published, or what someone put in its place, is what learning goes on from."""
        n = self.n_features_in_
        self._weights[:, :n] = self.coef_
        if self._weights.shape[1] > n:
            self._weights[:, n] = self.intercept_

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        """x with the constant 1 of the bias."""
        if not self.fit_intercept:
            return x
        return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)

    def _targets(self, y: np.ndarray, method: str) -> np.ndarray:
        """1 for the class of a unit, -1 for the others: (N, units)."""
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                f"{type(self).__name__}.{method}: y has the class {strange.tolist()[0]!r}, "
                f"expected one of {self.classes_.tolist()}"
            )
        units = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return np.where(y[:, None] == units, np.float32(1), np.float32(-1))

    def _online(self, inputs: np.ndarray, targets: np.ndarray, rule: Any) -> None:
        """One epoch of w += delta x, delta = rule(s, t), s = w x being the net values (units,) and
        t the targets of one sample.

        The net values of a block are found by one product.  What the updates within it change is
        added by the products of samples with each other: s_j += delta_i (x_i . x_j) for j > i.
        """
        for start in range(0, len(inputs), BLOCK):
            x, t = inputs[start : start + BLOCK], targets[start : start + BLOCK]
            net = _product(x, self._weights)
            gram = _product(x, x)
            deltas = np.zeros_like(net)
            for i in range(len(x)):
                delta = rule(net[i], t[i])
                if delta.any():
                    deltas[i] = delta
                    net[i + 1 :] += gram[i, i + 1 :, None] * delta
            self._weights += matmul(from_numpy(deltas.T.copy()), from_numpy(x)).numpy()
        self._publish()

    @no_grad()
    def decision_function(self, X: Any) -> np.ndarray:
        """Net values of X (N, features): (N,) for two classes, above 0 the second one; otherwise
        (N, classes).  RuntimeError before fit."""
        name = type(self).__name__
        if not hasattr(self, "coef_"):
            raise not_fitted(self, "decision_function")
        x = matrix(X, f"{name}.decision_function", self.n_features_in_)
        net = _product(x, self.coef_) + self.intercept_
        return net[:, 0] if net.shape[1] == 1 else net

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row of X (N, features), of equal ones the first: (N,)."""
        net = self.decision_function(X)
        return self.classes_[(net > 0).astype(int) if net.ndim == 1 else net.argmax(axis=1)]

    def score(self, X: Any, y: Any) -> float:
        """Share of the rows of X that get their class y."""
        answers = self.predict(X)
        where = f"{type(self).__name__}.score"
        return share(answers == labels(y, len(answers), where), where)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return linear(from_numpy(a), from_numpy(b)).numpy()
