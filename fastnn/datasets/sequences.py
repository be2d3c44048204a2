"""Made-up sequence problems for recurrent nets, drawn from a fastnn Generator."""

from __future__ import annotations

import math

import numpy as np

from .. import backend, random
from .embedded import Samples


def first_symbol_recall(
    n: int,
    steps: int,
    *,
    symbols: int = 8,
    noise: float = 0.0,
    generator: random.Generator | None = None,
) -> Samples:
    """Name the first symbol of a sequence after `steps` random distractor symbols.

    noise: standard deviation of the Gaussian noise on every input value.
    generator: source of symbols and noise; the default generator if None.
    Returns x float32 (n, steps + 1, symbols), one-hot plus noise; y int64 (n,), the symbol at
    step 0.
    Raises ValueError for n < 0, steps < 0, symbols < 2, or a noise negative or not finite.
    Source: the long time lag problems of Hochreiter and Schmidhuber 1997.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}, expected at least 0")
    codes, x = _one_hot(n, steps + 1, symbols, noise, generator)
    return Samples(x, codes[:, 0].copy())


def delayed_label(
    n: int,
    steps: int,
    *,
    delay: int = 3,
    symbols: int = 2,
    noise: float = 0.0,
    generator: random.Generator | None = None,
) -> Samples:
    """The label at step t is the symbol at step t + delay: only a look ahead can know it.

    Returns x float32 (n, steps + delay, symbols), one-hot plus noise; y int64 (n, steps): the
    last `delay` steps of x have no label. Other arguments as in `first_symbol_recall`.
    Raises ValueError for n < 0, steps < 1, delay < 0, symbols < 2, or a noise negative or not
    finite.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if delay < 0:
        raise ValueError(f"delay is {delay}, expected at least 0")
    codes, x = _one_hot(n, steps + delay, symbols, noise, generator)
    return Samples(x, codes[:, delay:].copy())


def _one_hot(
    n: int, length: int, symbols: int, noise: float, generator: random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    if n < 0:
        raise ValueError(f"n is {n}, expected at least 0")
    if symbols < 2:
        raise ValueError(f"symbols is {symbols}, expected at least 2")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is {noise}, expected a finite number >= 0")
    x = np.zeros((n, length, symbols), np.float32)
    codes = np.zeros((n, length), np.int64)
    if not n:
        return codes, x
    source = generator or random.default_generator
    key, offset = source.reserve(codes.size)
    uniform = backend.kernels.random_uniform(codes.shape, key, offset, 0.0, 1.0)
    # A value that rounds up to 1 would name a symbol that does not exist.
    codes = np.minimum((uniform * symbols).astype(np.int64), symbols - 1)
    np.put_along_axis(x, codes[..., None], 1.0, axis=2)
    if noise:
        key, offset = source.reserve(x.size)
        x += backend.kernels.random_normal(x.shape, key, offset, 0.0, noise)
    return codes, x
