"""Rows of tests/op_table.py: layer, RMS and group normalisation, dropout of planes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

# (R, n), n > 1, as the gradient of x is 0 but for rounding there: around the vectors' widths, one
# piece and the length from which weights go by columns.
ROWS = (
    (0, 5),
    (3, 0),
    (5, 2),
    (3, 7),
    (2, 8),
    (7, 9),
    (3, 15),
    (2, 16),
    (5, 17),
    (33, 31),
    (40, 32),
    (1, 33),
    (17, 513),
    (3, 4097),
    (2, 8193),
)
ROWS_LARGE = ((4_097, 70), (300, 512), (35, 9_001), (70_001, 3))

# (N, C, S), groups: planes below 16 elements take the way of rows.
GROUPS = (
    ((0, 4, 5), 2),
    ((2, 4, 0), 4),
    ((3, 2, 1), 1),
    ((5, 9, 1), 3),
    ((2, 8, 2), 2),
    ((3, 6, 7), 3),
    ((2, 3, 8), 1),
    ((4, 9, 15), 3),
    ((2, 4, 16), 2),
    ((3, 6, 17), 6),
    ((1, 5, 31), 5),
    ((2, 6, 33), 2),
    ((18, 2, 9), 2),
    ((2, 2, 5_000), 1),
    ((2, 900, 10), 1),
)
GROUPS_LARGE = (((8, 32, 400), 8), ((300, 40, 9), 4), ((4, 6, 5_003), 3), ((3, 2_000, 12), 2))


def spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values whose mean and size change along the first axis."""
    first = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    x = normal(rng, *shape) * (0.7 + first % 5) + (first % 3 - 1) * 0.3
    return np.ascontiguousarray(x, np.float32)


def rows(bias: bool, cases: tuple = ROWS) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (r, n) in enumerate(cases):
            sample = {"x": spread(rng, r, n), "weight": None, "bias": None}
            if i % 4 != 2:
                sample["weight"] = normal(rng, n) + np.float32(0.1)
            if i % 5 != 3:
                sample["bias"] = normal(rng, n)
            if not bias:
                del sample["bias"]
            # Of two elements the gradient of x is a difference of nearly equal numbers.
            yield sample | {"eps": 0.5 if n == 2 else (1e-5, 1e-3, 0.5)[i % 3]}

    return inputs


def grouped(cases: tuple = GROUPS) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (shape, groups) in enumerate(cases):
            yield {
                "x": spread(rng, *shape),
                "weight": None if i % 4 == 2 else normal(rng, shape[1]) + np.float32(0.1),
                "bias": None if i % 5 == 3 else normal(rng, shape[1]),
                "groups": groups,
                "eps": (1e-5, 1e-3, 0.5)[i % 3],
            }

    return inputs


def affine_backward(name: str) -> ops.Backward:
    def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
        names = [n for n in ("x", "weight", "bias") if n in s]
        needs = tuple(s[n] is not None for n in names)
        grads = getattr(k, name)(dy, s["x"], s["weight"], *out[1:], needs)
        assert [g is not None for g in grads] == list(needs)
        return {n: g for n, g in zip(names, grads, strict=True) if g is not None}

    return backward


def planes(large: bool) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        shapes = [(n, i % 5 + 1) for i, n in enumerate((0, 1, 7, 8, 9, 63, 64, 65, 130))]
        shapes += [(3, 0), (5, 15), (4, 16), (9, 17), (6, 1_000)]
        for i, shape in enumerate([(4_000, 100), (70_001, 3)] if large else shapes):
            p = (0.5, 0.1, 0.0, 1.0, 0.9)[i % 5]
            yield {"x": normal(rng, *shape), "p": p, "key": 7 + i, "offset": 16 * i}

    return inputs


def planes_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.plane_dropout(dy, s["p"], s["key"], s["offset"])}


ROW_NORMS: list[OpCase] = [
    *(
        OpCase(
            name,
            call(f"{name}_forward"),
            rows(bias),
            rows(bias, ROWS_LARGE),
            flops=lambda s: 10 * ops.elements(s),
            reduced=lambda s: max(1, *s["x"].shape),
            backward=affine_backward(f"{name}_backward"),
            batched=("x",),
            edges=(0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33),
        )
        for name, bias in (("layer_norm", True), ("rms_norm", False))
    ),
    OpCase(
        "group_norm",
        call("group_norm_forward"),
        grouped(),
        grouped(GROUPS_LARGE),
        flops=lambda s: 10 * ops.elements(s),
        reduced=lambda s: max(1, s["x"].size // max(1, s["x"].shape[1]), s["x"][:1].size),
        backward=affine_backward("group_norm_backward"),
        batched=("x",),
        edges=(0, 1, 7, 8, 9, 15, 16, 17, 31, 33),
    ),
    OpCase(
        "plane_dropout",
        call("plane_dropout"),
        planes(False),
        planes(True),
        flops=ops.elements,
        backward=planes_backward,
        edges=(0, 1, 7, 8, 9, 15, 16, 17),
    ),
]
