"""Map-style data sets, as torch.utils.data has them.

A data set with a method `gather(index) -> list of arrays` is read by DataLoader one batch at a
time; any other is read item by item.
"""

from __future__ import annotations

import bisect
import itertools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..creation import from_numpy
from ..random import Generator
from ..tensor import Tensor
from ._streams import permutation, resolve


class Dataset:
    """Base class: `__getitem__(i)` gives sample i, `__len__()` their number."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Samples are the rows of one or more Tensors or ndarrays, each (N, ...) with the same N.

    The data are not copied unless they are not C-contiguous or not in native byte order.
    `dataset[i]` is a tuple of Tensors, one row of each.
    Raises TypeError for another type or dtype object; ValueError for 0-d data or different N.
    """

    def __init__(self, *tensors: Tensor | np.ndarray) -> None:
        if not tensors:
            raise ValueError("TensorDataset: no tensors given, expected at least one")
        self.arrays = tuple(_as_rows(position, t) for position, t in enumerate(tensors))
        sizes = [len(a) for a in self.arrays]
        if len(set(sizes)) > 1:
            raise ValueError(f"TensorDataset: tensors have {sizes} rows, expected equal numbers")

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The data as Tensors, which share the memory."""
        return tuple(from_numpy(a) for a in self.arrays)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        i = _checked_position(index, len(self), "TensorDataset")
        return tuple(from_numpy(np.array(a[i])) for a in self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def gather(self, index: np.ndarray) -> list[np.ndarray]:
        """New arrays (B, ...) of the rows `index` int64 (B,); negative ones count from the end.

        Raises IndexError naming the first index out of range.
        """
        index = _checked_index(index, len(self), "TensorDataset")
        return [backend.kernels.gather_rows(a, index) for a in self.arrays]


class Subset(Dataset):
    """The samples `indices` (a sequence of int) of `dataset`, in that order.

    Raises IndexError when a sample is asked for that neither has.
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices, np.int64).reshape(-1)
        if hasattr(dataset, "gather"):
            self.gather = self._gather  # only then may the loader read whole batches

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[_checked_position(index, len(self), "Subset")])]

    def __len__(self) -> int:
        return len(self.indices)

    def _gather(self, index: np.ndarray) -> list[np.ndarray]:
        return self.dataset.gather(self.indices[_checked_index(index, len(self), "Subset")])


class ConcatDataset(Dataset):
    """The samples of several data sets, one after another. Raises ValueError for an empty list."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets is empty, expected at least one")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> Any:
        i = _checked_position(index, len(self), "ConcatDataset")
        k = bisect.bisect_right(self.cumulative_sizes, i)
        return self.datasets[k][i - (self.cumulative_sizes[k - 1] if k else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Disjoint random Subsets of `dataset`.

    lengths: numbers of samples that add up to len(dataset), or fractions that add up to 1; these
    are rounded down and what is left goes to the parts in turn (as in PyTorch). generator: the
    default one if None; it moves on. Raises ValueError if the lengths do not add up or one is
    negative.
    """
    n = len(dataset)
    if any(not length >= 0 for length in lengths):
        raise ValueError(f"random_split: lengths is {list(lengths)}, expected none below 0")
    if not all(isinstance(length, (int, np.integer)) for length in lengths):
        if not math.isclose(math.fsum(lengths), 1):
            raise ValueError(
                f"random_split: the fractions {list(lengths)} add up to {math.fsum(lengths)}, "
                "expected 1"
            )
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(length) for length in lengths]
    if sum(sizes) != n:
        raise ValueError(f"random_split: lengths {sizes} add up to {sum(sizes)}, expected {n}")
    order = permutation(n, resolve(generator))
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[e - size : e]) for size, e in zip(sizes, ends, strict=True)]


def _as_rows(position: int, data: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(data, Tensor):
        data = data.detach().numpy()
    if not isinstance(data, np.ndarray):
        raise TypeError(
            f"TensorDataset: argument {position} is {type(data).__name__}, "
            "expected Tensor or ndarray"
        )
    if data.dtype.kind not in "biuf":
        raise TypeError(
            f"TensorDataset: argument {position} has dtype {data.dtype}, expected numbers"
        )
    if data.ndim == 0:
        raise ValueError(f"TensorDataset: argument {position} is 0-d, expected (N, ...)")
    return np.ascontiguousarray(data, data.dtype.newbyteorder("="))


def _checked_position(index: int, n: int, name: str) -> int:
    i = operator.index(index)
    if not -n <= i < n:
        raise IndexError(f"{name}: index {i} is out of range for {n} samples")
    return i + n if i < 0 else i


def _checked_index(index: np.ndarray, n: int, name: str) -> np.ndarray:
    index = np.ascontiguousarray(index, np.int64)
    if index.size and (index.min() < 0 or index.max() >= n):
        wrong = index[(index < -n) | (index >= n)]
        if wrong.size:
            raise IndexError(f"{name}: index {wrong[0]} is out of range for {n} samples")
        index = np.where(index < 0, index + n, index)
    return index
