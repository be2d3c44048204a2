"""Rows of the table of micro-kernels (ukernel_table.py): optimizer steps, in float64."""

import itertools

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import EPS, SIZES, Case, normal

STATES = ("a", "b", "c")
# weight_decay, l1_decay; decoupled: shrink, l1_shrink
DECAYS = [(0.01, 0.02), (0.0, 0.02), (0.01, 0.0), (0.0, 0.0)]
SHRINKS = [(1.0, 0.0), (0.95, 0.03)]
RATES = {"lr": 0.02, "lr_grad": 0.05, "momentum": 0.9, "beta1": 0.9, "beta2": 0.99}
RATES |= {"keep1": 0.1, "keep2": 0.01, "eps": 1e-3, "root": 1.7}
RATES |= {"eta_minus": 0.5, "eta_plus": 1.25, "smallest": 0.25, "largest": 1.5}


def samples(signs, *flags, options=((),)):
    """signs: "+" for a state that is >= 0.  flags: members that are 0 or 1.  options: states that
    the rule can do without and that are NULL in turn."""

    def make(level, rng):
        choices = list(itertools.product((0, 1), (0, 1, 2, 3), *[(0, 1) for _ in flags]))
        for i, n in enumerate(SIZES + SIZES):
            maximize, decay, *values = choices[i * 7 % len(choices)]
            step = RATES | {"maximize": maximize, "decoupled": 0}
            step |= dict(zip(("weight_decay", "l1_decay"), DECAYS[decay], strict=True))
            step |= dict(zip(("shrink", "l1_shrink"), SHRINKS[i % 2], strict=True))
            step |= dict(zip(flags, values, strict=True))
            args = {"n": n, "s": step, "param": InOut(normal(rng, n)), "grad": normal(rng, n)}
            args |= dict.fromkeys(STATES)
            for name, sign in zip(STATES, signs, strict=False):
                x = normal(rng, n)
                args[name] = InOut(x * x if sign == "+" else x)
            args |= dict.fromkeys(options[i % len(options)])
            yield args

    return make


def model(rule):
    """rule(step, p, g, *states) -> p, *states, all of them float64."""

    def expected(level, args):
        step, p = args["s"], args["param"].initial.astype(np.float64)
        g = args["grad"].astype(np.float64)
        g = (-g if step["maximize"] else g) + step["weight_decay"] * p
        g = g + step["l1_decay"] * np.sign(p)
        if step["decoupled"]:
            p = step["shrink"] * p - step["l1_shrink"] * np.sign(p)
        states = [None if args[k] is None else args[k].initial.astype(np.float64) for k in STATES]
        names = ["param", *STATES]
        new = dict(zip(names, rule(step, p, g, *states), strict=False))
        return {name: value for name, value in new.items() if args[name] is not None}

    return expected


def error(level, args, output, expected):
    """Rounding of the terms, which may cancel: relative to the largest of them."""
    return 8 * EPS * (1 + max((abs(expected).max(initial=0)), 4))


def sgd_samples(level, rng):
    """As the others, but a first step's buffer is an output only."""
    for args in samples("-", "nesterov", "first", "decoupled", options=((), (), ("a",)))(
        level, rng
    ):
        if args["a"] is not None and args["s"]["first"]:
            args["a"] = Out(args["n"])
        yield args


def sgd_model(level, args):
    if isinstance(args["a"], Out):
        return model(lambda s, p, g, a, b, c: sgd(s, p, g, g, b, c))(
            level, args | {"a": InOut(np.zeros(args["n"], np.float32))}
        )
    return model(sgd)(level, args)


def sgd(s, p, g, buf, b, c):
    """Sutskever et al. 2013 with dampening, in the form of PyTorch."""
    if buf is None:
        return (p - s["lr"] * g,)
    buf = g if s["first"] else s["momentum"] * buf + s["keep1"] * g
    return p - s["lr"] * (g + s["momentum"] * buf if s["nesterov"] else buf), buf


def moments(s, g, m, v):
    return s["beta1"] * m + s["keep1"] * g, s["beta2"] * v + s["keep2"] * g * g


def adam(s, p, g, m, v, top):
    """Kingma & Ba 2015, Algorithm 1; Reddi et al. 2018."""
    m, v = moments(s, g, m, v)
    top = v if top is None else np.maximum(top, v)
    return p - s["lr"] * m / (np.sqrt(top) * s["root"] + s["eps"]), m, v, top


def nadam(s, p, g, m, v, c):
    """Dozat 2016."""
    m, v = moments(s, g, m, v)
    step = s["lr"] * m + s["lr_grad"] * g
    return p - step / (np.sqrt(v) * s["root"] + s["eps"]), m, v


def radam(s, p, g, m, v, c):
    """Liu et al. 2020, Algorithm 2."""
    m, v = moments(s, g, m, v)
    return p - s["lr"] * m / (np.sqrt(v) + s["eps"] if s["rectified"] else 1), m, v


def adamax(s, p, g, m, u, c):
    """Kingma & Ba 2015, Algorithm 2."""
    m = moments(s, g, m, 0)[0]
    u = np.maximum(s["beta2"] * u, abs(g) + s["eps"])
    return p - s["lr"] * m / u, m, u


def rmsprop(s, p, g, v, mean, buf):
    """Tieleman & Hinton 2012; Graves 2013."""
    v = moments(s, g, 0, v)[1]
    variance = v
    if mean is not None:
        mean = s["beta2"] * mean + s["keep2"] * g
        variance = np.maximum(v - mean * mean, 0)
    step = g / (np.sqrt(variance) + s["eps"])
    if buf is not None:
        step = buf = s["momentum"] * buf + step
    return p - s["lr"] * step, v, mean, buf


def rmsprop_samples(level, rng):
    """The variance is nothing, or far from it, where rounding could not decide."""
    options = ((), ("b",), ("c",), ("b", "c"))
    for args in samples("+--", "decoupled", options=options)(level, rng):
        if args["b"] is not None:
            v, mean = args["a"].initial, args["b"].initial
            v[...] = v + 0.1 + 1.1 * mean * mean
            v[::5], mean[::5] = 0.0, 3.0
        yield args


def adagrad(s, p, g, total, b, c):
    """Duchi et al. 2011."""
    total = total + g * g
    return p - s["lr"] * g / (np.sqrt(total) + s["eps"]), total


def adadelta(s, p, g, v, x, c):
    """Zeiler 2012, Algorithm 1."""
    v = moments(s, g, 0, v)[1]
    step = np.sqrt(x + s["eps"]) / np.sqrt(v + s["eps"]) * g
    return p - s["lr"] * step, v, moments(s, step, 0, x)[1]


def rprop(s, p, g, prev, size, c):
    """Riedmiller & Braun 1993."""
    agreement = g * prev
    factor = np.where(agreement > 0, s["eta_plus"], np.where(agreement < 0, s["eta_minus"], 1))
    size = np.clip(size * factor, s["smallest"], s["largest"])
    g = np.where(agreement < 0, 0, g)
    return p - np.sign(g) * size, g, size


def lion(s, p, g, m, b, c):
    """Chen et al. 2023, Algorithm 2."""
    p = p - s["lr"] * np.sign(s["beta1"] * m + s["keep1"] * g)
    return p, s["beta2"] * m + s["keep2"] * g


def row(rule, make):
    return Case(f"{rule.__name__}_update", make, model(rule), error, "fma")


UPDATE = [
    Case("sgd_update", sgd_samples, sgd_model, error, "fma"),
    row(lion, samples("-", "decoupled")),
    row(rprop, samples("-+", "decoupled")),
    row(adam, samples("-++", "decoupled", options=((), ("c",)))),
    row(nadam, samples("-+", "decoupled")),
    row(radam, samples("-+", "decoupled", "rectified")),
    row(adamax, samples("-+", "decoupled")),
    row(rmsprop, rmsprop_samples),
    row(adagrad, samples("+", "decoupled")),
    row(adadelta, samples("++", "decoupled")),
]
