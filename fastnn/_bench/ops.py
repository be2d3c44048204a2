"""All contenders of a convolution or pooling case."""

from __future__ import annotations

import warnings

from .op_cases import Conv, Pool, Step, fastnn_op
from .worker import worker
from .workloads import has


def contenders(op: Conv | Pool, against: list[str], threads: int) -> dict[str, Step]:
    """fastnn and the peers that are asked for and installed."""
    found: dict[str, Step] = {"fastnn": fastnn_op(op)}
    if "torch" in against and has("torch"):
        from . import op_torch

        found |= op_torch.contenders(op)
    for library in ("jax", "tensorflow"):
        if library in against and has(library):
            try:
                found |= worker(library, threads).build(f"op_{library}:contenders", op.spec())
            except RuntimeError as error:
                warnings.warn(f"{op.name}: left out: {error}", stacklevel=2)
    return found
