"""Rows of the table of micro-kernels: losses of pairs, softmax over strided classes."""

import numpy as np
from ukernel_harness import Out
from ukernel_table import EPS, FEW_SIZES, TINY, Case, F, fma, normal, vectors


def pairs(*names, **settings):
    """Samples in the order of `names`; every third without dloss."""

    def samples(level, rng):
        for i, args in enumerate(vectors()(level, rng)):
            n = args["n"]
            args |= settings | {"scale": -0.7, "x": normal(rng, n), "t": normal(rng, n)}
            args["t"][::5] = args["x"][::5]
            args["dloss"] = None if i % 3 == 0 else normal(rng, n)
            if settings.get("log_target") == 0:
                args["t"] = np.maximum(args["t"], 0)
            yield {"n": n} | {name: args.get(name, Out(n)) for name in names}

    return samples


def chain(args):
    return F(args["scale"]) if args["dloss"] is None else args["dloss"]


def huber_model(level, args):
    size = np.abs(args["x"] - args["t"])
    c = np.minimum(size, F(args["delta"]))
    return {"loss": F(args["slope"]) * c * fma(level, F(-0.5), c, size)}


def huber_grad_model(level, args):
    d = np.clip(args["x"] - args["t"], -F(args["delta"]), F(args["delta"]))
    return {"dx": chain(args) * (F(args["slope"]) * d)}


def wide(value):
    return np.asarray(value, np.float64)


def kl_model(level, args):
    x, t = wide(args["x"]), wide(args["t"])
    if args["log_target"]:
        return {"loss": np.exp(t) * (t - x)}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"loss": np.where(t > 0, t * (np.log(t) - x), 0)}


def kl_error(level, args, output, expected):
    x, t = np.abs(wide(args["x"])), wide(args["t"])
    p = np.exp(t) if args["log_target"] else t
    with np.errstate(divide="ignore"):
        log = np.where(p > 0, np.abs(np.log(p)), 0)
    return 8 * EPS * p * (log + x) + TINY


def kl_grad_model(level, args):
    t = wide(args["t"])
    return {"dx": -wide(chain(args)) * (np.exp(t) if args["log_target"] else t)}


def kl_grad_error(level, args, output, expected):
    return 4 * EPS * np.abs(expected) + TINY


def columns(level, rng):
    for i, n in enumerate(FEW_SIZES * 2):
        classes, row = i % 5 + 1, n + i % 3
        x = normal(rng, (classes - 1) * row + n, (1.0, 30.0)[i % 2])
        if i % 4 == 3:
            x[0] = -np.inf
        y, top, total = Out((classes - 1) * n + n), Out(n), Out(n)
        yield {"n": n, "classes": classes, "x": x, "x_row": row, "y": y, "y_row": n,
               "top": top, "total": total}  # fmt: skip


def columns_model(level, args):
    n, rows = args["n"], range(args["classes"])
    x = np.stack([wide(args["x"][c * args["x_row"] :][:n]) for c in rows])
    top = x.max(0)
    with np.errstate(invalid="ignore"):
        e = np.exp(x - top)
    return {"y": (e / e.sum(0)).reshape(-1), "top": top, "total": e.sum(0)}


def columns_error(level, args, output, expected):
    # exp: 2 ULP and the rounding of x - top, |x - top| / 2 of them, at most 104; then the sum
    if output == "top":
        return np.zeros_like(expected)
    return 64 * EPS * np.abs(expected) + TINY


PAIR_ROWS = [
    Case("l1_loss", pairs("x", "t", "loss"), lambda level, a: {"loss": np.abs(a["x"] - a["t"])}),
    Case("l1_loss_grad", pairs("scale", "dloss", "x", "t", "dx"),
         lambda level, a: {"dx": chain(a) * np.sign(a["x"] - a["t"])}),
    Case("huber_loss", pairs("delta", "slope", "x", "t", "loss", delta=0.75, slope=1.25),
         huber_model, None, "all"),
    Case("huber_loss_grad",
         pairs("delta", "slope", "scale", "dloss", "x", "t", "dx", delta=0.75, slope=1.25),
         huber_grad_model),
    *(Case("kl_div_loss", pairs("log_target", "x", "t", "loss", log_target=flag), kl_model,
           kl_error, "fma") for flag in (0, 1)),
    *(Case("kl_div_loss_grad", pairs("log_target", "scale", "dloss", "t", "dx", log_target=flag),
           kl_grad_model, kl_grad_error, "fma") for flag in (0, 1)),
    Case("softmax_columns", columns, columns_model, columns_error, "fma"),
]  # fmt: skip
