"""Rows of the table of micro-kernels: softmax between the products of attention."""

import numpy as np
from ukernel_harness import InOut
from ukernel_table import EPS, SIZES, TINY, Case, F, filled, logits, normal, vectors


def powers(x, shift):
    return np.exp(x.astype(np.float64) - np.float64(shift))


def shifted(level, rng):
    """Shifts at and above the largest element, and the infinite one of a row that sees nothing."""
    for i, args in enumerate(vectors(x=logits, y=filled)(level, rng)):
        top = args["x"].max() if args["n"] else F(0)
        yield args | {"shift": float((top, top + F(1.5), F(np.inf))[i % 3])}


def power_error(level, args, output, expected):
    distance = np.float64(args["shift"]) - args["x"].astype(np.float64)
    if output == "return":
        return 16 * EPS * expected + EPS * np.sum(powers(args["x"], args["shift"]) * 104) + TINY
    return EPS * expected * (4 + np.minimum(distance, 104.0)) + TINY


def gradients(level, rng):
    for i, n in enumerate(SIZES):
        s = normal(rng, n, 5.0)
        if n > 3:
            s[rng.integers(n)] = -np.inf
        args = {"n": n, "s": InOut(s), "dp": InOut(normal(rng, n))}
        shift = np.inf if i % 7 == 3 else float(F(s.max(initial=0.0)) + F(0.5))
        yield args | {"shift": shift, "delta": float(F(rng.normal())), "scale": 0.125}


def gradient_model(level, args):
    p = powers(args["s"].initial, args["shift"])
    dp = args["dp"].initial.astype(np.float64)
    return {"s": p, "dp": args["scale"] * p * (dp - args["delta"])}


def gradient_error(level, args, output, expected):
    distance = np.minimum(np.float64(args["shift"]) - args["s"].initial, 104.0)
    if output == "s":
        return EPS * expected * (4 + distance) + TINY
    p = powers(args["s"].initial, args["shift"])
    size = np.abs(args["dp"].initial) + abs(args["delta"])
    return args["scale"] * EPS * p * size * (8 + distance) + TINY


def masks(level, rng):
    for n in SIZES:
        keep = (rng.random(n) < 0.6).astype(np.uint8)
        yield {"n": n, "keep": keep, "s": InOut(normal(rng, n))}


ATTENTION = [
    Case(
        "vexp_sum",
        shifted,
        lambda level, a: {
            "y": powers(a["x"], a["shift"]),
            "return": powers(a["x"], a["shift"]).sum(),
        },
        power_error,
        "fma",
        (("y", "x"),),
    ),
    Case(
        "vmask_out",
        masks,
        lambda level, a: {"s": np.where(a["keep"] == 0, F(-np.inf), a["s"].initial)},
    ),
    Case("attention_grad", gradients, gradient_model, gradient_error, "fma"),
]
