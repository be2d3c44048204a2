"""What estimators accept as X and y."""

from __future__ import annotations

from typing import Any

import numpy as np


def matrix(X: Any, where: str, n_features: int | None = None) -> np.ndarray:
    """X as finite float32 (N, features).  Raises TypeError or ValueError that begins with `where`;
    N may be 0 only where the number of features is known, that is after `fit`."""
    x = np.asarray(X)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{where}: X has dtype {x.dtype}, expected real numbers")
    if x.ndim != 2 or n_features is None and 0 in x.shape:
        raise ValueError(f"{where}: X has shape {x.shape}, expected (N, features), none of them 0")
    if n_features is not None and x.shape[1] != n_features:
        raise ValueError(f"{where}: X has shape {x.shape}, expected (N, {n_features})")
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        raise ValueError(f"{where}: X has values that are not finite in float32")
    return x


def labels(y: Any, n: int, where: str) -> np.ndarray:
    """y as (n,), checked."""
    y = np.asarray(y)
    if y.shape != (n,):
        raise ValueError(f"{where}: y has shape {y.shape}, expected ({n},)")
    return y


def share(right: np.ndarray, where: str) -> float:
    """The share of the rows (N,) that are right; ValueError if there are none: 0 / 0."""
    if not len(right):
        raise ValueError(f"{where}: X has no rows")
    return float(right.mean())
