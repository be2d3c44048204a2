"""Max, average and power-average pooling in windows of one, two and three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .arithmetic import _power as power
from .arithmetic import pow
from .shape import reshape

MAX_TAPS = 255  # elements of a window whose position fits a byte


class _MaxPool2d(Function):
    """Of where the maxima are a byte each is kept if a gradient is wanted, nothing if not."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, window: Any, activation: Any, indices: bool) -> Any:
        k = _checks.kernels(x, "max_pool2d", "input")
        _check_pool(x.shape, "max_pool2d", *window)
        ctx.kernels, ctx.input_size, ctx.window = k, x.shape, window
        ctx.activation = activation
        if indices:
            y, index = k.max_pool2d_forward(x, *window, activation, "index")
            # the maxima themselves are needed only to see where ReLU cut
            ctx.save(index, y if activation else None)
            return y, index
        if not ctx.needs_input_grad[0]:
            return k.max_pool2d_forward(x, *window, activation, None)
        small = window[0][0] * window[0][1] <= MAX_TAPS
        y, where = k.max_pool2d_forward(x, *window, activation, "tap" if small else "index")
        ctx.save(where, y if activation and not small else None)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, _: Any = None) -> Any:
        where, y = ctx.saved
        k = ctx.kernels
        if where.dtype == np.uint8:
            return k.max_pool2d_backward_tap(dy, where, ctx.input_size, *ctx.window)
        return k.max_pool2d_backward(dy, where, ctx.input_size, y, ctx.activation)


class _AvgPool2d(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, window: Any, *settings: Any) -> Any:
        k = _checks.kernels(x, "avg_pool2d", "input")
        kernel_size, stride, padding = window
        _check_pool(x.shape, "avg_pool2d", kernel_size, stride, padding, (1, 1), settings[0])
        ctx.kernels, ctx.settings = k, (x.shape, *window, *settings)
        return k.avg_pool2d_forward(x, *window, *settings)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return ctx.kernels.avg_pool2d_backward(dy, *ctx.settings)


SHAPES = {
    1: "(N, C, L) or (C, L)",
    2: "(N, C, H, W) or (C, H, W)",
    3: "(N, C, D, H, W) or (C, D, H, W)",
}


def _check_pool(
    x: tuple[int, ...],
    function: str,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> None:
    n = len(kernel_size)
    if len(x) != n + 2:
        raise ValueError(f"{function}: input has shape {x}, expected {SHAPES[n]}")
    for size, kernel, step, pad, dil in zip(
        x[2:], kernel_size, stride, padding, dilation, strict=True
    ):
        if size < 1:
            raise ValueError(f"{function}: input of shape {x} has an axis of size 0")
        if dil * (kernel - 1) + 1 > size + 2 * pad + (step - 1 if ceil_mode else 0):
            raise ValueError(
                f"{function}: kernel_size {kernel_size} with dilation {dilation} is larger than "
                f"the input {x[2:]} with padding {padding}"
            )


def sizes(value: Any, n: int, function: str, name: str, low: int) -> tuple[int, ...]:
    """n integers, each at least `low`, from an int, one in a tuple, or n of them."""
    if type(value) is int and low <= value < 1 << 31:
        return (value,) * n
    if isinstance(value, (tuple, list)) and len(value) == 1:
        value = value[0]
    if isinstance(value, (tuple, list)):
        if len(value) != n:
            raise ValueError(f"{function}: {name} is {value!r}, expected an int or {n}")
        found = tuple(_checks.integer(v, function, name, low) for v in value)
    else:
        found = (_checks.integer(value, function, name, low),) * n
    if max(found) >= 1 << 31:
        raise ValueError(f"{function}: {name} is {value!r}, expected less than 2**31")
    return found


def pool_window(
    function: str, kernel_size: Any, stride: Any, padding: Any, n: int = 2
) -> tuple[Any, ...]:
    """Checked kernel_size, stride (kernel_size if None), padding, n integers each."""
    kernel = sizes(kernel_size, n, function, "kernel_size", 1)
    empty = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if empty else sizes(stride, n, function, "stride", 1)
    pads = sizes(padding, n, function, "padding", 0)
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ValueError(
            f"{function}: padding is {padding}, expected at most half of kernel_size {kernel_size}"
        )
    return kernel, steps, pads


def batched(input: Any, n: int, function: str) -> tuple[Tensor, bool]:
    """input with a batch axis, and whether that had to be added."""
    _checks.tensor(input, function, "input")
    if input._data.ndim == n + 1:
        return reshape(input, (1, *input.shape)), True
    if input._data.ndim != n + 2:
        raise ValueError(f"{function}: input has shape {input.shape}, expected {SHAPES[n]}")
    return input, False


def unbatched(y: Tensor, added: bool) -> Tensor:
    return reshape(y, y.shape[1:]) if added else y


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  Padding counts as minus infinity and is at most half of
    kernel_size.  return_indices: also the int64 positions of the maxima in their H*W planes; of
    equal maxima the first counts, a NaN beats every number.
    Raises TypeError for another dtype than float32 or float64, ValueError for a window that does
    not fit.
    """
    window = (
        *pool_window("max_pool2d", kernel_size, stride, padding),
        sizes(dilation, 2, "max_pool2d", "dilation", 1),
        bool(ceil_mode),
    )
    y, indices = apply_max_pool2d(input, window, None, return_indices)
    return (y, _int64(indices)) if return_indices else y


def _int64(indices: Tensor) -> Tensor:
    return Tensor(indices._data.astype(np.int64))


def apply_max_pool2d(
    input: Tensor, window: tuple[Any, ...], activation: str | None, indices: bool = True
) -> tuple[Tensor, Any]:
    """Maxima and, unless `indices` is False, their int32 indices (else None); with activation
    "relu" of relu(input), in one pass."""
    _checks.tensor(input, "max_pool2d", "input")
    added = input._data.ndim == 3
    x = reshape(input, (1, *input.shape)) if added else input
    if not indices:
        return unbatched(_MaxPool2d.apply(x, window, activation, False), added), None
    y, where = _MaxPool2d.apply(x, window, activation, True)
    return unbatched(y, added), unbatched(where, added)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window: input (N, C, L) or (C, L) -> (N, C, OL); see max_pool2d."""
    x, added = batched(input, 1, "max_pool1d")
    window = _max_window("max_pool1d", 1, kernel_size, stride, padding, dilation, ceil_mode)
    _check_pool(x.shape, "max_pool1d", *window)
    flat = tuple((low, *given) for low, given in zip((1, 1, 0, 1), window[:4], strict=True))
    rows = reshape(x, (*x.shape[:2], 1, x.shape[2]))
    y, indices = apply_max_pool2d(rows, (*flat, window[4]), None, return_indices)
    y = unbatched(reshape(y, (*y.shape[:2], y.shape[3])), added)
    return (y, Tensor(_int64(indices)._data.reshape(y.shape))) if return_indices else y


def _max_window(
    function: str,
    n: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
) -> tuple[Any, ...]:
    window = pool_window(function, kernel_size, stride, padding, n)
    return (*window, sizes(dilation, n, function, "dilation", 1), bool(ceil_mode))


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window: input (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    return_indices: also the int64 positions of the maxima in their D*H*W volumes; see max_pool2d.
    Maxima of maxima: of each H*W plane first, of planes then, which keeps the rule for ties.
    """
    x, added = batched(input, 3, "max_pool3d")
    window = _max_window("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode)
    _check_pool(x.shape, "max_pool3d", *window)
    n, c, d, h, w = x.shape
    inner = (*(given[1:] for given in window[:4]), window[4])
    outer = (*_along_depth(window[:4]), window[4])
    planes, at = apply_max_pool2d(reshape(x, (n, c * d, h, w)), inner, None, return_indices)
    oh, ow = planes.shape[2:]
    y, depth = apply_max_pool2d(reshape(planes, (n, c, d, oh * ow)), outer, None, return_indices)
    y = unbatched(reshape(y, (n, c, y.shape[2], oh, ow)), added)
    if not return_indices:
        return y
    chosen = depth._data.astype(np.int64).reshape(n, c, -1)
    in_plane = np.take_along_axis(at._data.reshape(n, c, d * oh * ow), chosen, 2)
    return y, Tensor((chosen // (oh * ow) * (h * w) + in_plane).reshape(y.shape))


def _along_depth(window: Any) -> Any:
    """kernel_size, stride, padding and dilation of the first axis, none along the second."""
    return ((given[0], low) for low, given in zip((1, 1, 0, 1), window, strict=False))


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    count_include_pad: padded zeros count as elements of the mean.  divisor_override: what the sums
    are divided by instead.  Raises as max_pool2d does.
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window: input (N, C, L) or (C, L) -> (N, C, OL); see avg_pool2d."""
    return _avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window: input (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    The mean of planes, then of depths; see avg_pool2d.
    """
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def _avg_pool(
    function: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: Any,
    count_include_pad: Any,
    divisor_override: Any,
) -> Tensor:
    x, added = batched(input, dims, function)
    window = pool_window(function, kernel_size, stride, padding, dims)
    settings = bool(ceil_mode), bool(count_include_pad)
    kernel, steps, pads = window
    _check_pool(x.shape, function, kernel, steps, pads, (1,) * dims, settings[0])
    if dims == 3 and any(a < b for a, b in zip(x.shape[2:], kernel, strict=True)):
        raise ValueError(  # as PyTorch, here without the padding
            f"{function}: kernel_size {kernel} is larger than the input {x.shape[2:]}"
        )
    if divisor_override is not None:
        divisor_override = _checks.integer(divisor_override, function, "divisor_override", -(2**62))
        if divisor_override == 0:
            raise ValueError(f"{function}: divisor_override is 0")
    if dims == 2:
        y = _AvgPool2d.apply(x, window, *settings, divisor_override)
    elif dims == 1:
        flat = tuple((low, *given) for low, given in zip((1, 1, 0), window, strict=True))
        rows = reshape(x, (*x.shape[:2], 1, x.shape[2]))
        y = _AvgPool2d.apply(rows, flat, *settings, None)
        y = reshape(y, (*y.shape[:2], y.shape[3]))
    else:
        n, c, d, h, w = x.shape
        inner, outer = tuple(given[1:] for given in window), tuple(_along_depth(window))
        once = None if divisor_override is None else 1
        y = _AvgPool2d.apply(reshape(x, (n, c * d, h, w)), inner, *settings, once)
        oh, ow = y.shape[2:]
        y = _AvgPool2d.apply(reshape(y, (n, c, d, oh * ow)), outer, *settings, divisor_override)
        y = reshape(y, (n, c, y.shape[2], oh, ow))
    return unbatched(y, added)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^norm_type)^(1 / norm_type) of each window: (N, C, L) -> (N, C, OL)."""
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^norm_type)^(1 / norm_type) of each window: (N, C, H, W) -> (N, C, OH, OW)."""
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^norm_type)^(1 / norm_type) of each window: as lp_pool2d, of (N, C, D, H, W)."""
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


class _Root(Function):
    """y = (count mean)^(1/p); where the mean is 0 the gradient is 0, as PyTorch's."""

    @staticmethod
    def forward(ctx: Any, mean: np.ndarray, count: float, p: float) -> Any:
        total = mean * mean.dtype.type(count)
        y = power(total, 1.0 / p)
        ctx.save(total, y)
        ctx.factor = count / p
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        total, y = ctx.saved
        there = total != 0
        with np.errstate(all="ignore"):
            slope = np.divide(y, total, out=np.zeros_like(y), where=there)
            return np.where(there, dy * slope * dy.dtype.type(ctx.factor), dy.dtype.type(0))


def _lp_pool(
    function: str,
    dims: int,
    input: Any,
    norm_type: Any,
    kernel_size: Any,
    stride: Any,
    ceil_mode: Any,
) -> Tensor:
    """As PyTorch: the mean of powers times the window's size, also where a window hangs over."""
    _checks.tensor(input, function, "input")
    p = exponent(norm_type, function)
    kernel = sizes(kernel_size, dims, function, "kernel_size", 1)
    mean = _avg_pool(function, dims, pow(input, p), kernel, stride, 0, ceil_mode, True, None)
    return _Root.apply(mean, float(np.prod(kernel)), p)


def exponent(norm_type: Any, function: str) -> float:
    """norm_type, a number other than 0; TypeError or ValueError otherwise."""
    if isinstance(norm_type, bool) or not isinstance(norm_type, (int, float)):
        raise TypeError(f"{function}: norm_type must be a number, got {norm_type!r}")
    if norm_type == 0:
        raise ValueError(f"{function}: norm_type is 0")
    return float(norm_type)
