"""Negative log-likelihood of labels, of Gaussians and of Poisson counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from . import arithmetic as ops
from ._labels import check_weight, flat_labels, raise_bad_label
from .activation import exp, log
from .pair_loss import reduced, same_shapes


class _Nll(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, target: Any, weight: Any, settings: Any) -> Any:
        k = ctx.kernels = _checks.kernels(x, "nll_loss", "input", weight, "weight")
        ctx.size, ctx.settings = x.shape, settings
        ctx.save(target, weight)
        return k.nll_forward(x, target, weight, *settings)

    @staticmethod
    def backward(ctx: Any, dloss: np.ndarray) -> Any:
        return ctx.kernels.nll_backward(dloss, ctx.size, *ctx.saved, *ctx.settings)


class _AtLeast(Function):
    """max(x, low), and the gradient passes everywhere."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, low: float) -> Any:
        return np.maximum(x, x.dtype.type(low))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy


class _Stirling(Function):
    """ln t! by Stirling's formula, t ln t - t + ln(2 pi t) / 2, where t > 1; 0 elsewhere."""

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, t: np.ndarray) -> Any:
        k = ctx.kernels = _checks.kernels(t, "poisson_nll_loss", "target")
        ctx.save(t)
        turn = t.dtype.type(2 * math.pi)
        y = t * k.log_forward(t) - t + k.log_forward(np.asanyarray(turn * t)) / 2
        return np.where(t > 1, y, 0).astype(t.dtype)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        (t,) = ctx.saved
        with np.errstate(all="ignore"):
            slope = ctx.kernels.log_forward(t) + t.dtype.type(0.5) / t
            return np.where(t > 1, dy * slope, 0).astype(t.dtype)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-weight[t] input[t] with the label t of each row: of log-probabilities, as log_softmax gives.

    input (N, C), (C,) or (N, C, d1, ...); target, any integer dtype, (N,), () or (N, d1, ...).
    weight (C,): of each class; "mean" divides by the weights of the targets.  ignore_index: targets
    that do not count; if none counts, loss and gradient are 0 (PyTorch: NaN).

    Raises TypeError for dtypes, ValueError for shapes or settings, IndexError for a label that is
    neither a class nor ignore_index, with its position.
    """
    from .shape import reshape

    x = _checks.tensor(input, "nll_loss", "input")
    _checks.tensor(target, "nll_loss", "target")
    if weight is not None:
        check_weight("nll_loss", x, weight)
    ignored = _checks.integer(ignore_index, "nll_loss", "ignore_index", -(1 << 63))
    how = _checks.reduction(reduction, "nll_loss")
    labels = flat_labels("nll_loss", x, target, "integers (classes)")
    lead = x.shape[:2] if x.ndim > 1 else (1, x.shape[0])
    columns = reshape(x, (*lead, math.prod(x.shape[2:])))
    try:
        loss = _Nll.apply(columns, labels, weight, (ignored, how))
    except IndexError:
        raise_bad_label("nll_loss", x, target, ignored)
    return reshape(loss, target.shape) if how == "none" and target.ndim != 1 else loss


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(ln v + (input - target)^2 / v) / 2 with v = max(var, eps); full: + ln(2 pi) / 2.

    Of targets drawn from normal distributions whose means are input; equal shapes.  var: a number,
    or of input's shape, or with one axis of size 1, or without the last axis: one variance for all
    along it.  The bound eps does not stop the gradient of var.  Source: Nix & Weigend 1994,
    doi:10.1109/ICNN.1994.374138.  Raises TypeError for dtypes, ValueError for shapes, a negative
    variance, eps <= 0 or another reduction.
    """
    from .shape import unsqueeze

    function = "gaussian_nll_loss"
    same_shapes(function, input, target=target)
    how = _checks.reduction(reduction, function)
    least = _checks.number(eps, function, "eps")
    if not least > 0:
        raise ValueError(f"{function}: eps is {eps}, expected above 0")
    if not isinstance(var, Tensor):
        var = wrap(np.full(input.shape, _checks.number(var, function, "var"), input.dtype))
    _checks.kernels(input._data, function, "input", target._data, "target", var._data, "var")
    if var._data.size and var._data.min() < 0:
        raise ValueError(f"{function}: var has elements down to {var._data.min()}, expected >= 0")
    given = var.shape
    if given != input.shape:
        if given == input.shape[:-1]:
            var = unsqueeze(var, -1)
        apart = [n for m, n in zip(input.shape, var.shape, strict=False) if m != n]
        if var.ndim != input.ndim or apart not in ([], [1]):
            raise ValueError(
                f"{function}: var has shape {given}, expected {input.shape}, that with one axis of "
                "size 1, or that without the last axis"
            )
    v = _AtLeast.apply(var, least)
    d = ops.sub(input, target)
    loss = ops.mul(ops.add(log(v), ops.div(ops.mul(d, d), v)), 0.5)
    return reduced(ops.add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, how)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """e^input - target input, of counts whose expectation is e^input; equal shapes.

    log_input=False: input is the expectation itself, and the loss input - target ln(input + eps).
    full: + ln target! by Stirling's formula, where target > 1.  Raises TypeError for dtypes,
    ValueError for shapes or another reduction.
    """
    function = "poisson_nll_loss"
    same_shapes(function, input, target=target)
    how = _checks.reduction(reduction, function)
    least = _checks.number(eps, function, "eps")
    _checks.kernels(input._data, function, "input", target._data, "target")
    if log_input:
        loss = ops.sub(exp(input), ops.mul(target, input))
    else:
        loss = ops.sub(input, ops.mul(target, log(ops.add(input, least))))
    return reduced(ops.add(loss, _Stirling.apply(target)) if full else loss, how)
