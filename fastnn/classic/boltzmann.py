"""The Boltzmann machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..creation import normal_array, uniform_array
from ..functional import _checks
from ..random import Generator
from ._arrays import matrix
from ._binary_states import binary_states, log_sum_exp
from ._estimator import Estimator, generator_of, not_fitted

_MOST_UNITS = 16  # whose states are listed for what is exact


class BoltzmannMachine(Estimator):
    """V visible and H hidden units of 0 or 1, every one joined to every other by w_ij = w_ji,
    w_ii = 0, with biases b_i: a Hopfield network with noise and with hidden units.

    Ackley, Hinton and Sejnowski 1985, doi:10.1207/s15516709cog0901_7.  E(s) = -1/2 sum_ij w_ij s_i
    s_j - sum_i b_i s_i; a unit that is looked at becomes 1 with probability sigmoid((b_i + sum_j
    w_ij s_j) / T), and after long p(s) = e^(-E(s) / T) / Z.  Units are in the order visible,
    hidden.  The gradient of the mean log-likelihood at T = 1 is local: dw_ij = <s_i s_j> with the
    data clamped on the visible units (positive phase) - <s_i s_j> running freely (negative phase).

    n_hidden: H.  method: where the means come from,

    - "exact": from all 2^(V + H) states; at most 16 units;
    - "gibbs": from n_chains free chains and one clamped chain a row of X, each n_sweeps sweeps on
      from where it was in the last step, which takes the place of annealing at each step in 1985.

    One epoch is one step along the gradient over all rows, of learning_rate.  init_std: deviation
    of the normal weights at the start; with small ones hidden units may stay useless for long, as
    where only correlations of three units and more tell data from noise.  random_state: None, an
    integer or a `fastnn.Generator`.

    After `fit` or `set_weights`: weights_ (N, N), biases_ (N,), float32, N = V + H;
    n_features_in_ V.  After `anneal`: temperatures_ (sweeps,), energy_trace_ (sweeps + 1, runs).
    X is (n, V), S is (n, N), of 0 and 1: TypeError or ValueError for others.  Learning and
    sampling are in float32, energies and probabilities in float64.
    """

    def __init__(
        self,
        n_hidden: int = 0,
        *,
        method: str = "exact",
        learning_rate: float = 0.5,
        init_std: float = 0.1,
        n_epochs: int = 1000,
        n_chains: int = 100,
        n_sweeps: int = 5,
        random_state: Any = None,
    ) -> None:
        self.n_hidden, self.method, self.learning_rate = n_hidden, method, learning_rate
        self.n_epochs, self.n_chains, self.n_sweeps = n_epochs, n_chains, n_sweeps
        self.init_std, self.random_state = init_std, random_state

    def fit(self, X: Any, y: Any = None) -> BoltzmannMachine:
        """n_epochs steps from new weights and biases 0; y is ignored.  Returns self."""
        x = self._binary(X, "fit", None)
        n_epochs = _checks.integer(self.n_epochs, "BoltzmannMachine", "n_epochs", 0)
        self._settings(x.shape[1], "fit")
        self._begin(x.shape[1])
        for _ in range(n_epochs):
            self._step(x, "fit")
        return self

    def partial_fit(self, X: Any, y: Any = None) -> BoltzmannMachine:
        """One step from the weights and chains of before; y is ignored."""
        known = self.n_features_in_ if hasattr(self, "weights_") else None
        x = self._binary(X, "partial_fit", known)
        self._settings(x.shape[1], "partial_fit")
        if known is None:
            self._begin(x.shape[1])
        self._step(x, "partial_fit")
        return self

    def set_weights(self, weights: Any, biases: Any = None) -> BoltzmannMachine:
        """Weights (N, N) and biases (N,; None: 0) by hand; the last n_hidden units are hidden.

        ValueError unless weights are symmetric with a zero diagonal and N > n_hidden.
        """
        where = "BoltzmannMachine.set_weights"
        w = matrix(weights, where)
        n_hidden = _checks.integer(self.n_hidden, "BoltzmannMachine", "n_hidden", 0)
        if w.shape[0] != w.shape[1] or len(w) <= n_hidden:
            raise ValueError(
                f"{where}: weights have shape {w.shape}, expected (N, N) with N > {n_hidden}"
            )
        if (w != w.T).any() or w.diagonal().any():
            raise ValueError(f"{where}: weights must be symmetric with a zero diagonal")
        b = np.zeros(len(w), np.float32)
        if biases is not None:
            b = np.array(biases, np.float32)
            if b.shape != (len(w),) or not np.isfinite(b).all():
                raise ValueError(
                    f"{where}: biases have shape {b.shape}, expected ({len(w)},), finite"
                )
        self._own(w.copy(), b, len(w) - n_hidden, generator_of(self.random_state))
        return self

    def energy(self, S: Any) -> np.ndarray:
        """E of each row of S (n, N): float64 (n,)."""
        return self._energy(self._states(S, "energy"))

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Exact p(s) of all states at T: float64 (2^N,).  The first unit is the highest bit of a
        state's number.  ValueError for more than 16 units."""
        logits = self._all_logits("probabilities") / self._temperature(temperature, "probabilities")
        return np.exp(logits - log_sum_exp(logits))

    def visible_probabilities(self) -> np.ndarray:
        """Exact p(v) at T = 1, hidden units summed over: float64 (2^V,)."""
        return self.probabilities().reshape(1 << self.n_features_in_, -1).sum(axis=1)

    def log_likelihood(self, X: Any) -> np.ndarray:
        """Exact log p(v) of each row v of X: float64 (n,)."""
        self._fitted("log_likelihood")
        x = self._binary(X, "log_likelihood", self.n_features_in_)
        logits = self._all_logits("log_likelihood")
        by_visible = logits.reshape(1 << self.n_features_in_, -1)
        found = np.array([log_sum_exp(row) for row in by_visible]) - log_sum_exp(logits)
        return found[_numbers(x)]

    def kl_divergence(self, X: Any) -> float:
        """Exact KL(data || model) = sum_v q(v) log(q(v) / p(v)), the G of 1985; q(v): share of the
        rows of X that are v."""
        log_p = self.log_likelihood(X)
        numbers = _numbers(np.asarray(X))
        _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        return float(np.mean(np.log(counts[inverse] / len(numbers)) - log_p))

    def gibbs(
        self, S: Any, n_sweeps: int = 1, *, temperature: float = 1.0, clamped: Any = None
    ) -> np.ndarray:
        """S (n, N) after n_sweeps in which each unit is drawn once, in order: float32 (n, N).

        clamped: bool (N,), True for units that keep their state; None: none does.
        """
        s = self._states(S, "gibbs")
        where = "BoltzmannMachine.gibbs"
        n_sweeps = _checks.integer(n_sweeps, where, "n_sweeps", 0)
        t = self._temperature(temperature, "gibbs")
        free = np.arange(len(self.biases_))
        if clamped is not None:
            held = np.asarray(clamped)
            if held.dtype != bool or held.shape != free.shape:
                raise ValueError(
                    f"{where}: clamped is {held.dtype} {held.shape}, expected bool ({len(free)},)"
                )
            free = free[~held]
        return self._sweeps(s, [t] * n_sweeps, free)

    def sample(
        self, n_samples: int = 1, n_sweeps: int = 100, *, temperature: float = 1.0
    ) -> np.ndarray:
        """States (n_samples, N) after n_sweeps, each from a random start of its own."""
        self._fitted("sample")
        n_samples = _checks.integer(n_samples, "BoltzmannMachine.sample", "n_samples", 0)
        start = self._random_states(n_samples)
        return self.gibbs(start, n_sweeps, temperature=temperature)

    def anneal(
        self, n_runs: int = 1, n_sweeps: int = 100, *, start: float = 10.0, stop: float = 0.1
    ) -> np.ndarray:
        """States (n_runs, N) after simulated annealing from random states: a sweep at each of
        n_sweeps temperatures from start to stop, each a fixed share of the one before.

        Kirkpatrick, Gelatt and Vecchi 1983, doi:10.1126/science.220.4598.671.  The slower, the
        surer the ground state, the state of least energy.  ValueError unless start >= stop > 0.
        """
        self._fitted("anneal")
        where = "BoltzmannMachine.anneal"
        n_runs = _checks.integer(n_runs, where, "n_runs", 1)
        n_sweeps = _checks.integer(n_sweeps, where, "n_sweeps", 1)
        first, last = self._temperature(start, "anneal"), self._temperature(stop, "anneal")
        if first < last:
            raise ValueError(f"{where}: start is {start} and stop {stop}, expected start >= stop")
        ratio = (last / first) ** (1 / max(n_sweeps - 1, 1))
        self.temperatures_ = first * ratio ** np.arange(n_sweeps)
        s = self._random_states(n_runs)
        trace = [self._energy(s)]
        for t in self.temperatures_:
            s = self._sweeps(s, [float(t)], np.arange(s.shape[1]))
            trace.append(self._energy(s))
        self.energy_trace_ = np.array(trace)
        return s

    def _begin(self, n_visible: int) -> None:
        n_hidden = _checks.integer(self.n_hidden, "BoltzmannMachine", "n_hidden", 0)
        std = _checks.positive(self.init_std, "BoltzmannMachine", "init_std")
        generator = generator_of(self.random_state)
        n = n_visible + n_hidden
        w = np.triu(normal_array((n, n), 0.0, std, generator), 1)
        self._own(w + w.T, np.zeros(n, np.float32), n_visible, generator)

    def _own(self, w: np.ndarray, b: np.ndarray, n_visible: int, generator: Generator) -> None:
        self.weights_, self.biases_, self.n_features_in_ = w, b, n_visible
        self._generator = generator
        self._clamped_chains = self._free_chains = np.zeros((0, len(w)), np.float32)

    def _settings(self, n_visible: int, method: str) -> None:
        """Refuse wrong ones, before any weights are replaced."""
        name = "BoltzmannMachine"
        if self.method not in ("exact", "gibbs"):
            raise ValueError(f"{name}: method is {self.method!r}, expected 'exact' or 'gibbs'")
        _checks.positive(self.learning_rate, name, "learning_rate")
        _checks.integer(self.n_chains, name, "n_chains", 1)
        _checks.integer(self.n_sweeps, name, "n_sweeps", 1)
        n_hidden = _checks.integer(self.n_hidden, name, "n_hidden", 0)
        if self.method == "exact":
            _few_enough(n_visible + n_hidden, method)

    def _step(self, x: np.ndarray, method: str) -> None:
        lr = np.float32(self.learning_rate)
        exact = self.method == "exact"
        gradient = self._exact_gradient(x, method) if exact else self._sampled_gradient(x)
        gradient += gradient.T.copy()  # the rounding of the product, if any, made symmetric
        gradient *= lr * np.float32(0.5)
        self.biases_ += gradient.diagonal()  # s_i s_i = s_i
        np.fill_diagonal(gradient, 0)
        self.weights_ += gradient

    def _exact_gradient(self, x: np.ndarray, method: str) -> np.ndarray:
        """S^T diag(q(v) p(h | v) - p(v, h)) S over all states S: (N, N)."""
        k = backend.kernels
        s = self._all_states(method).astype(np.float32)
        terms = s * (k.matmul(s, self.weights_) * np.float32(0.5) + self.biases_)
        logits = k.sum_axis(terms[:, :, None]).reshape(1, -1)
        n_visible_states = 1 << self.n_features_in_
        q = np.bincount(_numbers(x), minlength=n_visible_states) / len(x)
        clamped = k.softmax_forward(logits.reshape(n_visible_states, -1))
        clamped *= q.astype(np.float32)[:, None]
        weight = clamped.reshape(-1, 1) - k.softmax_forward(logits).reshape(-1, 1)
        return k.matmul(s * weight, s, True)

    def _sampled_gradient(self, x: np.ndarray) -> np.ndarray:
        """The same from states that were drawn."""
        n_chains, n_sweeps = self.n_chains, self.n_sweeps
        n_visible, n_units = x.shape[1], len(self.biases_)
        clamped, free = self._clamped_chains, self._free_chains
        if len(clamped) != len(x):
            clamped = self._random_states(len(x))
        if len(free) != n_chains:
            free = self._random_states(n_chains)
        clamped[:, :n_visible] = x
        clamped = self._sweeps(clamped, [1.0] * n_sweeps, np.arange(n_visible, n_units))
        free = self._sweeps(free, [1.0] * n_sweeps, np.arange(n_units))
        self._clamped_chains, self._free_chains = clamped, free
        both = np.concatenate([clamped, free])
        weight = np.full((len(both), 1), -1.0 / len(free), np.float32)
        weight[: len(clamped)] = 1.0 / len(clamped)
        return backend.kernels.matmul(both * weight, both, True)

    def _sweeps(self, states: np.ndarray, temperatures: list, units: np.ndarray) -> np.ndarray:
        """One sweep over `units` for each temperature; the rows of states are independent chains.

        The net values of all units are found once a sweep and corrected when a unit changes.
        A unit becomes 1 if u < sigmoid(net / T), that is net > T logit(u); u is drawn for a sweep.
        """
        k = backend.kernels
        s = states.T.copy()  # a unit's states in all chains side by side
        change = np.empty_like(s)
        if not (len(units) and s.size):
            return states.copy()
        for t in temperatures:
            net = k.matmul(self.weights_, s) + self.biases_[:, None]
            u = uniform_array((len(units), s.shape[1]), 0.0, 1.0, self._generator)
            threshold = (k.log_forward(u) - k.log_forward(np.float32(1) - u)) * np.float32(t)
            for i, limit in zip(units, threshold, strict=True):
                after = (net[i] > limit).astype(np.float32)
                np.multiply(self.weights_[i, :, None], after - s[i], out=change)
                net += change
                s[i] = after
        return s.T.copy()

    def _random_states(self, n: int) -> np.ndarray:
        u = uniform_array((n, len(self.biases_)), 0.0, 1.0, self._generator)
        return (u < 0.5).astype(np.float32)

    def _energy(self, s: np.ndarray) -> np.ndarray:
        s = s.astype(np.float64)
        w, b = self.weights_.astype(np.float64), self.biases_.astype(np.float64)
        return -0.5 * ((s @ w) * s).sum(axis=1) - s @ b

    def _all_states(self, method: str) -> np.ndarray:
        self._fitted(method)
        _few_enough(len(self.biases_), method)
        return binary_states(len(self.biases_))

    def _all_logits(self, method: str) -> np.ndarray:
        return -self._energy(self._all_states(method))

    def _fitted(self, method: str) -> None:
        if not hasattr(self, "weights_"):
            raise not_fitted(self, method)

    def _temperature(self, value: Any, method: str) -> float:
        return _checks.positive(value, f"BoltzmannMachine.{method}", "temperature")

    def _states(self, S: Any, method: str) -> np.ndarray:
        self._fitted(method)
        return self._binary(S, method, len(self.biases_))

    def _binary(self, X: Any, method: str, n_units: int | None) -> np.ndarray:
        where = f"BoltzmannMachine.{method}"
        x = matrix(X, where, n_units)
        strange = x[(x != 0) & (x != 1)]
        if strange.size:
            raise ValueError(f"{where}: X has the value {strange[0]}, expected 0 and 1")
        return x


def _few_enough(n_units: int, method: str) -> None:
    if n_units > _MOST_UNITS:
        raise ValueError(
            f"BoltzmannMachine.{method}: {n_units} units, expected at most {_MOST_UNITS} for what "
            "counts all states"
        )


def _numbers(x: np.ndarray) -> np.ndarray:
    """The number of each row of bits, the first of them the highest."""
    return x.astype(np.int64) @ (1 << np.arange(x.shape[1] - 1, -1, -1, dtype=np.int64))
