"""Rows of Hopfield networks for tests/op_table.py."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from op_case import OpCase, call
from op_inputs import Sample, normal

# rows, units
NETWORKS = ((1, 1), (0, 3), (3, 0), (2, 7), (5, 16), (4, 17), (8, 15), (9, 33), (33, 40))
LARGE = ((70, 500), (3, 1100))


def networks(names: dict[str, str], cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for n, units in cases:
            states = rng.choice(np.array([-1, 1], np.float32), (n, units))
            weights = normal(rng, units, units)
            weights = np.tril(weights, -1) + np.tril(weights, -1).T
            net = states @ weights
            net[:, ::7] = 0  # there a unit stays
            s = {"net": net, "states": states, "weights": weights}
            s["order"] = rng.permutation(units).astype(np.int64)
            s["diagonal"] = normal(rng, units) if n % 2 else None
            s["others"] = normal(rng, n, units)
            s["again"] = np.where(rng.random((n, 1)) < 0.5, s["others"], states)
            yield {to: s[name] for to, name in names.items()}

    return inputs


HOPFIELD_ROWS = [
    OpCase(
        name,
        call(name),
        networks(arguments, NETWORKS),
        networks(arguments, LARGE),
        flops=lambda s: 20 * s["states"].size,
        reduced=lambda s: 1,
    )
    for name, arguments in (
        ("hopfield_sweep", {n: n for n in ("net", "states", "weights", "order", "diagonal")}),
        ("hopfield_step", {n: n for n in ("net", "states", "diagonal")}),
        ("rows_differ", {"others": "others", "states": "again"}),
    )
]
