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


def split(seed: int, n_train: int = 1297, n_test: int = 500) -> datasets.Split:
    """Rows (n, 64) of 0 to 1 in an order drawn by `seed`: the first n_train to learn from, the last
    n_test are new.  The set comes sorted by writer: its last part is harder than a random one."""
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    return datasets.Split(x[:n_train], y[:n_train], x[-n_test:], y[-n_test:])


def folds(seed: int, k: int) -> list[datasets.Split]:
    """All rows (n, 64) in k parts in an order drawn by `seed`, each of them once the new ones."""
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y, part = d.x.reshape(len(d.x), -1)[order], d.y[order], np.arange(len(order)) % k
    return [datasets.Split(x[part != i], y[part != i], x[part == i], y[part == i])
            for i in range(k)]  # fmt: skip


def binary_split(seed: int, n_train: int = 1347) -> datasets.Split:
    """The same with 450 new ones, of 0 and 1: 1 where a pixel is 0.5 or more."""
    s = split(seed, n_train, 450)
    x_train, x_test = ((x >= 0.5).astype(np.float32) for x in (s.x_train, s.x_test))
    return datasets.Split(x_train, s.y_train, x_test, s.y_test)
