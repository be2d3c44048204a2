"""Samplers: in which order samples are visited, and how they are grouped into batches."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sized
from typing import Any

import numpy as np

from ..random import Generator
from ._streams import SHUFFLE, derive, integers, own, permutation


class Sampler:
    """Base class: `__iter__` yields the indices of one epoch, `__len__` says how many."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class SequentialSampler(Sampler):
    """0, 1, ..., len(data_source) - 1."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> np.ndarray:
        """The indices of an epoch, int64 (N,)."""
        return np.arange(len(self.data_source), dtype=np.int64)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """A random order, which depends on the generator's seed and on the number of the epoch only.

    replacement: draw each index independently instead of a permutation. num_samples: indices per
    epoch, len(data_source) if None; without replacement more than that many run through further
    permutations. generator: whose seed is used, its state does not move; if None, one
    that is seeded from the default generator now. Each iteration is one epoch further; `set_epoch`
    says which comes next, `seed` overrides the generator's. Raises ValueError for
    num_samples < 1, or without samples to draw from.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if num_samples is not None and operator.index(num_samples) < 1:
            raise ValueError(f"RandomSampler: num_samples is {num_samples}, expected at least 1")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = own(generator)
        self.seed: int | None = None
        self.epoch = 0
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """Indices per epoch."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is that of epoch `epoch` (counted from 0)."""
        self.epoch = operator.index(epoch)

    def order(self) -> np.ndarray:
        """The indices of the present epoch, int64 (num_samples,)."""
        n, n_wanted = len(self.data_source), self.num_samples
        if n_wanted and not n:
            raise ValueError(f"RandomSampler: no samples, cannot draw {n_wanted}")
        seed = self.generator.seed if self.seed is None else self.seed
        stream = derive(seed, SHUFFLE, self.epoch)
        if self.replacement:
            return integers(n_wanted, n, stream)
        parts = [permutation(n, stream) for _ in range(-(-n_wanted // n) if n else 0)]
        return np.concatenate(parts)[:n_wanted] if parts else np.empty(0, np.int64)

    def __iter__(self) -> Iterator[int]:
        order = self.order()
        self.epoch += 1
        return iter(order.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Groups the indices of `sampler` into lists of `batch_size`; the last may be shorter.

    drop_last: leave out a last batch that is not full.
    Raises ValueError for batch_size < 1.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool = False) -> None:
        if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__"):
            raise TypeError(f"BatchSampler: batch_size is {batch_size!r}, expected an int")
        if batch_size < 1:
            raise ValueError(f"BatchSampler: batch_size is {batch_size}, expected at least 1")
        self.sampler = sampler
        self.batch_size = operator.index(batch_size)
        self.drop_last = bool(drop_last)

    def __iter__(self) -> Iterator[Any]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def batches(self) -> Iterator[np.ndarray] | None:
        """Views of one array of indices, without Python objects per sample, or None if the sampler
        cannot give its whole order; for DataLoader."""
        order_of = getattr(self.sampler, "order", None)
        if order_of is None:
            return None
        order = order_of()
        end = len(order) - len(order) % self.batch_size if self.drop_last else len(order)
        return (order[i : i + self.batch_size] for i in range(0, end, self.batch_size))

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
