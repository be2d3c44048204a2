"""Labels of classes: what losses ask of them, and the words in which they refuse them."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..tensor import Tensor, wrap
from . import _checks


def check_weight(function: str, input: Tensor, weight: Any) -> None:
    """One constant a class; TypeError or ValueError otherwise."""
    _checks.tensor(weight, function, "weight")
    n_classes = input.shape[min(1, input.ndim - 1)] if input.ndim else 0
    if weight.shape != (n_classes,):
        raise ValueError(
            f"{function}: weight has shape {weight.shape}, expected ({n_classes},), one a class"
        )
    if weight.requires_grad:
        raise ValueError(f"{function}: weight is a constant and must not require a gradient")


def flat_labels(function: str, input: Tensor, target: Tensor, kinds: str) -> Tensor:
    """target (N, d1, ...) of input (N, C, d1, ...) as int64 (N d1 ...,).

    Raises TypeError or ValueError; kinds: what is expected, for the message, {dtype} being input's.
    """
    labels, x = target._data, input._data
    if labels.dtype.kind not in "iu":
        expected = kinds.format(dtype=x.dtype)
        raise TypeError(f"{function}: target has dtype {labels.dtype}, expected {expected}")
    if not x.ndim or labels.shape != (x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()):
        raise ValueError(
            f"{function}: input has shape {x.shape} and target {labels.shape}, expected "
            "(N, C, ...) and (N, ...)"
        )
    if not x.shape[min(1, x.ndim - 1)]:
        raise ValueError(f"{function}: input of shape {x.shape} has no classes")
    if labels.dtype.char != "l":
        target = wrap(labels.astype(np.int64))
    if labels.ndim == 1:
        return target
    from .shape import reshape

    return reshape(target, (-1,) if labels.size else (0,))


def raise_bad_label(function: str, input: Tensor, target: Tensor, ignore_index: int) -> NoReturn:
    """IndexError that names the first label that is neither a class nor ignore_index."""
    labels, n_classes = target._data, input.shape[min(1, input.ndim - 1)]
    flat = labels.reshape(-1)
    at = int(np.flatnonzero((flat != ignore_index) & ((flat < 0) | (flat >= n_classes)))[0])
    where = at if labels.ndim < 2 else tuple(map(int, np.unravel_index(at, labels.shape)))
    raise IndexError(
        f"{function}: target[{where}] is {flat[at]}, expected 0 <= class < {n_classes}"
    ) from None
