"""HopfieldMemory: Hopfield's associative memory as a transformer of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin

from .. import classic
from ..functional import _checks
from ._classic import ClassicTransformer


class HopfieldMemory(OneToOneFeatureMixin, ClassicTransformer, classic.Hopfield):
    """Associative memory: `classic.Hopfield` as a transformer that puts in the place of each row
    the stored pattern into which it falls.

    rule: "hebb", "pseudoinverse" or "storkey". update: "asynchronous" or "synchronous". max_iter:
    most sweeps, or synchronous steps. binarize: values above it are 1, others -1, as BernoulliNB
    does; None: X has to be -1 and 1. random_state: the order of the units; None, an integer or a
    RandomState. X dense or CSR, (n_samples, n_features).

    `fit(X)` stores the rows of X; `predict` and `transform` give states of -1 and 1, float32;
    `score(X, y)` is the share of rows that come to rest exactly in the same row of y (the rows of
    X themselves if y is None: how many are fixed points), energy(X) and energy_trace(X) the
    energies. Attributes: weights_ (not to be written to), patterns_, n_features_in_,
    feature_names_in_. Hopfield 1982, doi:10.1073/pnas.79.8.2554.
    """

    _found_by_fit = "weights_"

    def __init__(
        self,
        rule: str = "hebb",
        *,
        update: str = "asynchronous",
        max_iter: int = 100,
        binarize: float | None = 0.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(rule, update=update, max_iter=max_iter, random_state=random_state)
        self.binarize = binarize

    def predict(self, X: Any) -> np.ndarray:
        """The same as `transform`."""
        states = super().predict(X)
        self.__dict__.pop("n_iter_", None)  # scikit-learn: what predicts leaves no trace
        return states

    def transform(self, X: Any) -> np.ndarray:
        """The states in which the rows of X come to rest: (n_samples, n_features)."""
        return self.predict(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the rows of X that come to rest exactly in the same row of y (n_samples,
        n_features); None: in themselves."""
        return super().score(X, X if y is None else y)

    def _states(self, X: Any, method: str, n_units: Any = "fitted") -> np.ndarray:
        is_first = n_units != "fitted"
        x = self._rows(X, reset=True) if is_first else self._fitted_rows(X)
        if self.binarize is not None:
            threshold = _checks.number(self.binarize, "HopfieldMemory", "binarize")
            x = np.where(x > threshold, np.float32(1), np.float32(-1))
        return super()._states(x, method, x.shape[1])
