"""The dtypes of Tensors: NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
int64, int32, uint8 = np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.uint8)
bool_ = np.dtype(np.bool_)
_DTYPES = (float32, float64, int64, int32, uint8, bool_)


def as_dtype(dtype: Any, function: str) -> np.dtype:
    """A NumPy dtype that fastnn has; TypeError otherwise."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or found.newbyteorder("=") not in _DTYPES:
        names = ", ".join(map(str, _DTYPES))
        raise TypeError(f"{function}: dtype is {dtype!r}, expected one of {names}")
    return found.newbyteorder("=")
