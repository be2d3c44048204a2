"""Rows of the table of micro-kernels: normalisation, arithmetic, binary cross-entropy."""

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import (
    SIZES,
    Case,
    F,
    filled,
    fma,
    normal,
    scale_of,
    tree_sum,
    vectors,
    virtual_lanes,
)

# ---- batch normalisation: count pieces of n elements, stride apart ------------------------------

COUNTS = [0, 1, 2, 3, 7]
NORM = {"mean": 0.25, "scale": -1.5, "shift": 0.5, "slope": 0.375, "offset": -0.125}


def pieces_of(args, name):
    """The pieces of an array as rows (count, n)."""
    a = args[name].initial if isinstance(args[name], Out | InOut) else args[name]
    n, count, stride = args["n"], args["count"], args["stride"]
    return np.stack([a[i * stride : i * stride + n] for i in range(count)]) if count else None


def placed(args, name, rows):
    """The array `name`, with the pieces set to rows."""
    a = args[name].initial.copy()
    for i in range(args["count"]):
        a[i * args["stride"] : i * args["stride"] + args["n"]] = rows[i]
    return a


def norm_samples(*names, settings=True, out=None, sums=False):
    def samples(level, rng):
        for i, n in enumerate(SIZES):
            count, gap = COUNTS[i % len(COUNTS)], i % 3
            size = max(0, count * (n + gap) - gap)
            args = {"count": count, "n": n, "stride": n + gap}
            args |= {name: normal(rng, size) for name in names}
            if settings:
                flags = {"relu": i % 2, "centred": i // 2 % 2}
                args["p"] = NORM | {"mean": float(F(rng.normal()))} | flags
            else:
                args["center"] = float(F(rng.normal()))
            if sums:
                args["sums"] = Out(2)
            if out:
                args[out] = InOut(normal(rng, size))  # what lies between the pieces stays
            yield args

    return samples


def two_sets(level, rows, step):
    """The sums of both sets of sixteen lanes; step(lanes, sixteen elements of each row)."""
    sets = np.zeros((2, 16), F)
    for row in rows:
        for i, part in enumerate(virtual_lanes(*row)):
            sets[i % 2] = step(sets[i % 2], *part)
    return tree_sum(sets[0] + sets[1])


def moments_model(level, args):
    rows = pieces_of(args, "x")
    center = F(args["center"])
    if rows is None:
        return {"sums": np.zeros(2, F)}
    d = [(row - center,) for row in rows]
    plain = two_sets(level, d, lambda lanes, a: lanes + a)
    return {"sums": np.array([plain, two_sets(level, d, lambda s, a: fma(level, a, a, s))], F)}


def normalised(level, args):
    p = args["p"]
    centred = pieces_of(args, "x") - F(p["mean"])
    return centred, fma(level, centred, F(p["scale"]), F(p["shift"]))


def apply_model(level, args):
    if not args["count"]:
        return {"y": args["y"].initial}
    _, z = normalised(level, args)
    return {"y": placed(args, "y", np.where(z < 0, F(0), z) if args["p"]["relu"] else z)}


def masked(level, args):
    centred, z = normalised(level, args)
    dy = pieces_of(args, "dy")
    return centred, np.where(z > 0, dy, F(0)) if args["p"]["relu"] else dy


def grad_sums_model(level, args):
    if not args["count"]:
        return {"sums": np.zeros(2, F)}
    rows = list(zip(*masked(level, args)[::-1], strict=True))
    plain = two_sets(level, [row[:1] for row in rows], lambda s, a: s + a)
    product = two_sets(level, rows, lambda s, a, b: fma(level, a, b, s))
    return {"sums": np.array([plain, product], F)}


def grad_apply_model(level, args):
    if not args["count"]:
        return {"dx": args["dx"].initial}
    p, (centred, dz) = args["p"], masked(level, args)
    dx = F(p["scale"]) * dz
    if p["centred"]:
        line = fma(level, F(p["slope"]), centred, F(p["offset"]))
        dx = fma(level, F(p["scale"]), dz, line)
    return {"dx": placed(args, "dx", dx)}


NORMALISATION = [
    Case("norm_moments", norm_samples("x", settings=False, sums=True), moments_model, bits="fma"),
    Case("norm_apply", norm_samples("x", out="y"), apply_model, bits="fma"),
    Case("norm_grad_sums", norm_samples("dy", "x", sums=True), grad_sums_model, bits="fma"),
    Case("norm_grad_apply", norm_samples("dy", "x", out="dx"), grad_apply_model, bits="fma"),
]

# ---- the same with channels side by side --------------------------------------------------------

PER_CHANNEL = ("mean", "scale", "shift", "slope", "offset")


def column_samples(*names, per_channel=PER_CHANNEL, out=(), written=()):
    def samples(level, rng):
        for i, channels in enumerate(SIZES):
            rows, gap = COUNTS[i % len(COUNTS)], i % 3
            row = channels + gap
            size = max(0, (rows - 1) * row + channels) if rows else 0
            args = {"rows": rows, "channels": channels, "row": row, "n": 1}
            args |= {"relu": i % 2, "centred": i // 2 % 2}
            args |= {name: normal(rng, size) for name in names}
            args |= {name: normal(rng, channels) for name in per_channel}
            args |= {name: InOut(normal(rng, size)) for name in written}  # what lies between stays
            yield args | {name: Out(channels) for name in out}

    return samples


def plane_samples(level, rng):
    for i, n in enumerate([1] * 20 + SIZES[1:50]):
        channels = SIZES[i * 7 % 50] if n == 1 else i % 5
        args = {"channels": channels, "n": n, "relu": i % 2, "x": normal(rng, channels * n)}
        args |= {name: normal(rng, channels) for name in ("mean", "scale", "shift")}
        yield args | {"y": Out(channels * n)}


def planes_model(level, args):
    mean, scale, shift = (np.repeat(args[name], args["n"]) for name in PER_CHANNEL[:3])
    z = fma(level, args["x"] - mean, scale, shift)
    return {"y": relu(z) if args["relu"] else z}


def column_rows(args, name):
    starts = np.arange(args["rows"])[:, None] * args["row"]
    return args[name][starts + np.arange(args["channels"])]


def parity_sums(rows, width, step):
    sets = np.zeros((2, width), F)
    for r, row in enumerate(rows):
        sets[r % 2] = step(sets[r % 2], row)
    return sets[0] + sets[1]


def column_moments_model(level, args):
    d = column_rows(args, "x") - args["center"]
    width = args["channels"]
    square = parity_sums(d, width, lambda s, a: fma(level, a, a, s))
    return {"sum": parity_sums(d, width, lambda s, a: s + a), "square": square}


def column_dz(level, args, x, dy):
    z = fma(level, x - args["mean"], args["scale"], args["shift"])
    return np.where(z > 0, dy, F(0)) if args["relu"] else dy


def column_sums_model(level, args):
    x, width = column_rows(args, "x"), args["channels"]
    dz = column_dz(level, args, x, column_rows(args, "dy"))
    pairs = list(zip(dz, x - args["mean"], strict=True))
    product = parity_sums(pairs, width, lambda s, ab: fma(level, *ab, s))
    return {"sum": parity_sums(dz, width, lambda s, a: s + a), "product": product}


def put_rows(args, name, rows):
    a = args[name].initial.copy()
    starts = np.arange(args["rows"])[:, None] * args["row"]
    a[starts + np.arange(args["channels"])] = rows
    return {name: a}


def column_apply_model(level, args):
    z = fma(level, column_rows(args, "x") - args["mean"], args["scale"], args["shift"])
    return put_rows(args, "y", relu(z) if args["relu"] else z)


def column_grad_model(level, args):
    x = column_rows(args, "x")
    dz = column_dz(level, args, x, column_rows(args, "dy"))
    dx = args["scale"] * dz
    if args["centred"]:
        line = fma(level, args["slope"], x - args["mean"], args["offset"])
        dx = fma(level, args["scale"], dz, line)
    return put_rows(args, "dx", dx)


def small_plane_samples(*names, per_channel=PER_CHANNEL, out=(), written=()):
    def samples(level, rng):
        for i, n in enumerate(SIZES[1:60]):
            rows, channels, gap = COUNTS[i % len(COUNTS)], (1, 3, 16, 18)[i % 4], i % 3
            row = channels * n + gap
            size = max(0, rows * row - gap)
            args = {"rows": rows, "channels": channels, "row": row, "n": n}
            args |= {"relu": i % 2, "centred": i // 2 % 2}
            args |= {name: normal(rng, size) for name in names}
            args |= {name: normal(rng, channels) for name in per_channel}
            args |= {name: InOut(normal(rng, size)) for name in written}  # what lies between stays
            yield args | {name: Out(channels) for name in out}

    return samples


def channel_by_channel(model, *outputs):
    """The planes of one channel are the pieces of norm.h: its model, once a channel."""

    def planes_model(level, args):
        shared = {"count": args["rows"], "n": args["n"], "stride": args["row"]}
        whole = {k: v.initial.copy() for k, v in args.items() if isinstance(v, InOut)}
        found = []
        for c in range(args["channels"]):
            settings = {name: float(args[name][c]) for name in PER_CHANNEL if name in args}
            one = shared | {"p": settings | {name: args[name] for name in ("relu", "centred")}}
            if "center" in args:
                one["center"] = args["center"][c]
            for name in ("x", "dy", "dx"):
                if name in whole:
                    one[name] = InOut(whole[name][c * args["n"] :])
                elif name in args:
                    one[name] = args[name][c * args["n"] :]
            result = model(level, one)
            found.append(result.get("sums"))
            for name in whole:
                whole[name][c * args["n"] :] = result[name]
        return whole or dict(zip(outputs, np.array(found, F).T, strict=True))

    return planes_model


SMALL_PLANES = [
    Case(
        "plane_moments",
        small_plane_samples("x", per_channel=("center",), out=("sum", "square")),
        channel_by_channel(moments_model, "sum", "square"),
        bits="fma",
    ),
    Case(
        "plane_grad_sums",
        small_plane_samples("dy", "x", out=("sum", "product")),
        channel_by_channel(grad_sums_model, "sum", "product"),
        bits="fma",
    ),
    Case(
        "plane_grad_apply",
        small_plane_samples("dy", "x", written=("dx",)),
        channel_by_channel(grad_apply_model),
        bits="fma",
    ),
]

COLUMNS = [
    Case("norm_planes", plane_samples, planes_model, bits="fma", in_place=(("y", "x"),)),
    Case(
        "column_moments",
        column_samples("x", per_channel=("center",), out=("sum", "square")),
        column_moments_model,
        bits="fma",
    ),
    Case(
        "column_grad_sums",
        column_samples("dy", "x", out=("sum", "product")),
        column_sums_model,
        bits="fma",
    ),
    Case("column_apply", column_samples("x", written=("y",)), column_apply_model, bits="fma"),
    Case(
        "column_grad_apply",
        column_samples("dy", "x", written=("dx",)),
        column_grad_model,
        bits="fma",
    ),
]

# ---- arithmetic, leaky ReLU ---------------------------------------------------------------------


def relu(x):
    return np.where(x < 0, F(0), x)


def leaky(x, by, slope):
    return np.where(x > 0, by, F(slope) * by)


def slope_of(rng, n):
    return np.array([scale_of(rng, n)], F)


def pair(name, f):
    """NumPy's bits; zeros of both signs are among the samples."""
    return Case(
        name,
        vectors("dy", "y", dx=filled),
        lambda level, a: {"dx": quietly(f, a["dy"], a["y"])},
        in_place=(("dx", "dy"), ("dx", "y")),
    )


def number(name, f):
    return Case(
        name,
        vectors("x", p=slope_of, y=filled),
        lambda level, a: {"y": quietly(f, a["x"], a["p"][0])},
        in_place=(("y", "x"),),
    )


@np.errstate(divide="ignore", invalid="ignore")
def quietly(f, a, b):
    return f(a, b)


PLAIN = [
    pair("vadd_pair", np.add),
    pair("vsub_pair", np.subtract),
    pair("vmul_pair", np.multiply),
    pair("vdiv_pair", np.true_divide),
    number("vadd_number", np.add),
    number("vsub_number", np.subtract),
    number("vmul_number", np.multiply),
    number("vdiv_number", np.true_divide),
    number("number_vsub", lambda x, s: s - x),
    number("number_vdiv", lambda x, s: s / x),
    Case(
        "vadd_relu",
        vectors("dy", "y", dx=filled),
        lambda level, a: {"dx": relu(a["dy"] + a["y"])},
        in_place=(("dx", "dy"), ("dx", "y")),
    ),
    Case(
        "vleaky_relu",
        vectors("x", p=slope_of, y=filled),
        lambda level, a: {"y": leaky(a["x"], a["x"], a["p"][0])},
        in_place=(("y", "x"),),
    ),
    Case(
        "vleaky_relu_grad",
        vectors("dy", "x", p=slope_of, dx=filled),
        lambda level, a: {"dx": leaky(a["x"], a["dy"], a["p"][0])},
        in_place=(("dx", "dy"), ("dx", "x")),
    ),
]

NORM_ROWS = [*NORMALISATION, *COLUMNS, *SMALL_PLANES, *PLAIN]
