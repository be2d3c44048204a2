"""GELU for the feed-forward part of transformer layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..functional import _checks
from ..tensor import Function, Tensor

_erf = np.frompyfunc(math.erf, 1, 1)


def _cdf(x: np.ndarray) -> np.ndarray:
    """The normal distribution function, in float64."""
    return 0.5 * (1.0 + np.asarray(_erf(x * math.sqrt(0.5)), np.float64))


class _Gelu(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        _checks.kernels(x, "gelu", "input")
        ctx.save(x)
        wide = x.astype(np.float64)
        return np.asarray(wide * _cdf(wide)).astype(x.dtype)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        x = ctx.saved[0].astype(np.float64)
        density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
        return np.asarray(dy * (_cdf(x) + x * density)).astype(dy.dtype)


def gelu(input: Tensor) -> Tensor:
    """x Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    Of any shape; computed in double precision.  Raises TypeError for other dtypes than floats.
    """
    return _Gelu.apply(_checks.tensor(input, "gelu", "input"))
