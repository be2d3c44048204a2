"""Rows of the table of micro-kernels: rectifiers, against float64; errors in units of EPS."""

from math import erf, sqrt

import numpy as np
from ukernel_harness import Out
from ukernel_table import EPS, SIZES, TINY, Case, F, normal


def wide(value):
    return np.asarray(value, np.float64)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def cdf(x):
    """Of the normal distribution; erf, whose absolute error is what the bars below ask about."""
    return np.array([(1 + erf(v / sqrt(2))) / 2 for v in x])


def gelu_slope(x):
    return cdf(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def inner(x):
    return np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


def gelu_tanh(x):
    return x * sigmoid(2 * inner(x))


def gelu_tanh_slope(x):
    s, slope = sigmoid(2 * inner(x)), np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)
    return s + 2 * x * s * sigmoid(-2 * inner(x)) * slope


def silu_slope(x):
    return sigmoid(x) * (1 + x * sigmoid(-x))


def mish_slope(x):
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


def hardsigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def hardsigmoid_slope(x):
    return np.where(np.abs(x) < 3, 1 / 6, 0)


def hardswish_slope(x):
    return np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1))


# name: (f, f', EPS of max(1, |x|) allowed for f, EPS of |dy| for the gradient)
PLAIN = {
    "vgelu": (lambda x: x * cdf(x), gelu_slope, 1.5, 3),
    "vgelu_tanh": (gelu_tanh, gelu_tanh_slope, 1.5, 6),
    "vsilu": (lambda x: x * sigmoid(x), silu_slope, 1.5, 3),
    "vmish": (lambda x: x * np.tanh(softplus(x)), mish_slope, 1.5, 3),
    "vhardsigmoid": (hardsigmoid, hardsigmoid_slope, 1, 1),
    # four roundings (2 x + 3, 1 / 6, their product, dy) of half an EPS, the slope at most 1.5
    "vhardswish": (lambda x: x * hardsigmoid(x), hardswish_slope, 1.5, 3),
}

# ELU, ELU of another alpha, SELU, CELU: (a, scale, k)
ELUS = (
    (1.0, 1.0, 1.0),
    (0.3, 1.0, 1.0),
    (1.7580993408473766, 1.0507009873554805, 1.0),
    (2.5, 1.0, 0.4),
)
SOFTPLUSES = ((1.0, 20.0), (2.0, 20.0), (0.5, 1.0))  # beta, threshold


def elu(x, p):
    a, scale, k = wide(p)
    return np.where(x > 0, scale * x, a * np.expm1(np.minimum(k * x, 0)))


def elu_slope(x, p):
    a, scale, k = wide(p)
    return np.where(x > 0, scale, a * k * np.exp(np.minimum(k * x, 0)))


def scaled_softplus(x, p):
    beta, threshold, _ = wide(p)
    return np.where(beta * x > threshold, x, softplus(beta * x) / beta)


def softplus_slope(x, p):
    beta, threshold, _ = wide(p)
    return np.where(beta * x > threshold, 1, sigmoid(beta * x))


def samples(parameters, grad):
    """Values around 0 for small n, up to +-120 for large: where tails vanish and e^x overflows."""

    def make(level, rng):
        for i, n in enumerate(SIZES):
            args = {"n": n, "x": normal(rng, n, (1.0, 4.0, 40.0)[i % 3])}
            if parameters:
                args["p"] = np.array(parameters[i % len(parameters)], F)
            yield args | ({"dy": normal(rng, n), "dx": Out(n)} if grad else {"y": Out(n)})

    return make


def case(name, f, grad, units, parameters=None):
    def model(level, args):
        more = (args["p"],) if parameters else ()
        value = f(wide(args["x"]), *more)
        return {"dx": args["dy"] * value} if grad else {"y": value}

    def allowed(level, args, output, expected):
        size = np.abs(args["dy"]) if grad else np.maximum(1, np.abs(args["x"]))
        return units * EPS * size + TINY

    pairs = (("dx", "dy"), ("dx", "x")) if grad else (("y", "x"),)
    return Case(name + "_grad" * grad, samples(parameters, grad), model, allowed, "fma", pairs)


BOTH = {name: (*row, None) for name, row in PLAIN.items()} | {
    "velu": (elu, elu_slope, 2, 3, ELUS),
    "vsoftplus": (
        scaled_softplus, softplus_slope, 2, 2, [(b, t, 1 / b) for b, t in SOFTPLUSES]
    ),
}  # fmt: skip
RECTIFIERS = [
    case(name, functions[grad], grad, functions[2 + grad], functions[4])
    for name, functions in BOTH.items()
    for grad in (False, True)
]
