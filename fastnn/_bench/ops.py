"""All contenders of a convolution, pooling or recurrent case."""

from __future__ import annotations

import importlib
import warnings

from . import rnn_cases
from .op_cases import Conv, Pool, Step, fastnn_op
from .rnn_cases import Recurrent
from .worker import worker
from .workloads import has


def contenders(op: Conv | Pool | Recurrent, against: list[str], threads: int) -> dict[str, Step]:
    """fastnn and the peers that are asked for and installed."""
    found: dict[str, Step] = {}
    wants_torch = "torch" in against and has("torch")
    if isinstance(op, Recurrent):
        family = "rnn"
        for library in ("fastnn", *["torch"] * wants_torch):
            found[library] = rnn_cases.step(op, importlib.import_module(library))
    else:
        family = "op"
        found["fastnn"] = fastnn_op(op)
        if wants_torch:
            from . import op_torch

            found |= op_torch.contenders(op)
    for library in ("jax", "tensorflow"):
        if library in against and has(library):
            make = f"{family}_{library}:contenders"
            try:
                found |= worker(library, threads).build(make, op.spec())
            except RuntimeError as error:
                warnings.warn(f"{op.name}: left out: {error}", stacklevel=2)
    return found
