"""A layer of S-cells and how it learns: by competition, planes being added where all are silent.

Nothing here knows a gradient.  a += q c(nu) u(n + nu) at the seed cell (Fukushima 1980); all cells
of a plane share its weights, so the plane learns the feature everywhere.
"""

from __future__ import annotations

import numpy as np

from . import _cells
from ._cells import Pair

BATCH = 64  # pictures at a time: what the cells of a layer answer stays in cache


class SLayer:
    """S-cells over windows of `size` of u (N, channels, H, W), `padding` zeros around.

    a (planes, channels, *size), b (planes,): the weights so far.  q: how much one seed cell adds.
    c: the fixed weights of the V-cells, fall-off `gamma`.
    """

    def __init__(
        self, channels: int, size: Pair, padding: Pair, gamma: float, q: float = 1e6
    ) -> None:
        self.size, self.padding, self.q = size, padding, np.float32(q)
        self.c = _cells.falloff(size, gamma)
        self.n_planes = 0
        self._a = np.zeros((16, channels, *size), np.float32)
        self._b = np.zeros(16, np.float32)

    @property
    def a(self) -> np.ndarray:
        """Excitatory weights (planes, channels, *size)."""
        return self._a[: self.n_planes]

    @property
    def b(self) -> np.ndarray:
        """Inhibitory weights (planes,)."""
        return self._b[: self.n_planes]

    def inhibition(self, u: np.ndarray) -> np.ndarray:
        """What the V-cells answer: (N, 1, H, W)."""
        return in_batches(lambda part: _cells.v_cells(part, self.c, self.padding), u)

    def respond(self, u: np.ndarray, theta: float, v: np.ndarray | None = None) -> np.ndarray:
        """What the S-cells answer with the threshold theta: (N, planes, H, W)."""
        if v is None:
            v = _cells.v_cells(u, self.c, self.padding)
        return _cells.s_cells(u, v, self.a, self.b, theta, self.padding)

    def respond_one(self, plane: int, u: np.ndarray, v: np.ndarray, theta: float) -> np.ndarray:
        """The same of one plane: (N, H, W)."""
        one = slice(plane, plane + 1)
        return _cells.s_cells(u, v, self._a[one], self._b[one], theta, self.padding)[:, 0]

    def add_plane(self) -> int:
        """A new plane, without weights yet."""
        if self.n_planes == len(self._a):
            self._a = np.concatenate([self._a, np.zeros_like(self._a)])
            self._b = np.concatenate([self._b, np.zeros_like(self._b)])
        self.n_planes += 1
        return self.n_planes - 1

    def learn(self, plane: int, u: np.ndarray, row: int, column: int) -> None:
        """The cell of `plane` at (row, column) is a seed cell for a picture u (channels, H, W)."""
        (top, left), (height, width) = self.padding, self.size
        padded = np.pad(u, ((0, 0), (top, top), (left, left)))
        seen = padded[:, row : row + height, column : column + width]
        one = self._a[plane : plane + 1]
        one += self.q * self.c * seen
        self._b[plane : plane + 1] = _cells.inhibitory_weights(one, self.c)


def in_batches(function, *arrays: np.ndarray) -> np.ndarray:
    """function of BATCH rows at a time, joined."""
    parts = [
        function(*(array[i : i + BATCH] for array in arrays))
        for i in range(0, max(len(arrays[0]), 1), BATCH)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def learn_features(
    layer: SLayer, u: np.ndarray, theta: float, column: int, max_planes: int
) -> None:
    """Show the pictures u (N, channels, H, W) one after the other; nobody says what they are.

    Each plane learns at its seed cell.  Where all planes are silent though there is something to
    see, the place with the strongest V-cell becomes the seed cell of a new plane (Fukushima 2003,
    the seed-selecting plane; 2013, add-if-silent), as long as there are fewer than max_planes.
    """
    v = layer.inhibition(u)
    for i in range(len(u)):
        silent = np.ones(v.shape[2:], bool)
        if layer.n_planes:
            s = layer.respond(u[i : i + 1], theta, v[i : i + 1])[0]
            silent = s.max(0) == 0
            for plane, row, col in _cells.seed_cells(s, column):
                layer.learn(plane, u[i], row, col)
        if layer.n_planes < max_planes:
            unseen = np.where(silent, v[i, 0], np.float32(0))
            place = int(unseen.argmax())
            # below a third of the picture's strongest: the outermost fringe of a stroke
            if 3 * unseen.flat[place] > v[i].max() > 0:
                layer.learn(layer.add_plane(), u[i], *divmod(place, unseen.shape[1]))


def learn_labelled(
    layer: SLayer, u: np.ndarray, labels: np.ndarray, plane_labels: list[int], theta: float
) -> int:
    """Show the pictures u with their labels (N,) once; returns the number of new planes.

    The strongest cell of the layer wins.  If its plane has the label of the picture it is the seed
    cell; otherwise, or if all are silent, a new plane with that label learns from its middle cell.
    Fukushima 2003, the supervised competition of the highest layer.  plane_labels grows along.
    """
    v = layer.inhibition(u)
    before, places = layer.n_planes, v.shape[2:]
    middle = places[0] // 2 * places[1] + places[1] // 2
    for start in range(0, len(u), BATCH):
        some = slice(start, start + BATCH)
        u_, v_ = u[some], v[some]
        # all answers at once; after each picture those of the plane that learned, for the rest
        s = np.zeros((len(u_), layer.n_planes + len(u_), *places), np.float32)
        if layer.n_planes:
            s[:, : layer.n_planes] = layer.respond(u_, theta, v_)
        for i, label in enumerate(labels[some].tolist()):
            plane, place = divmod(int(s[i].argmax()), v_[0].size)
            if not s[i].flat[plane * v_[0].size + place] > 0 or plane_labels[plane] != label:
                plane, place = layer.add_plane(), middle
                plane_labels.append(label)
            layer.learn(plane, u_[i], *divmod(place, places[1]))
            if i + 1 < len(u_):
                s[i + 1 :, plane] = layer.respond_one(plane, u_[i + 1 :], v_[i + 1 :], theta)
    return layer.n_planes - before
