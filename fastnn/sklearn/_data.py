"""Rows of X in batches, dense or CSR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..data import DataLoader, TensorDataset
from ..random import Generator
from ..tensor import Tensor

# A row's result does not depend on its batch, so this is only a matter of memory and speed.
_ROWS_PER_PREDICTION = 512


def is_sparse(X: Any) -> bool:
    """Whether X is a SciPy matrix or array, without importing SciPy."""
    return hasattr(X, "toarray")


def dense(X: Any) -> np.ndarray:
    """X as a C-ordered array."""
    return np.ascontiguousarray(X.toarray() if is_sparse(X) else X)


class SparseRows:
    """A data set of CSR rows and arrays beside them; a batch's rows, and no others, become
    dense."""

    def __init__(self, X: Any, *arrays: np.ndarray) -> None:
        self.X, self.arrays = X, arrays

    def __len__(self) -> int:
        return self.X.shape[0]

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return tuple(array[0] for array in self.gather(np.array([index])))

    def gather(self, index: np.ndarray) -> list[np.ndarray]:
        """New arrays (B, ...) of the rows `index`."""
        return [dense(self.X[index]), *(a[index] for a in self.arrays)]


def data_set(X: Any, *arrays: np.ndarray) -> Any:
    """Samples (x, *others) that a DataLoader gathers batch by batch."""
    if is_sparse(X):
        return SparseRows(X, *arrays)
    # Arrays of another process may be read-only maps of a file, which kernels take as they are.
    return TensorDataset(*(np.ascontiguousarray(a) for a in (X, *arrays)))


class Batches:
    """(x, y) or (x, [y, weight]) of `data`, for a Trainer; the order of epoch `epoch` + 0, 1, ...
    follows from `seed`.

    drop_single: leave out a last batch of one sample, which batch normalisation cannot take.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        epoch: int = 0,
        drop_single: bool = False,
    ) -> None:
        drop = drop_single and len(data) > batch_size and len(data) % batch_size == 1
        self.loader = DataLoader(
            data, batch_size, shuffle=shuffle, drop_last=drop, generator=Generator(seed)
        )
        self.loader.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        for x, y, *weight in self.loader:
            yield x, [y, *weight] if weight else y


def row_blocks(X: Any) -> Iterator[Tensor]:
    """X as dense Tensors of some hundred rows."""
    for start in range(0, X.shape[0], _ROWS_PER_PREDICTION):
        yield from_numpy(dense(X[start : start + _ROWS_PER_PREDICTION]))
