"""Activations in straight pieces: clipping, shrinking, learned and random slopes; NumPy's, whose
comparisons and products are the same on every CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..random import Generator, resolve
from ..tensor import Function, Tensor, contiguous, wrap
from . import _checks
from .activation import leaky_relu, relu
from .dropout import given
from .reduce import unbroadcast


class _Masked(Function):
    """y of straight pieces with slope 1 or 0; the mask, which alone is kept, lets dy through."""

    name_of = ""

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray, *numbers: float) -> Any:
        _checks.kernels(x, cls.name_of, "input")
        with np.errstate(all="ignore"):
            y, closed = cls.pieces(x, *[x.dtype.type(v) for v in numbers])
        ctx.save(closed)
        return np.asanyarray(y)

    @staticmethod
    def pieces(x: np.ndarray, *numbers: Any) -> tuple[Any, Any]:
        """(y, where the slope is 0)."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (closed,) = ctx.saved
        return np.where(closed, dy.dtype.type(0), dy)


class _Hardtanh(_Masked):
    name_of = "hardtanh"

    @staticmethod
    def pieces(x: np.ndarray, *numbers: Any) -> tuple[Any, Any]:
        low, high = numbers
        return np.minimum(np.maximum(x, low), high), (x <= low) | (x >= high)


class _Threshold(_Masked):
    name_of = "threshold"

    @staticmethod
    def pieces(x: np.ndarray, *numbers: Any) -> tuple[Any, Any]:
        threshold, value = numbers
        closed = x <= threshold
        return np.where(closed, value, x), closed


class _Softshrink(_Masked):
    name_of = "softshrink"

    @staticmethod
    def pieces(x: np.ndarray, *numbers: Any) -> tuple[Any, Any]:
        (lambd,) = numbers
        closed = np.abs(x) <= lambd
        return np.where(closed, x * x.dtype.type(0), x - np.copysign(lambd, x)), closed


class _Hardshrink(_Masked):
    name_of = "hardshrink"

    @staticmethod
    def pieces(x: np.ndarray, *numbers: Any) -> tuple[Any, Any]:
        (lambd,) = numbers
        closed = (x >= -lambd) & (x <= lambd)
        return np.where(closed, x.dtype.type(0), x), closed


class _PRelu(Function):
    """weight: x's axes, of size 1 but for the channels."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray) -> Any:
        _checks.kernels(x, "prelu", "input", weight, "weight")
        ctx.save(x, weight)
        with np.errstate(all="ignore"):
            return np.where(x > 0, x, weight * x)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight = ctx.saved
        above = x > 0
        with np.errstate(all="ignore"):
            dx = np.where(above, dy, weight * dy) if ctx.needs_input_grad[0] else None
            if not ctx.needs_input_grad[1]:
                return dx
            return dx, unbroadcast(np.where(above, x.dtype.type(0), x * dy), weight.shape)


class _RRelu(Function):
    """x times a slope, drawn where x <= 0."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, lower: float, upper: float, key: int, offset: int) -> Any:
        k = _checks.kernels(x, "rrelu", "input")
        drawn = k.random_uniform(x.shape, key, offset, lower, upper)
        slope = np.where(x <= 0, drawn, np.float32(1)).astype(x.dtype, copy=False)
        ctx.save(slope)
        with np.errstate(all="ignore"):
            return np.asanyarray(x * slope)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (slope,) = ctx.saved
        return np.asanyarray(dy * slope)


def _whole(number: float, x: Tensor, function: str, name: str) -> Any:
    """A number in x's dtype, of integers; its fraction is cut off, and -1 is 255 of uint8."""
    kinds = np.iinfo(x.dtype)
    low = -kinds.max if x.dtype.kind == "u" and number.is_integer() else kinds.min
    if not low - 1 < number < kinds.max + 1:
        raise ValueError(f"{function}: {name} is {number}, which does not fit into {x.dtype}")
    return np.asarray(int(number)).astype(x.dtype)


def _hardtanh(x: Tensor, low: float, high: float, function: str, inplace: bool) -> Tensor:
    if x.dtype.kind not in "iu":
        return given(x, _Hardtanh.apply(x, low, high), inplace, function)
    if x.dtype.kind == "u" and low < 0:
        raise ValueError(f"{function}: min_val is {low}, but input has dtype {x.dtype}")
    least = _whole(low, x, function, "min_val")
    most = _whole(high, x, function, "max_val")
    y = np.minimum(np.maximum(x._data, least), most, order="C")
    return given(x, wrap(np.asanyarray(y)), inplace, function)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """min(max(x, min_val), max_val), any shape.  inplace: in input's memory, too.

    The gradient at the bounds is 0.  Integers keep their dtype; fractions of the bounds are cut
    off.  Raises TypeError for bool and for a bound that is no number, ValueError for min_val >
    max_val and for bounds that do not fit into an integer dtype.  Source: Collobert 2004, "Large
    scale machine learning" (thesis).
    """
    low = _checks.number(min_val, "hardtanh", "min_val")
    high = _checks.number(max_val, "hardtanh", "max_val")
    if not low <= high:
        raise ValueError(f"hardtanh: min_val is {low}, expected at most max_val, {high}")
    x = _checks.tensor(input, "hardtanh", "input")
    return _hardtanh(x, low, high, "hardtanh", inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6), any shape; integers keep their dtype.  inplace: in input's memory, too.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """
    x = _checks.tensor(input, "relu6", "input")
    return _hardtanh(x, 0.0, 6.0, "relu6", inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value, any shape.  inplace: in input's memory, too.

    Integers keep their dtype; fractions of the numbers are cut off.  Raises TypeError for bool and
    for a threshold or value that is no number, ValueError for one that does not fit into an integer
    dtype.
    """
    x = _checks.tensor(input, "threshold", "input")
    numbers = (
        _checks.number(threshold, "threshold", "threshold"),
        _checks.number(value, "threshold", "value"),
    )
    if x.dtype.kind in "iu":
        limit = _whole(numbers[0], x, "threshold", "threshold")
        filler = _whole(numbers[1], x, "threshold", "value")
        whole = contiguous(x._data)
        y = wrap(np.asanyarray(np.where(whole <= limit, filler, whole)))
        return given(x, y, inplace, "threshold")
    return given(x, _Threshold.apply(x, *numbers), inplace, "threshold")


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0, any shape.

    Raises TypeError or ValueError unless lambd is a number, 0 or above.  Source: Donoho 1995,
    doi:10.1109/18.382009.
    """
    x = _checks.tensor(input, "softshrink", "input")
    number = _checks.number(lambd, "softshrink", "lambd")
    if not number >= 0:
        raise ValueError(f"softshrink: lambd is {number}, expected at least 0")
    return _Softshrink.apply(x, number)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0, any shape.

    Raises TypeError for a lambd that is no number.  Source: Donoho and Johnstone 1994,
    doi:10.1093/biomet/81.3.425.
    """
    x = _checks.tensor(input, "hardshrink", "input")
    return _Hardshrink.apply(x, _checks.number(lambd, "hardshrink", "lambd"))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight x; weight: one slope, or one for each channel (axis 1).

    Raises TypeError for a weight of another dtype, ValueError for one of another size.  Source: He
    et al. 2015, arXiv:1502.01852.
    """
    from .shape import reshape

    x = _checks.tensor(input, "prelu", "input")
    w = _checks.tensor(weight, "prelu", "weight")
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.ndim > 1 or w._data.size not in (1, channels):
        raise ValueError(
            f"prelu: weight has shape {w.shape}, expected (1,)"
            + (f" or ({channels},), one for each channel" if x.ndim > 1 else "")
        )
    sizes = tuple(w._data.size if i == 1 else 1 for i in range(x.ndim))
    return _PRelu.apply(x, reshape(w, sizes))


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x where x > 0, else r x, any shape: in training r is drawn for each element, uniformly from
    [lower, upper), otherwise it is their mean.  inplace: in input's memory, too.

    generator: the default one if None.  Raises TypeError or ValueError unless lower <= upper are
    finite numbers.  Source: Xu et al. 2015, arXiv:1505.00853.
    """
    x = _checks.tensor(input, "rrelu", "input")
    low = _checks.number(lower, "rrelu", "lower")
    high = _checks.number(upper, "rrelu", "upper")
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"rrelu: lower is {low}, expected a number, at most upper, {high}")
    if not training or low == high:
        return leaky_relu(x, (low + high) / 2, inplace)
    key, offset = resolve(generator).reserve(x._data.size)
    return given(x, _RRelu.apply(x, low, high, key, offset), inplace, "rrelu")


def relu_(input: Tensor) -> Tensor:
    """relu in input's memory."""
    return relu(input, True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """leaky_relu in input's memory; a slope of 0 or above if that is recorded."""
    return leaky_relu(input, negative_slope, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """hardtanh in input's memory."""
    return hardtanh(input, min_val, max_val, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """threshold in input's memory."""
    x = _checks.tensor(input, "threshold_", "input")
    return _threshold(x, threshold, value, True)


def rrelu_(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """rrelu in input's memory."""
    return rrelu(input, lower, upper, training, True, generator=generator)


_threshold = threshold  # threshold_ has an argument of that name
