"""All states of a few binary units, and logarithms of sums over them, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

_BLOCK = 1 << 14  # states looked at together


def binary_states(n: int, start: int = 0, stop: int | None = None) -> np.ndarray:
    """States start .. stop - 1 (None: all 2^n) of n units: float64 (states, n) of 0 and 1.

    The first unit is the highest bit of the state's number.
    """
    numbers = np.arange(start, 1 << n if stop is None else stop, dtype=np.int64)
    return ((numbers[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(np.float64)


def blocks_of_states(n: int) -> Iterator[np.ndarray]:
    """All 2^n states, some at a time."""
    for start in range(0, 1 << n, _BLOCK):
        yield binary_states(n, start, min(start + _BLOCK, 1 << n))


def log_sum_exp(x: np.ndarray) -> float:
    """log sum exp x of a vector, without overflow."""
    top = float(x.max())
    return top + float(np.log(np.exp(x - top).sum()))


def log_sum_over_states(n: int, log_weight: Callable[[np.ndarray], np.ndarray]) -> float:
    """log of the sum of exp(log_weight(s)) over all states s of n units; log_weight takes
    (states, n) and gives (states,)."""
    return log_sum_exp(np.array([log_sum_exp(log_weight(s)) for s in blocks_of_states(n)]))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x)."""
    return np.logaddexp(0.0, x)
