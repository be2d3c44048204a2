"""The echo state network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import randperm, uniform_array
from ..functional import _checks
from ._estimator import Estimator, generator_of, not_fitted
from ._readout import ridge


class EchoStateNetwork(Estimator):
    """A large sparse recurrent network drawn at random and never changed, the reservoir, whose
    echoes of the input are read out linearly; only the readout is learned, by ridge regression.

    Jaeger 2001 (GMD report 148); Jaeger and Haas 2004, doi:10.1126/science.1091277; leaky units:
    Jaeger et al. 2007, doi:10.1016/j.neunet.2007.04.016.  With u(t) the input and x(0) = 0 before:

        x(t) = (1 - leak) x(t - 1) + leak tanh(W x(t - 1) + W_in u(t) + b)
        y(t) = V [u(t); x(t)] + c

    A state that forgets where it began, the echo state property, needs about a spectral radius
    below 1; a radius near 1 remembers longest.  The condition is neither sufficient nor, with
    inputs that saturate tanh, necessary.

    n_reservoir: units.  connectivity: how many units each one hears; of fewer all.
    spectral_radius: the largest |eigenvalue| of W.  leak: in (0, 1].  input_scale, bias_scale: W_in
    and b are uniform in [-scale, scale].  washout: steps at the beginning of a series that are not
    learned from and that `score` leaves out.  alpha: the penalty alpha |V|^2.  random_state: None,
    an integer or a `fastnn.Generator`.

    A series X is (T, features) or (T,), finite; targets y are (T,) or (T, K).  After `fit`:
    reservoir_ (n_reservoir, n_reservoir), not to be written to, input_weights_ (n_reservoir,
    features), biases_, coef_ (features + n_reservoir, K), intercept_, n_features_in_.  All in
    float64 NumPy: eigenvalues and least squares are LAPACK's.  TypeError or ValueError for wrong
    arrays and settings, RuntimeError before fit.
    """

    _estimator_type = "regressor"

    def __init__(
        self,
        n_reservoir: int = 300,
        *,
        connectivity: int = 10,
        spectral_radius: float = 0.9,
        leak: float = 1.0,
        input_scale: float = 1.0,
        bias_scale: float = 0.2,
        washout: int = 100,
        alpha: float = 1e-6,
        random_state: Any = None,
    ) -> None:
        self.n_reservoir, self.connectivity = n_reservoir, connectivity
        self.spectral_radius, self.leak = spectral_radius, leak
        self.input_scale, self.bias_scale = input_scale, bias_scale
        self.washout, self.alpha, self.random_state = washout, alpha, random_state

    def fit(self, X: Any, y: Any) -> EchoStateNetwork:
        """A new reservoir, driven by X; then the readout of y (T,) or (T, K).  Returns self."""
        u = _series(X, "EchoStateNetwork.fit")
        t = _series(y, "EchoStateNetwork.fit", "y")
        washout = self._settings()
        if len(t) != len(u):
            raise ValueError(f"EchoStateNetwork.fit: y has {len(t)} steps, expected {len(u)}")
        if len(u) < washout + 2:
            raise ValueError(
                f"EchoStateNetwork.fit: X has {len(u)} steps, expected {washout + 2} or more, "
                f"as washout is {washout}"
            )
        self._begin(u.shape[1])
        features = np.concatenate([u, self._drive(u)], axis=1)
        self.coef_, self.intercept_ = ridge(features[washout:], t[washout:], self.alpha)
        self._is_line = np.ndim(y) == 1
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The states x(t) along the series X, from rest: (T, n_reservoir) float64."""
        return self._drive(self._input(X, "transform"))

    def predict(self, X: Any) -> np.ndarray:
        """y(t) along the series X, from rest: (T,) or (T, K) as the targets were.  The first
        outputs still show the start."""
        u = self._input(X, "predict")
        return self._shaped(self._read(u, self._drive(u)))

    def score(self, X: Any, y: Any) -> float:
        """R^2 of y along the series X after the washout, the mean over the columns."""
        washout = _checks.integer(self.washout, "EchoStateNetwork", "washout", 0)
        answers = self.predict(X)
        t = _series(y, "EchoStateNetwork.score", "y")
        if np.shape(y) != answers.shape:
            raise ValueError(
                f"EchoStateNetwork.score: y has shape {np.shape(y)}, expected {answers.shape}"
            )
        if len(t) <= washout:
            raise ValueError(
                f"EchoStateNetwork.score: X has {len(t)} steps, expected more than {washout}, "
                "the washout"
            )
        t, found = t[washout:], answers.reshape(t.shape)[washout:]
        with np.errstate(all="ignore"):  # targets that do not vary have no R^2: -inf or NaN
            error, spread = ((t - found) ** 2).sum(0), ((t - t.mean(0)) ** 2).sum(0)
            return float(np.mean(1 - error / spread))

    def generate(self, X: Any, steps: int) -> np.ndarray:
        """Driven from rest by the series X, then `steps` outputs in a closed loop, each of which is
        the next input: (steps,) or (steps, K).  For a network fitted with y(t) = u(t + 1); the
        first output is what follows X.  ValueError if there are not as many outputs as features.
        """
        u = self._input(X, "generate")
        steps = _checks.integer(steps, "EchoStateNetwork.generate", "steps", 0)
        if self.coef_.shape[1] != self.n_features_in_:
            raise ValueError(
                f"EchoStateNetwork.generate: {self.coef_.shape[1]} outputs cannot be the next "
                f"{self.n_features_in_} inputs"
            )
        if not len(u):
            raise ValueError("EchoStateNetwork.generate: X has no steps")
        state, at = self._drive(u)[-1], u[-1]
        found = np.empty((steps, u.shape[1]))
        for i in range(steps):
            if i:
                state = self._step(state, self.input_weights_ @ at + self.biases_)
            found[i] = at = self._read(at[None], state[None])[0]
        return self._shaped(found)

    def _settings(self) -> int:
        """Refuse wrong ones; returns washout."""
        name = "EchoStateNetwork"
        _checks.integer(self.n_reservoir, name, "n_reservoir", 1)
        _checks.integer(self.connectivity, name, "connectivity", 1)
        _checks.positive(self.spectral_radius, name, "spectral_radius")
        if _checks.positive(self.leak, name, "leak") > 1:
            raise ValueError(f"{name}: leak is {self.leak}, expected at most 1")
        for setting in ("input_scale", "bias_scale", "alpha"):
            value = _checks.number(getattr(self, setting), name, setting)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}: {setting} is {value}, expected a finite number from 0")
        return _checks.integer(self.washout, name, "washout", 0)

    def _begin(self, n_features: int) -> None:
        generator = generator_of(self.random_state)
        n = self.n_reservoir
        k = min(self.connectivity, n)

        def uniform(*shape: int) -> np.ndarray:
            return uniform_array(shape, -1.0, 1.0, generator).astype(np.float64)

        self._heard = np.stack([randperm(n, generator=generator).numpy()[:k] for _ in range(n)], 1)
        weights = uniform(k, n)
        reservoir = np.zeros((n, n))
        reservoir[np.arange(n), self._heard] = weights
        radius = float(np.abs(np.linalg.eigvals(reservoir)).max())
        if radius < 1e-6:  # what rounding leaves of 0
            raise ValueError(
                "EchoStateNetwork: the reservoir that was drawn has no loops; "
                f"connectivity is {k}, raise it"
            )
        self._weights = weights * (self.spectral_radius / radius)
        self.reservoir_ = reservoir * (self.spectral_radius / radius)
        self.reservoir_.setflags(write=False)  # the steps use the few weights that are not 0
        self.input_weights_ = self.input_scale * uniform(n, n_features)
        self.biases_ = self.bias_scale * uniform(n)
        self.n_features_in_ = n_features

    def _step(self, state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """The next state; W x as the sum of what each unit hears: W is sparse."""
        net = (self._weights * state[self._heard]).sum(axis=0)
        net += drive
        return (1 - self.leak) * state + self.leak * np.tanh(net)

    def _drive(self, u: np.ndarray) -> np.ndarray:
        """States along u (T, features), from rest: (T, n_reservoir)."""
        drives = u @ self.input_weights_.T + self.biases_
        states, state = np.empty_like(drives), np.zeros(drives.shape[1])
        for t, drive in enumerate(drives):
            states[t] = state = self._step(state, drive)
        return states

    def _read(self, u: np.ndarray, states: np.ndarray) -> np.ndarray:
        return np.concatenate([u, states], axis=1) @ self.coef_ + self.intercept_

    def _shaped(self, found: np.ndarray) -> np.ndarray:
        return found[:, 0] if self._is_line else found

    def _input(self, X: Any, method: str) -> np.ndarray:
        if not hasattr(self, "coef_"):
            raise not_fitted(self, method)
        u = _series(X, f"EchoStateNetwork.{method}")
        if u.shape[1] != self.n_features_in_:
            raise ValueError(
                f"EchoStateNetwork.{method}: X has {u.shape[1]} features, "
                f"expected {self.n_features_in_}"
            )
        return u


def _series(X: Any, where: str, name: str = "X") -> np.ndarray:
    """A series as finite float64 (T, features)."""
    x = np.asarray(X)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{where}: {name} has dtype {x.dtype}, expected real numbers")
    if x.ndim not in (1, 2) or 0 in x.shape[1:]:
        raise ValueError(f"{where}: {name} has shape {x.shape}, expected (T,) or (T, n)")
    x = x.astype(np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if not np.isfinite(x).all():
        raise ValueError(f"{where}: {name} has values that are not finite")
    return x
