"""One row for each micro-kernel on vectors: samples and a model in NumPy.

A model either repeats the documented order of operations in float32, and then every bit must
agree, or computes in float64 from the equation and states the error allowed.  Rows for GEMM,
packing and pooling stand in
ukernel_blocks.py and ukernel_pool.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ukernel_harness import InOut, Out

F = np.float32
EPS = float(np.finfo(F).eps)
TINY = float(np.finfo(F).tiny)

# Tails of every vector width and of the sixteen virtual lanes, then some long ones.
SIZES = [*range(50), 63, 64, 65, 127, 128, 1000]
FEW_SIZES = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 49, 200]


@dataclass(frozen=True)
class Case:
    """samples(level, rng) yields arguments, model(level, args) the expected outputs.

    error: None for equal bits, else allowed(level, args, output, expected) -> error per element.
    bits: which levels agree: "all", those with "fma", or None where the layout is the level's own.
    in_place: pairs (output, input) that may be one array.
    finish: drops from the outputs what the contract leaves open.
    """

    name: str
    samples: Callable
    model: Callable
    error: Callable | None = None
    bits: str | None = "all"
    in_place: tuple = ()
    finish: Callable = dict

    def __str__(self):
        return self.name


def fma(level, a, b, c):
    """a * b + c in float32, rounded once if the level has FMA, else twice."""
    a, b, c = (np.asarray(v, F) for v in (a, b, c))
    if not level.has_fma:
        with np.errstate(invalid="ignore", over="ignore"):
            return a * b + c
    # The product is exact in float64.  The sum is rounded to odd there, so that rounding it again
    # to float32 is right (Boldo and Melquiond 2008, doi:10.1109/TC.2007.70819).
    with np.errstate(invalid="ignore", over="ignore"):
        product, addend = a.astype(np.float64) * b, c.astype(np.float64)
        total = product + addend
        part = total - product
        rest = (product - (total - part)) + (addend - part)
        even = (total.view(np.int64) & 1) == 0
        step = np.nextafter(total, np.copysign(np.inf, rest))
        return np.where((rest != 0) & even & np.isfinite(total), step, total).astype(F)


def ulp(expected):
    """Distance of neighbouring float32 numbers at float64 values; what is denormal may be zero."""
    size = np.clip(np.abs(expected), 0, float(np.finfo(F).max))
    spacing = np.ldexp(1.0, np.frexp(size)[1] - 24)
    return np.where(size < TINY * (1 + 4 * EPS), TINY, spacing)


def ulps(count):
    return lambda level, args, output, expected: count * ulp(expected)


def normal(rng, n, scale=1.0):
    """Normal float32 values; the first ones are zeros of both signs and units."""
    x = (rng.standard_normal(n) * scale).astype(F)
    special = np.array([0.0, -0.0, 1.0, -1.0], F)
    if n > 8:
        x[rng.permutation(n)[:4]] = special
    return x


def virtual_lanes(*arrays):
    """Rows of sixteen, padded with zeros."""
    rows = -(-arrays[0].size // 16)
    return zip(*(np.resize(np.append(a, np.zeros(16, F)), (rows, 16)) for a in arrays), strict=True)


def tree_sum(lanes):
    for half in (8, 4, 2, 1):
        lanes = lanes[:half] + lanes[half : 2 * half]
    return lanes[0]


def sum_model(x):
    lanes = np.zeros(16, F)
    for (row,) in virtual_lanes(x):
        lanes = lanes + row
    return tree_sum(lanes)


def dot_model(level, x, y):
    lanes = np.zeros(16, F)
    for a, b in virtual_lanes(x, y):
        lanes = fma(level, a, b, lanes)
    return tree_sum(lanes)


def unary(name, exact, scale=1.0, error=None, bits="all", make=normal):
    return Case(
        name,
        lambda level, rng: ({"n": n, "x": make(rng, n, scale), "y": Out(n)} for n in SIZES),
        lambda level, args: {"y": exact(args["x"])},
        error,
        bits,
        (("y", "x"),),
    )


def gradient(name, exact, bits="all"):
    def samples(level, rng):
        for n in SIZES:
            yield {"n": n, "dy": normal(rng, n), "y": normal(rng, n, 0.5), "dx": Out(n)}

    def model(level, args):
        return {"dx": exact(level, args["dy"], args["y"])}

    return Case(name, samples, model, None, bits, (("dx", "dy"), ("dx", "y")))


def positive(rng, n, scale):
    return np.exp(normal(rng, n, scale))


def in_float64(f):
    return lambda x: f(x.astype(np.float64))


ELEMENTWISE = [
    unary("vexp", in_float64(np.exp), 30.0, ulps(2), "fma"),
    unary("vlog", in_float64(np.log), 20.0, ulps(2), "fma", make=positive),
    unary("vtanh", in_float64(np.tanh), 2.0, ulps(2), "fma"),
    unary("vsigmoid", in_float64(lambda x: 1 / (1 + np.exp(-x))), 5.0, ulps(2), "fma"),
    unary("vrelu", lambda x: np.where(x < 0, F(0), x)),
    gradient("vrelu_grad", lambda level, dy, y: np.where(y > 0, dy, F(0))),
    gradient("vtanh_grad", lambda level, dy, y: dy * fma(level, -y, y, F(1)), "fma"),
    gradient("vsigmoid_grad", lambda level, dy, y: dy * (y * (F(1) - y))),
]


def vectors(*names, first=0, **more):
    """Samples of n elements in each of `names`; `more` maps a name to make(rng, n)."""

    def samples(level, rng):
        for n in SIZES[first:]:
            args = {"n": n} | {name: normal(rng, n) for name in names}
            yield args | {name: make(rng, n) for name, make in more.items()}

    return samples


def scale_of(rng, n):
    return float(F(rng.normal()))


def changed(rng, n):
    return InOut(normal(rng, n))


def filled(rng, n):
    return Out(n)


REDUCE = [
    Case("vsum", vectors("x"), lambda level, a: {"return": sum_model(a["x"])}),
    Case("vmax", vectors("x", first=1), lambda level, a: {"return": a["x"].max()}),
    Case(
        "vdot",
        vectors("x", "y"),
        lambda level, a: {"return": dot_model(level, a["x"], a["y"])},
        bits="fma",
    ),
    Case("vadd", vectors("x", y=changed), lambda level, a: {"y": a["y"].initial + a["x"]}),
    Case(
        "vsqdiff",
        vectors("x", "t"),
        lambda level, a: {"return": dot_model(level, a["x"] - a["t"], a["x"] - a["t"])},
        bits="fma",
    ),
    Case(
        "vscaled_diff",
        vectors("x", "t", scale=scale_of, dx=filled),
        lambda level, a: {"dx": F(a["scale"]) * (a["x"] - a["t"])},
    ),
    Case(
        "vscale",
        vectors("x", scale=scale_of, y=filled),
        lambda level, a: {"y": F(a["scale"]) * a["x"]},
        in_place=(("y", "x"),),
    ),
    Case(
        "vaxpy",
        vectors("x", scale=scale_of, y=changed),
        lambda level, a: {"y": fma(level, F(a["scale"]), a["x"], a["y"].initial)},
        bits="fma",
    ),
]


def log_sum_exp(x):
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


def logits(rng, n):
    """Small, huge and shifted ones; now and then a class that is ruled out."""
    x = normal(rng, n, (1.0, 30.0, 1e4)[n % 3]) + F((0.0, 1e6, -300.0)[n // 3 % 3])
    if n > 2 and n % 5 == 0:
        x[rng.integers(n)] = -np.inf
    return x


def softmax_model(level, args):
    x = args["x"].astype(np.float64)
    return {"y": np.exp(x - log_sum_exp(x)), "return": np.exp(x - x.max()).sum()}


def softmax_error(level, args, output, expected):
    # exp: 2 ULP and, for the rounding of x - max, |x - max| / 2 of them; sum and quotient: the rest
    x = args["x"].astype(np.float64)
    if output == "return":
        return 16 * EPS * expected
    shift = np.minimum(x.max() - x, 104.0)
    return EPS * expected * (8 + shift) + TINY


def log_softmax_model(level, args):
    x = args["x"].astype(np.float64)
    return {"y": x - log_sum_exp(x)}


def log_softmax_error(level, args, output, expected):
    return 4 * ulp(expected) + 8 * EPS


def log_softmax_grad_model(level, args):
    dy, y = args["dy"].astype(np.float64), args["y"].astype(np.float64)
    return {"dx": dy - np.exp(y) * dy.sum()}


def log_softmax_grad_error(level, args, output, expected):
    size = np.abs(args["dy"]).astype(np.float64).sum()
    return 8 * EPS * (np.abs(args["dy"]) + np.exp(args["y"].astype(np.float64)) * size)


def log_probabilities(rng, n):
    x = rng.normal(0, 3, n)
    return (x - log_sum_exp(x)).astype(F)


SOFTMAX = [
    Case(
        "softmax_row",
        vectors(x=logits, y=filled, first=1),
        softmax_model,
        softmax_error,
        "fma",
        (("y", "x"),),
    ),
    Case(
        "softmax_row_grad",
        vectors("dy", "y", dx=filled, first=1),
        lambda level, a: {"dx": a["y"] * (a["dy"] - dot_model(level, a["dy"], a["y"]))},
        None,
        "fma",
        (("dx", "dy"), ("dx", "y")),
    ),
    Case(
        "log_softmax_row",
        vectors(x=logits, y=filled, first=1),
        log_softmax_model,
        log_softmax_error,
        "fma",
        (("y", "x"),),
    ),
    Case(
        "log_softmax_row_grad",
        vectors("dy", y=log_probabilities, dx=filled, first=1),
        log_softmax_grad_model,
        log_softmax_grad_error,
        "fma",
        (("dx", "dy"), ("dx", "y")),
    ),
]
