"""Distances of samples to prototypes, by one product."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import backend
from ..creation import from_numpy
from ..functional import linear

BLOCK = 1024  # rows whose distances to all prototypes are in memory at a time


def scores(x: np.ndarray, prototypes: np.ndarray) -> Iterator[np.ndarray]:
    """|p|^2 - 2 x p of blocks of the rows of x (N, n) and all prototypes (P, n): (block, P), at
    least one block.  |x - p|^2 is that and |x|^2, once both are centred: see `centre`."""
    middle = centre(prototypes)
    p = prototypes - middle
    lengths, twice = from_numpy(squares(p)), from_numpy(p * np.float32(-2))
    for i in range(0, max(len(x), 1), BLOCK):
        yield linear(from_numpy(x[i : i + BLOCK] - middle), twice, lengths).numpy()


def nearest(x: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """The prototype nearest to each row of x, of equal ones the first: (N,) int64."""
    return np.concatenate([block.argmin(axis=1) for block in scores(x, prototypes)])


def squared_distances(x: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """|x - p|^2: (N, P).  Errors are those of float32 at the size of the data's extent."""
    lengths = squares(x - centre(prototypes))
    found = np.concatenate(list(scores(x, prototypes)))
    return np.maximum(found + lengths[:, None], np.float32(0))


def centre(prototypes: np.ndarray) -> np.ndarray:
    """What is taken from samples and prototypes before they are multiplied: it keeps digits."""
    return prototypes.mean(axis=0, dtype=np.float64).astype(np.float32)


def squares(x: np.ndarray) -> np.ndarray:
    """Squared lengths of the rows of x (N, n): (N,)."""
    ones = np.ones((1, x.shape[1]), np.float32)
    return linear(from_numpy(x * x), from_numpy(ones)).numpy()[:, 0]


def sums(x: np.ndarray, which: np.ndarray, n: int) -> np.ndarray:
    """Sums of the rows of x in each group `which` (N,) < n, added in order, and in the last column
    how many there are: (n, features + 1)."""
    rows = np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
    return backend.kernels.embedding_backward(rows, which, n, -1, False)


def k_means(x: np.ndarray, start: np.ndarray, max_iter: int) -> np.ndarray:
    """Centres (k, n) where Lloyd's iteration from `start` ends: each the mean of the samples that
    are nearest to it.  A centre without samples stays where it is."""
    centres, before = start.copy(), np.full(len(x), -1)
    for _ in range(max_iter):
        which = nearest(x, centres)
        if (which == before).all():
            break
        before, total = which, sums(x, which, len(centres))
        seen = total[:, -1] > 0
        centres[seen] = total[seen, :-1] / total[seen, -1:]
    return centres
