"""Rows of self-organising maps for tests/op_table.py."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from op_case import OpCase, call
from op_inputs import Sample, normal

# rows, columns of the map, features, samples
MAPS = (
    (1, 1, 1, 1),
    (1, 7, 3, 0),
    (3, 3, 1, 17),
    (2, 8, 9, 8),
    (4, 8, 4, 33),
    (3, 11, 16, 15),
    (5, 13, 31, 40),
    (8, 8, 0, 2),
)
MAPS_LARGE = ((30, 30, 100, 20), (1, 70, 2100, 7))  # two tasks and three


def places(rows: int, columns: int) -> np.ndarray:
    """A hexagonal grid: units at whole and at odd distances."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.stack([row * 0.75**0.5, column + row % 2 / 2], axis=1).astype(np.float32)


def maps(neighborhood: str, cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for rows, columns, n, samples in cases:
            yield {
                "weights": normal(rng, rows * columns, n),
                "x": normal(rng, samples, n),
                "grid": places(rows, columns),
                "rates": np.linspace(0.5, 0.1, samples, dtype=np.float32),
                "sigmas": np.linspace(max(rows, columns) / 2, 0.3, samples, dtype=np.float32),
                "neighborhood": neighborhood,
            }

    return inputs


MAP_ROWS = [
    OpCase(
        f"som_online {neighborhood}",
        call("som_online"),
        maps(neighborhood, MAPS),
        maps(neighborhood, MAPS_LARGE),
        flops=lambda s: 8 * s["weights"].size * len(s["x"]),
        reduced=lambda s: max(1, *s["x"].shape),
    )
    for neighborhood in ("gaussian", "bubble")
]
