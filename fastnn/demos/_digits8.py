"""The 8x8 digits as the classical rows use them: as patterns of -1 and 1, and dirtied."""

from __future__ import annotations

import numpy as np

from .. import datasets


def prototypes() -> np.ndarray:
    """One pattern a digit: 1 where the mean of its pictures is 0.5 or more, otherwise -1."""
    d = datasets.digits8x8()
    means = np.stack([d.x[d.y == digit].mean(axis=0).reshape(-1) for digit in range(10)])
    return np.where(means >= 0.5, np.float32(1), np.float32(-1))


def flip(patterns: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The rows with `count` elements of each, drawn by rng, of opposite sign."""
    where = rng.random(patterns.shape).argsort(axis=1) < count
    return np.where(where, -patterns, patterns)


def split(seed: int) -> datasets.Split:
    """1,297 digits to learn from and 500 new ones, in an order drawn by `seed`, as rows (N, 64) of
    0 to 1.  The set comes sorted by writer: its last part is harder than a random one."""
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    return datasets.Split(x[:1297], y[:1297], x[1297:], y[1297:])
