"""Rows of padding for tests/op_table.py."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

NONE = (0, 0)
# (M, D, H, W), widths
PADS: tuple = (
    ((0, 1, 3, 3), (NONE, (1, 1), (1, 1))),
    ((1, 1, 1, 1), (NONE, NONE, NONE)),
    ((2, 1, 1, 7), (NONE, NONE, (3, 2))),
    ((3, 1, 4, 8), (NONE, (1, 0), (2, 3))),
    ((1, 3, 5, 9), ((2, 1), (4, 4), (1, 8))),
    ((2, 2, 6, 17), ((1, 0), (-2, 1), (2, -3))),
    ((1, 4, 3, 16), ((0, -1), (0, 2), (-5, -4))),
    ((2, 1, 2, 33), (NONE, (1, 1), (16, 15))),
)
LARGE: tuple = (
    ((40, 1, 40, 41), (NONE, (1, 1), (2, 2))),
    ((9, 8, 30, 33), ((1, 1), (2, 1), (0, 3))),
)


def padded(cases: tuple, mode: str) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for shape, widths in cases:
            yield {
                "x": normal(rng, *shape),
                "widths": widths,
                "mode": mode,
                "value": -3.0 if mode == "constant" else 0.0,
            }

    return inputs


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.pad_backward(dy, s["x"].shape, s["widths"], s["mode"])}


def row(mode: str) -> OpCase:
    return OpCase(
        f"pad {mode}",
        call("pad_forward"),
        padded(PADS, mode),
        padded(LARGE, mode),
        flops=lambda s: s["x"].size,
        reduced=lambda s: prod(1 + max(0, a) + max(0, b) for a, b in s["widths"]),
        backward=backward,
        batched=("x",),
        exact=("forward", "backward"),
        edges=(0, 1, 7, 8, 9, 16, 17, 33),
    )


PADDINGS = [row(mode) for mode in ("constant", "reflect", "replicate", "circular")]
