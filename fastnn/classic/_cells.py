"""Cells of the neocognitron: contrast, S-, V- and C-cells, and which of them may learn.

NumPy arrays in and out, float32 (N, K, H, W).  Sums over windows and channels are convolutions and
pooling of `functional`, the rest is elementwise + - * / and sqrt: the same bits on every CPU.
"""

from __future__ import annotations

import math

import numpy as np

from .. import functional as F
from ..tensor import Tensor

Pair = tuple[int, int]


def falloff(size: Pair, gamma: float) -> np.ndarray:
    """c(nu) = gamma^|nu|^2 in a window, nu from its middle, divided by the sum: float32 `size`.

    By products of the fourth root, as |nu|^2 counts in quarters for even sizes: pow() may differ
    between C libraries.
    """
    root = math.sqrt(math.sqrt(gamma))
    sides = [[math.prod([root] * (2 * i - n + 1) ** 2) for i in range(n)] for n in size]
    window = [[x * y for x in sides[1]] for y in sides[0]]
    total = math.fsum(map(math.fsum, window))
    return np.array([[x / total for x in line] for line in window], np.float32)


def convolve(
    u: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, padding: Pair, stride: int = 1
) -> np.ndarray:
    """`functional.conv2d` on arrays."""
    weight = np.ascontiguousarray(weight)
    return F.conv2d(
        Tensor(u), Tensor(weight), None if bias is None else Tensor(bias), stride, padding
    ).numpy()


def _per_plane(u: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """Each plane convolved with the same kernel of an odd size, its middle on every stride-th
    place."""
    n, k, h, w = u.shape
    padding = kernel.shape[0] // 2, kernel.shape[1] // 2
    y = convolve(u.reshape(n * k, 1, h, w), kernel[None, None], None, padding, stride)
    return y.reshape(n, k, *y.shape[2:])


def contrast_cells(x: np.ndarray, size: int) -> np.ndarray:
    """On- and off-centre cells: x (N, C, H, W) -> (N, 2 C, H, W).

    max(0, +-(centre - surround)): means of a size x size window, with weights that fall off fast
    and slowly.  The layer U_G of Fukushima 2003.  Around the picture all is 0.
    """
    difference = _per_plane(x, falloff((size, size), 0.3) - falloff((size, size), 0.8))
    return np.concatenate([np.maximum(difference, 0), np.maximum(-difference, 0)], 1)


def v_cells(u: np.ndarray, c: np.ndarray, padding: Pair) -> np.ndarray:
    """v(n) = sqrt(sum_k sum_nu c(nu) u(n + nu, k)^2), the inhibition: (N, 1, H, W).

    Fukushima 1980.
    """
    weight = np.broadcast_to(c, (1, u.shape[1], *c.shape))
    return np.sqrt(convolve(u * u, weight, None, padding))


def s_cells(
    u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray, theta: float, padding: Pair
) -> np.ndarray:
    """r max(0, (1 + sum_k sum_nu a(nu, k) u(n + nu, k)) / (1 + theta b v(n)) - 1), r = theta /
    (1 - theta): (N, planes, H, W).

    a (planes, K, KH, KW) excites; v (N, 1, H, W) inhibits with the weight b (planes,).  Fukushima
    1980, there with the selectivity r as the setting; with the threshold theta in 2003.
    """
    y = convolve(u, a, np.ones(len(a), np.float32), padding)
    y /= np.float32(1) + (np.float32(theta) * b)[:, None, None] * v
    y -= np.float32(1)
    np.maximum(y, 0, out=y)
    y *= np.float32(theta / (1 - theta))
    return y


def inhibitory_weights(a: np.ndarray, c: np.ndarray) -> np.ndarray:
    """b = sqrt(sum_k sum_nu a^2 / c): (planes,); Fukushima 2003.

    It makes sum a u / (b v) the cosine between the feature of a cell and what the cell sees.  Of a
    plane that learned from one cell it is q v, proportional to v as the rule of 1980.
    """
    return np.sqrt(F.sum(Tensor((a * a / c).reshape(len(a), -1)), 1).numpy())


def c_cells(s: np.ndarray, d: np.ndarray | None, stride: int) -> np.ndarray:
    """psi(sum_nu d(nu) s(n + nu)) at every stride-th place, psi(x) = x / (1 + x).

    d None: the cell sees the one S-cell in its middle, and tolerates no shift.  Fukushima 1980,
    without the inhibition among planes, as in Fukushima 1988.
    """
    blurred = s[:, :, ::stride, ::stride] if d is None else _per_plane(s, d, stride)
    return np.ascontiguousarray(blurred / (np.float32(1) + blurred))


def seed_cells(s: np.ndarray, column: int) -> list[tuple[int, int, int]]:
    """(plane, row, column) of the cells of one picture that may learn; s (planes, H, W).

    The strongest cell of a hypercolumn - all planes, column x column places around any place - is a
    candidate; the strongest candidate of each plane is its seed cell.  Fukushima 1980.
    """
    strongest = F.max_pool2d(Tensor(s.max(0)[None]), column, 1, column // 2).numpy()
    candidates = np.where((s >= strongest) & (s > 0), s, np.float32(0)).reshape(len(s), -1)
    places = candidates.argmax(1)
    width = s.shape[2]
    return [
        (plane, *divmod(int(place), width))
        for plane, place in enumerate(places)
        if candidates[plane, place] > 0
    ]
