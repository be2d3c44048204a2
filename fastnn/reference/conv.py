"""Convolution over NCHW images, and its three gradients.

y[n, o, i, j] = act(bias[o] + sum over c, r, q of
                    weight[o, c, r, q] xpad[n, c, i sh + r dh, j sw + q dw]),

with C_out and C_in cut into `groups` equal parts that see only each other (Krizhevsky et al. 2012,
AlexNet).  For each tap (r, q) of the window the pixels that it meets are a strided slice of the
padded image, so each function is a sum over taps of matrix products over channels.
"""

from collections.abc import Callable, Iterator

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_add_relu_forward",
    "conv2d_forward",
    "conv2d_prepared",
]

Pair = tuple[int, int]


def _output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """(OH, OW): how often the window fits into the padded image."""
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        if s < 1 or d < 1 or p < 0:
            raise ValueError(
                f"stride {stride} and dilation {dilation} must be positive, "
                f"padding {padding} not negative"
            )
        reach = d * (k - 1) + 1
        if n < 1 or k < 1 or n + 2 * p < reach:
            raise ValueError(f"kernel {kernel} does not fit the padded image")
        out.append((n + 2 * p - reach) // s + 1)
    return out[0], out[1]


def _expect_groups(groups: int, c_in: int, c_out: int) -> None:
    if groups < 1 or c_in % groups or c_out % groups:
        raise ValueError(f"groups={groups} must divide the channels {c_in} and {c_out}")


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    ph, pw = padding
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def _taps(
    kernel: Pair, out: Pair, stride: Pair, dilation: Pair
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each tap (r, q) with the rows and columns of the padded image that it meets."""
    for r in range(kernel[0]):
        top = r * dilation[0]
        rows = slice(top, top + stride[0] * (out[0] - 1) + 1, stride[0])
        for q in range(kernel[1]):
            left = q * dilation[1]
            yield r, q, rows, slice(left, left + stride[1] * (out[1] - 1) + 1, stride[1])


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """(N, C, H, W) -> (N, G, C/G, H W)."""
    n, c, h, w = x.shape
    return x.reshape(n, groups, c // groups, h * w)


@np.errstate(all="ignore")
def conv2d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    activation: str | None,
) -> np.ndarray:
    """y = act(conv(x, weight) + bias): x (N, C_in, H, W), weight (C_out, C_in/groups, KH, KW),
    bias (C_out,) or None -> y (N, C_out, OH, OW)."""
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(4, x=x, weight=weight)
    n, c_in, h, w = x.shape
    c_out, per_group, kh, kw = weight.shape
    _expect_groups(groups, c_in, c_out)
    oh, ow = _output_size((h, w), (kh, kw), stride, padding, dilation)
    if per_group != c_in // groups:
        raise ValueError(f"weight has {per_group} input channels a group, x has {c_in // groups}")
    padded = _pad(x, padding)
    kernel = weight.reshape(groups, c_out // groups, per_group, kh, kw)
    z = np.zeros((n, groups, c_out // groups, oh * ow), x.dtype)
    for r, q, rows, cols in _taps((kh, kw), (oh, ow), stride, dilation):
        z += kernel[..., r, q] @ _grouped(padded[:, :, rows, cols], groups)
    z = z.reshape(n, c_out, oh, ow)
    if bias is not None:
        expect_shape((c_out,), bias=bias)
        z += bias[:, None, None]
    return act.apply(activation, z)


@np.errstate(all="ignore")
def conv2d_add_relu_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    residual: np.ndarray,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """y = max(conv(x, weight) + bias + residual, 0), as a residual block ends; residual of y's
    shape."""
    y = conv2d_forward(x, weight, bias, stride, padding, dilation, groups, None)
    expect_same_dtype(x=x, residual=residual)
    expect_shape(y.shape, residual=residual)
    return np.asarray(np.maximum(y + residual, 0))


def conv2d_prepared(
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    activation: str | None,
) -> Callable[..., np.ndarray]:
    """A function (x, residual=None) -> y: conv2d_forward, or conv2d_add_relu_forward, with this
    weight and bias."""

    def run(x: np.ndarray, residual: np.ndarray | None = None) -> np.ndarray:
        if residual is None:
            return conv2d_forward(x, weight, bias, stride, padding, dilation, groups, activation)
        if activation is not None:
            raise ValueError(f"residual and activation={activation!r} exclude each other")
        return conv2d_add_relu_forward(x, weight, bias, residual, stride, padding, dilation, groups)

    return run


@np.errstate(all="ignore")
def conv2d_backward_input(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Each tap sends dy, through its weights, back to the pixels that it met.

    dy (N, C_out, OH, OW), weight (C_out, C_in/groups, KH, KW) -> dx of shape input_size.
    """
    expect_same_dtype(dy=dy, weight=weight)
    expect_rank(4, dy=dy, weight=weight)
    n, c_in, h, w = input_size
    c_out, per_group, kh, kw = weight.shape
    _expect_groups(groups, c_in, c_out)
    oh, ow = _output_size((h, w), (kh, kw), stride, padding, dilation)
    expect_shape((n, c_out, oh, ow), dy=dy)
    if per_group != c_in // groups:
        raise ValueError(
            f"weight has {per_group} input channels a group, input_size gives {c_in // groups}"
        )
    ph, pw = padding
    kernel = weight.reshape(groups, c_out // groups, per_group, kh, kw)
    dpadded = np.zeros((n, c_in, h + 2 * ph, w + 2 * pw), dy.dtype)
    for r, q, rows, cols in _taps((kh, kw), (oh, ow), stride, dilation):
        sent = kernel[..., r, q].swapaxes(1, 2) @ _grouped(dy, groups)
        dpadded[:, :, rows, cols] += sent.reshape(n, c_in, oh, ow)
    return np.ascontiguousarray(dpadded[:, :, ph : ph + h, pw : pw + w])


@np.errstate(all="ignore")
def conv2d_backward_weight(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Each tap's gradient is the product of dy with the pixels that it met, over images and pixels.

    dy (N, C_out, OH, OW), x (N, C_in, H, W) -> dweight (C_out, C_in/groups, *kernel_size).
    """
    expect_same_dtype(dy=dy, x=x)
    expect_rank(4, dy=dy, x=x)
    n, c_in, h, w = x.shape
    c_out = dy.shape[1]
    _expect_groups(groups, c_in, c_out)
    oh, ow = _output_size((h, w), kernel_size, stride, padding, dilation)
    expect_shape((n, c_out, oh, ow), dy=dy)
    padded = _pad(x, padding)
    shape = (groups, c_out // groups, c_in // groups, *kernel_size)
    dweight = np.zeros(shape, x.dtype)
    for r, q, rows, cols in _taps(kernel_size, (oh, ow), stride, dilation):
        met = _grouped(padded[:, :, rows, cols], groups)
        dweight[..., r, q] = (_grouped(dy, groups) @ met.swapaxes(2, 3)).sum(axis=0)
    return dweight.reshape(c_out, c_in // groups, *kernel_size)


@np.errstate(all="ignore")
def conv2d_backward_bias(dy: np.ndarray) -> np.ndarray:
    """dbias_o = sum over images and pixels of dy: dy (N, C_out, OH, OW) -> dbias (C_out,)."""
    expect_same_dtype(dy=dy)
    expect_rank(4, dy=dy)
    return dy.sum(axis=(0, 2, 3))
