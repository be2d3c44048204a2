"""The restricted Boltzmann machine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..creation import normal_array, randint, randperm
from ..functional import _checks
from ._annealed import annealed_log_partition
from ._arrays import matrix
from ._binary_states import log_sum_over_states, softplus
from ._contrastive import Machine
from ._estimator import Estimator, generator_of, not_fitted

_MOST_UNITS = 24  # whose states are counted for the partition function


class RBM(Estimator):
    """Two layers of units, V visible ones that see the data and H hidden ones, joined across the
    layers only, so that each layer is independent given the other.

    Smolensky 1986 (harmonium); Hinton 2002, doi:10.1162/089976602760128018; Hinton 2010, "A
    practical guide to training RBMs", doi:10.1007/978-3-642-35289-8_32.  p(v, h) = e^-E / Z:

    - visible="bernoulli": v in {0, 1}, E = -b v - c h - h W v, p(v_i = 1 | h) = sigmoid(b_i + (h
      W)_i).  Values between 0 and 1 stand for probabilities;
    - visible="gaussian": E = |v - b|^2 / 2 - c h - h W v, v | h is normal with mean b + h W and
      variance 1: standardise the data, and take a learning rate 10 to 100 times smaller.

    Hidden units are in {0, 1}: p(h_j = 1 | v) = sigmoid(c_j + (W v)_j).  The gradient of the mean
    log-likelihood, <h v>_data - <h v>_model, needs samples of the model:

    - algorithm="cd": n_gibbs_steps steps from the data.  Biased, quick to make good features;
    - algorithm="pcd": chains that are never restarted (Tieleman 2008,
      doi:10.1145/1390156.1390290), batch_size of them, which start with all hidden units 0; better
      likelihoods, with a small learning rate.

    n_components: H.  momentum: share of the last step in the next one.  weight_decay: of W, not of
    the biases.  batch_size, n_epochs: as usual; a new random order in each epoch.  random_state:
    None, an integer or a `fastnn.Generator`.  W starts normal with deviation 0.01, c at 0, b at
    the log-odds (gaussian: the mean) of the data.

    After `fit`: components_ W (H, V), intercept_hidden_ c, intercept_visible_ b, float32, which may
    be changed in place or assigned to; h_samples_ (batch_size, H), states of the chains, "pcd"
    only; n_features_in_ V.  All X are (n, V): TypeError or ValueError for others.  Learning and
    sampling are in float32, energies and likelihoods in float64.
    """

    _epochs_name = "n_epochs"  # in errors

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str = "bernoulli",
        algorithm: str = "pcd",
        n_gibbs_steps: int = 1,
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        batch_size: int = 10,
        n_epochs: int = 10,
        random_state: Any = None,
    ) -> None:
        self.n_components, self.visible, self.algorithm = n_components, visible, algorithm
        self.n_gibbs_steps, self.learning_rate = n_gibbs_steps, learning_rate
        self.momentum, self.weight_decay = momentum, weight_decay
        self.batch_size, self.n_epochs, self.random_state = batch_size, n_epochs, random_state

    @property
    def components_(self) -> np.ndarray:
        """W (H, V); what is assigned is copied into the machine."""
        return self._parameter("weight")

    @components_.setter
    def components_(self, value: Any) -> None:
        self._assign("weight", "components_", value)

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """c (H,), likewise."""
        return self._parameter("hidden_bias")

    @intercept_hidden_.setter
    def intercept_hidden_(self, value: Any) -> None:
        self._assign("hidden_bias", "intercept_hidden_", value)

    @property
    def intercept_visible_(self) -> np.ndarray:
        """b (V,), likewise."""
        return self._parameter("visible_bias")

    @intercept_visible_.setter
    def intercept_visible_(self, value: Any) -> None:
        self._assign("visible_bias", "intercept_visible_", value)

    @property
    def h_samples_(self) -> np.ndarray:
        """States (batch_size, H) of the chains of "pcd", likewise."""
        chains = self._parameter("chains")
        if not len(chains):
            raise AttributeError(f"{type(self).__name__} has no h_samples_: no chains have run")
        return chains

    @h_samples_.setter
    def h_samples_(self, value: Any) -> None:
        self._assign("chains", "h_samples_", value)

    def fit(self, X: Any, y: Any = None) -> RBM:
        """Learn from the rows of X (n, V), from new weights on; y is ignored.  ValueError if the
        weights grow beyond float32."""
        return self._learn(self._data(X, "fit", None), type(self).__name__)

    def partial_fit(self, X: Any, y: Any = None) -> RBM:
        """One epoch of X (n, V) in the order given, from the weights and chains of before; y is
        ignored.  Settings may have been changed by `set_params`."""
        known = self.n_features_in_ if hasattr(self, "_machine") else None
        x, name = self._data(X, "partial_fit", known), type(self).__name__
        self._settings(name)
        if known is None:
            self._begin(x, name)
        self._epoch(x, name, "partial_fit")
        return self

    def transform(self, X: Any) -> np.ndarray:
        """P(h = 1 | v) for each row v of X: float32 (n, H)."""
        machine = self._fitted("transform")
        return machine.hidden_mean(self._data(X, "transform", self.n_features_in_))

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`fit`, then `transform` of the same X."""
        return self.fit(X).transform(X)

    def inverse_transform(self, H: Any) -> np.ndarray:
        """E[v | h] for each row h of H (n, H): float32 (n, V)."""
        machine = self._fitted("inverse_transform")
        where = f"{type(self).__name__}.inverse_transform"
        return machine.visible_mean(matrix(H, where, len(machine.weight)))

    def reconstruct(self, X: Any) -> np.ndarray:
        """There and back: `inverse_transform(transform(X))`, (n, V)."""
        return self.inverse_transform(self.transform(X))

    def gibbs(self, X: Any, n_steps: int = 1) -> np.ndarray:
        """Visible states after n_steps of block Gibbs sampling from the rows of X: (n, V)."""
        machine = self._fitted("gibbs")
        x = self._data(X, "gibbs", self.n_features_in_).copy()  # no steps: still not the caller's
        return machine.gibbs(
            x, _checks.integer(n_steps, f"{type(self).__name__}.gibbs", "n_steps", 0)
        )

    def sample(self, n_samples: int = 1, n_steps: int = 1000) -> np.ndarray:
        """Visible states (n_samples, V), each after n_steps from a start of its own, drawn with
        all hidden units 0.  What is drawn continues the random stream of `fit`."""
        machine = self._fitted("sample")
        where = f"{type(self).__name__}.sample"
        n_samples = _checks.integer(n_samples, where, "n_samples", 0)
        n_steps = _checks.integer(n_steps, where, "n_steps", 0)
        v = machine.visible(np.zeros((n_samples, len(machine.weight)), np.float32))
        return machine.gibbs(v, n_steps)

    def free_energy(self, X: Any) -> np.ndarray:
        """F(v) = -log sum_h e^-E(v, h) of each row of X, so p(v) = e^-F(v) / Z: float64 (n,)."""
        self._fitted("free_energy")
        return self._free_energy(self._data(X, "free_energy", self.n_features_in_))

    def score_samples(self, X: Any) -> np.ndarray:
        """An estimate of each row's log pseudo-likelihood, sum_i log p(v_i | the others): float64
        (n,).

        One unit i, drawn by random_state, stands for all: V log sigmoid(F(v with v_i flipped) -
        F(v)), as in scikit-learn's BernoulliRBM.  ValueError if visible is "gaussian".
        """
        self._fitted("score_samples")
        if self._machine.gaussian:
            raise ValueError(
                f"{type(self).__name__}.score_samples: visible is 'gaussian'; a flip, hence "
                "the pseudo-likelihood, exists for 'bernoulli' only"
            )
        return self._pseudo_likelihood(self._data(X, "score_samples", self.n_features_in_))

    def _pseudo_likelihood(self, x: np.ndarray) -> np.ndarray:
        flipped, rows = x.copy(), np.arange(len(x))
        generator = self._random()
        i = randint(0, x.shape[1], (len(x),), generator=generator).numpy()
        flipped[rows, i] = 1 - flipped[rows, i]
        return -x.shape[1] * softplus(self._free_energy(x) - self._free_energy(flipped))

    def log_partition(
        self, *, n_chains: int | None = None, n_betas: int = 1000, random_state: Any = None
    ) -> float:
        """log Z, exact by counting all states of the smaller layer (gaussian: of the hidden one),
        in float64; ValueError if that layer has more than 24 units.

        n_chains: an estimate instead, for machines of any size, by annealed importance sampling
        (Salakhutdinov and Murray 2008, doi:10.1145/1390156.1390266): so many chains go from the
        machine without W and c to this one, W and c times beta, by n_betas equal steps of beta
        with a Gibbs step each.  The mean of their weights is unbiased for Z, so the estimate of
        log Z is low on average, the less so the more steps.  random_state: of the chains; None, an
        integer or a `fastnn.Generator`.
        """
        machine = self._fitted("log_partition")
        where = f"{type(self).__name__}.log_partition"
        if n_chains is not None:
            n_chains = _checks.integer(n_chains, where, "n_chains", 1)
            n_betas = _checks.integer(n_betas, where, "n_betas", 1)
            return annealed_log_partition(machine, n_chains, n_betas, generator_of(random_state))
        w, c, b = self._float64()
        n_hidden, n_visible = machine.weight.shape
        over_hidden = machine.gaussian or n_hidden <= n_visible
        n = n_hidden if over_hidden else n_visible
        if n > _MOST_UNITS:
            raise ValueError(
                f"{where}: {n_visible} {self.visible} visible and {n_hidden} hidden "
                f"units; expected at most {_MOST_UNITS} in the layer whose states are counted; "
                "n_chains=100 estimates it"
            )
        if machine.gaussian:

            def log_weight(h: np.ndarray) -> np.ndarray:
                net = h @ w
                return h @ c + net @ b + 0.5 * np.square(net).sum(axis=1)

            return log_sum_over_states(n, log_weight) + 0.5 * n_visible * math.log(2 * math.pi)
        if over_hidden:
            return log_sum_over_states(n, lambda h: h @ c + softplus(h @ w + b).sum(axis=1))
        return log_sum_over_states(n, lambda v: v @ b + softplus(v @ w.T + c).sum(axis=1))

    def log_likelihood(self, X: Any) -> np.ndarray:
        """log p(v) = -F(v) - log Z of each row of X, exact: float64 (n,).  For small machines; see
        `log_partition`."""
        return -self.free_energy(X) - self.log_partition()

    def _free_energy(self, x: np.ndarray) -> np.ndarray:
        w, c, b = self._float64()
        v = x.astype(np.float64)
        hidden = softplus(v @ w.T + c).sum(axis=1)
        if self._machine.gaussian:
            return 0.5 * np.square(v - b).sum(axis=1) - hidden
        return -(v @ b) - hidden

    def _parameter(self, part: str) -> np.ndarray:
        if "_machine" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet, call fit first")
        return getattr(self._machine, part)

    def _assign(self, part: str, name: str, value: Any) -> None:
        """Into the machine's own array, so that those who hold it see the change."""
        array = self._parameter(part)
        value = np.asarray(value, np.float32)
        where = f"{type(self).__name__}: {name}"
        if value.shape != array.shape:
            raise ValueError(f"{where} has shape {value.shape}, expected {array.shape}")
        if not np.isfinite(value).all():
            raise ValueError(f"{where} has values that are not finite in float32")
        array[...] = value

    def _float64(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        m = self._machine
        return tuple(p.astype(np.float64) for p in (m.weight, m.hidden_bias, m.visible_bias))  # type: ignore[return-value]

    def _learn(self, x: np.ndarray, owner: str) -> RBM:
        """`fit` of checked rows; owner: whose name errors give."""
        n_epochs = _checks.integer(self.n_epochs, owner, self._epochs_name, 0)
        self._settings(owner)
        self._begin(x, owner)
        for i in range(n_epochs):
            order = randperm(len(x), generator=self._machine.generator).numpy()
            self._epoch(x[order], owner, "fit")
            self._epoch_done(i + 1, x)
        return self

    def _epoch_done(self, n: int, x: np.ndarray) -> None:
        """Called by `fit` after the n-th epoch of the rows x."""

    def _begin(self, x: np.ndarray, owner: str) -> None:
        n_components = _checks.integer(self.n_components, owner, "n_components", 1)
        generator = self._random()
        weight = normal_array((n_components, x.shape[1]), 0.0, 0.01, generator)
        gaussian = self.visible == "gaussian"
        b = _start_of_bias(x, gaussian)
        c = np.zeros(n_components, np.float32)
        self._machine = Machine(weight, c, b, gaussian, generator)
        self.n_features_in_ = x.shape[1]

    def _epoch(self, x: np.ndarray, owner: str, method: str) -> None:
        machine = self._machine
        size, n_steps, rates = self._settings(owner)
        step = machine.contrastive_step
        if self.algorithm == "pcd":
            step = machine.persistent_step
            if len(machine.chains) != size:
                machine.chains = np.zeros((size, len(machine.weight)), np.float32)
        for start in range(0, len(x), size):
            step(x[start : start + size], n_steps, rates)
        if not np.isfinite(machine.weight).all():
            raise ValueError(
                f"{owner}.{method}: the weights grew beyond float32; learning_rate is "
                f"{self.learning_rate}, try a smaller one"
            )

    def _settings(self, owner: str) -> tuple[int, int, dict[str, float]]:
        """Refuse wrong ones; returns batch_size, n_gibbs_steps and rates."""
        if self.algorithm not in ("cd", "pcd"):
            raise ValueError(f"{owner}: algorithm is {self.algorithm!r}, expected 'cd' or 'pcd'")
        size = _checks.integer(self.batch_size, owner, "batch_size", 1)
        n_steps = _checks.integer(self.n_gibbs_steps, owner, "n_gibbs_steps", 1)
        lr = _checks.positive(self.learning_rate, owner, "learning_rate")
        momentum = _checks.number(self.momentum, owner, "momentum")
        if not 0 <= momentum < 1:
            raise ValueError(f"{owner}: momentum is {momentum}, expected 0 <= momentum < 1")
        decay = _checks.number(self.weight_decay, owner, "weight_decay")
        if not 0 <= decay < np.inf:
            raise ValueError(f"{owner}: weight_decay is {decay}, expected a finite number >= 0")
        return size, n_steps, {"lr": lr, "momentum": momentum, "weight_decay": decay}

    def _fitted(self, method: str) -> Machine:
        if not hasattr(self, "_machine"):
            raise not_fitted(self, method)
        return self._machine

    def _data(self, X: Any, method: str, n_visible: int | None) -> np.ndarray:
        return visible_rows(X, f"{type(self).__name__}.{method}", self.visible, n_visible)


def visible_rows(X: Any, where: str, visible: str, n_visible: int | None) -> np.ndarray:
    """X as float32 states (or probabilities) of the visible units: (n, V).  Errors begin with
    `where`."""
    if visible not in ("bernoulli", "gaussian"):
        raise ValueError(f"{where}: visible is {visible!r}, expected 'bernoulli' or 'gaussian'")
    x = matrix(X, where, n_visible)
    if visible == "bernoulli" and x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"{where}: X has values from {x.min()} to {x.max()}, expected 0 to 1, as visible is "
            "'bernoulli'"
        )
    return x


def _start_of_bias(x: np.ndarray, gaussian: bool) -> np.ndarray:
    """The mean, or the log-odds of (ones + 1) / (n + 2), finite also for constant columns."""
    k = backend.kernels
    total = k.sum_axis(x[None])
    if gaussian:
        return (total / np.float32(len(x)))[0]
    total = np.clip(total, 0, len(x))  # of what no probabilities are
    share = (total + np.float32(1)) / np.float32(len(x) + 2)
    return (k.log_forward(share) - k.log_forward(np.float32(1) - share))[0]
