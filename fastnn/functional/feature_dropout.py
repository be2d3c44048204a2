"""Dropout of whole channels, dropout for SELU networks, Gaussian noise."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import numpy as np

from ..random import Generator, resolve
from ..tensor import Function, Tensor
from . import _checks
from .dropout import given

# -scale alpha of SELU (Klambauer et al. 2017, equation 14): what it gives for -infinity.
SELU_FLOOR = -1.7580993408473766


class _PlaneDropout(Function):
    """Planes are the last axes; one draw for each."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, planes: int, p: float, key: int, offset: int, function: str
    ) -> np.ndarray:
        ctx.kernels = _checks.kernels(x, function, "input")
        ctx.planes, ctx.settings = planes, (p, key, offset)
        return _drop_planes(ctx.kernels, x, planes, ctx.settings)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        return _drop_planes(ctx.kernels, dy, ctx.planes, ctx.settings)


class _AlphaDropout(Function):
    """a x + b where kept, else a SELU_FLOOR + b; planes None: each element has a draw."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, planes: int | None, p: float, key: int, offset: int, function: str
    ) -> np.ndarray:
        k = ctx.kernels = _checks.kernels(x, function, "input")
        number = x.dtype.type
        ctx.planes, ctx.settings = planes, (p, key, offset)
        if p == 1.0:
            ctx.scale = number(0.0)
            return np.asanyarray(x * ctx.scale)
        a = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * SELU_FLOOR**2))
        b = -a * SELU_FLOOR * p
        # dropout gives (x - floor) / (1 - p) or 0, from the floor up
        y = _drop(k, x - number(SELU_FLOOR), planes, ctx.settings)
        ctx.scale = number(a * (1.0 - p))
        y *= ctx.scale
        y += number(a * SELU_FLOOR + b)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        if ctx.scale == 0.0:
            return np.asanyarray(dy * ctx.scale)
        dx = _drop(ctx.kernels, dy, ctx.planes, ctx.settings)
        dx *= ctx.scale
        return dx


class _AddNoise(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, sigma: float, key: int, offset: int) -> np.ndarray:
        k = _checks.kernels(x, "gaussian_noise", "input")
        noise = k.random_normal(x.shape, key, offset, 0.0, sigma)
        return np.asanyarray(x + noise.astype(x.dtype, copy=False))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        return dy


def _drop(k: Any, x: np.ndarray, planes: int | None, settings: Any) -> np.ndarray:
    x = np.asanyarray(x)
    return k.dropout(x, *settings) if planes is None else _drop_planes(k, x, planes, settings)


def _drop_planes(k: Any, x: np.ndarray, planes: int, settings: Any) -> np.ndarray:
    rows = x.reshape(planes, x.size // planes if planes else 0)
    return k.plane_dropout(rows, *settings).reshape(x.shape)


def _channels(
    function: str, input: Any, p: Any, training: bool, inplace: bool, generator: Any,
    axes: dict[int, int],
) -> Tensor:  # fmt: skip
    """axes: for each rank that is allowed, how many axes come before a plane's."""
    x = _checks.tensor(input, function, "input")
    p = _checks.probability(p, function)
    if x.ndim not in axes:
        ranks = " or ".join(f"{rank}D" for rank in axes)
        raise ValueError(f"{function}: input has shape {x.shape}, expected {ranks}")
    if not training or p == 0.0:
        return x
    planes = prod(x.shape[: axes[x.ndim]])
    key, offset = resolve(generator).reserve(planes)
    return given(x, _PlaneDropout.apply(x, planes, p, key, offset, function), inplace, function)


def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of (N, C, L) or (C, L) becomes 0 with probability p, or is divided by 1 - p.

    Settings and errors as of dropout2d.
    """
    return _channels("dropout1d", input, p, training, inplace, generator, {3: 2, 2: 1})


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of (N, C, H, W), or of (N, C, L), becomes 0 with probability p; the others are
    divided by 1 - p.

    Not training: input itself.  generator: the default one if None; one draw for each channel of
    each example.  Source: Tompson et al. 2015, arXiv:1411.4280, section 3.2.  Raises TypeError for
    a dtype that is not float32 or float64, ValueError for another rank and p outside [0, 1].
    """
    return _channels("dropout2d", input, p, training, inplace, generator, {4: 2, 3: 2})


def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of (N, C, D, H, W) or (C, D, H, W) becomes 0 with probability p; the others are
    divided by 1 - p.  Settings and errors as of dropout2d."""
    return _channels("dropout3d", input, p, training, inplace, generator, {5: 2, 4: 1})


def _alpha(
    x: Tensor, planes: int | None, p: float, inplace: bool, generator: Any, function: str
) -> Tensor:
    """planes None: each element has a draw."""
    n = x._data.size if planes is None else planes
    key, offset = resolve(generator).reserve(n)
    return given(x, _AlphaDropout.apply(x, planes, p, key, offset, function), inplace, function)


def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """y = a x + b, where x is -1.7581 (what SELU gives for -infinity) with probability p.

    a and b are such that mean 0 and variance 1 of x stay: with s = -1.7581,
    a = ((1 - p) (1 + p s^2))^-1/2, b = -a p s; p = 1 gives 0.  Not training: input itself.
    generator: the default one if None.  Source: Klambauer et al. 2017, arXiv:1706.02515.
    Raises TypeError for a dtype that is not float32 or float64, ValueError for p outside [0, 1].
    """
    x = _checks.tensor(input, "alpha_dropout", "input")
    p = _checks.probability(p, "alpha_dropout")
    if not training or p == 0.0:
        return x
    return _alpha(x, None, p, inplace, generator, "alpha_dropout")


def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """alpha_dropout with one draw for each channel of each example, input (N, C, ...).

    Errors as of alpha_dropout, and ValueError for less than two axes.
    """
    x = _checks.tensor(input, "feature_alpha_dropout", "input")
    p = _checks.probability(p, "feature_alpha_dropout")
    if x.ndim < 2:
        raise ValueError(f"feature_alpha_dropout: input has shape {x.shape}, expected (N, C, ...)")
    if not training or p == 0.0:
        return x
    return _alpha(x, x.shape[0] * x.shape[1], p, inplace, generator, "feature_alpha_dropout")


def gaussian_noise(
    input: Tensor,
    sigma: float,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """y = x + sigma n, n normal with mean 0 and variance 1; the gradient passes unchanged.

    Not training: input itself.  generator: the default one if None.  Source: Bishop 1995, Training
    with noise is equivalent to Tikhonov regularization, doi:10.1162/neco.1995.7.1.108.
    Raises TypeError for a dtype that is not float32 or float64, ValueError for sigma below 0.
    """
    x = _checks.tensor(input, "gaussian_noise", "input")
    sigma = sigma_of(sigma, "gaussian_noise")
    if not training or sigma == 0.0:
        return x
    key, offset = resolve(generator).reserve(x._data.size)
    return given(x, _AddNoise.apply(x, sigma, key, offset), inplace, "gaussian_noise")


def sigma_of(value: Any, function: str) -> float:
    """A finite standard deviation of at least 0; TypeError or ValueError otherwise."""
    sigma = _checks.number(value, function, "sigma")
    if not 0.0 <= sigma < math.inf:
        raise ValueError(f"{function}: sigma is {sigma}, expected at least 0 and finite")
    return sigma
