"""Rows of the table of micro-kernels (ukernel_table.py): rows by their places, clipping."""

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import FEW_SIZES, Case, F, filled, fma, normal, vectors

WIDTHS = [*FEW_SIZES, 64, 65, 79]
COUNTS = (0, 1, 5, 12)


def places(rng, count, rows, n):
    """Offsets of rows, some named twice; one in five is left out."""
    at = rng.integers(0, rows, count) * n
    return np.where(rng.random(count) < 0.2, -1, at).astype(np.int64)


def row_samples(outputs, weighted=True):
    def samples(level, rng):
        for i, n in enumerate(WIDTHS):
            for count in COUNTS:
                rows = 4
                args = {"count": count, "n": n, "from": places(rng, count, rows, n)}
                args |= {"to": places(rng, count, rows, n), "first": 7}
                args["scale"] = normal(rng, count) if weighted and i % 2 else None
                args["x"] = normal(rng, rows * n)
                yield args | outputs(rng, rows, n)

    return samples


def named(args, names):
    return {name: args[name] for name in names}


def picked(args):
    """(i, its row of x) of those that are not left out."""
    n = args["n"]
    for i, at in enumerate(args["from"]):
        if at >= 0:
            yield i, args["x"][at : at + n]


def added(level, args, i, row, total):
    return total + row if args["scale"] is None else fma(level, args["scale"][i], row, total)


def scatter_samples(level, rng):
    for args in row_samples(lambda rng, rows, n: {"y": InOut(normal(rng, rows * n))})(level, rng):
        yield named(args, ("count", "n", "to", "from", "scale", "x", "y"))


def scatter_model(level, args):
    y, n = args["y"].initial.copy(), args["n"]
    for i, row in picked(args):
        at = args["to"][i]
        if at >= 0:
            y[at : at + n] = added(level, args, i, row, y[at : at + n])
    return {"y": y}


def sum_samples(level, rng):
    for args in row_samples(lambda rng, rows, n: {"y": Out(n)})(level, rng):
        yield named(args, ("count", "n", "from", "scale", "x", "y"))


def sum_model(level, args):
    total = np.zeros(args["n"], F)
    for i, row in picked(args):
        total = added(level, args, i, row, total)
    return {"y": total}


def max_samples(level, rng):
    outputs = lambda rng, rows, n: {"y": Out(n), "which": Out(n, np.int32)}  # noqa: E731
    for args in row_samples(outputs)(level, rng):
        ties = np.round(args["x"])
        ties[rng.random(ties.size) < 0.1] = np.nan
        args["x"] = np.where(rng.random(ties.size) < 0.1, F(-np.inf), ties)
        yield named(args, ("count", "n", "first", "from", "x", "y", "which"))


def max_model(level, args):
    y, which = np.zeros(args["n"], F), np.full(args["n"], -1, np.int32)
    rows = list(picked(args))
    if rows:
        numbers, table = np.array([i for i, _ in rows]), np.array([row for _, row in rows])
        best = table.argmax(0)  # the first NaN, if there is one
        y, which = table[best, np.arange(args["n"])], args["first"] + numbers[best]
    return {"y": y, "which": which.astype(np.int32)}


def with_nan(rng, n):
    x = normal(rng, n)
    if n > 20 and n % 3 == 0:
        x[rng.integers(n)] = (np.nan, np.inf, -np.inf)[n // 3 % 3]
    return x


CLIP = [
    Case(
        "vabsmax",
        vectors(x=with_nan),
        lambda level, a: {"return": np.abs(a["x"]).max(initial=F(0))},
    ),
    Case(
        "vclamp",
        vectors(x=with_nan, limit=lambda rng, n: (0.5, 0.0, np.inf)[n % 3], y=filled),
        lambda level, a: {"y": np.clip(a["x"], F(-a["limit"]), F(a["limit"]))},
        in_place=(("y", "x"),),
    ),
]

TABLE_ROWS = [
    Case("scatter_add_rows", scatter_samples, scatter_model, bits="fma"),
    Case("sum_rows", sum_samples, sum_model, bits="fma"),
    Case("max_rows", max_samples, max_model),
    *CLIP,
]
