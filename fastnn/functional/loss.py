"""Losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor
from . import _checks
from ._labels import check_weight, flat_labels, raise_bad_label
from .activation import as_rows, from_rows, log_softmax

# Positions from which they are a vector's lanes; below, the classes are moved together.
_POSITIONS = 16


class _CrossEntropy(Function):
    @staticmethod
    def forward(ctx: Any, logits: np.ndarray, target: Any, weight: Any, settings: Any) -> Any:
        k = backend.kernels
        if logits.dtype.char != "f" or weight is not None:
            k = _checks.kernels(logits, "cross_entropy", "input", weight, "weight")
        ctx.kernels = k
        loss, probs = k.cross_entropy_forward(logits, target, weight, *settings)
        ctx.settings = settings
        ctx.save(probs, target, weight)
        return loss

    @staticmethod
    def backward(ctx: Any, dloss: np.ndarray) -> Any:
        return ctx.kernels.cross_entropy_backward(dloss, *ctx.saved, *ctx.settings)


class _ClassRows(Function):
    """(N, C, d1, ...) -> (N d1 ..., C)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> Any:
        ctx.shape = x.shape
        return as_rows(x, 1)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return from_rows(dy, ctx.shape, 1)


class _Mse(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, target: np.ndarray, reduction: str) -> Any:
        k = ctx.kernels = _checks.kernels(x, "mse_loss", "input", target, "target")
        if x.shape != target.shape:
            raise ValueError(
                f"mse_loss: input has shape {x.shape}, but target has shape {target.shape}; "
                "they are not broadcast"
            )
        ctx.save(x, target)
        ctx.reduction = reduction
        return k.mse_forward(x, target, reduction)

    @staticmethod
    def backward(ctx: Any, dloss: np.ndarray) -> Any:
        x, target = ctx.saved
        dx = ctx.kernels.mse_backward(dloss, x, target, ctx.reduction)
        return dx, (-dx if ctx.needs_input_grad[1] else None)


class _Bce(Function):
    """Binary cross-entropy; `op`: of the kernels, with pos_weight last but one for logits."""

    function = "binary_cross_entropy"
    op = "bce"

    @classmethod
    def forward(cls, ctx: Any, x: np.ndarray, target: np.ndarray, weights: Any, how: str) -> Any:
        k = ctx.kernels = _checks.kernels(x, cls.function, "input", target, "target")
        ctx.weights, ctx.how = weights, how
        ctx.save(x, target)
        return getattr(k, cls.op + "_forward")(x, target, *weights, how)

    @classmethod
    def backward(cls, ctx: Any, dloss: np.ndarray) -> Any:
        (x, target), k = ctx.saved, ctx.kernels
        dx = dtarget = None
        if ctx.needs_input_grad[0]:
            dx = getattr(k, cls.op + "_backward")(dloss, x, target, *ctx.weights, ctx.how)
        if ctx.needs_input_grad[1]:  # the loss is linear in the target
            ends = [
                getattr(k, cls.op + "_forward")(x, np.full_like(x, t), *ctx.weights, "none")
                for t in (1, 0)
            ]
            dtarget = np.asanyarray((ends[0] - ends[1]) * dloss)
            if ctx.how == "mean":
                dtarget /= x.dtype.type(x.size)
        return dx, dtarget


class _BceWithLogits(_Bce):
    function = "binary_cross_entropy_with_logits"
    op = "bce_with_logits"


def _bce(
    cls: Any, input: Tensor, target: Tensor, weights: dict[str, Any], reduction: str, function: str
) -> Any:
    """function: whose name the messages give."""
    x = _checks.tensor(input, function, "input")
    _checks.tensor(target, function, "target")
    if x.shape != target.shape:
        raise ValueError(
            f"{function}: input has shape {x.shape}, but target has shape {target.shape}; "
            "they are not broadcast"
        )
    arrays: list[np.ndarray | None] = []
    for name, value in weights.items():
        if value is None:
            arrays.append(None)
            continue
        w = _checks.tensor(value, function, name)
        if w.requires_grad:
            raise ValueError(f"{function}: {name} is a constant and must not require a gradient")
        _checks.kernels(x._data, function, "input", w._data, name)
        try:
            wide = np.broadcast_to(w._data, x.shape)
        except ValueError:
            raise ValueError(
                f"{function}: {name} has shape {w.shape}, which does not broadcast to the input's "
                f"{x.shape}"
            ) from None
        arrays.append(np.copy(wide, order="C"))
    return cls.apply(x, target, tuple(arrays), _checks.reduction(reduction, function))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """weight ((1 - t) x + (1 + (pos_weight - 1) t) ln(1 + e^-x)), t the target, of equal shape.

    That is the cross-entropy of t and sigmoid(x), never infinite for finite x, the positive part
    times pos_weight.  weight and pos_weight are constants that broadcast to the input's shape.
    Raises TypeError for dtypes, ValueError for shapes or another reduction.
    """
    weights = {"weight": weight, "pos_weight": pos_weight}
    return logits_loss(input, target, weights, reduction, _BceWithLogits.function)


def logits_loss(
    input: Tensor, target: Tensor, weights: dict[str, Any], reduction: str, function: str
) -> Tensor:
    """binary_cross_entropy_with_logits as a part of `function`, whose name the messages give."""
    return _bce(_BceWithLogits, input, target, weights, reduction, function)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-weight (t ln p + (1 - t) ln(1 - p)), p the input, t the target, of equal shape.

    Logarithms are at least -100, and p (1 - p) in the gradient at least 1e-12.  weight: a constant
    that broadcasts to the input's shape.  See binary_cross_entropy_with_logits, which needs no such
    bounds.  Raises TypeError for dtypes, ValueError for shapes or another reduction, RuntimeError
    for elements of input or target outside [0, 1].
    """
    for name, value in (("input", input), ("target", target)):
        a = _checks.tensor(value, "binary_cross_entropy", name)._data
        if a.size and a.dtype.kind == "f" and not (a.min() >= 0 and a.max() <= 1):
            raise RuntimeError(
                f"binary_cross_entropy: {name} has elements from {a.min()} to {a.max()}, "
                "expected all of them between 0 and 1"
            )
    return _bce(_Bce, input, target, {"weight": weight}, reduction, _Bce.function)


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """(input - target)^2: its mean, its sum, or, with "none", each element.

    Equal shapes: unlike in PyTorch, (4, 1) and (4,) are not broadcast to (4, 4).  weight, of that
    shape: factors of the elements; the mean is then the sum over the sum of the weights.
    Raises TypeError for dtypes, ValueError for shapes or another reduction.
    """
    _checks.tensor(input, "mse_loss", "input")
    _checks.tensor(target, "mse_loss", "target")
    how = _checks.reduction(reduction, "mse_loss")
    if weight is None:
        return _Mse.apply(input, target, how)
    from .pair_loss import same_shapes, weighted

    same_shapes("mse_loss", input, target=target, weight=weight)
    return weighted(_Mse.apply(input, target, "none"), weight, how, "mse_loss")


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax and negative log-likelihood of the target class in one.

    input (N, C), (C,) or (N, C, d1, ...), logits; target: classes, any integer dtype, (N,), () or
    (N, d1, ...), or probabilities of input's shape and dtype.  weight (C,): of each class;
    "mean" divides by the weights of the targets.  ignore_index: targets that do not count; if none
    counts, loss and gradient are 0.  label_smoothing: this share of each target is spread over
    all classes.  Source: PyTorch's definition; smoothing: Szegedy et al. 2016, arXiv:1512.00567.

    Raises TypeError for dtypes, ValueError for shapes or settings, IndexError for a label that is
    neither a class nor ignore_index, with its position.
    """
    if not (isinstance(input, Tensor) and isinstance(target, Tensor)):
        _checks.tensor(input, "cross_entropy", "input")
        _checks.tensor(target, "cross_entropy", "target")
    if weight is not None:
        check_weight("cross_entropy", input, weight)
    if label_smoothing != 0.0:
        _checks.probability(label_smoothing, "cross_entropy", "label_smoothing")
    if type(ignore_index) is not int:
        ignore_index = _checks.integer(ignore_index, "cross_entropy", "ignore_index", -(1 << 63))
    _checks.reduction(reduction, "cross_entropy")
    if target._data.dtype.kind == "f":
        if ignore_index >= 0:
            raise ValueError(
                f"cross_entropy: ignore_index is {ignore_index}, but target holds probabilities"
            )
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    shape = input._data.shape
    labels = flat_labels(
        "cross_entropy", input, target, "integers (classes) or {dtype} (probabilities)"
    )
    rows = input
    if len(shape) != 2:
        from .shape import reshape

        positions = math.prod(shape[2:])
        if len(shape) == 1:
            rows = reshape(input, (1, -1))
        elif positions < _POSITIONS:
            rows = _ClassRows.apply(input)
        elif len(shape) > 3:
            rows = reshape(input, (shape[0], shape[1], positions))
    settings = ignore_index, reduction, float(label_smoothing)
    try:
        loss = _CrossEntropy.apply(rows, labels, weight, settings)
    except IndexError:
        raise_bad_label("cross_entropy", input, target, ignore_index)
    if reduction == "none" and len(shape) != 2:
        return reshape(loss, target.shape)
    return loss


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    _checks.kernels(input._data, "cross_entropy", "input", target._data, "target")
    if input.ndim and target.shape == input.shape[: min(1, input.ndim - 1)] + input.shape[2:]:
        raise TypeError(
            f"cross_entropy: target has dtype {target.dtype} and shape {target.shape}; classes "
            f"must be integers, probabilities of shape {input.shape}"
        )
    if input.shape != target.shape or not input.ndim:
        raise ValueError(
            f"cross_entropy: target holds probabilities of shape {target.shape}, "
            f"expected {input.shape}"
        )
    from .arithmetic import add, div, mul, neg
    from .reduce import sum
    from .shape import reshape

    dim = min(1, input.ndim - 1)
    n_classes = input.shape[dim]
    if label_smoothing:
        target = add(mul(target, 1.0 - label_smoothing), label_smoothing / n_classes)
    terms = mul(log_softmax(input, dim), target)
    if weight is not None:
        shape = [1] * input.ndim
        shape[dim] = n_classes
        terms = mul(terms, reshape(weight, tuple(shape)))
    loss = neg(sum(terms, dim))
    if reduction == "none":
        return loss
    total = sum(loss)
    return total if reduction == "sum" else div(total, max(loss._data.size, 1))
