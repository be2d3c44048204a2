"""The 8x8 digits as the classical rows use them: split, as patterns of -1 and 1, and dirtied."""

from __future__ import annotations

import numpy as np

from .. import datasets


def split(seed: int) -> datasets.Split:
    """1,400 digits to train with and 397 held out, as rows of 64 numbers."""
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    return datasets.Split(x[:1400], y[:1400], x[1400:], y[1400:])


def prototypes() -> np.ndarray:
    """One pattern a digit: 1 where the mean of its pictures is 0.5 or more, otherwise -1."""
    d = datasets.digits8x8()
    means = np.stack([d.x[d.y == digit].mean(axis=0).reshape(-1) for digit in range(10)])
    return np.where(means >= 0.5, np.float32(1), np.float32(-1))


def flip(patterns: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The rows with `count` elements of each, drawn by rng, of opposite sign."""
    where = rng.random(patterns.shape).argsort(axis=1) < count
    return np.where(where, -patterns, patterns)
