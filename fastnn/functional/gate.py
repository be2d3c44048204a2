"""Gates, squashing functions and what is softmax by another name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random import Generator, resolve
from ..tensor import Function, Tensor, contiguous
from . import _checks
from .activation import softmax
from .arithmetic import neg


class _Softsign(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        _checks.kernels(x, "softsign", "input")
        size = np.abs(x) + x.dtype.type(1)
        ctx.save(size)
        with np.errstate(all="ignore"):
            return np.asanyarray(x / size)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (size,) = ctx.saved
        return np.asanyarray(dy / size / size)


class _Tanhshrink(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        t = _checks.kernels(x, "tanhshrink", "input").tanh_forward(x)
        ctx.save(t)
        return np.asanyarray(x - t)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (t,) = ctx.saved
        return np.asanyarray(dy * t * t)


class _Glu(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, dim: int) -> Any:
        k = ctx.kernels = _checks.kernels(x, "glu", "input")
        a, b = np.split(x, 2, dim)
        s = k.sigmoid_forward(contiguous(b))
        ctx.dim = dim
        ctx.save(x, s)
        return a * s

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, s = ctx.saved
        a = np.split(x, 2, ctx.dim)[0]
        gate = ctx.kernels.sigmoid_backward(contiguous(dy * a), s)
        return np.concatenate([dy * s, gate], ctx.dim)


class _OneHot(Function):
    """1 at the largest along dim, else 0; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, y: np.ndarray, dim: int) -> Any:
        if not y.ndim:
            return np.ones_like(y)
        hot = np.zeros_like(y)
        if y.size:
            np.put_along_axis(hot, np.expand_dims(y.argmax(dim), dim), 1, dim)
        return hot

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy


def _of_numbers(input: Any, function: str) -> Tensor:
    """input, integers as float32; bools stay, which are refused then."""
    x = _checks.tensor(input, function, "input")
    return x if x.dtype.kind == "b" else _checks.floating(x, function)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|), any shape, of integers float32.  Raises TypeError for bool.

    Source: Turian et al. 2009; Glorot and Bengio 2010.
    """
    return _Softsign.apply(_of_numbers(input, "softsign"))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x), any shape, of integers float32.  Raises TypeError for bool."""
    return _Tanhshrink.apply(_of_numbers(input, "tanhshrink"))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), a and b the halves of input along `dim`.

    Raises IndexError for a dim out of range, ValueError for an axis of odd size.  Source: Dauphin
    et al. 2016, arXiv:1612.08083.
    """
    x = _checks.tensor(input, "glu", "input")
    if not x.ndim:
        raise ValueError("glu: input has no axis to halve")
    axis = _checks.axis(dim, x.ndim, "glu")
    if x.shape[axis] % 2:
        raise ValueError(f"glu: input has shape {x.shape}, expected an even size along dim {dim}")
    return _Glu.apply(x, axis)


def softmin(input: Tensor, dim: int) -> Tensor:
    """softmax(-input) along `dim`.  Raises IndexError for a dim out of range."""
    return softmax(neg(_checks.tensor(input, "softmin", "input")), dim)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """softmax((logits + g) / tau) along `dim`, g = -ln(-ln u) for uniform u: a draw from the
    classes, made smooth.  hard: exactly 0 or 1, with the gradient of the smooth one.

    eps: not used, as in PyTorch.  generator: the default one if None.  Raises TypeError or
    ValueError unless tau is a number above 0, IndexError for a dim out of range.  Source: Jang et
    al. 2016, arXiv:1611.01144; Maddison et al. 2016, arXiv:1611.00712.
    """
    x = _checks.tensor(logits, "gumbel_softmax", "logits")
    k = _checks.kernels(x._data, "gumbel_softmax", "logits")
    temperature = _checks.positive(tau, "gumbel_softmax", "tau")
    axis = _checks.axis(dim, x.ndim, "gumbel_softmax")
    key, offset = resolve(generator).reserve(x._data.size)
    # from 2^-25: the 24 bits of a draw may all be 0, whose logarithm is no number
    u = k.random_uniform(x.shape, key, offset, 2.0**-25, 1.0).astype(x.dtype, copy=False)
    noise = -k.log_forward(np.asanyarray(-k.log_forward(u)))
    y = softmax((x + Tensor(np.asanyarray(noise))) / temperature, axis)
    return _OneHot.apply(y, axis) if hard else y
