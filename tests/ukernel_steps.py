"""Rows of the table of micro-kernels (ukernel_table.py): random numbers."""

import numpy as np
from ukernel_harness import Out
from ukernel_table import EPS, Case, F, fma, normal

# ---- Philox4x32-10 (Salmon et al. 2011), element by element ------------------------------------

KEYS = [0, 1, 0xFFFFFFFFFFFFFFFF, 0x123456789ABCDEF0]
COUNTERS = [0, 16, 2**32 - 16, 2**32, 2**40 - 32, 0x0807060504030200]


def philox_block(key, counter):
    """The four words of one counter, in Python integers."""
    low, mask = 2**32, 2**32 - 1
    c, k = [counter % low, counter // low, 0, 0], [key % low, key // low]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b // low) ^ c[1] ^ k[0], b % low, (a // low) ^ c[3] ^ k[1], a % low]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def philox_model(n, key, counter):
    """Element 64 g + 16 w + lane is word w of the block with counter + 16 g + lane."""
    groups = -(-n // 64)
    words = [philox_block(key, (counter + i) % 2**64) for i in range(16 * groups)]
    bits = np.array(words, np.uint32).reshape(groups, 16, 4)
    return bits.transpose(0, 2, 1).ravel()[:n]


def draws(**more):
    def samples(level, rng):
        sizes = [0, 1, 3, 15, 16, 17, 47, 63, 64, 65, 127, 128, 200]
        for i, n in enumerate(sizes):
            args = {"n": n, "key": KEYS[i % 4], "counter": COUNTERS[i % 6]}
            yield args | {name: make(rng, n) for name, make in more.items()}

    return samples


def drawn(level, args):
    return philox_model(args["n"], args["key"], args["counter"])


def unit(bits):
    """The 24 high bits as a fraction of one."""
    return (bits >> 8).astype(F) * F(2.0**-24)


def uniform_model(level, args):
    x = fma(level, unit(drawn(level, args)), F(args["span"]), F(args["low"]))
    return {"out": np.minimum(F(args["top"]), x)}


def normal_model(level, args):
    """Box & Muller 1958 in float64; words 0, 1 and words 2, 3 of a group make pairs."""
    n = args["n"]
    bits = philox_model(-(-n // 64) * 64, args["key"], args["counter"])
    words = unit(bits).astype(np.float64).reshape(-1, 2, 2, 16)
    radius = np.sqrt(-2 * np.log(words[:, :, 0] + 2.0**-24))
    angle = 2 * np.pi * words[:, :, 1]
    z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return {"out": args["mean"] + args["std"] * z.reshape(-1)[:n]}


def normal_error(level, args, output, expected):
    return 8 * EPS * (abs(args["mean"]) + 6 * args["std"])


def dropout_model(level, args):
    keep = (drawn(level, args) >> 8) >= args["threshold"]
    return {"y": np.where(keep, args["x"] * F(args["scale"]), F(0))}


def threshold(rng, n):
    """Everything kept, everything dropped, and probabilities between."""
    return [0, 2**24, 2**23, 1677722, 2**24 - 1][n % 5]


def one_of(*values):
    return lambda rng, n: values[n % len(values)]


PHILOX = [
    Case(
        "philox_bits",
        draws(out=lambda rng, n: Out(n, np.uint32)),
        lambda level, a: {"out": drawn(level, a)},
    ),
    Case(
        "philox_uniform",
        draws(
            low=one_of(0.0, -1.5),
            span=one_of(1.0, 4.0),
            top=one_of(float(np.nextafter(F(1), F(0))), 1.25),
            out=lambda rng, n: Out(n),
        ),
        uniform_model,
        bits="fma",
    ),
    Case(
        "philox_normal",
        draws(mean=one_of(0.0, 2.5), std=one_of(1.0, 0.3), out=lambda rng, n: Out(n)),
        normal_model,
        normal_error,
        "fma",
    ),
    Case(
        "philox_dropout",
        draws(
            threshold=threshold,
            scale=one_of(2.0, 1.25),
            x=lambda rng, n: normal(rng, n),
            y=lambda rng, n: Out(n),
        ),
        dropout_model,
        in_place=(("y", "x"),),
    ),
]
