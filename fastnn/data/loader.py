"""DataLoader: batches of a data set, in an order that follows from seed and epoch only.

Array data (a data set with `gather`) cost one kernel call per array and batch. Other data sets are
read sample by sample; threads, not processes, read ahead when num_workers > 0: NumPy, Pillow and
the kernels release the GIL, and nothing has to be copied between processes.
"""

from __future__ import annotations

import itertools
import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..creation import from_numpy
from ..random import Generator
from ..tensor import Tensor
from ._streams import TRANSFORM, derive, own
from .collate import default_collate
from .sampler import BatchSampler, RandomSampler, SequentialSampler

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


class DataLoader:
    """Iterates over `dataset` in batches of Tensors; each `iter()` starts the next epoch.

    batch_size: samples per batch. shuffle: a new random order each epoch. sampler: indices in its
    own order, excludes shuffle. batch_sampler: lists of indices, excludes batch_size, shuffle,
    sampler and drop_last. drop_last: leave out a last batch that is not full. num_workers: threads
    that load batches ahead; order and content of the batches stay the same. prefetch_factor:
    batches that each of them may be ahead. persistent_workers: keep the threads. collate_fn: list
    of samples -> batch; samples are then read one by one. generator: its seed sets order and
    transforms, its state does not move; if None, one that is seeded from the default generator
    now. batch_transform (not in PyTorch): called as `batch_transform(x, generator)` on the first
    array of each batch, x (B, ...), with a generator of its own per seed, epoch and batch; see
    `transforms`.

    A TensorDataset gives lists of Tensors, as PyTorch's loader does. Raises TypeError or ValueError
    for arguments of the wrong kind or that exclude one another. An error in a data set, also in a
    thread, is raised at the batch it belongs to, with its traceback.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        prefetch_factor: int = 2,
        persistent_workers: bool = True,
        *,
        batch_transform: Callable[[np.ndarray, Generator], np.ndarray] | None = None,
    ) -> None:
        if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
            raise TypeError(
                f"DataLoader: dataset is {type(dataset).__name__}, expected __getitem__ and __len__"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler excludes shuffle=True")
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
            )
        self.num_workers = _at_least("num_workers", num_workers, 0)
        self.prefetch_factor = _at_least("prefetch_factor", prefetch_factor, 1)
        generator = own(generator)
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.batch_transform = batch_transform
        if batch_sampler is None:
            if sampler is None:
                sampler = (
                    RandomSampler(dataset, generator=generator)
                    if shuffle
                    else SequentialSampler(dataset)
                )
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.sampler = getattr(batch_sampler, "sampler", sampler)
        self.batch_size = getattr(batch_sampler, "batch_size", None)
        self.drop_last = drop_last
        self._reads_arrays = collate_fn is None and hasattr(dataset, "gather")
        self._seed: int | None = None  # set by load_state_dict only
        self._next_epoch = 0
        self._loaded: tuple[int, int] | None = None
        self._position = (0, 0)  # epoch, batch that comes next
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def __len__(self) -> int:
        return len(self.batch_sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        epoch, start = self._loaded or (self._next_epoch, 0)
        self._loaded = None
        self._next_epoch = epoch + 1
        self._position = (epoch, start)
        return self._run(epoch, start)

    def set_epoch(self, epoch: int) -> None:
        """The next `iter()` starts epoch `epoch` (counted from 0)."""
        self._next_epoch, self._loaded = _at_least("epoch", epoch, 0), None
        self._position = (self._next_epoch, 0)

    def state_dict(self) -> dict[str, int]:
        """Position: the epoch, the batch that comes next, the seed, and the batches per epoch."""
        epoch, batch = self._position
        return {"epoch": epoch, "batch": batch, "seed": self._current_seed(), "length": len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next `iter()` goes on at that position, with the state's seed from then on.

        Raises KeyError for a missing entry; ValueError if this loader has another number of
        batches.
        """
        epoch, batch, seed, length = (int(state[k]) for k in ("epoch", "batch", "seed", "length"))
        if length != len(self):
            raise ValueError(
                f"DataLoader: the state is of a loader with {length} batches, "
                f"this one has {len(self)}"
            )
        if epoch < 0 or not 0 <= batch <= length:
            raise ValueError(f"DataLoader: no position epoch {epoch}, batch {batch} of {length}")
        self._seed = seed
        self._loaded = self._position = (epoch, batch)

    def close(self) -> None:
        """End the threads, if there are any; they come back when needed."""
        if self._pool is not None and self._pool[0] == os.getpid():
            self._pool[1].shutdown(wait=True, cancel_futures=True)
        self._pool = None

    def _current_seed(self) -> int:
        return self.generator.seed if self._seed is None else self._seed

    def _run(self, epoch: int, start: int) -> Iterator[Any]:
        seed = self._current_seed()
        tasks = enumerate(self._index_batches(epoch))
        jobs = ((seed, epoch, k, index) for k, index in itertools.islice(tasks, start, None))
        batches = self._ahead(jobs) if self.num_workers else (self._load(*job) for job in jobs)
        for done, batch in enumerate(batches, start + 1):
            self._position = (epoch, done)
            yield batch
        self._position = (epoch + 1, 0)

    def _index_batches(self, epoch: int) -> Iterable[Any]:
        samplers: tuple[Any, Any] = self.batch_sampler, self.sampler
        for sampler in samplers:
            if self._seed is not None and isinstance(sampler, RandomSampler):
                sampler.seed = self._seed
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
        arrays = self.batch_sampler.batches() if type(self.batch_sampler) is BatchSampler else None
        return self.batch_sampler if arrays is None else arrays

    def _load(self, seed: int, epoch: int, k: int, index: Any) -> Any:
        try:
            if self._reads_arrays:
                arrays = self.dataset.gather(np.asarray(index, np.int64))
                if self.batch_transform is not None:
                    stream = derive(seed, TRANSFORM, epoch, k)
                    arrays[0] = self.batch_transform(arrays[0], stream)
                return [from_numpy(a) for a in arrays]
            if isinstance(index, np.ndarray):
                index = index.tolist()
            batch = (self.collate_fn or default_collate)([self.dataset[i] for i in index])
            if self.batch_transform is not None:
                batch = self._transformed(batch, derive(seed, TRANSFORM, epoch, k))
            return batch
        except Exception as error:
            error.add_note(f"in DataLoader, epoch {epoch}, batch {k}")
            raise

    def _transformed(self, batch: Any, stream: Generator) -> Any:
        if isinstance(batch, Tensor):
            return from_numpy(self.batch_transform(batch.numpy(), stream))  # type: ignore[misc]
        if isinstance(batch, list) and batch and isinstance(batch[0], Tensor):
            return [self._transformed(batch[0], stream), *batch[1:]]
        raise TypeError(
            f"DataLoader: batch_transform needs a Tensor or a list that starts with one, "
            f"got {type(batch).__name__}"
        )

    def _ahead(self, jobs: Iterator[tuple[Any, ...]]) -> Iterator[Any]:
        """Results of `_load` in order; at most num_workers * prefetch_factor are under way."""
        pool = self._threads()
        pending: deque[Any] = deque()
        try:
            for job in jobs:
                pending.append(pool.submit(self._load, *job))
                if len(pending) == self.num_workers * self.prefetch_factor:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # also when the caller leaves the loop early, or on Ctrl-C
            for future in pending:
                future.cancel()
            if not self.persistent_workers:
                self.close()

    def _threads(self) -> ThreadPoolExecutor:
        # After os.fork() the child has the pool but none of its threads and would wait for ever.
        if self._pool is None or self._pool[0] != os.getpid():
            from concurrent.futures import ThreadPoolExecutor

            pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix="fastnn-loader")
            self._pool = (os.getpid(), pool)
        return self._pool[1]


def _at_least(name: str, value: int, low: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"DataLoader: {name} is {value!r}, expected an int") from None
    if number < low:
        raise ValueError(f"DataLoader: {name} is {number}, expected at least {low}")
    return number
