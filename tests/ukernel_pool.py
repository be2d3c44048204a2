"""Rows of the table of micro-kernels (ukernel_table.py): pooling of planes, window by window."""

import itertools

import numpy as np
from ukernel_harness import InOut, Out, call
from ukernel_table import SIZES, Case, F, normal

NAMES = ("h", "w", "kh", "kw", "sh", "sw", "ph", "pw", "dh", "dw", "oh", "ow")
PLANES_EACH = 2  # planes of a call
WINDOWS = [  # kernel, stride, padding, dilation
    ((2, 2), (2, 2), (0, 0), (1, 1)),
    ((2, 2), (2, 2), (1, 1), (1, 1)),
    ((2, 2), (2, 2), (0, 0), (2, 2)),
    ((3, 3), (1, 1), (1, 1), (1, 1)),
    ((3, 2), (2, 3), (1, 0), (1, 2)),
    ((1, 3), (3, 1), (0, 1), (1, 1)),
    ((2, 3), (1, 4), (1, 1), (3, 1)),
    ((3, 3), (2, 2), (0, 0), (1, 1)),
    ((3, 3), (2, 2), (1, 1), (1, 1)),
    ((4, 5), (1, 2), (2, 2), (1, 1)),
]
PLANES = [(1, 1), (2, 2), (2, 3), (3, 2), (5, 7), (6, 6), (4, 17), (2, 33), (3, 40), (1, 9)]
WIDE = [(2, w) for w in range(2, 101)]  # every tail of the 2x2 kernel


def window_sizes(size, i, dilated):
    """Output sizes of both axes, rounded up for every second sample; None if nothing fits."""
    kernel, stride, padding, dilation = size[1]
    out = []
    for axis in range(2):
        n, k, s, p = size[0][axis], kernel[axis], stride[axis], padding[axis]
        room = n + 2 * p - (dilation[axis] if dilated else 1) * (k - 1) - 1
        count = (room + (s - 1) * (i % 2)) // s + 1
        if room < 0:
            return None
        out.append(count - 1 if i % 2 and (count - 1) * s >= n + p else count)
    return out


def geometries(dilated):
    """(fnn_pool, number of output rows); average pooling has no dilation."""
    sizes = list(itertools.product(PLANES, WINDOWS)) + [(plane, WINDOWS[0]) for plane in WIDE]
    for i, ((h, w), window) in enumerate(sizes):
        out = window_sizes(((h, w), window), i // 3, dilated)
        if out is not None:
            (kh, kw), (sh, sw), (ph, pw), (dh, dw) = window
            values = (h, w, kh, kw, sh, sw, ph, pw, dh, dw, *out)
            yield i, dict(zip(NAMES, values, strict=True)), out[0]


def window(pool, oh, i):
    """Positions (row, column) of window i of output row oh that lie in the plane, in order."""
    rows = [oh * pool["sh"] - pool["ph"] + r * pool["dh"] for r in range(pool["kh"])]
    columns = [i * pool["sw"] - pool["pw"] + q * pool["dw"] for q in range(pool["kw"])]
    inside = itertools.product(rows, columns)
    return [(r, q) for r, q in inside if 0 <= r < pool["h"] and 0 <= q < pool["w"]]


def strip(i, rows, step=1):
    """All rows of a plane, or of every third sample some from the middle."""
    if i % 3 or rows < 3 * step:
        return 0, rows
    return step, rows - step


def scratch(level, pool, rows, gradient):
    args = {"p": pool, "rows": rows, "gradient": gradient}
    return Out(call(level, "pool_scratch", args)["return"])


def drop_scratch(result):
    return {key: value for key, value in result.items() if key != "scratch"}


VALUES = np.array([0.0, -0.0, 1.0, 1.0, 2.0, -3.0, -np.inf, np.nan, -1.0, -2.0], F)


def max_planes_samples(level, rng):
    """Few values, so that ties occur, NaN and -inf among them."""
    for i, pool, rows in geometries(dilated=True):
        first, last = strip(i, rows)
        size, outputs = pool["h"] * pool["w"], rows * pool["ow"]
        some = VALUES[: 6 + i % 5]
        yield {
            "p": pool,
            "planes": PLANES_EACH,
            "first": first,
            "last": last,
            "relu": i % 2,
            "x": rng.choice(some, PLANES_EACH * size),
            "y": Out(PLANES_EACH * outputs),
            "tap": None if i % 5 == 4 else Out(PLANES_EACH * outputs, np.uint8),
            "scratch": scratch(level, pool, last - first, 0),
        }


def largest(pool, x, oh, i):
    """(maximum, its place in the plane, its number in the window): the first of equals, the last
    NaN; -inf, -1 and 255 of nothing but padding."""
    best, at, number = F(-np.inf), -1, 255
    for r, q in itertools.product(range(pool["kh"]), range(pool["kw"])):
        row = oh * pool["sh"] - pool["ph"] + r * pool["dh"]
        column = i * pool["sw"] - pool["pw"] + q * pool["dw"]
        if 0 <= row < pool["h"] and 0 <= column < pool["w"]:
            value = x[row, column]
            if at < 0 or value > best or np.isnan(value):
                best, at, number = value, row * pool["w"] + column, r * pool["kw"] + q
    return best, at, number


def planes_of(args, name):
    return args[name].reshape(PLANES_EACH, args["p"]["h"], args["p"]["w"])


def outputs_of(args):
    """Positions (plane, row, column) of the outputs that a call computes."""
    return itertools.product(
        range(PLANES_EACH), range(args["first"], args["last"]), range(args["p"]["ow"])
    )


def max_planes_model(level, args):
    pool, x = args["p"], planes_of(args, "x")
    shape = PLANES_EACH, pool["oh"], pool["ow"]
    y = args["y"].initial.reshape(shape).copy()
    tap = None if args["tap"] is None else args["tap"].initial.reshape(shape).copy()
    for n, oh, i in outputs_of(args):
        best, _, number = largest(pool, x[n], oh, i)
        y[n, oh, i] = F(0) if args["relu"] and best < 0 else best
        if tap is not None:
            tap[n, oh, i] = 255 if args["relu"] and not best > 0 else number
    return {"y": y.ravel()} | ({} if tap is None else {"tap": tap.ravel()})


def max_row_samples(level, rng):
    for i, pool, rows in geometries(dilated=True):
        x = rng.choice(VALUES[: 6 + i % 5], pool["h"] * pool["w"])
        for row in range(rows):
            out = {"y": Out(pool["ow"]), "index": Out(pool["ow"], np.int32)}
            yield {"p": pool, "row": row, "x": x} | out


def max_row_model(level, args):
    pool, x = args["p"], args["x"].reshape(args["p"]["h"], -1)
    found = [largest(pool, x, args["row"], i) for i in range(pool["ow"])]
    y, index, _ = zip(*found, strict=True)
    return {"y": np.array(y, F), "index": np.array(index, np.int32)}


def scatter_samples(level, rng):
    for i, n in enumerate(SIZES):
        size = n + 3
        index = rng.integers(-1, size, n).astype(np.int32)
        y = normal(rng, n) if i % 2 else None
        args = {"n": n, "relu": i % 2, "dy": normal(rng, n), "y": y, "index": index}
        yield args | {"dx": InOut(np.zeros(size, F))}


def scatter_model(level, args):
    dx = args["dx"].initial.copy()
    for i, at in enumerate(args["index"]):
        if at >= 0 and (not args["relu"] or args["y"][i] > 0):
            dx[at] += args["dy"][i]
    return {"dx": dx}


def max_grad_samples(level, rng):
    for i, pool, rows in geometries(dilated=True):
        first, last = strip(i, pool["h"], 2)
        outputs = rows * pool["ow"]
        x = normal(rng, pool["h"] * pool["w"]).reshape(pool["h"], -1)
        found = [largest(pool, x, *at)[2] for at in np.ndindex(rows, pool["ow"])]
        tap = np.array(found, np.uint8)
        tap[rng.random(outputs) < 0.2] = 255
        yield {
            "p": pool,
            "planes": PLANES_EACH,
            "first": first,
            "last": last,
            "dy": normal(rng, PLANES_EACH * outputs),
            "tap": np.tile(tap, PLANES_EACH),
            "dx": Out(PLANES_EACH * pool["h"] * pool["w"]),
            "scratch": scratch(level, pool, last - first, 1),
        }


def gradient_model(args, share):
    """dx += share(oh, i, r, q) dy in increasing order of outputs; only rows [first, last) written.

    A tap meets a pixel at most once for each output, so that is the one order there is."""
    pool = args["p"]
    dx = args["dx"].initial.reshape(PLANES_EACH, pool["h"], pool["w"]).copy()
    dx[:, args["first"] : args["last"]] = 0
    dy = args["dy"].reshape(PLANES_EACH, pool["oh"], pool["ow"])
    for oh, i in np.ndindex(pool["oh"], pool["ow"]):
        for r, q in itertools.product(range(pool["kh"]), range(pool["kw"])):
            row = oh * pool["sh"] - pool["ph"] + r * pool["dh"]
            column = i * pool["sw"] - pool["pw"] + q * pool["dw"]
            if args["first"] <= row < args["last"] and 0 <= column < pool["w"]:
                dx[:, row, column] += share(dy, oh, i, r * pool["kw"] + q)
    return {"dx": dx.ravel()}


def max_grad_model(level, args):
    pool = args["p"]
    tap = args["tap"].reshape(PLANES_EACH, pool["oh"], pool["ow"])
    return gradient_model(
        args, lambda dy, oh, i, n: np.where(tap[:, oh, i] == n, dy[:, oh, i], F(0))
    )


def average_samples(gradient):
    def samples(level, rng):
        for i, pool, rows in geometries(dilated=False):
            pool |= {"dh": 1, "dw": 1}
            size, outputs = pool["h"] * pool["w"], rows * pool["ow"]
            first, last = strip(i, pool["h"] if gradient else rows)
            args = {"p": pool, "planes": PLANES_EACH, "first": first, "last": last}
            args |= {"count_include_pad": i % 2, "divisor": -3.0 if i % 4 == 3 else 0.0}
            if gradient:
                args |= {"dy": normal(rng, PLANES_EACH * outputs), "dx": Out(PLANES_EACH * size)}
            else:
                x = normal(rng, PLANES_EACH * size)
                if i % 5 == 0:
                    x[::7] = np.inf
                args |= {"x": x, "y": Out(PLANES_EACH * outputs)}
            yield args | {"scratch": scratch(level, pool, last - first, int(gradient))}

    return samples


def divisor(args, oh, i):
    """As PyTorch: the window within the padded plane, or its part inside the plane."""
    if args["divisor"]:
        return F(args["divisor"])
    pool, include, count = args["p"], args["count_include_pad"], 1
    for at, axis in ((oh, "h"), (i, "w")):
        size, pad = pool[axis], pool["p" + axis]
        start = at * pool["s" + axis] - pad
        end = min(start + pool["k" + axis], size + pad)
        count *= end - start if include else min(end, size) - max(start, 0)
    return F(count)


def average_model(level, args):
    pool, x = args["p"], planes_of(args, "x")
    y = args["y"].initial.reshape(PLANES_EACH, pool["oh"], pool["ow"]).copy()
    for n, oh, i in outputs_of(args):
        total = F(0)
        for at in window(pool, oh, i):
            total += x[n][at]
        y[n, oh, i] = total / divisor(args, oh, i)
    return {"y": y.ravel()}


def average_grad_model(level, args):
    return gradient_model(args, lambda dy, oh, i, n: dy[:, oh, i] / divisor(args, oh, i))


def scratch_samples(level, rng):
    for i, pool, rows in geometries(dilated=True):
        gradient = i % 2
        yield {"p": pool, "rows": pool["h"] if gradient else rows, "gradient": gradient}


def scratch_model(level, args):
    """Whole vectors of 16, enough for each row with one vector behind it; see ukernel/pool.h."""
    pool, rows = args["p"], args["rows"]

    def whole(n):
        return -(-n // 16) * 16

    reach, columns = (pool["kw"] - 1) * pool["dw"] // pool["sw"], -(-pool["w"] // pool["sw"])
    if not args["gradient"]:
        left = whole(-(-pool["pw"] // pool["sw"]))
        row = pool["sw"] * whole(left + pool["ow"] + reach + 16)
        under = min(pool["h"], (rows - 1) * pool["sh"] + (pool["kh"] - 1) * pool["dh"] + 1)
        return {"return": under * row + 3 * whole(pool["ow"] + 16) + whole(pool["kw"])}
    used = max(pool["ow"], columns + (pool["sw"] - 1 + pool["pw"]) // pool["sw"])
    pitch = whole(whole(reach) + used + 16)
    over = min(pool["oh"], (rows - 1 + (pool["kh"] - 1) * pool["dh"]) // pool["sh"] + 2)
    tables = 4 * pool["kh"] + 2 * pool["kw"] + pool["sw"] + 1
    rest = whole(columns + 16) + whole(pool["ow"] + 16) + tables
    return {"return": over * (pitch + pitch // 4) + rest}


POOL = [
    Case("pool_scratch", scratch_samples, scratch_model),
    Case("max_pool_planes", max_planes_samples, max_planes_model, finish=drop_scratch),
    Case("max_pool_row", max_row_samples, max_row_model),
    Case("max_pool_scatter", scatter_samples, scatter_model),
    Case("max_pool_planes_grad", max_grad_samples, max_grad_model, finish=drop_scratch),
    Case("avg_pool_planes", average_samples(False), average_model, finish=drop_scratch),
    Case("avg_pool_planes_grad", average_samples(True), average_grad_model, finish=drop_scratch),
]
