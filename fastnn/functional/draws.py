"""Random tensors whose distributions are given by tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..dtypes import as_dtype, float32
from ..random import Generator, resolve
from ..tensor import Function, Tensor, wrap
from . import _checks
from .shape import sizes


class _Drawn(Function):
    """Values that were drawn from distributions of the inputs, whose gradient is 0."""

    strided = True

    @staticmethod
    def forward(ctx: Any, values: np.ndarray, *inputs: Any) -> Any:
        ctx.inputs = [x.shape if isinstance(x, np.ndarray) else None for x in inputs]
        return values

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return None, *(None if s is None else np.zeros(s, dy.dtype) for s in ctx.inputs)


def _uniform(shape: tuple[int, ...], generator: Generator | None) -> np.ndarray:
    """float64 in [0, 1), multiples of 2^-53."""
    n = math.prod(shape)
    key, offset = resolve(generator).reserve(2 * n)
    bits = backend.kernels.random_bits(2 * n, key, offset).astype(np.float64)
    high, low = np.floor(bits[:n] / 32), np.floor(bits[n:] / 64)
    return ((high * 2.0**26 + low) * 2.0**-53).reshape(shape)


def bernoulli_array(
    p: Any, shape: tuple[int, ...], generator: Generator | None, function: str
) -> np.ndarray:
    """Booleans, True with probability p: a number, or an array that broadcasts to shape."""
    if not isinstance(p, np.ndarray):
        return _uniform(shape, generator) < _checks.probability(p, function)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"{function}: p has elements from {p.min()} to {p.max()}, expected all of them "
            "between 0 and 1"
        )
    try:
        wide = np.broadcast_to(p, shape)
    except ValueError:
        raise ValueError(
            f"{function}: p has shape {p.shape}, which does not broadcast to {shape}"
        ) from None
    return _uniform(shape, generator) < wide


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that the element of input states, 0 otherwise; of input's dtype.

    p: one probability for all elements, of which only shape and dtype count then.  The gradient is
    0.  generator: the default one if None.  Raises TypeError for probabilities that are no floats,
    ValueError for those outside [0, 1].
    """
    x = _checks.tensor(input, "bernoulli", "input")._data
    share: Any = p
    if p is None:
        _checks.kernels(x, "bernoulli", "input")
        share = x
        if x.size and not (x.min() >= 0 and x.max() <= 1):
            raise ValueError(
                f"bernoulli: input has elements from {x.min()} to {x.max()}, expected all of them "
                "between 0 and 1"
            )
    drawn = bernoulli_array(share, x.shape, generator, "bernoulli").astype(x.dtype)
    return _Drawn.apply(drawn, input)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Classes, each drawn with a probability in proportion to its weight: (C,) -> (num_samples,)
    and (N, C) -> (N, num_samples), int64.

    Without replacement no class comes twice: each next one is drawn of those that are left, by an
    exponential race, the classes in the order of E / weight with E ~ Exp(1) (Efraimidis & Spirakis
    2006, doi:10.1016/j.ipl.2005.11.003).  generator: the default one if None.

    Raises TypeError for dtypes, ValueError for another shape, weights that are negative, not finite
    or all 0, and more samples than classes of weight above 0, without replacement.
    """
    x = _checks.tensor(input, "multinomial", "input")._data
    _checks.kernels(x, "multinomial", "input")
    n = _checks.integer(num_samples, "multinomial", "num_samples", 1)
    if x.ndim not in (1, 2):
        raise ValueError(f"multinomial: input has shape {x.shape}, expected (C,) or (N, C)")
    if not (np.isfinite(x) & (x >= 0)).all():
        raise ValueError("multinomial: input has weights that are negative or not finite")
    weights = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]).astype(np.float64)
    possible = np.count_nonzero(weights, 1)
    if not possible.all():
        raise ValueError(
            f"multinomial: input has no weight above 0 in row {int(np.argmin(possible))}"
        )
    if not replacement and possible.size and n > possible.min():
        raise ValueError(
            f"multinomial: num_samples is {n}, but input has {possible.min()} weights above 0; "
            "replacement=True draws a class again"
        )
    drawn = _again(weights, n, generator) if replacement else _race(weights, n, generator)
    return wrap(drawn.reshape(*x.shape[:-1], n))


def _again(weights: np.ndarray, n: int, generator: Generator | None) -> np.ndarray:
    """With replacement: where a uniform number falls among the cumulative weights."""
    shares = _uniform((len(weights), n), generator)
    drawn = np.empty(shares.shape, np.int64)
    for row, w, u in zip(drawn, weights, shares, strict=True):
        total = np.cumsum(w / w.max())  # at least 1, so that u total < total
        # "right": a class of weight 0 ends where the one before does, and is passed over
        row[...] = np.searchsorted(total, u * total[-1], side="right")
    return drawn


def _race(weights: np.ndarray, n: int, generator: Generator | None) -> np.ndarray:
    times = -np.log1p(-_uniform(weights.shape, generator))
    with np.errstate(all="ignore"):
        times = np.where(weights > 0, times / weights, np.inf)
    # A time may overflow to infinity, too: only then do weights of 0 have to stand behind.
    order = np.lexsort((weights == 0, times), axis=-1)
    return np.ascontiguousarray(order[:, :n], np.int64)


def _moment(value: Any, name: str) -> Any:
    """A number, or the Tensor of floats."""
    if not isinstance(value, Tensor):
        return _checks.number(value, "normal", name)
    _checks.kernels(value._data, "normal", name)
    return value


def normal(
    mean: Tensor | float = 0.0,
    std: Tensor | float = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers, from float32 draws: mean and std Tensors, of equal dtype, that broadcast, or
    numbers; with two numbers the shape is `size`.

    dtype (float32 if None) and requires_grad are for two numbers.  Tensors have a gradient of 0: to
    train them write mean + std * randn(...).  generator: the default one if None.  Raises TypeError
    for dtypes or a size beside Tensors, ValueError for std < 0 or shapes that do not broadcast.
    """
    _checks.on_cpu(device, "normal")
    m, s = _moment(mean, "mean"), _moment(std, "std")
    low = s if isinstance(s, float) else s._data.min(initial=np.inf)
    if not low >= 0:
        raise ValueError(f"normal: std is {low}, expected at least 0")
    given = [x for x in (m, s) if isinstance(x, Tensor)]
    if given and (size is not None or dtype is not None or requires_grad):
        raise TypeError("normal: size, dtype and requires_grad go with a mean and a std of numbers")
    if not given:
        if size is None:
            raise TypeError("normal: size is missing, which a mean and a std of numbers need")
        kind = float32 if dtype is None else as_dtype(dtype, "normal")
        if kind.kind != "f":
            raise TypeError(f"normal: dtype is {kind}, expected float32 or float64")
        shape = sizes((size,), "normal")
        if min(shape, default=0) < 0:
            raise ValueError(f"normal: size {shape} has a negative axis")
    else:
        kind = given[0].dtype
        _checks.kernels(given[0]._data, "normal", "mean", given[-1]._data, "std")
        try:
            shape = np.broadcast_shapes(*(x.shape for x in given))
        except ValueError:
            raise ValueError(
                f"normal: mean has shape {m.shape} and std {s.shape}, which do not broadcast"
            ) from None
    key, offset = resolve(generator).reserve(math.prod(shape))
    z = backend.kernels.random_normal(tuple(shape), key, offset, 0.0, 1.0).astype(kind)
    values = [x._data if isinstance(x, Tensor) else kind.type(x) for x in (s, m)]
    z = np.asanyarray(z * values[0] + values[1])
    return Tensor(z, requires_grad) if not given else _Drawn.apply(z, m, s)
