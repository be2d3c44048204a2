"""Convolution over NCDHW volumes, and its gradients.

y[n, o, e, i, j] = act(bias[o] + sum over c, t, r, q of
                       weight[o, c, t, r, q] xpad[n, c, e sd + t dd, i sh + r dh, j sw + q dw]),

channels in `groups` parts that see only each other (Tran et al. 2015, arXiv:1412.0767).  For each
tap (t, r, q) of the window the voxels that it meets are a strided box of the padded volume.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from . import activation as act
from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["conv3d_backward_input", "conv3d_backward_weight", "conv3d_forward"]

Triple = tuple[int, int, int]


def _output_size(
    size: Triple, kernel: Triple, stride: Triple, padding: Triple, dilation: Triple
) -> Triple:
    """(OD, OH, OW): how often the window fits into the padded volume."""
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        if s < 1 or d < 1 or p < 0:
            raise ValueError(
                f"stride {stride} and dilation {dilation} must be positive, "
                f"padding {padding} not negative"
            )
        if k < 1 or n + 2 * p < d * (k - 1) + 1:
            raise ValueError(f"kernel {kernel} does not fit the padded volume")
        out.append((n + 2 * p - d * (k - 1) - 1) // s + 1)
    return out[0], out[1], out[2]


def _expect_groups(groups: int, c_in: int, c_out: int, per_group: int) -> None:
    if groups < 1 or c_in % groups or c_out % groups:
        raise ValueError(f"groups={groups} must divide the channels {c_in} and {c_out}")
    if per_group != c_in // groups:
        raise ValueError(f"weight has {per_group} input channels a group, x has {c_in // groups}")


def _taps(
    kernel: Triple, out: Triple, stride: Triple, dilation: Triple
) -> Iterator[tuple[Triple, tuple[slice, ...]]]:
    """Each tap with the box of the padded volume that it meets."""
    for tap in product(*map(range, kernel)):
        first = [t * d for t, d in zip(tap, dilation, strict=True)]
        box = [slice(f, f + s * (n - 1) + 1, s) for f, s, n in zip(first, stride, out, strict=True)]
        yield (tap[0], tap[1], tap[2]), (slice(None), slice(None), *box)


def _padded(x: np.ndarray, padding: Triple) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """(N, C, D, H, W) -> (N, G, C/G, D H W)."""
    n, c, d, h, w = x.shape
    return x.reshape(n, groups, c // groups, d * h * w)


@np.errstate(all="ignore")
def conv3d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Triple,
    padding: Triple,
    dilation: Triple,
    groups: int,
    activation: str | None,
) -> np.ndarray:
    """y = act(conv(x, weight) + bias): x (N, C_in, D, H, W), weight (C_out, C_in/groups, KD, KH,
    KW), bias (C_out,) or None -> y (N, C_out, OD, OH, OW)."""
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(5, x=x, weight=weight)
    c_out, per_group, *kernel = weight.shape
    _expect_groups(groups, x.shape[1], c_out, per_group)
    size = (kernel[0], kernel[1], kernel[2])
    out = _output_size(x.shape[2:], size, stride, padding, dilation)
    padded = _padded(x, padding)
    by_group = weight.reshape(groups, c_out // groups, per_group, *kernel)
    z = np.zeros((len(x), groups, c_out // groups, int(np.prod(out))), x.dtype)
    for tap, box in _taps(size, out, stride, dilation):
        z += by_group[(..., *tap)] @ _grouped(padded[box], groups)
    z = z.reshape(len(x), c_out, *out)
    if bias is not None:
        expect_shape((c_out,), bias=bias)
        z += bias[:, None, None, None]
    return act.apply(activation, z)


@np.errstate(all="ignore")
def conv3d_backward_input(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: tuple[int, ...],
    stride: Triple,
    padding: Triple,
    dilation: Triple,
    groups: int,
) -> np.ndarray:
    """Each tap sends dy, through its weights, back to the voxels that it met.

    dy (N, C_out, OD, OH, OW), weight (C_out, C_in/groups, KD, KH, KW) -> dx of shape input_size.
    """
    expect_same_dtype(dy=dy, weight=weight)
    expect_rank(5, dy=dy, weight=weight)
    n, c_in, d, h, w = input_size
    c_out, per_group, *kernel = weight.shape
    _expect_groups(groups, c_in, c_out, per_group)
    size = (kernel[0], kernel[1], kernel[2])
    out = _output_size((d, h, w), size, stride, padding, dilation)
    expect_shape((n, c_out, *out), dy=dy)
    by_group = weight.reshape(groups, c_out // groups, per_group, *kernel)
    dpadded = _padded(np.zeros(input_size, dy.dtype), padding)
    for tap, box in _taps(size, out, stride, dilation):
        sent = by_group[(..., *tap)].swapaxes(1, 2) @ _grouped(dy, groups)
        dpadded[box] += sent.reshape(n, c_in, *out)
    inner = (slice(p, p + s) for p, s in zip(padding, (d, h, w), strict=True))
    return np.ascontiguousarray(dpadded[(slice(None), slice(None), *inner)])


@np.errstate(all="ignore")
def conv3d_backward_weight(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_size: Triple,
    stride: Triple,
    padding: Triple,
    dilation: Triple,
    groups: int,
) -> np.ndarray:
    """Each tap's gradient is the product of dy with the voxels that it met, over all volumes.

    dy (N, C_out, OD, OH, OW), x (N, C_in, D, H, W) -> dweight (C_out, C_in/groups, *kernel_size).
    """
    expect_same_dtype(dy=dy, x=x)
    expect_rank(5, dy=dy, x=x)
    c_in, c_out = x.shape[1], dy.shape[1]
    _expect_groups(groups, c_in, c_out, c_in // max(groups, 1))
    out = _output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    expect_shape((len(x), c_out, *out), dy=dy)
    padded = _padded(x, padding)
    dweight = np.zeros((groups, c_out // groups, c_in // groups, *kernel_size), x.dtype)
    for tap, box in _taps(kernel_size, out, stride, dilation):
        met = _grouped(padded[box], groups)
        dweight[(..., *tap)] = (_grouped(dy, groups) @ met.swapaxes(2, 3)).sum(axis=0)
    return dweight.reshape(c_out, c_in // groups, *kernel_size)
