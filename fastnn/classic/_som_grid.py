"""The grid of a self-organising map: where its units are, and which are next to each other."""

from __future__ import annotations

import numpy as np

GRIDS = ("rectangular", "hexagonal")


def places(rows: int, columns: int, grid: str) -> np.ndarray:
    """(units, 2): row and column of each unit, row by row; neighbours are 1 apart.  Hexagonal: odd
    rows stand half a unit to the right, rows sqrt(3) / 2 apart."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    if grid == "hexagonal":
        return np.stack([row * 0.75**0.5, column + row % 2 / 2], axis=1).astype(np.float32)
    return np.stack([row, column], axis=1).astype(np.float32)


def pairs(rows: int, columns: int, grid: str) -> np.ndarray:
    """(pairs, 2), each unit with each adjacent one, in both orders: on a rectangular grid those in
    the eight squares around it, on a hexagonal one six."""
    unit = np.arange(rows * columns).reshape(rows, columns)
    steps = [(0, 1), (1, 0)]
    if grid == "rectangular":
        steps += [(1, 1), (1, -1)]
    found = [np.zeros((0, 2), np.int64)]
    for down, right in steps:
        first = unit[: rows - down, max(0, -right) : columns - max(0, right)]
        second = unit[down:, max(0, right) : columns + min(0, right)]
        found.append(np.stack([first.ravel(), second.ravel()], axis=1))
    if grid == "hexagonal":  # also below: left of an even row's unit, right of an odd one's
        for first, second in (
            (unit[:-1:2, 1:], unit[1::2, :-1]),
            (unit[1:-1:2, :-1], unit[2::2, 1:]),
        ):
            found.append(np.stack([first.ravel(), second.ravel()], axis=1))
    both = np.concatenate(found)
    return np.concatenate([both, both[:, ::-1]])


def adjacent(a: np.ndarray, b: np.ndarray, rows: int, columns: int, grid: str) -> np.ndarray:
    """Whether the units a (n,) and b (n,) are adjacent."""
    at = places(rows, columns, grid)
    apart = ((at[a] - at[b]) ** 2).sum(axis=1)
    return (apart > 0) & (apart < (2.5 if grid == "rectangular" else 1.5))
