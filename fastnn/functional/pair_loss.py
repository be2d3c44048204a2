"""Losses of pairs (input, target), element by element: L1, smooth L1, Huber, Kullback-Leibler."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor
from . import _checks
from . import arithmetic as math
from .reduce import sum


class _PairLoss(Function):
    """op: of the kernels; settings: what its forward takes between target and reduction."""

    op = ""

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray, target: np.ndarray, settings: tuple) -> Any:
        k = ctx.kernels = _checks.kernels(x, function_of(cls.op), "input", target, "target")
        ctx.settings = settings
        ctx.save(x, target)
        return getattr(k, cls.op + "_forward")(x, target, *settings)

    @classmethod
    def backward(cls, ctx: Any, dloss: np.ndarray) -> Any:
        x, target = ctx.saved
        dx = getattr(ctx.kernels, cls.op + "_backward")(dloss, x, target, *ctx.settings)
        return dx, (cls.target_grad(ctx, dloss, x, target, dx) if ctx.needs_input_grad[1] else None)

    @staticmethod
    def target_grad(ctx: Any, dloss: Any, x: Any, target: Any, dx: np.ndarray) -> Any:
        """Of a loss of input - target."""
        return -dx


class _L1(_PairLoss):
    op = "l1"


class _SmoothL1(_PairLoss):
    op = "smooth_l1"


class _Huber(_PairLoss):
    op = "huber"


class _KlDiv(_PairLoss):
    op = "kl_div"

    @staticmethod
    def target_grad(ctx: Any, dloss: Any, x: Any, target: Any, dx: np.ndarray) -> Any:
        """(ln t + 1 - x) dloss, NaN at 0 as PyTorch's; log_target: e^t (t - x + 1) dloss."""
        k, (log_target, reduction) = ctx.kernels, ctx.settings
        scale = dloss if reduction != "mean" else dloss / x.dtype.type(max(x.size, 1))
        with np.errstate(all="ignore"):
            if log_target:
                return np.asanyarray(scale * k.exp_forward(target) * (target - x + 1))
            return np.asanyarray(scale * (k.log_forward(target) + target / target - x))


def function_of(op: str) -> str:
    """The public name of a kernel's loss."""
    return op if op == "kl_div" else op + "_loss"


def same_shapes(function: str, input: Any, **others: Any) -> None:
    """TypeError or ValueError unless all are Tensors of input's shape; None is left out."""
    x = _checks.tensor(input, function, "input")
    for name, value in others.items():
        if value is not None and _checks.tensor(value, function, name).shape != x.shape:
            raise ValueError(
                f"{function}: input has shape {x.shape}, but {name} has shape {value.shape}; "
                "they are not broadcast"
            )


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """loss, its mean or its sum."""
    if reduction == "none":
        return loss
    total = sum(loss)
    return total if reduction == "sum" else math.div(total, loss._data.size)


def weighted(loss: Tensor, weight: Tensor, reduction: str, function: str) -> Tensor:
    """Each element of loss times its weight; "mean" divides by the sum of the weights."""
    _checks.kernels(loss._data, function, "input", weight._data, "weight")
    terms = math.mul(loss, weight)
    if reduction == "none":
        return terms
    return sum(terms) if reduction == "sum" else math.div(sum(terms), sum(weight))


def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """|input - target|: its mean, its sum, or, with "none", each element; d|0| = 0.

    Equal shapes.  weight, of that shape: factors of the elements; the mean is then the sum over
    the sum of the weights.  Raises TypeError for dtypes, ValueError for shapes or another
    reduction.
    """
    same_shapes("l1_loss", input, target=target, weight=weight)
    how = _checks.reduction(reduction, "l1_loss")
    if weight is None:
        return _L1.apply(input, target, (how,))
    return weighted(_L1.apply(input, target, ("none",)), weight, how, "l1_loss")


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; d = input - target, equal shapes.

    beta = 0 is l1_loss.  Source: Girshick 2015, arXiv:1504.08083.  Raises TypeError for dtypes,
    ValueError for shapes, beta < 0 or another reduction.
    """
    same_shapes("smooth_l1_loss", input, target=target)
    how = _checks.reduction(reduction, "smooth_l1_loss")
    width = _checks.number(beta, "smooth_l1_loss", "beta")
    if not width >= 0:
        raise ValueError(f"smooth_l1_loss: beta is {beta}, expected at least 0")
    if width < np.finfo(np.float32).tiny:  # 1 / beta would be infinite
        return _L1.apply(input, target, (how,))
    return _SmoothL1.apply(input, target, (width, how))


def huber_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2); d = input - target, equal shapes.

    weight, of that shape: factors of the elements; the mean is over the number of elements, as
    PyTorch's.  Source: Huber 1964, doi:10.1214/aoms/1177703732.  Raises TypeError for dtypes,
    ValueError for shapes, delta <= 0 or another reduction.
    """
    same_shapes("huber_loss", input, target=target, weight=weight)
    how = _checks.reduction(reduction, "huber_loss")
    width = _checks.number(delta, "huber_loss", "delta")
    if not width > 0:
        raise ValueError(f"huber_loss: delta is {delta}, expected above 0")
    if weight is None:
        return _Huber.apply(input, target, (width, how))
    _checks.kernels(input._data, "huber_loss", "input", weight._data, "weight")
    return reduced(math.mul(_Huber.apply(input, target, (width, "none")), weight), how)


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """t (ln t - input), 0 where t = 0; t the target's probability, input a log-probability.

    Equal shapes.  log_target: target is ln t.  reduction "batchmean" divides the sum by input's
    first axis, which makes it the divergence of the distributions; "mean" divides by all elements.
    Source: Kullback & Leibler 1951, doi:10.1214/aoms/1177729694.  Raises TypeError for dtypes,
    ValueError for shapes or another reduction.
    """
    same_shapes("kl_div", input, target=target)
    how = kl_reduction(reduction, "kl_div")
    if how != "batchmean":
        return _KlDiv.apply(input, target, (bool(log_target), how))
    total = _KlDiv.apply(input, target, (bool(log_target), "sum"))
    return math.div(total, input.shape[0]) if input.ndim else total


def kl_reduction(value: Any, function: str) -> str:
    """A reduction or "batchmean"; ValueError otherwise."""
    if value not in ("none", "mean", "sum", "batchmean"):
        raise ValueError(
            f"{function}: reduction is {value!r}, expected 'none', 'mean', 'sum' or 'batchmean'"
        )
    return value
