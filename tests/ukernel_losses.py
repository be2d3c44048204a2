"""Rows of the table of micro-kernels: local response normalisation, binary cross-entropy."""

import numpy as np
from ukernel_harness import Out
from ukernel_table import EPS, FEW_SIZES, TINY, Case, F, filled, normal, vectors

# ---- local response normalisation ---------------------------------------------------------------

BETAS = [0.75, 0.5, 1.0, 0.6, -0.5]


def wide(value):
    return np.asarray(value, np.float64)


def window_samples(*names, window_of, outputs):
    def samples(level, rng):
        for i, n in enumerate(FEW_SIZES * 2):
            window, stride = i % 6, n + i % 3
            args = {"n": n, "window": window, "stride": stride}
            args |= {"scale": 0.3, "k": 1.25, "beta": BETAS[i % len(BETAS)]}
            args[window_of] = normal(rng, max(0, (window - 1) * stride + n) if window else 0)
            args |= {name: normal(rng, n) for name in names}
            if "base" in names:
                args["base"] = np.exp(args["base"])
            yield args | {name: Out(n) for name in outputs}

    return samples


def window_sum(args, a):
    rows = [a[w * args["stride"] :][: args["n"]] for w in range(args["window"])]
    return np.sum(rows, axis=0) if rows else np.zeros(args["n"])


def lrn_model(level, args):
    base = args["k"] + args["scale"] * window_sum(args, wide(args["x"]) ** 2)
    return {"base": base, "y": args["at"] * base ** -args["beta"]}


def lrn_grad_model(level, args):
    own = args["dy"] * wide(args["base"]) ** -args["beta"]
    return {"dx": own - args["scale"] * wide(args["x"]) * window_sum(args, wide(args["ratio"]))}


def lrn_error(level, args, output, expected):
    return 16 * EPS * np.abs(expected) + TINY


def lrn_grad_error(level, args, output, expected):
    own = np.abs(args["dy"] * wide(args["base"]) ** -args["beta"])
    sums = np.abs(args["x"]) * window_sum(args, np.abs(wide(args["ratio"])))
    return 16 * EPS * (own + sums) + TINY


RESPONSE = [
    Case(
        "lrn_row",
        window_samples("at", window_of="x", outputs=("base", "y")),
        lrn_model,
        lrn_error,
        "fma",
    ),
    Case(
        "lrn_ratio",
        vectors("dy", "y", base=lambda rng, n: np.exp(normal(rng, n)), ratio=filled),
        lambda level, a: {"ratio": a["dy"] * a["y"] / a["base"]},
        in_place=(("ratio", "dy"), ("ratio", "y"), ("ratio", "base")),
    ),
    Case(
        "lrn_row_grad",
        window_samples("dy", "x", "base", window_of="ratio", outputs=("dx",)),
        lrn_grad_model,
        lrn_grad_error,
        "fma",
    ),
]

# ---- binary cross-entropy -----------------------------------------------------------------------


def some_null(*names):
    """Every other sample without the weights, every third without the gradient."""

    def samples(level, rng):
        for i, args in enumerate(vectors()(level, rng)):
            n = args["n"]
            args |= {
                "scale": 0.7,
                "t": rng.random(n).astype(F),
                "x": normal(rng, n, (1, 5, 40)[i % 3]),
            }
            args["p"] = rng.random(n).astype(F)
            args["p"][: n // 8] = rng.integers(0, 2, n // 8)  # exact zeros and ones
            if i % 2:
                args["t"] = np.round(args["t"])
            args["weight"] = None if i % 2 else rng.random(n).astype(F)
            args["pos_weight"] = None if i % 4 < 2 else (3 * rng.random(n)).astype(F)
            args["dloss"] = None if i % 3 else normal(rng, n)
            yield {"n": n} | {name: args.get(name, Out(n)) for name in names}

    return samples


def given(args, name, otherwise=1.0):
    return otherwise if args.get(name) is None else wide(args[name])


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)


def logits_model(level, args):
    x, t = wide(args["x"]), wide(args["t"])
    factor = 1 + (given(args, "pos_weight") - 1) * t
    return {"loss": given(args, "weight") * ((1 - t) * x + factor * softplus(x))}


def logits_error(level, args, output, expected):
    x = np.abs(wide(args["x"]))
    return 8 * EPS * given(args, "weight") * (1 + given(args, "pos_weight")) * (1 + x)


def logits_grad_model(level, args):
    x, t = wide(args["x"]), wide(args["t"])
    positive = given(args, "pos_weight") * t
    p = np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x)))
    d = (1 - t + positive) * p - positive
    return {"dx": given(args, "dloss", args["scale"]) * given(args, "weight") * d}


def grad_size(args):
    return np.abs(given(args, "dloss", args["scale"])) * given(args, "weight")


def logits_grad_error(level, args, output, expected):
    return 8 * EPS * grad_size(args) * (1 + given(args, "pos_weight")) + TINY


def probs_model(level, args):
    p, t = wide(args["p"]), wide(args["t"])
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    return {"loss": -given(args, "weight") * (t * yes + (1 - t) * no)}


def probs_error(level, args, output, expected):
    return 8 * EPS * (np.abs(expected) + 1e-3)


def probs_grad_model(level, args):
    p, t = wide(args["p"]), wide(args["t"])
    d = (p - t) / np.maximum(p * (1 - p), F(1e-12))
    return {"dp": given(args, "dloss", args["scale"]) * given(args, "weight") * d}


def probs_grad_error(level, args, output, expected):
    return 8 * EPS * np.abs(expected) + TINY


ENTROPY = [
    Case("bce_logits", some_null("x", "t", "weight", "pos_weight", "loss"), logits_model,
         logits_error, "fma"),
    Case("bce_logits_grad",
         some_null("scale", "dloss", "x", "t", "weight", "pos_weight", "dx"), logits_grad_model,
         logits_grad_error, "fma"),
    Case("bce_probs", some_null("p", "t", "weight", "loss"), probs_model, probs_error, "fma"),
    Case("bce_probs_grad", some_null("scale", "dloss", "p", "t", "weight", "dp"),
         probs_grad_model, probs_grad_error, "fma"),
]  # fmt: skip

LOSS_ROWS = [*RESPONSE, *ENTROPY]
