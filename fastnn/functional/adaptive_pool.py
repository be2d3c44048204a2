"""Adaptive pooling, given by its output's size, and max-unpooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .pool import _AvgPool2d, apply_max_pool2d, batched, sizes, unbatched
from .shape import reshape


class _AdaptiveAvg(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, output_size: Any) -> Any:
        k = _checks.kernels(x, "adaptive_avg_pool2d", "input")
        ctx.kernels, ctx.input_size = k, x.shape
        return k.adaptive_avg_pool2d_forward(x, output_size)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.adaptive_avg_pool2d_backward(dy, ctx.input_size)


class _AdaptiveMax(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, output_size: Any) -> Any:
        k = _checks.kernels(x, "adaptive_max_pool2d", "input")
        ctx.kernels, ctx.input_size = k, x.shape
        y, index = k.adaptive_max_pool2d_forward(x, output_size)
        ctx.save(index)
        return y, index

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, _: Any) -> Any:
        (index,) = ctx.saved
        return ctx.kernels.max_pool2d_backward(dy, index, ctx.input_size, None, None)


class _MaxUnpool(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, indices: np.ndarray, output_size: Any) -> Any:
        k = _checks.kernels(x, "max_unpool2d", "input")
        ctx.kernels = k
        ctx.save(indices)
        return k.max_unpool2d_forward(x, indices, output_size)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (indices,) = ctx.saved
        return ctx.kernels.max_unpool2d_backward(dy, indices), None


def output_sizes(value: Any, n: int, function: str) -> tuple[int | None, ...]:
    """n sizes from an int, or n ints or Nones (as the input's)."""
    listed = value if isinstance(value, (tuple, list)) else (value,) * n
    if len(listed) != n:
        raise ValueError(f"{function}: output_size is {value!r}, expected an int or {n}")
    return tuple(
        None if v is None else _checks.integer(v, function, "output_size", 0) for v in listed
    )


def _checked(
    function: str, n: int, input: Any, output_size: Any
) -> tuple[Tensor, bool, tuple[int, ...]]:
    x, added = batched(input, n, function)
    wanted = output_sizes(output_size, n, function)
    if min(x.shape[2:]) < 1:
        raise ValueError(f"{function}: input of shape {x.shape} has an axis of size 0")
    out = zip(x.shape[2:], wanted, strict=True)
    return x, added, tuple(size if v is None else v for size, v in out)


def _even_window(size: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, int] | None:
    """The window of plain pooling, if there is one of the same sizes that is quick."""
    if out[0] * out[1] < 2 or size[0] % out[0] or size[1] % out[1]:
        return None
    return size[0] // out[0], size[1] // out[1]


def _avg(x: Tensor, out: tuple[int, ...]) -> Tensor:
    if x.shape[2:] == out:
        return x
    kernel = _even_window(x.shape[2:], out)
    if kernel is None:
        return _AdaptiveAvg.apply(x, out)
    return _AvgPool2d.apply(x, (kernel, kernel, (0, 0)), False, True, None)


def _max(x: Tensor, out: tuple[int, ...], indices: bool) -> Any:
    kernel = _even_window(x.shape[2:], out)
    if kernel is None:
        return _AdaptiveMax.apply(x, out)
    window = kernel, kernel, (0, 0), (1, 1), False
    return apply_max_pool2d(x, window, None, indices)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of output_size windows that share L out evenly: (N, C, L) -> (N, C, output_size).

    Window o reaches from floor(o L / output_size) to ceil((o + 1) L / output_size).
    """
    x, added, (out,) = _checked("adaptive_avg_pool1d", 1, input, output_size)
    y = _avg(reshape(x, (*x.shape[:2], 1, x.shape[2])), (1, out))
    return unbatched(reshape(y, (*y.shape[:2], out)), added)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that share H and W out evenly: (N, C, H, W) -> (N, C, OH, OW).

    output_size: an int or two; None keeps that axis.  1 is the global average.
    """
    x, added, out = _checked("adaptive_avg_pool2d", 2, input, output_size)
    return unbatched(_avg(x, out), added)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that share D, H and W out evenly: (N, C, D, H, W) -> (N, C, OD, OH, OW)."""
    x, added, out = _checked("adaptive_avg_pool3d", 3, input, output_size)
    n, c, d, h, w = x.shape
    planes = _avg(reshape(x, (n, c * d, h, w)), out[1:])
    y = _avg(reshape(planes, (n, c, d, out[1] * out[2])), (out[0], out[1] * out[2]))
    return unbatched(reshape(y, (n, c, *out)), added)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of output_size windows that share L out evenly: (N, C, L) -> (N, C, output_size).

    return_indices: also their int64 positions.
    """
    x, added, (out,) = _checked("adaptive_max_pool1d", 1, input, output_size)
    y, at = _max(reshape(x, (*x.shape[:2], 1, x.shape[2])), (1, out), return_indices)
    y = unbatched(reshape(y, (*y.shape[:2], out)), added)
    return (y, _indices(at._data, y.shape)) if return_indices else y


def _indices(at: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    return Tensor(at.astype(np.int64).reshape(shape))


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of windows that share H and W out evenly: (N, C, H, W) -> (N, C, OH, OW).

    return_indices: also their int64 positions in the H*W planes.
    """
    x, added, out = _checked("adaptive_max_pool2d", 2, input, output_size)
    y, at = _max(x, out, return_indices)
    y = unbatched(y, added)
    return (y, _indices(at._data, y.shape)) if return_indices else y


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of windows that share D, H and W out evenly: (N, C, D, H, W) -> (N, C, OD, OH, OW).

    return_indices: also their int64 positions in the D*H*W volumes.
    """
    x, added, out = _checked("adaptive_max_pool3d", 3, input, output_size)
    n, c, d, h, w = x.shape
    planes, at = _max(reshape(x, (n, c * d, h, w)), out[1:], return_indices)
    flat = out[1] * out[2]
    y, depth = _max(reshape(planes, (n, c, d, flat)), (out[0], flat), return_indices)
    y = unbatched(reshape(y, (n, c, *out)), added)
    if not return_indices:
        return y
    chosen = depth._data.astype(np.int64).reshape(n, c, -1)
    in_plane = np.take_along_axis(at._data.reshape(n, c, d * flat), chosen, 2)
    return y, _indices(chosen // max(flat, 1) * (h * w) + in_plane, y.shape)


def _unpool(
    function: str,
    n: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    x, added = batched(input, n, function)
    _checks.tensor(indices, function, "indices")
    if indices.dtype != np.int64:
        raise TypeError(f"{function}: indices has dtype {indices.dtype}, expected int64")
    if indices.shape != input.shape:
        raise ValueError(f"{function}: indices has shape {indices.shape}, input {input.shape}")
    kernel = sizes(kernel_size, n, function, "kernel_size", 1)
    steps = kernel if stride is None else sizes(stride, n, function, "stride", 1)
    pads = sizes(padding, n, function, "padding", 0)
    geometry = list(zip(x.shape[2:], kernel, steps, pads, strict=True))
    default = tuple((size - 1) * s - 2 * p + k for size, k, s, p in geometry)
    out = default
    if output_size is not None:
        listed = [_size(v, function) for v in output_size]
        out = tuple(listed[-n:])
        if len(listed) not in (n, n + 2):
            raise ValueError(f"{function}: output_size is {output_size!r}, expected {n} sizes")
        for size, usual, step in zip(out, default, steps, strict=True):
            if not usual - step < size < usual + step:
                raise ValueError(
                    f"{function}: output_size is {tuple(out)}, expected within stride {steps} "
                    f"of {default}"
                )
    if min(out) < 1:
        raise ValueError(f"{function}: the output would have shape {out}")
    shape = x.shape[:2]
    place = reshape(indices, x.shape)
    total = int(np.prod(out))
    if place._data.size and not (0 <= place._data.min() and place._data.max() < total):
        raise ValueError(f"{function}: indices must be from 0 to {total - 1}")
    if n == 1:
        x, place = (reshape(t, (*shape, 1, t.shape[2])) for t in (x, place))
        y = reshape(_MaxUnpool.apply(x, place, (1, *out)), (*shape, *out))
    elif n == 3:  # positions count through a whole volume: its rows and columns may be one axis
        depth, height, width = x.shape[2:]
        x, place = (reshape(t, (*shape, depth, height * width)) for t in (x, place))
        y = _MaxUnpool.apply(x, place, (out[0], out[1] * out[2]))
        y = reshape(y, (*shape, *out))
    else:
        y = _MaxUnpool.apply(x, place, out)
    return unbatched(y, added)


def _size(value: Any, function: str) -> int:
    return _checks.integer(value, function, "output_size", 0)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values back to where max_pool1d(return_indices=True) took them, zeros elsewhere.

    output_size: which of the lengths that pool to the input's is wanted.
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values back to where max_pool2d(return_indices=True) took them, zeros elsewhere.

    input and indices (N, C, H, W) -> (N, C, OH, OW); output_size: which of the sizes that pool to
    the input's is wanted.  Zeiler & Fergus 2014 (arXiv:1311.2901).
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values back to where max_pool3d(return_indices=True) took them, zeros elsewhere.

    input and indices (N, C, D, H, W) -> (N, C, OD, OH, OW); see max_unpool2d.
    """
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)
