"""Rows of the table of micro-kernels (ukernel_table.py): gradients from a sparse dy."""

import itertools

import numpy as np
from ukernel_blocks import offsets
from ukernel_harness import InOut, Out
from ukernel_table import SIZES, Case, F, fma, normal


def sparse(rng, n):
    """About half zeros of both signs; NaN and infinity are not zero."""
    values = np.array([0.0, -0.0, 0.0, np.nan, np.inf], F)
    return np.where(rng.random(n) < 0.5, rng.choice(values, n), normal(rng, n)).astype(F)


def nonzeros_samples(level, rng):
    for n in SIZES:
        for x in (sparse(rng, n), np.zeros(n, F), np.ones(n, F)):
            room = n + level.lanes
            yield {"n": n, "x": x, "index": Out(room, np.int32), "value": Out(room)}


def nonzeros_model(level, args):
    (at,) = np.nonzero(args["x"])
    return {"index": at.astype(np.int32), "value": args["x"][at], "return": at.size}


def found(got):
    """What lies beyond the count means nothing."""
    count = got["return"]
    return {"index": got["index"][:count], "value": got["value"][:count], "return": count}


def weight_samples(level, rng):
    for rows, count in itertools.product([0, 1, 4, 5, 6, 9, 10, 11, 16, 23], [0, 1, 2, 17]):
        at, row_off = offsets(count, 3 * count, rng), offsets(rows, 2 * rows, rng)[::-1].copy()
        reach = at.max(initial=0) + row_off.max(initial=0) + level.lanes
        yield {
            "count": count,
            "at": at,
            "value": normal(rng, count),
            "x": normal(rng, reach if rows and count else 0),
            "rows": rows,
            "row_off": row_off,
            "acc": InOut(normal(rng, rows * level.lanes)),
        }


def weight_model(level, args):
    acc = args["acc"].initial.reshape(args["rows"], level.lanes)
    columns = args["row_off"][:, None] + np.arange(level.lanes)
    for at, value in zip(args["at"], args["value"], strict=True):
        acc = fma(level, value, args["x"][at + columns], acc) if acc.size else acc
    return {"acc": acc.ravel()}


def input_samples(level, rng):
    """Pixels that overlap; five taps of one vector have a path of their own."""
    for taps, vectors, count in itertools.product([1, 3, 5], [1, 2, 3], [0, 1, 2, 17]):
        width = vectors * level.lanes
        at, step = offsets(count, 2 * count, rng) * width, (1 + taps % 2) * width
        size = int(at[-1]) + (taps - 1) * step + width if count else 0
        yield {
            "count": count,
            "at": at,
            "value": normal(rng, count),
            "w": normal(rng, taps * width),
            "taps": taps,
            "width": width,
            "step": step,
            "dx": InOut(normal(rng, size)),
        }


def input_model(level, args):
    dx = args["dx"].initial.copy()
    w = args["w"].reshape(args["taps"], args["width"])
    for at, value in zip(args["at"][::-1], args["value"][::-1], strict=True):
        for j in range(args["taps"]):
            part = slice(at + j * args["step"], at + j * args["step"] + args["width"])
            dx[part] = fma(level, value, w[j], dx[part])
    return {"dx": dx}


SPARSE = [
    Case("nonzeros", nonzeros_samples, nonzeros_model, finish=found),
    Case("sparse_weight_grad", weight_samples, weight_model, bits=None),
    Case("sparse_input_grad", input_samples, input_model, bits=None),
]
