"""Rows of the table of micro-kernels: rows with a weight for each element."""

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_norm import NORM, two_sets
from ukernel_table import SIZES, Case, F, fma, normal


def row_samples(*names, bias=None, settings=False, out=None, sums=False, added=()):
    """bias: an array that is missing from every other sample."""

    def samples(level, rng):
        for i, n in enumerate(SIZES):
            args = {"n": n} | {name: normal(rng, n) for name in names}
            args["mean"], args["rstd"] = float(F(rng.normal())), float(F(0.5 + rng.random()))
            if settings:
                args["p"] = NORM | {"mean": args["mean"], "relu": 0, "centred": 1}
            if bias:
                args[bias] = normal(rng, n) if i % 2 else None
            if sums:
                args["sums"] = Out(2)
            if out:
                args[out] = Out(n)
            args |= {name: InOut(normal(rng, n)) for name in added}
            if "dbias" in added and i % 2:
                args["dbias"] = None
            yield args

    return samples


def off(args):
    return args["x"] - F(args["mean"])


def row_model(level, args):
    z = off(args) * F(args["rstd"])
    if args["bias"] is None:
        return {"y": z * args["weight"]}
    return {"y": fma(level, z, args["weight"], args["bias"])}


def sums_model(level, args):
    g = args["dy"] * args["weight"]
    plain = two_sets(level, [(g,)], lambda s, a: s + a)
    product = two_sets(level, [(g, off(args))], lambda s, a, b: fma(level, a, b, s))
    return {"sums": np.array([plain, product], F)}


def row_grad_model(level, args):
    p = args["p"]
    line = fma(level, F(p["slope"]), off(args), F(p["offset"]))
    return {"dx": fma(level, F(p["scale"]), args["dy"] * args["weight"], line)}


def param_grad_model(level, args):
    z = off(args) * F(args["rstd"])
    found = {"dweight": fma(level, args["dy"], z, args["dweight"].initial)}
    if args["dbias"] is not None:
        found["dbias"] = args["dbias"].initial + args["dy"]
    return found


LAYER_NORM = [
    Case(
        "layer_norm_row",
        row_samples("weight", "x", bias="bias", out="y"),
        row_model,
        bits="fma",
        in_place=(("y", "x"),),
    ),
    Case(
        "layer_norm_grad_sums",
        row_samples("weight", "dy", "x", sums=True),
        sums_model,
        bits="fma",
    ),
    Case(
        "layer_norm_row_grad",
        row_samples("weight", "dy", "x", settings=True, out="dx"),
        row_grad_model,
        bits="fma",
        in_place=(("dx", "dy"), ("dx", "x")),
    ),
    Case(
        "layer_norm_param_grad",
        row_samples("dy", "x", added=("dweight", "dbias")),
        param_grad_model,
        bits="fma",
    ),
]
