"""Random streams of a loader: each follows from a seed, an epoch and a purpose, never from what ran
before.

Philox needs a key only, so a stream is a fresh `Generator` whose seed is a hash of the path to it.
"""

from __future__ import annotations

import numpy as np

from .. import backend, random
from ..random import Generator

SHUFFLE, TRANSFORM, OWN = 1, 2, 3
_MASK = (1 << 64) - 1


def derive(seed: int, *path: int) -> Generator:
    """Generator of its own for (seed, path): splitmix64 (Steele, Lea, Flood 2014) over the
    numbers."""
    state = seed & _MASK
    for number in path:
        state = _mix((state + 0x9E3779B97F4A7C15 * (2 * number + 1)) & _MASK)
    return Generator(state)


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def own(generator: Generator | None) -> Generator:
    """`generator`, or one that is seeded from the default generator, which moves on."""
    if generator is not None:
        return generator
    key, offset = random.default_generator.reserve(1)
    return derive(key, OWN, offset)


def resolve(generator: Generator | None) -> Generator:
    """`generator`, or the default one at the time of the call."""
    return random.default_generator if generator is None else generator


def bits(n: int, generator: Generator) -> np.ndarray:
    """n random uint32 from `generator`, which moves on."""
    key, offset = generator.reserve(n)
    return backend.kernels.random_bits(n, key, offset)


def permutation(n: int, generator: Generator) -> np.ndarray:
    """Random order of 0..n-1, int64: a stable argsort of random bits, the same on every machine."""
    return np.argsort(bits(n, generator), kind="stable").astype(np.int64, copy=False)


def integers(n: int, high: int, generator: Generator) -> np.ndarray:
    """n integers in [0, high), int64, high < 2**31: high * bits / 2**32, rounded down (Lemire
    2019)."""
    return ((bits(n, generator).astype(np.uint64) * np.uint64(high)) >> np.uint64(32)).astype(
        np.int64
    )
