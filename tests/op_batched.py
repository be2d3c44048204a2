"""Rows of tests/op_table.py: products of many matrices."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from op_case import Arrays, OpCase
from op_inputs import Sample, normal

# Leading axes of a and b, then m, k, n
SAME = (
    ((1,), (1,), 1, 1, 1),
    ((0,), (0,), 2, 3, 4),
    ((3,), (3,), 0, 5, 2),
    ((2,), (2,), 3, 0, 4),
    ((2, 3), (2, 3), 7, 9, 8),
    ((5,), (5,), 1, 17, 16),
    ((4,), (4,), 15, 16, 1),
    ((2, 1, 2), (2, 1, 2), 6, 33, 31),
    ((3,), (3,), 13, 65, 32),
    ((17,), (17,), 5, 4, 3),
)
SAME_LARGE = (
    ((64,), (64,), 24, 33, 40),
    ((5,), (5,), 130, 64, 70),
    ((2, 3), (2, 3), 61, 130, 90),
    ((999,), (999,), 9, 8, 17),
    ((301,), (301,), 1, 64, 65),
)
BROADCAST = (
    ((), (), 8, 9, 7),
    ((3,), (), 16, 15, 17),
    ((3,), (), 1, 6, 33),
    ((), (4,), 5, 7, 31),
    ((2, 1), (1, 3), 8, 1, 9),
    ((2, 3), (3,), 4, 16, 2),
    ((1,), (5,), 6, 5, 7),
    ((2, 1, 3), (4, 1), 3, 2, 17),
    ((0,), (1,), 2, 3, 4),
    ((1, 2), (0, 1), 2, 3, 4),
    ((2, 3), (), 7, 0, 8),
    ((9, 8), (8,), 1, 2, 1),
)
BROADCAST_LARGE = (
    ((40,), (), 37, 130, 41),
    ((), (33,), 65, 40, 70),
    ((3, 1), (1, 5), 64, 65, 66),
    ((500, 1), (), 1, 33, 64),
)


def inputs(shapes: tuple, transposed: bool) -> Any:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for lead_a, lead_b, m, k, n in shapes:
            a = normal(rng, *lead_a, *((k, m) if transposed else (m, k)))
            b = normal(rng, *lead_b, *((n, k) if transposed else (k, n)))
            yield {"a": a, "b": b, "transposed": transposed}

    return samples


def operands(s: Sample) -> tuple[np.ndarray, np.ndarray]:
    a, b = s["a"], s["b"]
    return (a.swapaxes(-1, -2), b.swapaxes(-1, -2)) if s["transposed"] else (a, b)


def forward(k: Any, **s: Any) -> Arrays:
    a, b = operands(s)
    return (k.batched_matmul(a, b, np.broadcast_shapes(a.shape[:-2], b.shape[:-2])),)


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    """d a = dc b^T and d b = a^T dc, summed where a or b was broadcast."""
    a, b = operands(s)
    da = k.batched_matmul(dy, b.swapaxes(-1, -2), a.shape[:-2])
    db = k.batched_matmul(a.swapaxes(-1, -2), dy, b.shape[:-2])
    if s["transposed"]:
        da, db = (np.ascontiguousarray(g.swapaxes(-1, -2)) for g in (da, db))
    return {"a": da, "b": db}


def count(s: Sample) -> int:
    return prod(np.broadcast_shapes(s["a"].shape[:-2], s["b"].shape[:-2]))


def flops(s: Sample) -> int:
    a, b = operands(s)
    return int(2 * count(s) * a.shape[-2] * a.shape[-1] * b.shape[-1])


def terms(s: Sample) -> int:
    """Terms of an output or of a gradient."""
    largest = max(*s["a"].shape[-2:], *s["b"].shape[-2:])
    return max(1, largest * (1 if s["a"].shape[:-2] == s["b"].shape[:-2] else count(s)))


def row(name: str, small: tuple, large: tuple, transposed: bool, batched: tuple) -> OpCase:
    return OpCase(
        f"batched matmul {name}",
        forward,
        inputs(small, transposed),
        inputs(large, transposed),
        flops=flops,
        reduced=terms,
        backward=backward,
        batched=batched,
        exact=("forward", "backward"),
        edges=(0, 1, 5, 7, 8, 9, 15, 16, 17, 31, 33),
    )


BATCHED = [
    row("of equal batches", SAME, SAME_LARGE, False, ("a", "b")),
    row("of equal batches, transposed", SAME, SAME_LARGE, True, ("a", "b")),
    row("broadcast", BROADCAST, BROADCAST_LARGE, False, ()),
    row("broadcast, transposed", BROADCAST, BROADCAST_LARGE, True, ()),
]
