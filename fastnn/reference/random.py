"""Counter-based random numbers and dropout: Philox4x32-10 (Salmon et al. 2011,
doi:10.1145/2063384.2063405).

The layout is part of the definition, so that anyone can draw the same numbers: element
64 g + 16 w + lane of a draw is word w of the block with the counter offset + 16 g + lane.
Integers, uniform numbers and dropout masks equal the kernels' bit for bit; normal ones are close.
"""

import math
from collections.abc import Sequence

import numpy as np

from ._check import expect_rank, expect_same_dtype

__all__ = [
    "dropout",
    "plane_dropout",
    "random_bernoulli",
    "random_bits",
    "random_normal",
    "random_uniform",
]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1, as fractions of 2^32
MASK = np.uint64(0xFFFFFFFF)


def philox4x32(counter: np.ndarray, key: tuple[int, int], rounds: int = 10) -> np.ndarray:
    """The block function: counter (4, ...) uint32, key two words -> (4, ...) uint32."""
    c0, c1, c2, c3 = (word.astype(np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = np.uint64(MULTIPLIERS[0]) * c0, np.uint64(MULTIPLIERS[1]) * c2
        c0, c1 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), p1 & MASK
        c2, c3 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), p0 & MASK
        k0, k1 = (k0 + WEYL[0]) % 2**32, (k1 + WEYL[1]) % 2**32
    return np.stack([c0, c1, c2, c3]).astype(np.uint32)


def _words(n: int, key: int, offset: int) -> np.ndarray:
    """The words of n elements, in whole groups: (groups, 4, 16) uint32."""
    if not 0 <= key < 2**64 or not 0 <= offset < 2**64:
        raise OverflowError(f"key and offset must be in [0, 2^64), got {key} and {offset}")
    if offset % 16:
        raise ValueError(f"offset must be a multiple of 16, got {offset}")
    groups = -(-n // 64)
    at = np.uint64(offset) + np.arange(16 * groups, dtype=np.uint64)
    zero = np.zeros_like(at)
    counter = np.stack([at & MASK, at >> np.uint64(32), zero, zero]).astype(np.uint32)
    block = philox4x32(counter, (key % 2**32, key >> 32))
    return block.reshape(4, groups, 16).swapaxes(0, 1)


def _size(shape: Sequence[int]) -> int:
    if any(n < 0 for n in shape):
        raise ValueError(f"shape {tuple(shape)} has a negative size")
    return math.prod(shape)


def random_bits(n: int, key: int, offset: int) -> np.ndarray:
    """n uniform 32-bit integers -> uint32 (n,)."""
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    return _words(n, key, offset).reshape(-1)[:n].copy()


def random_uniform(
    shape: Sequence[int], key: int, offset: int, low: float, high: float
) -> np.ndarray:
    """low + u (high - low), u the 24 high bits over 2^24: uniform float32 in [low, high).

    The product and sum are rounded once; a result that rounds to high is the number before it.
    """
    n = _size(shape)
    u = (random_bits(n, key, offset) >> np.uint32(8)) * 2.0**-24
    first, last = np.float32(low), np.float32(high)
    x = _round_sum_once(u * np.float64(last - first), np.float64(first))
    return np.minimum(x, np.nextafter(last, first)).reshape(tuple(shape))


def _round_sum_once(a: np.ndarray, b: np.float64) -> np.ndarray:
    """float32(a + b), rounded once, of float64 a and b.

    The float64 sum is first rounded to odd: to the neighbour with an odd last bit unless it is
    exact.  Rounding that to float32 then gives what the exact sum would (Boldo & Melquiond 2008,
    doi:10.1109/TC.2007.70819).  The error of the sum is Knuth's.
    """
    total = np.asarray(a + b)
    part = total - b
    error = (a - part) + (b - (total - part))
    even = total.view(np.int64) % 2 == 0
    odd = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & even, odd, total).astype(np.float32)


def random_normal(
    shape: Sequence[int], key: int, offset: int, mean: float, std: float
) -> np.ndarray:
    """mean + std r cos(2 pi u2) and mean + std r sin(2 pi u2), r = sqrt(-2 ln u1): float32.

    Box & Muller 1958, of the word pairs (0, 1) and (2, 3) of each block; u1 in (0, 1].
    """
    n = _size(shape)
    u = (_words(n, key, offset) >> np.uint32(8)).astype(np.float64)
    u1, u2 = (u[:, 0::2] + 1) * 2.0**-24, u[:, 1::2] * 2.0**-24
    r = np.sqrt(-2 * np.log(u1))
    z = np.stack([r * np.cos(2 * np.pi * u2), r * np.sin(2 * np.pi * u2)], axis=2)
    x = np.float64(np.float32(mean)) + np.float64(np.float32(std)) * z.reshape(-1)[:n]
    return x.astype(np.float32).reshape(tuple(shape))


@np.errstate(all="ignore")
def random_bernoulli(p: np.ndarray, key: int, offset: int) -> np.ndarray:
    """1 with probability p, else 0, of p's shape and dtype: 1 where `random_uniform` is below p."""
    expect_same_dtype(p=p)
    return (random_uniform(p.shape, key, offset, 0.0, 1.0) < p).astype(p.dtype)


@np.errstate(all="ignore")
def dropout(x: np.ndarray, p: float, key: int, offset: int) -> np.ndarray:
    """y = x / (1 - p) with probability 1 - p, else 0 (Srivastava et al. 2014).

    The same call on dy is the gradient.  An element is kept if its 24 high bits are at least
    p 2^24, rounded to even.
    """
    expect_same_dtype(x=x)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be from 0 to 1, got {p}")
    bits = random_bits(x.size, key, offset).reshape(x.shape)
    keep = (bits >> np.uint32(8)) >= round(p * 2**24)
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    return np.where(keep, x * scale, np.zeros_like(x))


@np.errstate(all="ignore")
def plane_dropout(x: np.ndarray, p: float, key: int, offset: int) -> np.ndarray:
    """x (planes, S): dropout of whole planes, one draw for each; the same call on dy is the
    gradient."""
    expect_rank(2, x=x)
    scale = dropout(np.ones(x.shape[:1], x.dtype), p, key, offset)[:, None]
    return np.where(scale == 0, np.zeros_like(x), x * scale)
