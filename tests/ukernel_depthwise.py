"""Rows of the table of micro-kernels (ukernel_table.py): planes of depthwise convolutions."""

import itertools

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import Case, F, fma, normal

COLUMNS = [1, 7, 8, 9, 15, 16, 17, 28, 33]
VIRTUAL = 16


def windows(level, rng):
    """rows, columns, kernel, row step and distance of kernel rows: 3x3 that moves by one row has a
    body of its own.  (Its twin, upwards, takes a pointer into an array: tests/test_ops.py.)"""
    cases = [((3, 3), 1, 1), ((3, 3), 2, 1), ((2, 5), 1, 2), ((1, 4), 3, 1)]
    for i, n in enumerate(COLUMNS):
        for rows, ((kh, kw), step, reach) in itertools.product((0, 1, 3, 4, 6, 9), cases):
            line = n + kw + 16 + i % 3
            height = max(rows - 1, 0) * step + reach * (kh - 1) + 1
            yield {
                "rows": rows, "n": n, "kh": kh, "kw": kw, "line": step * line,
                "x_row": reach * line, "col_off": np.arange(kw, dtype=np.int64),
                "x": normal(rng, height * line),
            }  # fmt: skip


def forward_samples(level, rng):
    for i, args in enumerate(windows(level, rng)):
        rows, n = args["rows"], args["n"]
        y_row = n + i % 2
        yield args | {
            "w": normal(rng, args["kh"] * args["kw"]),
            "bias": normal(rng, 1) if i % 2 else None,
            "relu": i % 4 // 2,
            "y": InOut(np.zeros(max(rows * y_row - i % 2, 0), F)),
            "y_row": y_row,
        }


def taps(args, x, r, s):
    """(rows, n): what output (t, u) finds at tap (r, s)."""
    at = r * args["x_row"] + args["col_off"][s]
    at = at + np.arange(args["rows"])[:, None] * args["line"] + np.arange(args["n"])
    return x[at] if at.size else np.zeros(at.shape, F)


def forward_model(level, args):
    rows, n, kh, kw = (args[k] for k in ("rows", "n", "kh", "kw"))
    out = np.zeros((rows, n), F)
    for r, s in itertools.product(range(kh), range(kw)):
        out = fma(level, args["w"][r * kw + s], taps(args, args["x"], r, s), out)
    if args["bias"] is not None:
        out = out + args["bias"]
    if args["relu"]:
        out = np.maximum(out, F(0))
    y = args["y"].initial.copy()
    for t in range(rows):
        y[t * args["y_row"] : t * args["y_row"] + n] = out[t]
    return {"y": y}


def grad_samples(level, rng):
    for i, args in enumerate(windows(level, rng)):
        rows, dy_row = args["rows"], args["n"] + i % 2
        yield args | {
            "dy": normal(rng, max(rows * dy_row - i % 2, 0)),
            "dy_row": dy_row,
            # lanes without a column have 0 * x added, which would turn -0 into 0
            "acc": InOut(normal(rng, args["kh"] * args["kw"] * VIRTUAL) + F(0.0)),
        }


def grad_model(level, args):
    rows, n, kh, kw = (args[k] for k in ("rows", "n", "kh", "kw"))
    acc = args["acc"].initial.reshape(kh * kw, VIRTUAL).copy()
    for r, s in itertools.product(range(kh), range(kw)):
        met = taps(args, args["x"], r, s)
        for u in range(0, n, VIRTUAL):
            width = min(VIRTUAL, n - u)
            for t in range(rows):
                d = args["dy"][t * args["dy_row"] + u :][:width]
                part = acc[r * kw + s, :width]
                acc[r * kw + s, :width] = fma(level, d, met[t, u : u + width], part)
    return {"acc": acc.ravel()}


def unzip_samples(level, rng):
    for n in (0, 1, *COLUMNS):
        yield {"n": n, "x": normal(rng, 2 * n), "even": Out(n), "odd": Out(n)}


def copy_samples(level, rng):
    for rows, n in itertools.product((0, 1, 3), (0, 1, *COLUMNS)):
        x_row, y_row = n + 2, n + 1
        x = normal(rng, max(rows * x_row - 2, 0))
        y = InOut(np.zeros(max(rows * y_row - 1, 0), F))
        yield {"rows": rows, "n": n, "x": x, "x_row": x_row, "y": y, "y_row": y_row}


def copy_model(level, args):
    y, n = args["y"].initial.copy(), args["n"]
    for r in range(args["rows"]):
        y[r * args["y_row"] :][:n] = args["x"][r * args["x_row"] :][:n]
    return {"y": y}


def padded(level, n):
    return -(-n // level.lanes) * level.lanes


def pad_samples(level, rng):
    for rows, n in itertools.product((0, 1, 3), (0, 1, *COLUMNS)):
        x_row, y_row = n + 2, padded(level, n) + 1
        x = normal(rng, max(rows * x_row - 2, 0))
        y = InOut(normal(rng, max(rows * y_row - 1, 0)))
        yield {"rows": rows, "n": n, "x": x, "x_row": x_row, "y": y, "y_row": y_row}


def pad_model(level, args):
    y, n = args["y"].initial.copy(), args["n"]
    for r in range(args["rows"]):
        y[r * args["y_row"] :][: padded(level, n)] = 0
        y[r * args["y_row"] :][:n] = args["x"][r * args["x_row"] :][:n]
    return {"y": y}


DEPTHWISE = [
    Case("depthwise_rows", forward_samples, forward_model, bits="fma"),
    Case("depthwise_weight_grad", grad_samples, grad_model, bits="fma"),
    Case(
        "unzip_pairs",
        unzip_samples,
        lambda level, args: {"even": args["x"][::2], "odd": args["x"][1::2]},
    ),
    Case("copy_rows", copy_samples, copy_model),
    Case("pad_rows", pad_samples, pad_model, bits=None),
]
