"""The neocognitron."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from ..creation import randperm
from ..grad_mode import no_grad
from . import _cells
from ._estimator import Estimator, generator_of, not_fitted
from ._s_layer import SLayer, in_batches, learn_features, learn_labelled

# How fast the weights of V- and C-cells fall off; those of the highest layer see the whole picture.
V_GAMMA, C_GAMMA, TOP_GAMMA = 0.8, 0.9, 0.98
_PER_LAYER = (
    "planes",
    "kernel_size",
    "thresholds",
    "learning_thresholds",
    "column",
    "blur",
    "stride",
)
LARGEST = 1e8  # of a picture's values: S-cells multiply squares of them, in float32
TOP_THETA = 0.01  # almost 0: the S-cells of the highest layer answer the cosine itself


class Neocognitron(Estimator):
    """Layers of S-cells, which find features, and C-cells, which forgive where they are, taught
    layer by layer by competition among cells: no error, no gradient, no back-propagation.

    Fukushima 1980, doi:10.1007/BF00344251.  The picture goes through

    - G: on- and off-centre contrast cells (2003); `contrast=None` leaves them out,
    - S1, C1, S2, C2, ...: as many pairs as `planes` has numbers, learned from unlabelled pictures,
    - the highest S-layer, whose cells see the whole of the last C-layer and whose planes carry
      labels (2003), and the highest C-layer: one cell a class, the strongest S-cell of its planes.

    An S-cell answers theta / (1 - theta) max(0, (1 + sum a u) / (1 + theta b v) - 1), v the root
    mean square of what it sees: about (cos - theta) / (1 - theta), cos between the feature a that
    it has learned and its window.  A C-cell answers x / (1 + x), x the weighted sum of a window of
    S-cells of one plane.  Learning: the winner of a hypercolumn is a seed cell, a += q c u; where
    all are silent a plane is added.  From later versions: contrast cells, b = sqrt(sum a^2 / c),
    labelled planes (2003, doi:10.1016/S0925-2312(02)00614-8), C-cells without inhibition among
    planes (1988, doi:10.1016/0893-6080(88)90014-7), other thresholds while learning (Fukushima and
    Tanigawa 1996), planes added where all are silent (2013, doi:10.1016/j.neunet.2012.09.016).

    planes: most planes of S1, S2, ...; the other tuples have as many numbers.
    kernel_size: side of what an S-cell sees, odd.  thresholds: theta of S1, S2, ... in (0, 1);
    learning_thresholds: the same while they learn, higher ones give more and finer planes.
    column: side of a hypercolumn, odd.  blur: side of what a C-cell sees, odd; stride: from one to
    the next.  contrast: side of the contrast cells' window, odd, or None.  tolerance: by how many
    places of the last C-layer the highest S-cells may be off.  c_cells=False, for comparison: all
    C-cells, the highest too, see the one S-cell in their middle (`thresholds` of 0.3 suit the
    defaults then).  pictures: how many of the training pictures S1, S2, ... are shown.
    max_iter: rounds of the highest layer; it stops when a round adds no plane.
    random_state: the order of the pictures; None, an integer or a `fastnn.Generator`.

    After `fit`: layers_ (the S-layers but the highest: `a`, `b`, `c`, `n_planes`), n_features_in_,
    image_shape_ (C, H, W); with labels also top_ (the highest S-layer), plane_labels_ (of its
    planes, indices into classes_), classes_, n_iter_, new_planes_ (added in each round).
    The defaults suit 28x28 digits; 8x8 ones: `Neocognitron((32,), (3,), (0.5,), (0.7,),
    column=(3,), blur=(3,), stride=(1,), contrast=3)`.  Computes in float32; a random_state gives
    the same bits on any number of threads.
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        planes: tuple[int, ...] = (16, 64),
        kernel_size: tuple[int, ...] = (5, 5),
        thresholds: tuple[float, ...] = (0.6, 0.5),
        learning_thresholds: tuple[float, ...] = (0.7, 0.6),
        *,
        column: tuple[int, ...] = (5, 5),
        blur: tuple[int, ...] = (5, 3),
        stride: tuple[int, ...] = (2, 2),
        contrast: int | None = 5,
        tolerance: int = 1,
        c_cells: bool = True,
        pictures: int = 300,
        max_iter: int = 3,
        random_state: Any = None,
    ) -> None:
        self.planes, self.kernel_size = planes, kernel_size
        self.thresholds, self.learning_thresholds = thresholds, learning_thresholds
        self.column, self.blur, self.stride = column, blur, stride
        self.contrast, self.tolerance, self.c_cells = contrast, tolerance, c_cells
        self.pictures, self.max_iter, self.random_state = pictures, max_iter, random_state

    @no_grad()
    def fit(self, X: Any, y: Any = None) -> Neocognitron:
        """Learn from pictures X (N, C, H, W), (N, H, W) or (N, side^2), labels y (N,) or None.

        Without y the highest layer is left out: `transform` works, `predict` does not.  Returns
        self.  Raises TypeError or ValueError for wrong settings, pictures or labels.
        """
        self._check_settings()
        x = self._images(X, "fit", None)
        targets = None if y is None else _targets(y, len(x), "fit")
        order = randperm(len(x), generator=generator_of(self.random_state)).numpy()
        layers: list[SLayer] = []
        u = self._contrast(x[order])
        for i, size in enumerate(self.kernel_size):
            layer = SLayer(u.shape[1], (size, size), (size // 2, size // 2), V_GAMMA)
            shown = u[: self.pictures]
            learn_features(
                layer, shown, self.learning_thresholds[i], self.column[i], self.planes[i]
            )
            if not layer.n_planes:
                raise ValueError("Neocognitron.fit: X holds nothing to see, every cell is silent")
            layers.append(layer)
            u = in_batches(lambda part, i=i, layer=layer: self._stage(i, layer, part)[1], u)
        self.layers_, self.image_shape_ = layers, x.shape[1:]
        self.n_features_in_ = math.prod(self.image_shape_)
        if targets is None:
            for name in ("top_", "classes_", "plane_labels_", "n_iter_", "new_planes_"):
                self.__dict__.pop(name, None)
        else:
            self._fit_top(u, targets[order])
        return self

    def _fit_top(self, u: np.ndarray, targets: np.ndarray) -> None:
        self.classes_, labels = np.unique(targets, return_inverse=True)
        sides = u.shape[2], u.shape[3]
        tolerance = self.tolerance if self.c_cells else 0
        self.top_ = SLayer(u.shape[1], sides, (tolerance, tolerance), TOP_GAMMA)
        plane_labels: list[int] = []
        self.new_planes_: list[int] = []
        while len(self.new_planes_) < self.max_iter:
            new = learn_labelled(self.top_, u, labels, plane_labels, TOP_THETA)
            self.new_planes_.append(new)
            if not new:
                break
        self.plane_labels_, self.n_iter_ = np.array(plane_labels), len(self.new_planes_)

    @no_grad()
    def transform(self, X: Any) -> np.ndarray:
        """What the last C-layer below the highest answers: (N, planes * H * W), in [0, 1)."""
        u = self._features(self._images(X, "transform"))
        return u.reshape(len(u), math.prod(u.shape[1:]))

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`fit(X, y).transform(X)`."""
        return self.fit(X, y).transform(X)

    @no_grad()
    def decision_function(self, X: Any) -> np.ndarray:
        """What the highest C-layer answers: (N, classes), about the cosine to the nearest plane.

        Of a picture to which all cells are silent it is 0.
        """
        x = self._images(X, "decision_function", labelled=True)
        return in_batches(self._top, self._features(x))

    def predict(self, X: Any) -> np.ndarray:
        """The class of the strongest cell of the highest C-layer, of equal ones the first: (N,)."""
        answers = self.decision_function(X)
        return self.classes_[answers.argmax(1)]

    def score(self, X: Any, y: Any) -> float:
        """Share of the pictures X that get their class y."""
        return float(np.mean(self.predict(X) == _targets(y, len(X), "score")))

    @no_grad()
    def responses(self, X: Any) -> dict[str, np.ndarray]:
        """What every layer answers: {"G", "S1", "C1", ...: (N, planes, H, W)}, with labels also the
        highest, the last "C" of them (N, classes).  To look at: `viz.feature_maps(answer[i])`."""
        u = self._contrast(self._images(X, "responses"))
        found = {} if self.contrast is None else {"G": u}
        for i, layer in enumerate(self.layers_):
            s, u = self._stage(i, layer, u)
            found[f"S{i + 1}"], found[f"C{i + 1}"] = s, u
        if hasattr(self, "top_"):
            top = len(self.layers_) + 1
            found[f"S{top}"] = self.top_.respond(u, TOP_THETA)
            found[f"C{top}"] = self._top(u)
        return found

    def _contrast(self, x: np.ndarray) -> np.ndarray:
        size = self.contrast
        return x if size is None else in_batches(lambda u: _cells.contrast_cells(u, size), x)

    def _stage(self, i: int, layer: SLayer, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The answers of S- and C-layer i."""
        s = layer.respond(u, self.thresholds[i])
        d = _cells.falloff((self.blur[i], self.blur[i]), C_GAMMA) if self.c_cells else None
        return s, _cells.c_cells(s, d, self.stride[i])

    def _features(self, x: np.ndarray) -> np.ndarray:
        def through(u: np.ndarray) -> np.ndarray:
            u = self._contrast(u)
            for i, layer in enumerate(self.layers_):
                u = self._stage(i, layer, u)[1]
            return u

        return in_batches(through, x)

    def _top(self, u: np.ndarray) -> np.ndarray:
        s = self.top_.respond(u, TOP_THETA)
        strongest = s.max((2, 3))
        labels = range(len(self.classes_))
        return np.stack([strongest[:, self.plane_labels_ == i].max(1) for i in labels], 1)

    def _images(self, X: Any, method: str, shape: Any = "fitted", labelled: bool = False) -> Any:
        """X as float32 (N, C, H, W), checked."""
        where = f"Neocognitron.{method}"
        if shape == "fitted":
            if not hasattr(self, "layers_"):
                raise not_fitted(self, method)
            if labelled and not hasattr(self, "top_"):
                raise RuntimeError(f"{where}: fitted without labels y, so there are no classes")
            shape = self.image_shape_
        x = np.asarray(X)
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{where}: X has dtype {x.dtype}, expected real numbers")
        if x.ndim == 2:
            side = math.isqrt(x.shape[1])
            known = shape if shape and math.prod(shape) == x.shape[1] else (1, side, side)
            x = x.reshape(len(x), *known) if math.prod(known) == x.shape[1] else x
        if x.ndim == 3:
            x = x[:, None]
        if x.ndim != 4 or 0 in x.shape[1:]:
            raise ValueError(
                f"{where}: X has shape {np.shape(X)}, "
                "expected (N, C, H, W), (N, H, W) or (N, side^2)"
            )
        if shape is None and not len(x):
            raise ValueError(f"{where}: X has no pictures")
        if shape is not None and x.shape[1:] != shape:
            raise ValueError(f"{where}: X has shape {np.shape(X)}, expected pictures {shape}")
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(x, np.float32)
        if not np.isfinite(x).all():
            raise ValueError(f"{where}: X has values that are not finite in float32")
        if (np.abs(x) > LARGEST).any():
            raise ValueError(
                f"{where}: X has values up to {np.abs(x).max():g}, expected at most {LARGEST:g}"
            )
        if self.contrast is None and (x < 0).any():
            raise ValueError(f"{where}: X has negative values; without contrast cells it may not")
        return x

    def _check_settings(self) -> None:
        for name in _PER_LAYER:
            values = getattr(self, name)
            if not isinstance(values, (tuple, list, np.ndarray)):
                raise TypeError(
                    f"Neocognitron: {name} is {values!r}, expected a tuple, one number a layer"
                )
            if not all(isinstance(v, Real) for v in values):
                raise TypeError(f"Neocognitron: {name} is {values!r}, expected numbers")
        n = len(self.planes)
        if n < 1:
            raise ValueError("Neocognitron: planes is empty, expected one number a layer or more")
        for name in ("planes", "kernel_size", "column", "blur", "stride"):
            values = getattr(self, name)
            odd = name in ("kernel_size", "column", "blur")
            fine = [
                isinstance(v, (int, np.integer)) and v >= 1 and (v % 2 or not odd) for v in values
            ]
            if len(values) != n or not all(fine):
                raise ValueError(
                    f"Neocognitron: {name} is {values}, "
                    f"expected {n} positive{' odd' * odd} integers"
                )
        for name in ("thresholds", "learning_thresholds"):
            values = getattr(self, name)
            if len(values) != n or not all(0 < v < 1 for v in values):
                raise ValueError(
                    f"Neocognitron: {name} is {values}, expected {n} numbers in (0, 1)"
                )
        for name, least in (("tolerance", 0), ("pictures", 1), ("max_iter", 1)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(
                    f"Neocognitron: {name} is {value!r}, expected an integer of at least {least}"
                )
        size = self.contrast
        if size is not None and not (isinstance(size, (int, np.integer)) and size > 1 and size % 2):
            raise ValueError(
                f"Neocognitron: contrast is {size!r}, expected None or an odd integer above 1"
            )


def _targets(y: Any, n: int, method: str) -> np.ndarray:
    targets = np.asarray(y)
    if targets.shape != (n,):
        raise ValueError(f"Neocognitron.{method}: y has shape {targets.shape}, expected ({n},)")
    return targets
