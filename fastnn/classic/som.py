"""Kohonen's self-organising map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..creation import from_numpy, randperm, uniform_array
from ..functional import _checks, exp, matmul
from ..grad_mode import no_grad
from ._arrays import matrix
from ._distances import BLOCK, nearest, scores, squared_distances, sums
from ._estimator import Estimator, generator_of, not_fitted
from ._som_grid import GRIDS, adjacent, pairs, places

_LEAST = 1e-30  # of settings, so that no schedule reaches 0 in float32


class SOM(Estimator):
    """Units on a grid share out the data so that neighbours on the grid see similar samples.

    Kohonen 1982, doi:10.1007/BF00337288.  Unit u has weights w_u; b is the unit nearest to a
    sample x, its best-matching unit; r_ub is the distance of u and b on the grid.  Rules:

    - "online": sample by sample, w_u += eta h_ub (x - w_u), eta being the learning rate;
    - "batch": once an epoch, w_u = sum_x h_ub x / sum_x h_ub; needs no learning rate and no order
      of the samples (Kohonen 2001, Self-Organizing Maps, ISBN 3-540-67921-9).

    neighborhood: "gaussian", h = exp(-r^2 / 2 sigma^2), or "bubble", h = 1 where r <= sigma,
    otherwise 0.  grid: "rectangular" (eight neighbours, four of them at distance 1) or "hexagonal"
    (six, all at 1).  From first to last step sigma goes from `sigma` (None: half the longer side)
    to `final_sigma`, eta from `learning_rate` to `final_learning_rate`; with s = the share of steps
    done, by `decay`:

    - "exponential": start (end / start)^s;
    - "linear": start + (end - start) s;
    - "inverse": start / (1 + (start / end - 1) s).

    init: "pca", a lattice in the plane of the two largest principal components, two standard
    deviations to each side; "sample", rows of X drawn at random; "random", each weight uniform
    between the least and the largest value of its feature; or weights (units, features).
    max_iter: epochs; 0: the start only.  shuffle: a new order of the samples each epoch (online).
    random_state: that order and what `init` draws; None, an integer or a `fastnn.Generator`.

    shape (rows, columns); unit (i, j) is number i * columns + j.  After `fit`: weights_
    (units, features) float32, n_iter_ (epochs until now), n_features_in_.  X is (N, features),
    finite; TypeError or ValueError for wrong arrays and settings, RuntimeError before fit.
    """

    _estimator_type = "clusterer"

    def __init__(
        self,
        shape: tuple[int, int] = (10, 10),
        *,
        grid: str = "rectangular",
        rule: str = "online",
        neighborhood: str = "gaussian",
        sigma: float | None = None,
        final_sigma: float = 1.0,
        learning_rate: float = 0.5,
        final_learning_rate: float = 0.01,
        decay: str = "exponential",
        init: Any = "pca",
        max_iter: int = 20,
        shuffle: bool = True,
        random_state: Any = None,
    ) -> None:
        self.shape, self.grid, self.rule, self.neighborhood = shape, grid, rule, neighborhood
        self.sigma, self.final_sigma = sigma, final_sigma
        self.learning_rate, self.final_learning_rate = learning_rate, final_learning_rate
        self.decay, self.init, self.max_iter = decay, init, max_iter
        self.shuffle, self.random_state = shuffle, random_state

    @no_grad()
    def fit(self, X: Any, y: Any = None) -> SOM:
        """max_iter epochs from new weights; returns self.  y is ignored."""
        x = matrix(X, "SOM.fit")
        max_iter = self._settings()
        generator = generator_of(self.random_state)
        self._begin(x, generator, "fit")
        for _ in range(max_iter):
            order: Any = slice(None)
            if self.shuffle and self.rule == "online":
                order = randperm(len(x), generator=generator).numpy()
            self._epoch(x[order])
        return self

    @no_grad()
    def partial_fit(self, X: Any, y: Any = None) -> SOM:
        """The next epoch of max_iter, in the order given; after the last of them learning rate and
        sigma stay at their final values.  The first call, unless `fit` came before, sets the
        weights from this X; shape and grid remain what they were then.  Returns self."""
        begun = hasattr(self, "weights_")
        x = matrix(X, "SOM.partial_fit", self.n_features_in_ if begun else None)
        self._settings()
        if not begun:
            self._begin(x, generator_of(self.random_state), "partial_fit")
        self._epoch(x)
        return self

    @no_grad()
    def predict(self, X: Any) -> np.ndarray:
        """The best-matching unit of each row of X (N, features): (N,) int64."""
        return nearest(self._rows(X, "predict"), self.weights_)

    @no_grad()
    def transform(self, X: Any) -> np.ndarray:
        """Euclidean distances of the rows of X (N, features) to all units: (N, units) float32.

        The squares are differences of products, in float32: of distances below a thousandth of
        the data's extent only the size is right.
        """
        return np.sqrt(squared_distances(self._rows(X, "transform"), self.weights_))

    def quantization_error(self, X: Any) -> float:
        """Mean distance of the rows of X (N, features) to their best-matching units."""
        x = self._rows(X, "quantization_error", some=True)
        gap = x.astype(np.float64) - self.weights_[self.predict(x)]
        return float(np.sqrt((gap * gap).sum(axis=1)).mean())

    @no_grad()
    def topographic_error(self, X: Any) -> float:
        """Share of the rows of X (N, features) whose best and second-best units are not adjacent
        (Kiviluoto 1996, doi:10.1109/ICNN.1996.548907); diagonal squares are adjacent."""
        x = self._rows(X, "topographic_error", some=True)
        if len(self.weights_) == 1:
            return 0.0
        apart = 0
        for block in scores(x, self.weights_):
            best, second = np.argpartition(block, 1, axis=1)[:, :2].T
            apart += int(np.count_nonzero(~adjacent(best, second, *self._grid)))
        return apart / len(x)

    def u_matrix(self) -> np.ndarray:
        """Mean distance of each unit's weights to those of its adjacent units: (rows, columns).
        Ridges in it are borders of clusters (Ultsch and Siemon 1990)."""
        if not hasattr(self, "weights_"):
            raise not_fitted(self, "u_matrix")
        a, b = pairs(*self._grid).T
        shape = self._grid[:2]
        gap = self.weights_[a].astype(np.float64) - self.weights_[b]
        n = math.prod(shape)
        total = np.bincount(a, np.sqrt((gap * gap).sum(axis=1)), n)
        return (total / np.maximum(np.bincount(a, minlength=n), 1)).reshape(shape)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the quantization error: more is better.  y is ignored."""
        return -self.quantization_error(X)

    def _settings(self) -> int:
        """Refuse wrong ones; returns max_iter."""
        for name, value, names in (
            ("grid", self.grid, GRIDS),
            ("rule", self.rule, ("online", "batch")),
            ("neighborhood", self.neighborhood, ("gaussian", "bubble")),
            ("decay", self.decay, ("exponential", "linear", "inverse")),
        ):
            if value not in names:
                raise ValueError(f"SOM: {name} is {value!r}, expected one of {', '.join(names)}")
        for name in ("sigma", "final_sigma", "learning_rate", "final_learning_rate"):
            if (value := getattr(self, name)) is not None or name != "sigma":
                _checks.positive(value, "SOM", name)
                if value < _LEAST:
                    raise ValueError(f"SOM: {name} is {value}, expected at least {_LEAST}")
        for name in ("learning_rate", "final_learning_rate"):
            if getattr(self, name) > 1:
                raise ValueError(f"SOM: {name} is {getattr(self, name)}, expected at most 1")
        self._shape()
        return _checks.integer(self.max_iter, "SOM", "max_iter", 0)

    def _shape(self) -> tuple[int, int]:
        if not isinstance(self.shape, tuple | list) or len(self.shape) != 2:
            raise ValueError(f"SOM: shape is {self.shape!r}, expected (rows, columns)")
        rows, columns = (_checks.integer(n, "SOM", "shape", 1) for n in self.shape)
        return rows, columns

    def _begin(self, x: np.ndarray, generator: Any, method: str) -> None:
        shape = self._shape()
        units = math.prod(shape)
        if not isinstance(self.init, str):
            weights = matrix(self.init, "SOM: init as X", x.shape[1]).copy()
            if len(weights) != units:
                raise ValueError(f"SOM: init has {len(weights)} rows, expected {units}")
        elif self.init == "pca":
            weights = _plane(x, places(*shape, self.grid))
        elif self.init == "sample":
            n_rounds = -(-units // len(x))  # each row once before one is drawn twice
            rounds = [randperm(len(x), generator=generator).numpy() for _ in range(n_rounds)]
            weights = x[np.concatenate(rounds)[:units]]
        elif self.init == "random":
            low = x.min(axis=0)
            share = uniform_array((units, x.shape[1]), 0.0, 1.0, generator)
            weights = low + share * (x.max(axis=0) - low)
        else:
            raise ValueError(
                f"SOM: init is {self.init!r}, expected 'pca', 'sample', 'random' or an array"
            )
        self.weights_, self.n_iter_, self.n_features_in_ = weights, 0, x.shape[1]
        self._grid = (*shape, self.grid)  # of these weights, whatever set_params changes

    def _epoch(self, x: np.ndarray) -> None:
        learn = self._online if self.rule == "online" else self._batch
        if len(x):
            self.weights_ = learn(x, places(*self._grid))
        self.n_iter_ += 1

    def _online(self, x: np.ndarray, grid: np.ndarray) -> np.ndarray:
        steps = np.arange(len(x), dtype=np.float64) / len(x)
        rates = self._schedule(self.learning_rate, self.final_learning_rate, steps)
        sigmas = self._schedule(self._first_sigma(), self.final_sigma, steps)
        return backend.kernels.som_online(
            self.weights_, np.ascontiguousarray(x), grid, rates, sigmas, self.neighborhood
        )

    def _batch(self, x: np.ndarray, grid: np.ndarray) -> np.ndarray:
        """Sums and counts of the units' samples, then one product with the neighbourhoods."""
        # the last epoch has the final sigma, unless it is the only one
        last = max(self.max_iter - 1, 1) / max(self.max_iter, 1)
        sigma = float(self._schedule(self._first_sigma(), self.final_sigma, np.zeros(1), last)[0])
        units = len(self.weights_)
        total = from_numpy(sums(x, nearest(x, self.weights_), units))
        found = self.weights_.copy()
        for i in range(0, units, BLOCK):
            gap = grid[i : i + BLOCK, None] - grid
            apart = gap[..., 0] * gap[..., 0] + gap[..., 1] * gap[..., 1]
            if self.neighborhood == "bubble":
                h = (apart <= np.float32(1.0001 * sigma * sigma)).astype(np.float32)
            else:
                h = exp(from_numpy(apart * np.float32(-min(0.5 / sigma / sigma, 1e30)))).numpy()
            spread = matmul(from_numpy(h), total).numpy()
            seen = spread[:, -1] > 0  # a unit that no sample reaches stays where it is
            found[i : i + BLOCK][seen] = spread[seen, :-1] / spread[seen, -1:]
        return found

    def _first_sigma(self) -> float:
        return max(max(self._grid[:2]) / 2, self.final_sigma) if self.sigma is None else self.sigma

    def _schedule(
        self, start: float, end: float, steps: np.ndarray, last: float = 1.0
    ) -> np.ndarray:
        """Values at steps (n,) of this epoch, as shares of it; the end is reached at the share
        `last` of all epochs.  float32."""
        s = np.minimum((self.n_iter_ + steps) / max(self.max_iter, 1) / last, 1)
        if self.decay == "linear":
            return (start + (end - start) * s).astype(np.float32)
        if self.decay == "inverse":
            return (start / (1 + (start / end - 1) * s)).astype(np.float32)
        exponents = from_numpy((s * math.log(end / start)).astype(np.float32))
        return exp(exponents).numpy() * np.float32(start)

    def _rows(self, X: Any, method: str, some: bool = False) -> np.ndarray:
        if not hasattr(self, "weights_"):
            raise not_fitted(self, method)
        x = matrix(X, f"SOM.{method}", self.n_features_in_)
        if some and not len(x):
            raise ValueError(f"SOM.{method}: X has no rows")
        return x


def _plane(x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A lattice over the plane of the two largest principal components of x, its longer side along
    the first.  float64 LAPACK; the sign of a component is that of its largest element."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    axes = np.zeros((2, x.shape[1]))
    for k in range(min(2, x.shape[1])):
        axis = vectors[:, -1 - k]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        axes[k] = axis * math.sqrt(max(values[-1 - k], 0.0))
    extent = grid.max(axis=0)
    if extent[0] > extent[1]:
        axes = axes[::-1]
    # from -2 to 2 along each side; a side of one unit stands in the middle
    along = [4 * g / e - 2 if e > 0 else g * 0 for g, e in zip(grid.T, extent, strict=True)]
    return (mean + along[1][:, None] * axes[0] + along[0][:, None] * axes[1]).astype(np.float32)
