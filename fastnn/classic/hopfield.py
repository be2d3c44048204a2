"""The Hopfield network."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..creation import from_numpy, randperm
from ..functional import _checks, linear
from ..grad_mode import no_grad
from ._arrays import matrix, share
from ._estimator import Estimator, not_fitted
from ._hopfield_rules import RULES


class Hopfield(Estimator):
    """Associative memory: N units of -1 or 1, every one joined to every other by w_ij = w_ji,
    w_ii = 0, without thresholds.  A state that resembles a stored pattern falls into it.

    Hopfield 1982, doi:10.1073/pnas.79.8.2554.  h_i = sum_j w_ij s_j; s_i becomes 1 where h_i > 0,
    -1 where h_i < 0 and stays where h_i = 0.  Energy: E = -1/2 sum_ij w_ij s_i s_j.  Update:

    - "asynchronous": one unit after the other, in a random order that is new in each sweep.  E
      never rises, so it ends in a fixed point;
    - "synchronous": all units at once.  It ends in a fixed point or goes back and forth between
      two states (Goles, Fogelman, Pellegrin 1985, doi:10.1016/0166-218X(85)90029-0), in one of
      which `predict` leaves it.

    Rules, x^1 ... x^P being the patterns as columns of X^T:

    - "hebb": W = X^T X with a zero diagonal, whole numbers, without 1/N as in 1982.  About 0.138 N
      random patterns fit (Amit, Gutfreund, Sompolinsky 1985, doi:10.1103/PhysRevLett.55.1530),
      fewer if they resemble each other;
    - "pseudoinverse": W = X^+ X, then a zero diagonal (Personnaz, Guyon, Dreyfus 1985,
      doi:10.1051/jphyslet:01985004608035900).  P < N linearly independent patterns are fixed
      points, however alike; what they attract shrinks as P nears N / 2;
    - "storkey": pattern by pattern w_ij += (x_i x_j - x_i h_ji - h_ij x_j) / N with
      h_ij = sum_{k != i, j} w_ik x_k (Storkey 1997, doi:10.1007/BFb0020196).

    max_iter: most sweeps, or synchronous steps.  random_state: the order of the units; None, an
    integer or a `fastnn.Generator`.

    After `fit`: weights_ (N, N) float32, not to be written to; patterns_ (P, N), n_features_in_.
    After `predict`: n_iter_ (sweeps or steps until nothing moved, the last of them included).
    Wherever it appears X is (rows, N) of -1 and 1, or bool (False is -1): TypeError or ValueError
    for others.  Rules but "hebb" are computed in float64; recall in float32, exact with "hebb" if
    N P < 2^24.
    """

    def __init__(
        self,
        rule: str = "hebb",
        *,
        update: str = "asynchronous",
        max_iter: int = 100,
        random_state: Any = None,
    ) -> None:
        self.rule, self.update = rule, update
        self.max_iter, self.random_state = max_iter, random_state

    @no_grad()
    def fit(self, X: Any, y: Any = None) -> Hopfield:
        """Store the rows of X (P, N); what was stored before is forgotten.  y is ignored."""
        if self.rule not in RULES:
            raise ValueError(f"Hopfield: rule is {self.rule!r}, expected one of {', '.join(RULES)}")
        x = self._states(X, "fit", None)
        weights, left, diagonal = RULES[self.rule](x)
        weights.setflags(write=False)  # recall may use the factors of the weights instead
        x = x.copy()  # recall reads it; whoever owns X may change X
        self.patterns_, self.n_features_in_, self.weights_ = x, x.shape[1], weights
        # W = left^T X - diag(diagonal): two thin products instead of one with W.
        self._factors = (left, x, diagonal) if left is not None and 2 * len(x) < len(left) else None
        return self

    @no_grad()
    def predict(self, X: Any) -> np.ndarray:
        """Where each row of X (n, N) comes to rest: float32 (n, N)."""
        now = self._states(X, "predict")
        states = now.copy()
        max_iter = _checks.integer(self.max_iter, "Hopfield", "max_iter", 1)
        step, rows_differ = self._stepper(), backend.kernels.rows_differ
        self.n_iter_ = 0
        moving = np.arange(len(states))  # rows that are not known to be at rest
        before = None
        while self.n_iter_ < max_iter and len(moving):
            self.n_iter_ += 1
            after = step(now)
            if len(moving) == len(states):
                states = after
            else:
                states[moving] = after
            goes_on = rows_differ(after, now)
            if before is not None:  # back where it was two steps ago: it would do so for ever
                goes_on &= rows_differ(after, before)
            if goes_on.all():
                before, now = now, after
            else:
                before, now, moving = now[goes_on], after[goes_on], moving[goes_on]
        return states

    def score(self, X: Any, y: Any) -> float:
        """Share of the rows of X that come to rest exactly in the same row of y (n, N)."""
        states = self.predict(X)
        expected = self._states(y, "score")
        if len(expected) != len(states):
            raise ValueError(f"Hopfield.score: y has {len(expected)} rows, expected {len(states)}")
        return share((states == expected).all(axis=1), "Hopfield.score")

    def energy(self, X: Any) -> np.ndarray:
        """E of each row of X (n, N), in float64: (n,)."""
        return self._energy(self._states(X, "energy"))

    @no_grad()
    def energy_trace(self, X: Any) -> np.ndarray:
        """E of the rows of X (n, N) on their way to rest: (1 + updates, n), from the start on.

        An update is that of one unit or, if synchronous, of all; those after which no row differs
        from before are left out.
        """
        states = self._states(X, "energy_trace")
        max_iter = _checks.integer(self.max_iter, "Hopfield", "max_iter", 1)
        trace = [self._energy(states)]
        step = self._stepper(lambda found: trace.append(self._energy(found)))
        for _ in range(max_iter):
            after = step(states)
            if (after == states).all():
                break
            states = after
        return np.array(trace)

    def _energy(self, states: np.ndarray) -> np.ndarray:
        s = states.astype(np.float64)
        return -0.5 * ((s @ self.weights_.astype(np.float64)) * s).sum(axis=1)

    def _stepper(self, seen: Any = None) -> Any:
        """states (n, N) -> those after a sweep or step; seen(states) is called where they move."""
        if self.update == "asynchronous":
            generator = self._random()
            return lambda states: self._sweep(states, generator, seen)
        if self.update != "synchronous":
            raise ValueError(
                f"Hopfield: update is {self.update!r}, expected 'asynchronous' or 'synchronous'"
            )
        return lambda states: self._all_at_once(states, seen)

    def _net(self, states: np.ndarray) -> tuple[np.ndarray, Any]:
        """h of all units, (n, N), to be lessened by the second (N,), unless it is None, times
        states."""
        if self._factors is None:
            return _product(states, self.weights_), None
        left, x, diagonal = self._factors
        return _product(_product(states, x), left), diagonal

    def _all_at_once(self, states: np.ndarray, seen: Any) -> np.ndarray:
        after = backend.kernels.hopfield_step(states, *self._net(states))
        if seen is not None and (after != states).any():
            seen(after)
        return after

    def _sweep(self, states: np.ndarray, generator: Any, seen: Any) -> np.ndarray:
        """Each unit once, in the same order for all rows.  Few of them move, so h is found once
        and then corrected: a unit that flips adds 2 s_i w_ij to h_j."""
        order = randperm(states.shape[1], generator=generator).numpy()
        net, diagonal = self._net(states)
        if seen is None:
            k = backend.kernels
            return k.hopfield_sweep(states, net, self.weights_, order, diagonal)
        states, net = states.copy(), net if diagonal is None else net - diagonal * states
        for i in order:
            moved = np.flatnonzero(net[:, i] * states[:, i] < 0)
            if len(moved):
                states[moved, i] *= -1
                net[moved] += 2 * states[moved, i, None] * self.weights_[i]
                seen(states)
        return states

    def _states(self, X: Any, method: str, n_units: Any = "fitted") -> np.ndarray:
        if n_units == "fitted":
            if not hasattr(self, "weights_"):
                raise not_fitted(self, method)
            n_units = self.n_features_in_
        where = f"Hopfield.{method}"
        X = np.asarray(X)
        x = matrix(np.where(X, 1, -1) if X.dtype == bool else X, where, n_units)
        if (np.abs(x) != 1).any():
            raise ValueError(f"{where}: X has the value {x[np.abs(x) != 1][0]}, expected -1 and 1")
        return x


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a b^T."""
    return linear(from_numpy(a), from_numpy(b)).numpy()
