"""Smooth and hard rectifiers of any shape; gradients start from the input x."""

import math

import numpy as np

from ._check import expect_same_dtype, expect_shape
from .activation import sigmoid_forward

__all__ = [
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "gelu_tanh_backward",
    "gelu_tanh_forward",
    "hardsigmoid_backward",
    "hardsigmoid_forward",
    "hardswish_backward",
    "hardswish_forward",
    "mish_backward",
    "mish_forward",
    "silu_backward",
    "silu_forward",
    "softplus_backward",
    "softplus_forward",
]

_TWO_OVER_PI, _CUBIC = math.sqrt(2 / math.pi), 0.044715


@np.errstate(all="ignore")
def gelu_forward(x: np.ndarray) -> np.ndarray:
    """y = x Phi(x), any shape; Phi the normal distribution function."""
    expect_same_dtype(x=x)
    return np.asarray(x * _normal_cdf(x))


@np.errstate(all="ignore")
def gelu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy (Phi(x) + x phi(x)), phi(x) = e^(-x^2 / 2) / sqrt(2 pi)."""
    _expect_pair(dy, x)
    density = np.exp(-x * x / 2) * x.dtype.type(1 / math.sqrt(2 * math.pi))
    return np.asarray(dy * (_normal_cdf(x) + x * density))


@np.errstate(all="ignore")
def gelu_tanh_forward(x: np.ndarray) -> np.ndarray:
    """y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), any shape."""
    expect_same_dtype(x=x)
    return np.asarray(x * _sigmoid(2 * _gelu_inner(x)))


@np.errstate(all="ignore")
def gelu_tanh_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy (s + 2 x s (1 - s) u'), s = sigmoid(2 u) = (1 + tanh u) / 2."""
    _expect_pair(dy, x)
    # beyond |x| = 100 s (1 - s) is 0: without the bound its product with u' would be NaN
    x = np.clip(x, -100, 100)
    s, rest = _sigmoid(2 * _gelu_inner(x)), _sigmoid(-2 * _gelu_inner(x))
    slope = x.dtype.type(_TWO_OVER_PI) * (1 + x.dtype.type(3 * _CUBIC) * x * x)
    return np.asarray(dy * (s + 2 * x * s * rest * slope))


@np.errstate(all="ignore")
def silu_forward(x: np.ndarray) -> np.ndarray:
    """y = x sigmoid(x), any shape."""
    expect_same_dtype(x=x)
    return np.asarray(x * _sigmoid(x))


@np.errstate(all="ignore")
def silu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy s (1 + x (1 - s)), s = sigmoid(x)."""
    _expect_pair(dy, x)
    s, rest = _sigmoid(x), _sigmoid(-x)
    return np.asarray(dy * (s + x * s * rest))


@np.errstate(all="ignore")
def mish_forward(x: np.ndarray) -> np.ndarray:
    """y = x tanh(ln(1 + e^x)), any shape."""
    expect_same_dtype(x=x)
    return np.asarray(x * np.tanh(_softplus(x)))


@np.errstate(all="ignore")
def mish_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy (t + x (1 - t^2) sigmoid(x)), t = tanh(ln(1 + e^x))."""
    _expect_pair(dy, x)
    t = np.tanh(_softplus(x))
    return np.asarray(dy * (t + x * (1 - t * t) * _sigmoid(x)))


@np.errstate(all="ignore")
def hardsigmoid_forward(x: np.ndarray) -> np.ndarray:
    """y = min(max(x + 3, 0), 6) / 6, any shape."""
    expect_same_dtype(x=x)
    return np.asarray(np.clip(x + 3, 0, 6) / 6)


@np.errstate(all="ignore")
def hardsigmoid_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy / 6 where -3 < x < 3, else 0."""
    _expect_pair(dy, x)
    return np.where((x > -3) & (x < 3), dy / 6, np.zeros_like(dy))


@np.errstate(all="ignore")
def hardswish_forward(x: np.ndarray) -> np.ndarray:
    """y = x min(max(x + 3, 0), 6) / 6, any shape."""
    expect_same_dtype(x=x)
    return np.asarray(x * (np.clip(x + 3, 0, 6) / 6))


@np.errstate(all="ignore")
def hardswish_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = 0 where x <= -3, dy (x / 3 + 1 / 2) where x < 3, else dy."""
    _expect_pair(dy, x)
    half = x.dtype.type(0.5)
    return np.where(x <= -3, np.zeros_like(dy), np.where(x < 3, dy * (x / 3 + half), dy))


@np.errstate(all="ignore")
def elu_forward(x: np.ndarray, a: float, scale: float, rate: float) -> np.ndarray:
    """y = scale x where x > 0, else a (e^(rate x) - 1), any shape; rate > 0."""
    expect_same_dtype(x=x)
    number = x.dtype.type
    below = number(a) * np.expm1(np.minimum(number(rate) * x, 0))
    return np.where(x > 0, number(scale) * x, below)


@np.errstate(all="ignore")
def elu_backward(dy: np.ndarray, x: np.ndarray, a: float, scale: float, rate: float) -> np.ndarray:
    """dx = scale dy where x > 0, else a rate e^(rate x) dy."""
    _expect_pair(dy, x)
    number = x.dtype.type
    below = number(a * rate) * np.exp(np.minimum(number(rate) * x, 0))
    return np.where((x > 0) | np.isnan(x), number(scale) * dy, below * dy)


@np.errstate(all="ignore")
def softplus_forward(x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """y = ln(1 + e^(beta x)) / beta, x where beta x > threshold; any shape."""
    expect_same_dtype(x=x)
    z = x.dtype.type(beta) * x
    return np.where(z > threshold, x, _softplus(z) / x.dtype.type(beta))


@np.errstate(all="ignore")
def softplus_backward(dy: np.ndarray, x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """dx = dy sigmoid(beta x), dy where beta x > threshold."""
    _expect_pair(dy, x)
    z = x.dtype.type(beta) * x
    return np.where(z > threshold, dy, dy * _sigmoid(z))


def _expect_pair(dy: np.ndarray, x: np.ndarray) -> None:
    expect_same_dtype(dy=dy, x=x)
    expect_shape(x.shape, dy=dy)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Phi(x) = erfc(-x / sqrt(2)) / 2; NumPy has no erfc, Python's math takes one number."""
    scale = -1 / math.sqrt(2)
    flat = [math.erfc(scale * v) / 2 for v in x.ravel().tolist()]
    return np.array(flat, x.dtype).reshape(x.shape)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return sigmoid_forward(np.asarray(z))  # arithmetic on 0-d arrays gives scalars


def _gelu_inner(x: np.ndarray) -> np.ndarray:
    number = x.dtype.type
    return np.asarray(number(_TWO_OVER_PI) * (x + number(_CUBIC) * x * x * x))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
