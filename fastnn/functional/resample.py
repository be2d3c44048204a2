"""Interpolation of sequences, images and volumes, and the shuffling of channels into pixels."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .adaptive_pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .shape import permute, reshape

MODES = {  # number of spatial axes that a mode is for
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
    "area": (1, 2, 3),
}


MOST = 1 << 40  # elements of an output
KEPT = 4096  # outputs of an axis up to which its table is kept: 64 of them are at most 6 MB


class _Resample2d(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, tables: Any) -> Any:
        k = _checks.kernels(x, "interpolate", "input")
        ctx.kernels, ctx.input_size, ctx.tables = k, x.shape, tables
        return k.resample2d_forward(x, *tables)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.resample2d_backward(dy, ctx.input_size, *ctx.tables)


def _table(size: int, out: int, mode: str, aligned: bool, scale: float, char: str) -> Any:
    """The table of an axis; those of usual sizes are kept."""
    make = _kept_table if out <= KEPT else _new_table
    return make(size, out, mode, aligned, scale, char)


def _new_table(size: int, out: int, mode: str, aligned: bool, scale: float, char: str) -> Any:
    """(index, weight) of an axis, both (out, taps), from PyTorch's formulas in the input's dtype.

    scale: outputs for an input, 0 if it follows from the sizes.  Linear and cubic: position
    step * (o + 1/2) - 1/2, or step * o with aligned corners.  Cubic: Keys 1981 with a = -0.75.
    """
    real = np.dtype(char).type
    o = np.arange(out).astype(char)
    if aligned:
        step = real(size - 1) / real(out - 1) if out > 1 else real(0)
    else:
        step = real(1.0 / scale) if scale > 0 else real(size) / real(out)
    if mode == "nearest":
        at = np.floor(o * step).astype(np.int64)
    elif mode == "nearest-exact":
        centre = np.maximum(step * (o + real(0.5)) - real(0.5), real(0))
        at = np.floor(centre + real(0.5)).astype(np.int64)
    if mode.startswith("nearest"):
        at = np.minimum(at, size - 1)
        return at[:, None].astype(np.int32), np.ones((out, 1), char)
    x = step * o if aligned else step * (o + real(0.5)) - real(0.5)
    if mode == "cubic":
        left = np.floor(x)
        weight = _cubic_weights(x - left, real)
        index = left.astype(np.int64)[:, None] + np.arange(-1, 3)
        return np.clip(index, 0, size - 1).astype(np.int32), weight.astype(char)
    x = np.maximum(x, real(0))
    left = np.minimum(x.astype(np.int64), size - 1)
    right = np.minimum(left + 1, size - 1)
    share = np.clip(x - left.astype(char), real(0), real(1))
    weight = np.stack([real(1) - share, share], 1)
    return np.stack([left, right], 1).astype(np.int32), weight.astype(char)


_kept_table = lru_cache(maxsize=64)(_new_table)


def _cubic_weights(t: np.ndarray, real: Any) -> np.ndarray:
    """(out, 4): cubic convolution at distances 1 + t, t, 1 - t and 2 - t."""
    a = real(-0.75)

    def near(x: np.ndarray) -> np.ndarray:
        return ((a + real(2)) * x - (a + real(3))) * x * x + real(1)

    def far(x: np.ndarray) -> np.ndarray:
        return ((a * x - real(5) * a) * x + real(8) * a) * x - real(4) * a

    one = real(1)
    return np.stack([far(t + one), near(t), near(one - t), far(one - t + one)], 1)


def _factors(scale_factor: Any, n: int) -> tuple[float, ...]:
    listed = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
    if len(listed) != n:
        raise ValueError(f"interpolate: scale_factor is {scale_factor!r}, expected a number or {n}")
    for v in listed:
        if isinstance(v, bool) or not isinstance(v, (int, float, np.floating, np.integer)):
            raise TypeError(f"interpolate: scale_factor must be a number, got {v!r}")
        if not 0 < v < math.inf:
            raise ValueError(f"interpolate: scale_factor is {v}, expected more than 0")
    return tuple(float(v) for v in listed)


def _target(
    x: tuple[int, ...], size: Any, scale_factor: Any, recompute: Any
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Output sizes, and scales that the coordinates use, 0 where they follow from the sizes."""
    n = len(x)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: expected either size or scale_factor")
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor needs scale_factor, not size")
        listed = size if isinstance(size, (tuple, list)) else (size,) * n
        if len(listed) != n:
            raise ValueError(f"interpolate: size is {size!r}, expected an int or {n}")
        return tuple(_checks.integer(v, "interpolate", "size", 1) for v in listed), (0.0,) * n
    scales = _factors(scale_factor, n)
    out = tuple(math.floor(a * s) for a, s in zip(x, scales, strict=True))
    if min(out) < 1:
        raise ValueError(f"interpolate: the output of {x} by {scale_factor} would be {out}")
    return out, (0.0,) * n if recompute else scales


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """input (N, C, L), (N, C, H, W) or (N, C, D, H, W) at another size.

    size, or scale_factor with size floor(L scale_factor).  mode: "nearest", "nearest-exact",
    "linear" (of sequences), "bilinear", "bicubic" (of images), "trilinear" (of volumes), "area"
    (adaptive average).  align_corners: the first and last pixels' centres stay the corners, else
    the pixels' outer edges do.  recompute_scale_factor: coordinates from the rounded size.
    Raises TypeError and ValueError for arguments that do not fit.
    """
    x = _checks.tensor(input, "interpolate", "input")
    n = x._data.ndim - 2
    if mode not in MODES:
        raise ValueError(f"interpolate: mode is {mode!r}, expected one of {', '.join(MODES)}")
    if n not in MODES[mode]:
        raise ValueError(
            f"interpolate: input has shape {x.shape}, mode {mode!r} expects "
            f"{' or '.join(str(d + 2) for d in MODES[mode])} axes"
        )
    if min(x.shape[1:]) < 1:
        raise ValueError(f"interpolate: input of shape {x.shape} has an axis of size 0")
    if align_corners is not None and (mode.startswith("nearest") or mode == "area"):
        raise ValueError(f"interpolate: align_corners has no meaning with mode {mode!r}")
    out, scales = _target(x.shape[2:], size, scale_factor, recompute_scale_factor)
    if math.prod((*x.shape[:2], *out)) > MOST:
        raise MemoryError(f"interpolate: cannot allocate an output of {(*x.shape[:2], *out)}")
    if mode == "area":
        pools = adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
        return pools[n - 1](x, out)
    kind = {"bicubic": "cubic"}.get(mode, mode if mode.startswith("nearest") else "linear")
    char = x._data.dtype.char
    if char not in "fd":
        raise TypeError(
            f"interpolate: input has dtype {x._data.dtype}, expected float32 or float64"
        )
    axes = zip(x.shape[2:], out, scales, strict=True)
    tables = [_table(a, b, kind, bool(align_corners), s, char) for a, b, s in axes]
    return _by_tables(x, out, tables)


def _by_tables(x: Tensor, out: tuple[int, ...], tables: list[Any]) -> Tensor:
    batch, c = x.shape[:2]
    keep = None, None
    if len(out) == 1:
        y = _Resample2d.apply(reshape(x, (batch, c, 1, x.shape[2])), (*keep, *tables[0]))
        return reshape(y, (batch, c, *out))
    if len(out) == 2:
        return _Resample2d.apply(x, (*tables[0], *tables[1]))
    d, h, w = x.shape[2:]
    y = _Resample2d.apply(reshape(x, (batch, c * d, h, w)), (*tables[1], *tables[2]))
    flat = reshape(y, (batch, c, d, out[1] * out[2]))
    return reshape(_Resample2d.apply(flat, (*tables[0], *keep)), (batch, c, *out))


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels into pixels, (*, C r^2, H, W) -> (*, C, H r, W r), r = upscale_factor.

    y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]; Shi et al. 2016 (arXiv:1609.05158).
    """
    r = _checks.integer(upscale_factor, "pixel_shuffle", "upscale_factor", 1)
    *lead, c, h, w = _image(input, "pixel_shuffle")
    if c % (r * r):
        raise ValueError(f"pixel_shuffle: input has {c} channels, expected a multiple of {r * r}")
    k, n = c // (r * r), math.prod(lead)
    y = permute(reshape(input, (n, k, r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(y, (*lead, k, h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of pixel_shuffle: (*, C, H r, W r) -> (*, C r^2, H, W), r = downscale_factor."""
    r = _checks.integer(downscale_factor, "pixel_unshuffle", "downscale_factor", 1)
    *lead, c, h, w = _image(input, "pixel_unshuffle")
    if h % r or w % r:
        raise ValueError(
            f"pixel_unshuffle: input has shape {input.shape}, expected multiples of {r}"
        )
    n = math.prod(lead)
    y = permute(reshape(input, (n, c, h // r, r, w // r, r)), (0, 1, 3, 5, 2, 4))
    return reshape(y, (*lead, c * r * r, h // r, w // r))


def _image(input: Any, function: str) -> tuple[int, ...]:
    _checks.tensor(input, function, "input")
    if input._data.ndim < 3:
        raise ValueError(f"{function}: input has shape {input.shape}, expected (*, C, H, W)")
    return input.shape


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of different groups side by side, (N, C, *) -> (N, C, *) with one axis * or more.

    y[n, i groups + g] = x[n, g C / groups + i]; Zhang et al. 2017 (arXiv:1707.01083).  Raises
    ValueError for C that is no multiple of groups.
    """
    x = _checks.tensor(input, "channel_shuffle", "input")
    g = _checks.integer(groups, "channel_shuffle", "groups", 1)
    if x.ndim < 3:
        raise ValueError(f"channel_shuffle: input has shape {x.shape}, expected (N, C, *)")
    n, c, *rest = x.shape
    if c % g:
        raise ValueError(f"channel_shuffle: input has {c} channels, expected a multiple of {g}")
    parts = reshape(x, (n, g, c // g, math.prod(rest)))
    return reshape(permute(parts, (0, 2, 1, 3)), x.shape)
