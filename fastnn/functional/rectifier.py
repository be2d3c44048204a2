"""Smooth rectifiers and their hard stand-ins: the gradient follows from the input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .dropout import given

# Klambauer et al. 2017: with these, mean 0 and variance 1 are a fixed point.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class _FromInput(Function):
    """y = f(x, *numbers); op: of the kernels, name: of the function."""

    op = ""

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray, name: str, inplace: bool, *numbers: float) -> Any:
        k = ctx.kernels = _checks.kernels(x, name, "input")
        ctx.numbers = numbers
        # in place x is about to be lost; the copy costs what the result would
        ctx.save(x.copy() if inplace and ctx.needs_input_grad[0] else x)
        return getattr(k, cls.op + "_forward")(x, *numbers)

    @classmethod
    def backward(cls, ctx: Any, dy: np.ndarray) -> Any:
        (x,) = ctx.saved
        return getattr(ctx.kernels, cls.op + "_backward")(dy, x, *ctx.numbers)


class _Gelu(_FromInput):
    op = "gelu"


class _GeluTanh(_FromInput):
    op = "gelu_tanh"


class _Silu(_FromInput):
    op = "silu"


class _Mish(_FromInput):
    op = "mish"


class _Hardsigmoid(_FromInput):
    op = "hardsigmoid"


class _Hardswish(_FromInput):
    op = "hardswish"


class _Elu(_FromInput):
    op = "elu"


class _Softplus(_FromInput):
    op = "softplus"


class _LogSigmoid(Function):
    """-softplus(-x), never cut off."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        k = ctx.kernels = _checks.kernels(x, "logsigmoid", "input")
        minus = np.negative(x, out=np.empty_like(x))
        ctx.save(minus)
        y = k.softplus_forward(minus, 1.0, math.inf)
        return np.negative(y, out=y)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (minus,) = ctx.saved
        return ctx.kernels.softplus_backward(dy, minus, 1.0, math.inf)


def _apply(cls: Any, input: Any, name: str, inplace: bool, *numbers: float) -> Tensor:
    x = _checks.tensor(input, name, "input")
    return given(x, cls.apply(x, name, inplace, *numbers), inplace, name)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), Phi the distribution function of N(0, 1), any shape; approximate="tanh":
    x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    Raises ValueError for another `approximate`.  Source: Hendrycks and Gimpel 2016,
    arXiv:1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is {approximate!r}, expected 'none' or 'tanh'")
    return _apply(_Gelu if approximate == "none" else _GeluTanh, input, "gelu", False)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), any shape; also called swish.  inplace: in input's memory, too.

    Source: Elfwing et al. 2017, arXiv:1702.03118; Ramachandran et al. 2017, arXiv:1710.05941.
    """
    return _apply(_Silu, input, "silu", inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(ln(1 + e^x)), any shape.  inplace: in input's memory, too.

    Source: Misra 2019, arXiv:1908.08681.
    """
    return _apply(_Mish, input, "mish", inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6, any shape.  inplace: in input's memory, too.

    Source: Howard et al. 2019, arXiv:1905.02244.
    """
    return _apply(_Hardsigmoid, input, "hardsigmoid", inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x min(max(x + 3, 0), 6) / 6, any shape.  inplace: in input's memory, too.

    Source: Howard et al. 2019, arXiv:1905.02244.
    """
    return _apply(_Hardswish, input, "hardswish", inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (e^x - 1), any shape.  inplace: in input's memory, too.

    Raises TypeError for an alpha that is no number.  Source: Clevert et al. 2016,
    arXiv:1511.07289.
    """
    return _apply(_Elu, input, "elu", inplace, _checks.number(alpha, "elu", "alpha"), 1.0, 1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """s x where x > 0, else s a (e^x - 1), s = 1.0507..., a = 1.6732..., any shape.  inplace: in
    input's memory, too.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """
    numbers = SELU_SCALE * SELU_ALPHA, SELU_SCALE, 1.0
    return _apply(_Elu, input, "selu", inplace, *numbers)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (e^(x / alpha) - 1), any shape: smooth at 0 for each alpha.
    inplace: in input's memory, too.

    Raises TypeError or ValueError unless alpha is a number above 0.  Source: Barron 2017,
    arXiv:1704.07483.
    """
    a = _checks.positive(alpha, "celu", "alpha")
    return _apply(_Elu, input, "celu", inplace, a, 1.0, 1.0 / a)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta x)) / beta, any shape; x itself where beta x > threshold.

    Raises TypeError or ValueError unless beta is a number above 0 and threshold a number.  Source:
    Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing".
    """
    numbers = (
        _checks.positive(beta, "softplus", "beta"),
        _checks.number(threshold, "softplus", "threshold"),
    )
    return _apply(_Softplus, input, "softplus", False, *numbers)


def logsigmoid(input: Tensor) -> Tensor:
    """ln(1 / (1 + e^-x)), any shape; finite for each finite x."""
    return _LogSigmoid.apply(_checks.tensor(input, "logsigmoid", "input"))


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """elu in input's memory."""
    return elu(input, alpha, True)


def selu_(input: Tensor) -> Tensor:
    """selu in input's memory."""
    return selu(input, True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """celu in input's memory."""
    return celu(input, alpha, True)
