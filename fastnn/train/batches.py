"""What Trainer takes from loaders and models: pairs, inputs, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor

_ROWS_PER_PREDICTION = 256


def pair(batch: Any) -> tuple[Any, Any]:
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        found = f"{type(batch).__name__}"
        if isinstance(batch, (tuple, list)):
            found += f" of {len(batch)}"
        raise ValueError(f"Trainer: a batch is {found}, expected a pair (x, y)")
    return batch[0], batch[1]


def inputs(data: Any) -> Iterator[Any]:
    if isinstance(data, (Tensor, np.ndarray)):
        array = data.detach().numpy() if isinstance(data, Tensor) else data
        for i in range(0, len(array), _ROWS_PER_PREDICTION):
            yield from_numpy(np.ascontiguousarray(array[i : i + _ROWS_PER_PREDICTION]))
        return
    for batch in data:
        yield batch[0] if isinstance(batch, (tuple, list)) else batch


def count_samples(loader: Any) -> int | None:
    """Samples per epoch, where a loader can tell; for the bar."""
    batch_size = getattr(loader, "batch_size", None)
    if batch_size is None or not hasattr(loader, "sampler"):
        return None
    n = len(loader.sampler)
    return n - n % batch_size if loader.drop_last else n
