"""Counts of values, and how variables vary together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from . import _checks, reduce
from .arithmetic import clamp, div, matmul, mul, sqrt, sub
from .shape import reshape, transpose


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often 0, 1, ... occur in input (n,), int64; with weights (n,) the sum of those, float.

    At least minlength counts.  It has no gradient.  Raises TypeError for an input that has no
    integers, ValueError for negative ones or shapes.
    """
    x = _checks.tensor(input, "bincount", "input")._data
    if x.dtype.kind not in "iu":
        raise TypeError(f"bincount: input has dtype {x.dtype}, expected integers")
    if x.ndim != 1:
        raise ValueError(f"bincount: input has shape {x.shape}, expected one axis")
    if x.size and x.min() < 0:
        raise ValueError(f"bincount: input has {x.min()}, expected at least 0")
    least = _checks.integer(minlength, "bincount", "minlength", 0)
    if weights is None:
        return wrap(np.bincount(x, minlength=least).astype(np.int64))
    w = _checks.tensor(weights, "bincount", "weights")._data
    if w.shape != x.shape:
        raise ValueError(f"bincount: weights has shape {w.shape}, input {x.shape}")
    dtype = w.dtype if w.dtype.kind == "f" else np.float64
    return wrap(np.bincount(x, w, least).astype(dtype))


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements, or slices along `dim`, always in ascending order; no gradient.

    return_inverse: for each element its place among them; return_counts: how often each occurs;
    both int64, in a tuple after the elements.  Each NaN counts as different.
    """
    x = _checks.tensor(input, "unique", "input")
    axis = None if dim is None else _checks.axis(dim, x.ndim, "unique")
    if axis is not None and not x.ndim:
        raise ValueError("unique: input has no axes")
    values, inverse, counts = np.unique(
        x._data, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = x.shape if axis is None else (x.shape[axis],)
    found = [wrap(np.copy(values, order="C"))]
    if return_inverse:
        found.append(wrap(inverse.reshape(shape).astype(np.int64)))
    if return_counts:
        found.append(wrap(counts.astype(np.int64)))
    return tuple(found) if len(found) > 1 else found[0]


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements, or slices along `dim`, without those equal to the one before; no gradient.

    return_inverse: for each element its place among them; return_counts: how many each stands for;
    both int64, in a tuple after the elements.  A NaN equals no other one.
    """
    x = _checks.tensor(input, "unique_consecutive", "input")._data
    if dim is None:
        shape, x, axis = x.shape, x.reshape(-1), 0
    else:
        axis = _checks.axis(dim, x.ndim, "unique_consecutive")
        if not x.ndim:
            raise ValueError("unique_consecutive: input has no axes")
        shape = (x.shape[axis],)
    lines = np.moveaxis(x, axis, 0)
    new = np.ones(len(lines), bool)
    new[1:] = (lines[1:] != lines[:-1]).any(axis=tuple(range(1, x.ndim)))
    starts = np.flatnonzero(new)
    found = [wrap(np.copy(np.take(x, starts, axis), order="C"))]
    if return_inverse:
        found.append(wrap((np.cumsum(new, dtype=np.int64) - 1).reshape(shape)))
    if return_counts:
        found.append(wrap(np.diff(np.append(starts, len(lines))).astype(np.int64)))
    return tuple(found) if len(found) > 1 else found[0]


def _weights(
    n: int, dtype: Any, fweights: Tensor | None, aweights: Tensor | None
) -> tuple[Tensor | None, float, float]:
    """(weights of the observations, their sum, what correction is multiplied with)."""
    w = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        array = _checks.tensor(given, "cov", name)._data
        if array.shape != (n,):
            raise ValueError(f"cov: {name} has shape {array.shape}, expected {(n,)}")
        if (name == "fweights") != (array.dtype.kind in "iu"):
            kind = "integers" if name == "fweights" else "floats"
            raise TypeError(f"cov: {name} has dtype {array.dtype}, expected {kind}")
        if array.size and array.min() < 0:
            raise ValueError(f"cov: {name} has {array.min()}, expected at least 0")
        w = array.astype(np.float64) if w is None else w * array
    if w is None:
        return None, float(n), 1.0
    total = float(w.sum())
    share = 1.0
    if aweights is not None:
        share = float((w * aweights._data).sum()) / total if total else 0.0
    return wrap(w.astype(dtype)), total, share


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Covariances of variables: input (V, n), or (n,) for one, of n observations -> (V, V) or ().

    sum w (x - mean) (x - mean)^T / (sum w - correction), w = fweights aweights: integers that say
    how often an observation was made, and floats of importance, for which correction is multiplied
    with sum w a / sum w.  The weights get no gradient.  Raises TypeError for integers, ValueError
    for shapes.
    """
    x = _checks.tensor(input, "cov", "input")
    _checks.kernels(x._data, "cov", "input")
    if x.ndim > 2:
        raise ValueError(f"cov: input has shape {x.shape}, expected at most two axes")
    rows = x if x.ndim == 2 else reshape(x, (1, -1))
    w, total, share = _weights(rows.shape[1], x.dtype, fweights, aweights)
    weighted = rows if w is None else mul(rows, w)
    off = sub(rows, div(reduce.sum(weighted, 1, keepdim=True), total))
    product = matmul(off if w is None else mul(off, w), transpose(off, 0, 1))
    y = div(product, max(total - correction * share, 0.0))
    return y if x.ndim == 2 else reshape(y, ())


def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlations of variables: cov / (std std^T), input (V, n) -> (V, V); (n,) -> ().

    Kept in [-1, 1].  Raises TypeError for integers, ValueError for shapes.
    """
    c = cov(_checks.tensor(input, "corrcoef", "input"))
    if not c.ndim:
        return div(c, c)
    n = c.shape[0]
    diagonal = c[np.arange(n), np.arange(n)]
    deviation = sqrt(diagonal)
    return clamp(div(div(c, reshape(deviation, (n, 1))), reshape(deviation, (1, n))), -1, 1)
