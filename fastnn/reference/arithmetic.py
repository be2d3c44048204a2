"""+ - * / of two arrays of one shape, or of an array and a number; the ReLU after a sum."""

from typing import Any

import numpy as np

from ._check import expect_same_dtype, expect_shape

__all__ = ["add_relu_forward", "arithmetic_forward"]

_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
}


@np.errstate(all="ignore")
def arithmetic_forward(op: str, a: Any, b: Any) -> np.ndarray:
    """y = a op b, "add", "sub", "mul" or "div"; equal shapes, or one of the two a number: a Python
    float or an array without axes."""
    if op not in _UFUNCS:
        raise ValueError(f"op must be 'add', 'sub', 'mul' or 'div', got {op!r}")
    if isinstance(b, float):
        expect_same_dtype(a=a)
        b = a.dtype.type(b)
    elif isinstance(a, float):
        expect_same_dtype(b=b)
        a = b.dtype.type(a)
    else:
        expect_same_dtype(a=a, b=b)
        if a.ndim and b.ndim:
            expect_shape(a.shape, b=b)
    return np.asarray(_UFUNCS[op](a, b))


@np.errstate(all="ignore")
def add_relu_forward(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y = max(a + b, 0), equal shapes; NaN stays NaN."""
    return np.asarray(np.maximum(arithmetic_forward("add", a, b), 0))
