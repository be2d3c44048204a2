"""Small made-up problems, drawn from a fastnn Generator: xor, bars and stripes, two moons,
spirals."""

from __future__ import annotations

import math

import numpy as np

from .. import backend, random
from .embedded import Samples


def xor() -> Samples:
    """The exclusive or: x float32 (4, 2), rows 00 01 10 11; y int64 (4,), 0 1 1 0.

    Source: Minsky and Papert 1969, the function no single threshold unit computes.
    """
    return Samples(
        np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.int64)
    )


def bars_and_stripes(n: int = 3) -> Samples:
    """All n x n pictures whose columns are each 0 or 1 (bars), or whose rows are (stripes).

    Returns x float32 (2^(n + 1) - 2, n, n), each picture once; y int64: 0 bars, 1 stripes, 2 for
    the empty and the full picture, which are both, and come first.  Raises ValueError for n outside
    1..10 (for n = 1 there are but these two).
    Source: MacKay 2003, "Information Theory, Inference, and Learning Algorithms", section 43.
    """
    if not 1 <= n <= 10:
        raise ValueError(f"bars_and_stripes: n is {n}, expected 1 to 10")
    numbers = np.arange(1, (1 << n) - 1)
    lines = ((numbers[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(np.float32)
    bars = np.repeat(lines[:, None, :], n, axis=1)
    both = np.stack([np.zeros((n, n), np.float32), np.ones((n, n), np.float32)])
    x = np.concatenate([both, bars, bars.transpose(0, 2, 1)])
    return Samples(x, np.repeat(np.array([2, 0, 1]), [2, len(lines), len(lines)]))


def moons(
    n: int = 200, *, noise: float = 0.1, generator: random.Generator | None = None
) -> Samples:
    """Two interleaved half circles of radius 1, `n` points in all, even rows of class 0.

    noise: standard deviation of the Gaussian noise on both coordinates, in the plane's units.
    generator: source of the noise; the default generator if None.
    Returns x float32 (n, 2), y int64 (n,) in 0..1.
    Raises ValueError for n < 0 or a noise that is negative or not finite.
    Source: scikit-learn's `make_moons`, rows interleaved.
    """
    _check(n, noise)
    points = []
    for i in range(n):
        # The k-th of `size` points of its class; class 1 is turned by 180 degrees and moved.
        k, size = i // 2, (n + 1 - i % 2) // 2
        angle = math.pi * k / max(size - 1, 1)
        x, y = math.cos(angle), math.sin(angle)
        points.append((1.0 - x, 0.5 - y) if i % 2 else (x, y))
    return _with_noise(points, np.arange(n) % 2, noise, generator)


def spirals(
    n: int = 300,
    *,
    classes: int = 3,
    turns: float = 0.75,
    noise: float = 0.03,
    generator: random.Generator | None = None,
) -> Samples:
    """`classes` interleaved spiral arms out of the origin, radius 0 to 1; row i has class i %
    classes.

    turns: how often each arm winds around the origin.
    noise: standard deviation of the Gaussian noise on both coordinates, in radii.
    generator: source of the noise; the default generator if None.
    Returns x float32 (n, 2), y int64 (n,) in 0..classes - 1.
    Raises ValueError for n < 0, classes < 1, or a noise that is negative or not finite.
    Source: Lang and Witbrock 1988, "Learning to tell two spirals apart", with any number of arms.
    """
    _check(n, noise)
    if classes < 1:
        raise ValueError(f"classes is {classes}, expected at least 1")
    points = []
    for i in range(n):
        size = (n - i % classes + classes - 1) // classes
        radius = (i // classes) / max(size - 1, 1)
        angle = 2 * math.pi * (turns * radius + (i % classes) / classes)
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
    return _with_noise(points, np.arange(n) % classes, noise, generator)


def _check(n: int, noise: float) -> None:
    if n < 0:
        raise ValueError(f"n is {n}, expected at least 0")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is {noise}, expected a finite number >= 0")


def _with_noise(
    points: list[tuple[float, float]],
    labels: np.ndarray,
    noise: float,
    generator: random.Generator | None,
) -> Samples:
    x = np.array(points, np.float32).reshape(-1, 2)
    if noise and len(x):
        key, offset = (generator or random.default_generator).reserve(x.size)
        x += backend.kernels.random_normal(x.shape, key, offset, 0.0, noise)
    return Samples(x, labels.astype(np.int64))
