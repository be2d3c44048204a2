"""The extreme learning machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import from_numpy, uniform_array
from ..functional import _checks, linear
from ..grad_mode import no_grad
from ._arrays import matrix
from ._estimator import generator_of, not_fitted
from ._readout import Readout


class ELM(Readout):
    """y = v g(W x + b) + c with W and b drawn at random and never changed; only the readout v, c
    is found, by least squares.

    Huang, Zhu and Siew 2006, doi:10.1016/j.neucom.2005.12.126.  With as many hidden units as
    different samples and alpha 0 it goes through each of them (their theorem 2.1).  The idea is
    older: random hidden layers with a least-squares readout are those of Schmidt, Kraaijveld and
    Duin 1992 and of Pao's functional-link network.

    n_hidden: hidden units.  activation: g, "sigmoid", "tanh" or "relu".  weight_scale: W and b are
    uniform in [-weight_scale, weight_scale]; larger ones make steeper units, so scale X first.
    alpha: the penalty alpha |v|^2 of the readout.  task: "classification", labels, a target of 1
    for the class and -1 for the others; "regression", real targets (N,) or (N, K); "auto":
    regression if y is floating point.  random_state: None, an integer or a `fastnn.Generator`.

    After `fit`: weights_ (n_hidden, features) and biases_ (n_hidden,) float32, coef_
    (n_hidden, outputs) and intercept_ float64, classes_ if y were labels, n_features_in_.  X is
    (N, features), finite.  TypeError or ValueError for wrong arrays and settings, RuntimeError
    before fit.
    """

    weights_: np.ndarray
    biases_: np.ndarray

    def __init__(
        self,
        n_hidden: int = 100,
        *,
        activation: str = "sigmoid",
        weight_scale: float = 1.0,
        alpha: float = 1e-6,
        task: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_hidden, self.activation, self.weight_scale = n_hidden, activation, weight_scale
        self.alpha, self.task, self.random_state = alpha, task, random_state

    def fit(self, X: Any, y: Any) -> ELM:
        """A new hidden layer, then the readout from X and y; returns self."""
        x = matrix(X, "ELM.fit")
        n = _checks.integer(self.n_hidden, "ELM", "n_hidden", 1)
        scale = _checks.positive(self.weight_scale, "ELM", "weight_scale")
        if self.activation not in ("sigmoid", "tanh", "relu"):
            raise ValueError(
                f"ELM: activation is {self.activation!r}, expected 'sigmoid', 'tanh' or 'relu'"
            )
        generator = generator_of(self.random_state)
        weights = uniform_array((n, x.shape[1]), -scale, scale, generator)
        biases = uniform_array((n,), -scale, scale, generator)
        return self._learn(x, y, weights_=weights, biases_=biases, n_features_in_=x.shape[1])

    def transform(self, X: Any) -> np.ndarray:
        """The hidden units g(W x + b) of X (N, features): (N, n_hidden) float32."""
        if not hasattr(self, "weights_"):
            raise not_fitted(self, "transform")
        return self._features(self._samples(X, "ELM.transform"))

    def _samples(self, X: Any, where: str) -> np.ndarray:
        return matrix(X, where, self.n_features_in_)

    @no_grad()
    def _features(self, x: np.ndarray) -> np.ndarray:
        weights, biases = from_numpy(self.weights_), from_numpy(self.biases_)
        return linear(from_numpy(x), weights, biases, activation=self.activation).numpy()
