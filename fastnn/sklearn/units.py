"""Perceptron and Adaline as classifiers of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from .. import classic
from ..classic._linear_unit import LinearUnit
from ._classic import ClassicEstimator
from ._data import dense


class _Unit(ClassifierMixin, ClassicEstimator, LinearUnit):
    """What the two have in common."""

    _found_by_fit = "coef_"

    def _samples(self, X: Any, y: Any, method: str) -> tuple[np.ndarray, np.ndarray]:
        is_first = method == "fit" or not hasattr(self, "coef_")
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float32, reset=is_first)
        check_classification_targets(y)
        return dense(X), y

    def decision_function(self, X: Any) -> np.ndarray:
        """Net values of X (n_samples, n_features): (n_samples,) for two classes, above 0 the second
        one; otherwise (n_samples, n_classes)."""
        return super().decision_function(self._fitted_rows(X))


class Perceptron(_Unit, classic.Perceptron):
    """Rosenblatt's perceptron: `classic.Perceptron`, its parameters and attributes, among
    scikit-learn's classifiers.

    It is the rule of 1958: no penalty, no step size (it would only scale the weights), no early
    stopping but after an epoch without a mistake. scikit-learn's class of the same name shuffles
    and has such options. X dense or CSR; random_state: None, an integer or a RandomState.
    Rosenblatt 1958, doi:10.1037/h0042519.
    """


class Adaline(_Unit, classic.Adaline):
    """Widrow and Hoff's adaptive linear unit: `classic.Adaline`, its parameters and attributes,
    among scikit-learn's classifiers.

    X dense or CSR, of about unit variance, or learning_rate has to be smaller; random_state: None,
    an integer or a RandomState. Widrow and Hoff 1960, doi:10.7551/mitpress/4943.003.0012.
    """
