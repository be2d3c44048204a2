"""Group and instance normalisation: each image is normalised by itself."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from .norm import _planes, _update, batch_norm, eps_of


class _GroupNorm(Function):
    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: Any, bias: Any, groups: int, eps: float
    ) -> np.ndarray:
        k = _checks.kernels(x, "group_norm", "input", weight, "weight", bias, "bias")
        y, mean, rstd = k.group_norm_forward(_planes(x), weight, bias, groups, eps)
        ctx.kernels = k
        ctx.save(x, weight, mean, rstd)
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, weight, mean, rstd = ctx.saved
        dx, dweight, dbias = ctx.kernels.group_norm_backward(
            _planes(dy), _planes(x), weight, mean, rstd, ctx.needs_input_grad[:3]
        )
        return dx if dx is None else dx.reshape(x.shape), dweight, dbias


class _InstanceNorm(Function):
    """Batch normalisation of one image that has the planes of all images as its channels."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: Any, bias: Any, running: Any, eps: float, seen: Any
    ) -> np.ndarray:
        k = _checks.kernels(
            x, "instance_norm", "input", weight, "weight", bias, "bias",
            running, "running_mean",
        )  # fmt: skip
        n = x.shape[0]
        w = None if weight is None else np.tile(weight, n)
        b = None if bias is None else np.tile(bias, n)
        y, mean, var = k.batch_norm_forward(_all_planes(x), w, b, None, None, eps, None)
        ctx.kernels, ctx.eps = k, eps
        ctx.save(x, w, mean, var)
        seen[:] = mean, var
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, w, mean, var = ctx.saved
        k, (n, c) = ctx.kernels, x.shape[:2]
        dx, *affine = k.batch_norm_backward(
            _all_planes(dy), _all_planes(x), w, None, mean, var, ctx.eps, True, None,
            ctx.needs_input_grad[:3],
        )  # fmt: skip
        sums = [None if g is None else k.sum_axis(g.reshape(1, n, c)).reshape(c) for g in affine]
        return dx if dx is None else dx.reshape(x.shape), *sums


def _all_planes(x: np.ndarray) -> np.ndarray:
    return x.reshape(1, x.shape[0] * x.shape[1], prod(x.shape[2:]))


def _of_channel(value: Any, x: Tensor, function: str, name: str) -> None:
    if value is not None and _checks.tensor(value, function, name).shape != x.shape[1:2]:
        raise ValueError(
            f"{function}: {name} has shape {value.shape}, expected ({x.shape[1]},), one for each "
            f"channel of input {x.shape}"
        )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) weight + bias, input (N, C, ...), weight and bias (C,).

    mean and var (over the number of elements) are those of C / num_groups neighbouring channels of
    one example.  Source: Wu & He 2018, arXiv:1803.08494.

    Raises TypeError for dtypes, ValueError for shapes, a number of groups that does not divide C,
    one value per group, and eps below 0.
    """
    x = _checks.tensor(input, "group_norm", "input")
    if len(x.shape) < 2:
        raise ValueError(f"group_norm: input has shape {x.shape}, expected (N, C, ...)")
    groups = _checks.integer(num_groups, "group_norm", "num_groups", 1)
    if x.shape[1] % groups:
        raise ValueError(
            f"group_norm: num_groups is {groups}, which does not divide the {x.shape[1]} channels "
            f"of input {x.shape}"
        )
    _of_channel(weight, x, "group_norm", "weight")
    _of_channel(bias, x, "group_norm", "bias")
    if x._data.size == groups:
        raise ValueError(
            f"group_norm: expected more than 1 value per group, got input {x.shape} in {groups} "
            "groups"
        )
    return _GroupNorm.apply(x, weight, bias, groups, eps_of(eps, "group_norm"))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) weight + bias, input (N, C, ...), the others (C,).

    use_input_stats: mean and var (over the number of elements) are those of each plane, and the
    running ones, unless None, move by the share `momentum` towards the mean over the batch of the
    planes' means and unbiased variances; otherwise mean and var are the running ones.
    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.

    Raises TypeError for dtypes, ValueError for shapes and settings, for planes of one element and
    for missing running statistics.
    """
    x = _checks.tensor(input, "instance_norm", "input")
    if len(x.shape) < 3:
        raise ValueError(f"instance_norm: input has shape {x.shape}, expected (N, C, d1, ...)")
    named = {
        "running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias
    }  # fmt: skip
    for name, value in named.items():
        _of_channel(value, x, "instance_norm", name)
        if name.startswith("running") and value is not None and value.requires_grad:
            raise ValueError(f"instance_norm: {name} must not require a gradient")
    if (running_mean is None) != (running_var is None):
        raise ValueError("instance_norm: one of running_mean and running_var is None, not both")
    momentum = _checks.number(momentum, "instance_norm", "momentum")
    eps = eps_of(eps, "instance_norm")
    if not use_input_stats:
        if running_mean is None:
            raise ValueError("instance_norm: running_mean is None, but use_input_stats is False")
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    n = prod(x.shape[2:])
    if n == 1:
        raise ValueError(
            f"instance_norm: expected more than 1 element in a plane, got input {x.shape}"
        )
    seen: list[np.ndarray] = []
    y = _InstanceNorm.apply(x, weight, bias, running_mean, eps, seen)
    if running_mean is not None and running_var is not None and x._data.size:
        mean, var = (_mean_of_batch(a, x.shape[1]) for a in seen)
        _update(running_mean, mean, momentum)
        _update(running_var, var * var.dtype.type(n / (n - 1)), momentum)
    return y


def _mean_of_batch(a: np.ndarray, channels: int) -> np.ndarray:
    k = _checks.kernels(a, "instance_norm", "input")
    n = a.size // channels
    return k.sum_axis(a.reshape(1, n, channels)).reshape(channels) / a.dtype.type(n)
