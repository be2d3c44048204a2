"""The radial basis function network."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..creation import from_numpy, randperm
from ..functional import _checks, exp
from ..grad_mode import no_grad
from ._arrays import matrix
from ._distances import k_means, squared_distances
from ._estimator import generator_of, not_fitted
from ._readout import Readout


class RBFNetwork(Readout):
    """y = sum_j v_j exp(-|x - c_j|^2 / 2 s_j^2) + b: bumps around centres, linearly read out.

    Broomhead and Lowe 1988 (Complex Systems 2, 321-355); centres and widths as in
    Moody and Darken 1989, doi:10.1162/neco.1989.1.2.281.  Only the readout is learned from y, by
    least squares, so there is one optimum and no descent.

    - centers: "kmeans", the means of clusters of X (at most max_iter rounds of Lloyd's iteration
      from rows drawn at random); "sample", rows of X drawn at random; or an array (n_centers,
      features).  With all rows of X as centres and alpha 0 the network goes through each sample;
    - width: "neighbors", of each centre the root mean square distance to the two nearest others;
      "distance", one for all, the largest distance of two centres / sqrt(2 n_centers), which is
      too narrow where there are many features; or a number.  Where centres coincide, but
      for rounding, and no width is left, they get the mean width of the others, with a warning;
      one centre (or one place of all) gets the root mean square distance of X from it;
    - alpha: the penalty alpha |v|^2 of the readout;
    - task: "classification", labels, a target of 1 for the class and -1 for the others;
      "regression", real targets (N,) or (N, K); "auto": regression if y is floating point.
    - random_state: which rows are drawn; None, an integer or a `fastnn.Generator`.

    After `fit`: centers_ (n_centers, features) and widths_ (n_centers,) float32, coef_
    (n_centers, outputs) and intercept_ float64, classes_ if y were labels, n_features_in_.  X is
    (N, features), finite.  TypeError or ValueError for wrong arrays and settings, among them more
    centres than rows; RuntimeError before fit.
    """

    centers_: np.ndarray
    widths_: np.ndarray

    def __init__(
        self,
        n_centers: int = 50,
        *,
        centers: Any = "kmeans",
        width: Any = "neighbors",
        alpha: float = 1e-6,
        task: str = "auto",
        max_iter: int = 100,
        random_state: Any = None,
    ) -> None:
        self.n_centers, self.centers, self.width, self.alpha = n_centers, centers, width, alpha
        self.task, self.max_iter, self.random_state = task, max_iter, random_state

    @no_grad()
    def fit(self, X: Any, y: Any) -> RBFNetwork:
        """Centres and widths from X, then the readout from X and y; returns self."""
        x = matrix(X, "RBFNetwork.fit")
        centres = self._centres(x)
        widths = self._widths(centres, x)
        return self._learn(x, y, centers_=centres, widths_=widths, n_features_in_=x.shape[1])

    @no_grad()
    def transform(self, X: Any) -> np.ndarray:
        """The activations exp(-|x - c|^2 / 2 s^2) of X (N, features): (N, n_centers) float32."""
        if not hasattr(self, "centers_"):
            raise not_fitted(self, "transform")
        return self._features(self._samples(X, "RBFNetwork.transform"))

    def _samples(self, X: Any, where: str) -> np.ndarray:
        return matrix(X, where, self.n_features_in_)

    @no_grad()
    def _features(self, x: np.ndarray) -> np.ndarray:
        exponents = squared_distances(x, self.centers_)
        exponents *= -0.5 / (self.widths_ * self.widths_)
        return exp(from_numpy(exponents)).numpy()

    def _centres(self, x: np.ndarray) -> np.ndarray:
        max_iter = _checks.integer(self.max_iter, "RBFNetwork", "max_iter", 1)
        n = _checks.integer(self.n_centers, "RBFNetwork", "n_centers", 1)
        if not isinstance(self.centers, str):
            given = matrix(self.centers, "RBFNetwork: centers as X", x.shape[1]).copy()
            if len(given) != n:
                raise ValueError(f"RBFNetwork: centers has {len(given)} rows, expected {n}")
            return given
        if self.centers not in ("kmeans", "sample"):
            raise ValueError(
                f"RBFNetwork: centers is {self.centers!r}, expected 'kmeans', 'sample' or an array"
            )
        if n > len(x):
            raise ValueError(f"RBFNetwork: n_centers is {n}, but X has {len(x)} rows")
        drawn = x[randperm(len(x), generator=generator_of(self.random_state)).numpy()[:n]]
        return drawn if self.centers == "sample" else k_means(x, drawn, max_iter)

    def _widths(self, centres: np.ndarray, x: np.ndarray) -> np.ndarray:
        n = len(centres)
        if not isinstance(self.width, str):
            width = _checks.positive(self.width, "RBFNetwork", "width")
            return np.full(n, width, np.float32)
        if self.width not in ("distance", "neighbors"):
            raise ValueError(
                f"RBFNetwork: width is {self.width!r}, expected 'distance', 'neighbors' or a number"
            )
        apart = _squared_distances(centres.astype(np.float64))
        if self.width == "distance":
            widths = np.full(n, math.sqrt(float(apart.max()) / (2 * n)), np.float32)
        else:
            others = np.sort(apart, axis=1)[:, 1:3]  # the first is the centre itself
            total = others.sum(axis=1) / max(others.shape[1], 1)
            widths = np.sqrt(total).astype(np.float32)
        return _filled(widths, centres, x)


def _filled(widths: np.ndarray, centres: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Widths of 0 replaced by one of the scale of the data: a bump without width is one that no
    sample sees."""
    lacking = widths == 0
    if not lacking.any():
        return widths
    if len(centres) > 1:
        warnings.warn(
            f"RBFNetwork.fit: {lacking.sum()} of {len(centres)} centres coincide with others and "
            "have no width of their own; fewer centers would do",
            stacklevel=5,
        )
    if not lacking.all():
        return np.where(lacking, widths[~lacking].mean(dtype=np.float64), widths).astype(np.float32)
    spread = np.square(x.astype(np.float64) - centres[0]).sum(axis=1).mean()
    return np.full_like(widths, math.sqrt(spread) or 1.0)  # X is one point: any width will do


def _squared_distances(centres: np.ndarray) -> np.ndarray:
    """|c_i - c_j|^2 of float64 centres: (n, n).  0 where only rounding tells two float32 centres
    apart: means of equal rows would get widths of next to nothing."""
    rounding = 1e-12 * np.square(centres).sum(axis=1).max()
    c = centres - centres.mean(axis=0)
    lengths = np.square(c).sum(axis=1)
    apart = lengths[:, None] + lengths - 2 * (c @ c.T)
    apart[apart <= rounding] = 0
    np.fill_diagonal(apart, 0)
    return apart
