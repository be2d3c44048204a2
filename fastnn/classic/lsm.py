"""The liquid state machine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..creation import from_numpy, uniform_array
from ..functional import _checks, linear
from ..grad_mode import no_grad
from ._estimator import generator_of, not_fitted
from ._readout import Readout

# Maass, Natschlaeger and Markram 2002, by the kinds of the neuron that sends and of the one that
# hears (excitatory 0, inhibitory 1): how likely they are joined, and the mean weight in nA.
_JOINED = np.array([[0.3, 0.2], [0.4, 0.1]])
_MEANS = np.array([[30.0, 60.0], [-19.0, -19.0]])
_UNIT = 2.0**-12  # weights are multiples of it, so that sums over spikes are exact in float32


class LiquidStateMachine(Readout):
    """A column of spiking neurons joined at random, the liquid: inputs make ripples in it, and a
    linear readout tells from the ripples at the end of a trial what has happened.  Only the
    readout is learned, by ridge regression.

    Maass, Natschlaeger and Markram 2002, doi:10.1162/089976602760407955.  Leaky integrate-and-fire
    neurons in time steps of 1 ms; i is the synaptic current, v the membrane's potential, s = 1 a
    spike, u the input:

        i(t) = i(t - 1) exp(-1 / tau_synapse) + W s(t - 1) + W_in u(t)
        v(t) = v(t - 1) exp(-1 / tau_membrane) + i(t), or 0 for `refractory` steps after a spike
        s(t) = 1 where v(t) >= 1; then v(t) becomes 0

    The liquid state is the spikes, filtered: z(t) = z(t - 1) exp(-1 / tau_readout) + s(t).

    shape: the column's neurons on a grid of three axes.  excitatory: their share; the others
    inhibit.  Neurons at distance D are joined with probability C exp(-(D / reach)^2), C being 0.3
    (excitatory to excitatory), 0.2 (to inhibitory), 0.4 and 0.1 (from inhibitory ones); weights are
    uniform between 0 and twice their mean, which has the proportions 30, 60, -19 and -19 of the
    paper, times recurrent_scale / 30.  Each input goes to a neuron with probability input_density,
    with weights uniform in (0, 2 input_scale).  Left out: synapses that tire, and delays beyond a
    step.  alpha: the penalty of the readout.  task: "classification", labels; "regression", real
    targets (N,) or (N, K), of the whole trial; "auto": regression if y is floating point.
    random_state: None, an integer or a `fastnn.Generator`.

    X is (N, T, inputs), finite: spikes 0 or 1, counts, or real currents.  After `fit`:
    recurrent_weights_ (neurons, neurons) and input_weights_ (neurons, inputs) float32, from columns
    to rows; coef_, intercept_ float64, classes_ if y were labels, n_features_in_ (inputs).  Spikes
    of whole-numbered inputs are the same bits on each backend.  TypeError or ValueError for wrong
    arrays and settings, RuntimeError before fit.
    """

    recurrent_weights_: np.ndarray
    input_weights_: np.ndarray

    def __init__(
        self,
        shape: tuple[int, int, int] = (15, 3, 3),
        *,
        excitatory: float = 0.8,
        reach: float = 2.0,
        recurrent_scale: float = 0.05,
        input_scale: float = 0.3,
        input_density: float = 0.3,
        tau_membrane: float = 30.0,
        tau_synapse: float = 3.0,
        tau_readout: float = 30.0,
        refractory: int = 3,
        alpha: float = 1.0,
        task: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.shape, self.excitatory, self.reach = shape, excitatory, reach
        self.recurrent_scale, self.input_scale = recurrent_scale, input_scale
        self.input_density, self.tau_membrane = input_density, tau_membrane
        self.tau_synapse, self.tau_readout = tau_synapse, tau_readout
        self.refractory, self.alpha, self.task = refractory, alpha, task
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> LiquidStateMachine:
        """A new liquid, then the readout of its states at the end of each trial.  Returns self."""
        x = _trials(X, "LiquidStateMachine.fit", None)
        shape = self._settings()
        return self._learn(x, y, n_features_in_=x.shape[2], **self._drawn(shape, x.shape[2]))

    def transform(self, X: Any) -> np.ndarray:
        """Liquid states z at the end of the trials X (N, T, inputs): (N, neurons) float32."""
        return self._features(self._checked(X, "transform"))

    def spikes(self, X: Any) -> np.ndarray:
        """Whether each neuron fires at each step of the trials X: (N, T, neurons) bool."""
        x = self._checked(X, "spikes")
        found = np.empty((*x.shape[:2], len(self.input_weights_)), bool)
        self._run(x, found)
        return found

    def _checked(self, X: Any, method: str) -> np.ndarray:
        if not hasattr(self, "input_weights_"):
            raise not_fitted(self, method)
        return self._samples(X, f"LiquidStateMachine.{method}")

    def _samples(self, X: Any, where: str) -> np.ndarray:
        return _trials(X, where, self.n_features_in_)

    def _features(self, x: np.ndarray) -> np.ndarray:
        return self._run(x, None)

    @no_grad()
    def _run(self, x: np.ndarray, record: Any) -> np.ndarray:
        """Liquid states at the end; spikes go to `record` (N, T, neurons), if given."""
        both = np.concatenate([self.recurrent_weights_, self.input_weights_], axis=1)
        weights = from_numpy(both)
        keep_i, keep_v, keep_z = (
            np.float32(math.exp(-1 / tau))
            for tau in (self.tau_synapse, self.tau_membrane, self.tau_readout)
        )
        n = len(both)
        current, voltage, trace, spikes = (np.zeros((len(x), n), np.float32) for _ in range(4))
        rest = np.zeros((len(x), n), np.int32)  # steps until the neuron can be charged again
        for t in range(x.shape[1]):
            heard = from_numpy(np.concatenate([spikes, x[:, t]], axis=1))
            current = current * keep_i + linear(heard, weights).numpy()
            voltage = np.where(rest > 0, np.float32(0), voltage * keep_v + current)
            fires = voltage >= 1
            voltage[fires] = 0
            rest = np.where(fires, self.refractory, np.maximum(rest - 1, 0))
            spikes = fires.astype(np.float32)
            trace = trace * keep_z + spikes
            if record is not None:
                record[:, t] = fires
        return trace

    def _settings(self) -> tuple[int, ...]:
        """Refuse wrong ones; returns the shape."""
        name = "LiquidStateMachine"
        if not isinstance(self.shape, tuple | list) or len(self.shape) != 3:
            raise ValueError(f"{name}: shape is {self.shape!r}, expected three numbers of neurons")
        for setting in ("reach", "tau_membrane", "tau_synapse", "tau_readout", "input_scale"):
            _checks.positive(getattr(self, setting), name, setting)
        for setting in ("excitatory", "input_density"):
            value = _checks.number(getattr(self, setting), name, setting)
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: {setting} is {value}, expected a number from 0 to 1")
        scale = _checks.number(self.recurrent_scale, name, "recurrent_scale")
        if not 0 <= scale < math.inf:
            raise ValueError(
                f"{name}: recurrent_scale is {scale}, expected a finite number from 0 on"
            )
        _checks.integer(self.refractory, name, "refractory", 0)
        return tuple(_checks.integer(n, name, "shape", 1) for n in self.shape)

    def _drawn(self, shape: tuple[int, ...], n_inputs: int) -> dict[str, np.ndarray]:
        """A new liquid's weights."""
        generator = generator_of(self.random_state)
        n = math.prod(shape)

        def uniform(*size: int) -> np.ndarray:
            return uniform_array(size, 0.0, 1.0, generator).astype(np.float64)

        at = np.stack(np.unravel_index(np.arange(n), shape), axis=1)
        apart = ((at[:, None] - at) ** 2).sum(axis=-1)
        n_excitatory = round(self.excitatory * n)
        inhibits = (uniform(n).argsort() >= n_excitatory).astype(int)
        kinds = inhibits[None, :], inhibits[:, None]  # who sends: columns; who hears: rows
        joined = uniform(n, n) < _JOINED[kinds] * np.exp(-apart / self.reach**2)
        np.fill_diagonal(joined, False)
        means = _MEANS[kinds] * (self.recurrent_scale / 30)
        recurrent = _rounded(joined * 2 * uniform(n, n) * means)
        heard = uniform(n, n_inputs) < self.input_density
        strength = 2 * self.input_scale * uniform(n, n_inputs)
        return {"recurrent_weights_": recurrent, "input_weights_": _rounded(heard * strength)}


def _rounded(weights: np.ndarray) -> np.ndarray:
    return (np.round(weights / _UNIT) * _UNIT).astype(np.float32)


def _trials(X: Any, where: str, n_inputs: int | None) -> np.ndarray:
    """Trials as finite float32 (N, T, inputs)."""
    x = np.asarray(X)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{where}: X has dtype {x.dtype}, expected real numbers")
    wanted = "inputs" if n_inputs is None else n_inputs
    if x.ndim != 3 or n_inputs is None and 0 in x.shape or n_inputs not in (None, x.shape[2]):
        raise ValueError(f"{where}: X has shape {x.shape}, expected (N, T, {wanted})")
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        raise ValueError(f"{where}: X has values that are not finite in float32")
    return x
