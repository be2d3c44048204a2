"""default_collate: a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples of one structure -> the same structure with Tensors (B, ...).

    Tensors, ndarrays and NumPy scalars are stacked and keep their dtype; bool and int become bool
    and int64, float becomes float32 (the kernels' dtype; PyTorch: float64); str and bytes stay a
    list; dicts, named tuples, tuples and lists are gone through (a tuple gives a list, as in
    PyTorch). Raises ValueError for an empty batch or samples of different shape or length;
    TypeError otherwise.
    """
    if not len(batch):
        raise ValueError("default_collate: the batch is empty")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack([t.detach().numpy() for t in batch])
    if isinstance(first, (np.ndarray, np.generic)):
        return _stack([np.asarray(a) for a in batch])
    if isinstance(first, (bool, int, float)):
        return from_numpy(np.array(batch, _scalar_dtype(batch)))
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ValueError(f"default_collate: samples have different lengths: {lengths}")
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise TypeError(
        f"default_collate: samples of type {type(first).__name__}, expected Tensor, ndarray, "
        "number, str, dict, tuple or list; give collate_fn="
    )


def _scalar_dtype(batch: Sequence[Any]) -> type:
    if all(isinstance(value, bool) for value in batch):
        return np.bool_
    return np.int64 if all(isinstance(value, int) for value in batch) else np.float32


def _stack(arrays: list[np.ndarray]) -> Tensor:
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"default_collate: samples have different shapes: {sorted(shapes)}; give collate_fn="
        )
    return from_numpy(np.stack(arrays))
