"""Rows of the table of micro-kernels: one step of a recurrent layer, a vector times packed panels.

The gates' models are the papers' equations in float64.
"""

import itertools

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import EPS, SIZES, TINY, Case, F, fma, normal

LINES = [0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70, 95, 97, 128, 129, 200]


def wide(value):
    return np.asarray(value, np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def steps(*names, gates, **more):
    """Samples: `gates` maps a name to make(rng, 4 n), names are rows of n."""

    def samples(level, rng):
        for n in SIZES:
            args = {"n": n} | {name: make(rng, 4 * n) for name, make in gates.items()}
            args |= {name: normal(rng, n) for name in names}
            yield args | {name: make(rng, n) for name, make in more.items()}

    return samples


def before(rng, n):
    return InOut(normal(rng, n, 2.0))


def activated(rng, n):
    """Four rows between 0 and 1; some of them stand for candidates and may be negative."""
    x = (0.02 + 0.96 * rng.random(n)).astype(F)
    x[n // 2 : 3 * n // 4] = (2 * x[n // 2 : 3 * n // 4] - 1).astype(F)
    return x


def rows(a):
    return np.split(wide(a), 4)


def lstm_model(level, args):
    i, f, g, o = rows(args["gates"].initial)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * args["c_prev"] + i * g
    return {"gates": np.concatenate([i, f, g, o]), "c": c, "h": o * np.tanh(c)}


def gate_error(level, args, output, expected):
    return 16 * EPS * (1 + np.abs(expected)) + TINY


def lstm_grad_model(level, args):
    i, f, g, o = rows(args["gates"])
    t = np.tanh(wide(args["c"]))
    dh = wide(args["dy"]) + args["carry"]
    dc = args["dc"].initial + dh * o * (1 - t**2)
    parts = [dc * g * i * (1 - i), dc * args["c_prev"] * f * (1 - f), dc * i * (1 - g**2)]
    return {"dgates": np.concatenate([*parts, dh * t * o * (1 - o)]), "dc": dc * f}


def grad_error(level, args, output, expected):
    """A gradient of about 10 meets factors of about 1, each off by some units."""
    return 64 * EPS * (1 + np.abs(expected)) + TINY


def gru_model(level, args):
    r, z, x, h = rows(args["gates"].initial)
    r, z = sigmoid(r), sigmoid(z)
    n = np.tanh(x + r * h)
    return {"gates": np.concatenate([r, z, n, h]), "h": (1 - z) * n + z * args["h_prev"]}


def gru_error(level, args, output, expected):
    """The candidate's own error grows with what it sums."""
    big = np.abs(args["gates"].initial).max(initial=1) + np.abs(args["h_prev"]).max(initial=0)
    return 16 * EPS * (1 + float(big)) + 0 * expected + TINY


def gru_grad_model(level, args):
    r, z, n, h = rows(args["gates"])
    dh = wide(args["dy"]) + args["carry"]
    dn = dh * (1 - z) * (1 - n**2)
    dz = dh * (args["h_prev"] - n) * z * (1 - z)
    dgates = np.concatenate([dn * h * r * (1 - r), dz, dn * r, dn])
    return {"dgates": dgates, "direct": dh * z}


def rnn_samples(level, rng):
    for i, n in enumerate(SIZES + SIZES):
        y = normal(rng, n, 0.4)
        args = {"n": n, "relu": i % 2, "y": np.maximum(y, 0) if i % 2 else np.tanh(y)}
        yield args | {"dy": normal(rng, n), "carry": normal(rng, n), "dz": Out(n)}


def rnn_model(level, args):
    dh = args["dy"] + args["carry"]
    if args["relu"]:
        return {"dz": np.where(args["y"] > 0, dh, F(0))}
    return {"dz": dh * fma(level, -args["y"], args["y"], F(1))}


def packed(b, nr):
    """b (k, n) as pack_b leaves it."""
    k, n = b.shape
    panels = -(-n // nr)
    padded = np.zeros((k, panels * nr), F)
    padded[:, :n] = b
    return np.ascontiguousarray(padded.reshape(k, panels, nr).swapaxes(0, 1)).ravel()


def gemv_samples(level, rng):
    for i, (n, k) in enumerate(itertools.product(LINES, [0, 1, 7, 8, 17, 40])):
        b = normal(rng, k * n).reshape(k, n)
        yield {
            "n": n, "k": k, "x": normal(rng, k), "b": packed(b, 2 * level.lanes),
            "accumulate": i % 2, "y": InOut(normal(rng, n)),
        }  # fmt: skip


def gemv_model(level, args):
    """One chain for each output."""
    n, k, nr = args["n"], args["k"], 2 * level.lanes
    y = args["y"].initial.copy() if args["accumulate"] else np.zeros(n, F)
    b = args["b"].reshape(-1, k, nr).swapaxes(0, 1).reshape(k, -1)[:, :n] if n * k else None
    for p in range(k if n else 0):
        y = fma(level, args["x"][p], b[p], y)
    return {"y": y}


def out4(rng, n):
    return Out(4 * n)


def new(rng, n):
    return Out(n)


RECURRENT = [
    Case(
        "lstm_gates",
        steps("c_prev", gates={"gates": before}, c=new, h=new),
        lstm_model,
        gate_error,
        "fma",
        (("c", "c_prev"),),
    ),
    Case(
        "lstm_gates_grad",
        steps(
            "c_prev", "c", "dy", "carry", gates={"gates": activated},
            dc=lambda rng, n: InOut(normal(rng, n)), dgates=out4,
        ),
        lstm_grad_model,
        grad_error,
        "fma",
    ),
    Case(
        "gru_gates",
        steps("h_prev", gates={"gates": before}, h=new),
        gru_model,
        gru_error,
        "fma",
    ),
    Case(
        "gru_gates_grad",
        steps("h_prev", "dy", "carry", gates={"gates": activated}, direct=new, dgates=out4),
        gru_grad_model,
        grad_error,
        "fma",
        (("direct", "carry"),),
    ),
    Case("rnn_grad", rnn_samples, rnn_model, None, "fma"),
    Case("gemv_packed", gemv_samples, gemv_model, None, None),
]  # fmt: skip
