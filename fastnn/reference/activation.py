"""Activations of any shape, and softmax over the last axis of (N, C).

Gradients are written in the output y, as the kernels take them.
"""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "exp_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "log_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]


@np.errstate(all="ignore")
def relu_forward(x: np.ndarray) -> np.ndarray:
    """y = max(x, 0), any shape; NaN stays NaN."""
    expect_same_dtype(x=x)
    return np.asarray(np.maximum(x, 0))


@np.errstate(all="ignore")
def relu_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy where y > 0, else 0."""
    _expect_pair(dy, y)
    return np.where(y > 0, dy, np.zeros_like(dy))


@np.errstate(all="ignore")
def tanh_forward(x: np.ndarray) -> np.ndarray:
    """y = tanh(x), any shape."""
    expect_same_dtype(x=x)
    return np.asarray(np.tanh(x))


@np.errstate(all="ignore")
def tanh_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy (1 - y^2)."""
    _expect_pair(dy, y)
    return np.asarray(dy * (1 - y * y))


@np.errstate(all="ignore")
def sigmoid_forward(x: np.ndarray) -> np.ndarray:
    """y = 1 / (1 + exp(-x)), any shape."""
    expect_same_dtype(x=x)
    # exp(-|x|) never overflows; below zero the fraction is widened by exp(x).
    z = np.exp(-np.abs(x))
    return np.where(x < 0, z / (1 + z), 1 / (1 + z))


@np.errstate(all="ignore")
def sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy y (1 - y)."""
    _expect_pair(dy, y)
    return np.asarray(dy * y * (1 - y))


@np.errstate(all="ignore")
def leaky_relu_forward(x: np.ndarray, negative_slope: float) -> np.ndarray:
    """y = x where x > 0, else negative_slope x, any shape."""
    expect_same_dtype(x=x)
    return np.where(x > 0, x, x.dtype.type(negative_slope) * x)


@np.errstate(all="ignore")
def leaky_relu_backward(dy: np.ndarray, x: np.ndarray, negative_slope: float) -> np.ndarray:
    """dx = dy where x > 0, else negative_slope dy."""
    _expect_pair(dy, x)
    return np.where(x > 0, dy, x.dtype.type(negative_slope) * dy)


@np.errstate(all="ignore")
def exp_forward(x: np.ndarray) -> np.ndarray:
    """y = e^x, any shape."""
    expect_same_dtype(x=x)
    return np.asarray(np.exp(x))


@np.errstate(all="ignore")
def log_forward(x: np.ndarray) -> np.ndarray:
    """y = ln x, any shape; -inf at 0, NaN below."""
    expect_same_dtype(x=x)
    return np.asarray(np.log(x))


@np.errstate(all="ignore")
def softmax_forward(x: np.ndarray) -> np.ndarray:
    """y_c = exp x_c / sum_j exp x_j, row by row: x (N, C) -> y (N, C)."""
    expect_same_dtype(x=x)
    expect_rank(2, x=x)
    powers = np.exp(x - _row_max(x))
    return powers / powers.sum(axis=1, keepdims=True)


@np.errstate(all="ignore")
def softmax_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = y (dy - sum(dy y)), row by row; dy, y (N, C)."""
    _expect_pair(dy, y)
    expect_rank(2, y=y)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@np.errstate(all="ignore")
def log_softmax_forward(x: np.ndarray) -> np.ndarray:
    """y_c = x_c - ln sum_j exp x_j, row by row: x (N, C) -> y (N, C)."""
    expect_same_dtype(x=x)
    expect_rank(2, x=x)
    shifted = x - _row_max(x)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@np.errstate(all="ignore")
def log_softmax_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy - exp(y) sum(dy), row by row; dy, y (N, C)."""
    _expect_pair(dy, y)
    expect_rank(2, y=y)
    return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def _row_max(x: np.ndarray) -> np.ndarray:
    # Any shift cancels in the ratio; the maximum keeps exp() in [0, 1].
    return x.max(axis=1, keepdims=True, initial=-np.inf)


def _expect_pair(dy: np.ndarray, y: np.ndarray) -> None:
    expect_same_dtype(dy=dy, y=y)
    expect_shape(y.shape, dy=dy)


def apply(name: str | None, z: np.ndarray) -> np.ndarray:
    """The activation of this name, for the layers that fuse one; None is the identity."""
    if name is None:
        return z
    forwards = {"relu": relu_forward, "tanh": tanh_forward, "sigmoid": sigmoid_forward}
    return forwards[_known(name)](z)


def apply_backward(name: str | None, dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient at the activation's input; y is its output."""
    if name is None:
        return dy
    backwards = {"relu": relu_backward, "tanh": tanh_backward, "sigmoid": sigmoid_backward}
    return backwards[_known(name)](dy, y)


def _known(name: str) -> str:
    if name not in ("relu", "tanh", "sigmoid"):
        raise ValueError(f"activation must be None, 'relu', 'tanh' or 'sigmoid', got {name!r}")
    return name
