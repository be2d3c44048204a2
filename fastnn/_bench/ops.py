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
    recurrent = isinstance(op, Recurrent)
    found: dict[str, Step] = {
        "fastnn": rnn_cases.step(op, importlib.import_module("fastnn"))
        if isinstance(op, Recurrent)
        else fastnn_op(op)
    }
    if "torch" in against and has("torch"):
        if isinstance(op, Recurrent):
            found["torch"] = rnn_cases.step(op, importlib.import_module("torch"))
        else:
            from . import op_torch

            found |= op_torch.contenders(op)
    for library in ("jax", "tensorflow"):
        if library in against and has(library):
            module = f"{'rnn' if recurrent else 'op'}_{library}"
            try:
                found |= worker(library, threads).build(f"{module}:contenders", op.spec())
            except RuntimeError as error:
                warnings.warn(f"{op.name}: left out: {error}", stacklevel=2)
    return found
