"""The max-norm constraint on weights."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...functional import _checks
from ...tensor import Tensor, is_contiguous


def max_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    dim: int = 0,
) -> None:
    """Shrink each slice along dim whose norm n is above max_norm: times max_norm / (n + 1e-7).

    In place, to be called after each optimizer step; with dim 0 a slice of a Linear's or a
    convolution's weight holds the weights that come into one unit.  norm_type: above 0, or
    infinity.  Source: Srebro & Shraibman 2005 (max-norm regularisation), Srivastava et al. 2014,
    JMLR 15:1929, section 5.1 (with dropout, max_norm 3 to 4).

    Raises TypeError for a dtype that is not float32 or float64, ValueError for a weight of less
    than two axes, for settings and for read-only memory, IndexError for dim.
    """
    limit = _checks.number(max_norm, "max_norm_", "max_norm")
    if not limit >= 0:
        raise ValueError(f"max_norm_: max_norm is {limit}, expected at least 0")
    p = _checks.number(norm_type, "max_norm_", "norm_type")
    if not p > 0:
        raise ValueError(f"max_norm_: norm_type is {p}, expected above 0 or infinity")
    weights = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for weight in weights:
        a = _checks.tensor(weight, "max_norm_", "parameters")._data
        _checks.kernels(a, "max_norm_", "parameters")
        if a.ndim < 2:
            raise ValueError(f"max_norm_: a parameter has shape {a.shape}, expected two axes")
        _checks.axis(dim, a.ndim, "max_norm_")
        if not a.flags.writeable:
            raise ValueError("max_norm_: a parameter is read-only")
    for weight in weights:
        _shrink(weight, limit, p, _checks.axis(dim, weight.ndim, "max_norm_"))


def _shrink(weight: Tensor, limit: float, p: float, axis: int) -> None:
    a = weight._data
    k = _checks.kernels(a, "max_norm_", "parameters")
    moved = np.moveaxis(a, axis, 0)
    rows = moved.reshape(len(moved), a.size // len(moved) if len(moved) else 0)
    own = is_contiguous(rows) and np.may_share_memory(rows, a)
    if not own:
        rows = np.array(rows, order="C")
    k.renorm_rows(rows, np.arange(len(rows)), limit, p)
    if not own:
        moved[...] = rows.reshape(moved.shape)
    weight._changed()
