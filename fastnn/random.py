"""Random streams: counter-based (Philox), so neither threads nor the CPU level change a draw.

A Generator is a seed and a position.  A draw of n elements uses the counters
[offset, offset + 16 ceil(n / 64)); see csrc/ukernel/philox.h.
"""

from __future__ import annotations

import operator
import os
from typing import Any

_MASK = (1 << 64) - 1


def check_seed(seed: Any, function: str) -> int:
    """An integer in [-2**63, 2**64), negative ones wrapped, as PyTorch takes them."""
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"{function}: seed must be an integer, got {type(seed).__name__}")
    value = operator.index(seed)
    if not -(1 << 63) <= value <= _MASK:
        raise ValueError(f"{function}: seed is {value}, expected -2**63 <= seed < 2**64")
    return value & _MASK


class Generator:
    """A stream of random numbers.

    seed: None takes one from the operating system.  Equal seeds give equal streams on every
    machine.  Raises TypeError or ValueError for another seed.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._offset = 0
        self._seed = int.from_bytes(os.urandom(8), "little")
        if seed is not None:
            self._seed = check_seed(seed, "Generator")

    @property
    def seed(self) -> int:
        """The seed, 0 <= seed < 2**64."""
        return self._seed

    @property
    def offset(self) -> int:
        """Position in the stream: counters used so far."""
        return self._offset

    def manual_seed(self, seed: int) -> Generator:
        """Begin the stream of `seed`; returns self."""
        self._seed, self._offset = check_seed(seed, "manual_seed"), 0
        return self

    def initial_seed(self) -> int:
        """The seed, under PyTorch's name."""
        return self._seed

    def reserve(self, n: int) -> tuple[int, int]:
        """(key, offset) for a draw of n elements; the stream moves on past it."""
        if n < 0:
            raise ValueError(f"Generator.reserve: n is {n}, expected at least 0")
        offset = self._offset
        self._offset = (offset + 16 * (-(-int(n) // 64))) & _MASK
        return self._seed, offset

    def get_state(self) -> dict[str, int]:
        """{"seed", "offset"}."""
        return {"seed": self._seed, "offset": self._offset}

    def set_state(self, state: dict[str, int]) -> Generator:
        """Go on where `get_state` was called; returns self.  Raises KeyError or ValueError."""
        seed, offset = check_seed(state["seed"], "set_state"), operator.index(state["offset"])
        if not 0 <= offset <= _MASK or offset % 16:
            raise ValueError(f"set_state: offset is {offset}, expected a multiple of 16")
        self._seed, self._offset = seed, offset
        return self

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which layers, dropout and loaders use; returns it."""
    return default_generator.manual_seed(seed)


def resolve(generator: Generator | None) -> Generator:
    """`generator`, or the default one at the time of the call.  Raises TypeError."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a fastnn.Generator or None, got {type(generator).__name__}"
        )
    return generator
