"""The row of the table of micro-kernels (ukernel_table.py) for a vector times a matrix."""

import itertools

import numpy as np
from ukernel_harness import InOut
from ukernel_table import Case, F, fma, normal

LINES = [0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70]


def samples(level, rng):
    for i, (n, k) in enumerate(itertools.product(LINES, [0, 1, 7, 8, 9, 16, 17, 40])):
        w_row = k + i % 3
        yield {
            "n": n, "k": k, "x": normal(rng, k), "w": normal(rng, max(n * w_row - i % 3, 0)),
            "w_row": w_row, "accumulate": i % 2, "y": InOut(normal(rng, n)),
        }  # fmt: skip
    n, k = 18, 15000  # more than stays in the cache
    yield {
        "n": n, "k": k, "x": normal(rng, k), "w": normal(rng, n * k), "w_row": k,
        "accumulate": 0, "y": InOut(normal(rng, n)),
    }  # fmt: skip


def model(level, args):
    """One chain for each output."""
    n, k = args["n"], args["k"]
    y = args["y"].initial.copy() if args["accumulate"] else np.zeros(n, F)
    lines = args["w_row"] * np.arange(n)
    for p in range(k):
        y = fma(level, args["x"][p], args["w"][lines + p], y) if n else y
    return {"y": y}


GEMV = [Case("gemv_transposed", samples, model, bits="fma")]
