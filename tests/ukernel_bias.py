"""Rows of the table of micro-kernels (ukernel_table.py): bias and activation."""

import numpy as np
from ukernel_harness import Out
from ukernel_table import SIZES, Case, F, normal, ulp

EXACT = {
    0: lambda z: z,
    1: lambda z: np.where(z < 0, 0, z),
    2: np.tanh,
    3: lambda z: 1 / (1 + np.exp(-z)),
}


def samples(level, rng):
    for activation in EXACT:
        for n in SIZES:
            bias = float(F(rng.normal()))
            yield {"n": n, "bias": bias, "activation": activation, "x": normal(rng, n, 2.0),
                   "y": Out(n)}  # fmt: skip


def model(level, args):
    """The sum is rounded to float32, then the activation."""
    z = (args["x"] + F(args["bias"])).astype(np.float64)
    return {"y": EXACT[args["activation"]](z)}


def allowed(level, args, output, expected):
    return 2 * ulp(expected) if args["activation"] > 1 else np.zeros_like(expected)


BIAS = [Case("vbias", samples, model, allowed, "fma", (("y", "x"),))]
