"""Restricted Boltzmann machines and deep belief networks for scikit-learn."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from .. import classic
from ..classic._contrastive import Machine
from ._classic import ClassicTransformer, warn_of_no_probabilities


class _RBM(ClassNamePrefixFeaturesOutMixin, ClassicTransformer, classic.RBM):
    """What both kinds of visible units have in common."""

    _found_by_fit = "components_"
    _epochs_name = "n_iter"

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "pcd",
        n_gibbs_steps: int = 1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.n_components, self.learning_rate = n_components, learning_rate
        self.batch_size, self.n_iter, self.verbose = batch_size, n_iter, verbose
        self.random_state, self.algorithm, self.n_gibbs_steps = (
            random_state,
            algorithm,
            n_gibbs_steps,
        )
        self.momentum, self.weight_decay = momentum, weight_decay

    @property
    def n_epochs(self) -> int:  # type: ignore[override]
        """`classic`'s name of n_iter."""
        return self.n_iter

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def transform(self, X: Any) -> np.ndarray:
        """P(h = 1 | v) for each row v of X: float32 (n_samples, n_components)."""
        return super().transform(X)

    def log_partition(
        self, *, n_chains: int | None = None, n_betas: int = 1000, random_state: Any = None
    ) -> float:
        """log Z, exact, or with n_chains estimated: see `classic.RBM`.  random_state: None, an
        integer or a RandomState."""
        seed = None
        if n_chains is not None:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        return super().log_partition(n_chains=n_chains, n_betas=n_betas, random_state=seed)

    def _fitted(self, method: str) -> Machine:
        check_is_fitted(self)
        return super()._fitted(method)

    def _data(self, X: Any, method: str, n_visible: int | None) -> np.ndarray:
        x = self._rows(X, reset=n_visible is None)
        if self.visible == "bernoulli":
            warn_of_no_probabilities(x, f"{type(self).__name__}.{method}")
        return x

    def _learn(self, x: np.ndarray, owner: str) -> Any:
        self._began = time.perf_counter()
        super()._learn(x, owner)
        del self._began
        return self

    def _epoch_done(self, n: int, x: np.ndarray) -> None:
        if not self.verbose:
            return
        now = time.perf_counter()
        if self.visible == "bernoulli":
            how = f"pseudo-likelihood = {self._pseudo_likelihood(x).mean():.2f}"
        else:
            machine = self._machine
            there = machine.visible_mean(machine.hidden_mean(x))
            how = f"reconstruction error = {np.square(x - there).mean(dtype=np.float64):.4f}"
        print(f"[{type(self).__name__}] Iteration {n}, {how}, time = {now - self._began:.2f}s")
        self._began = now


class BernoulliRBM(_RBM):
    """Restricted Boltzmann machine of units in {0, 1}: scikit-learn's BernoulliRBM, its parameters,
    defaults and attributes, on `classic.RBM`.

    Persistent contrastive divergence with batch_size chains, W normal with deviation 0.01 at first.
    What differs: each of the n_iter epochs has a new order of the samples, the visible biases start
    at the log-odds of the data, `partial_fit` is one epoch of its X in batches instead of one step,
    and all is computed in float32. With the same random_state the result has the same bits for any
    number of threads; it is not scikit-learn's, whose random numbers are others.

    Beyond scikit-learn: algorithm "cd" (contrastive divergence) or "pcd"; n_gibbs_steps; momentum;
    weight_decay of W; `inverse_transform`, `reconstruct`, `gibbs(X, n_steps)`, `sample`,
    `free_energy`, `log_partition`, `log_likelihood`: see `classic.RBM`.

    X (n_samples, n_features), dense or CSR, of values from 0 to 1, probabilities of 1: others are
    taken as scikit-learn takes them, with a warning. verbose: print the mean pseudo-likelihood
    after each epoch. random_state: None, an integer or a RandomState.

    Attributes: components_ (n_components, n_features), intercept_hidden_, intercept_visible_,
    float32; h_samples_, n_features_in_, feature_names_in_. Tieleman 2008,
    doi:10.1145/1390156.1390290.
    """

    visible = "bernoulli"


class GaussianRBM(_RBM):
    """The same with visible units that are normal with variance 1 around b + h W, for real data:
    standardise them first, as with StandardScaler.

    learning_rate is 100 times smaller, as nothing bounds the visible units (Hinton 2010,
    doi:10.1007/978-3-642-35289-8_32, section 13.2); the visible biases start at the mean of the
    data; `score_samples`, the pseudo-likelihood, does not exist; verbose prints the mean squared
    error of the reconstruction. ValueError if the weights grow beyond float32. All else is
    BernoulliRBM's.
    """

    visible = "gaussian"

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.001,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "pcd",
        n_gibbs_steps: int = 1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            n_components, learning_rate=learning_rate, batch_size=batch_size, n_iter=n_iter,
            verbose=verbose, random_state=random_state, algorithm=algorithm,
            n_gibbs_steps=n_gibbs_steps, momentum=momentum, weight_decay=weight_decay,
        )  # fmt: skip

    @property
    def score_samples(self) -> Any:
        """None: AttributeError."""
        raise AttributeError("GaussianRBM has no score_samples: a flip exists for bits only")


class DBNClassifier(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, ClassicTransformer, classic.DBN
):  # fmt: skip
    """Deep belief network as a classifier and transformer of scikit-learn: `classic.DBN` with
    labels, its parameters and attributes.

    RBMs are trained one after the other; the top one sees label units beside its features and
    learns their joint distribution, so `predict_proba` is p(y | features), `transform` gives the
    top units (all labels equally likely), `sample(n, y=label)` draws pictures of a class.
    `to_sequential(n_classes)` makes a network of its weights, which NetClassifier fine-tunes by
    back-propagation.

    n_components: hidden units of each layer, or of the only one. visible: "bernoulli", X from 0 to
    1 (others are taken with a warning), or "gaussian", centred X whose noise has a variance of
    about 1, and a small learning_rate for the lowest layer, as in (0.001, 0.1). algorithm,
    n_gibbs_steps, momentum, weight_decay, batch_size, n_epochs: of each RBM. random_state: None, an
    integer or a RandomState. X dense or CSR.

    Attributes: classes_, layers_ (the RBMs, lowest first), n_features_in_, feature_names_in_.
    Hinton, Osindero and Teh 2006, doi:10.1162/neco.2006.18.7.1527.
    """

    _found_by_fit = "layers_"

    def fit(self, X: Any, y: Any = None) -> DBNClassifier:
        """Train all layers on X (n_samples, n_features) and labels y, which are needed; returns
        self."""
        y = validate_data(self, y=y)
        check_classification_targets(y)
        check_consistent_length(X, y)
        super().fit(X, y)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Probabilities of the top units: float32 (n_samples, n_components[-1])."""
        return super().transform(X)

    @property
    def _n_features_out(self) -> int:
        return self.layers_[-1].n_components

    def _fitted(self, method: str) -> None:
        check_is_fitted(self)

    def _data(self, X: Any, method: str, n_visible: int | None) -> np.ndarray:
        x = self._rows(X, reset=n_visible is None)
        if self.visible == "bernoulli":
            warn_of_no_probabilities(x, f"{type(self).__name__}.{method}")
            return x
        return super()._data(x, method, x.shape[1])
