"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, wrap
from . import _checks
from .activation import as_rows, from_rows, log_softmax


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
            dtarget = np.asarray((ends[0] - ends[1]) * dloss)
            if ctx.how == "mean":
                dtarget /= x.dtype.type(x.size)
        return dx, dtarget


class _BceWithLogits(_Bce):
    function = "binary_cross_entropy_with_logits"
    op = "bce_with_logits"


def _bce(cls: Any, input: Tensor, target: Tensor, weights: dict[str, Any], reduction: str) -> Any:
    function = cls.function
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
        arrays.append(np.array(wide, order="C"))
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
    return _bce(_BceWithLogits, input, target, weights, reduction)


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
    return _bce(_Bce, input, target, {"weight": weight}, reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)^2: its mean, its sum, or, with "none", each element.

    Equal shapes: unlike in PyTorch, (4, 1) and (4,) are not broadcast to (4, 4).
    Raises TypeError for dtypes, ValueError for shapes or another reduction.
    """
    _checks.tensor(input, "mse_loss", "input")
    _checks.tensor(target, "mse_loss", "target")
    return _Mse.apply(input, target, _checks.reduction(reduction, "mse_loss"))


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
        _check_weight(input, _checks.tensor(weight, "cross_entropy", "weight"))
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
    labels = target._data
    x = input._data
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: target has dtype {labels.dtype}, expected integers (classes) or "
            f"{x.dtype} (probabilities)"
        )
    if not x.ndim or labels.shape != (x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()):
        raise ValueError(
            f"cross_entropy: input has shape {x.shape} and target {labels.shape}, expected "
            "(N, C, ...) and (N, ...)"
        )
    rows = input
    if labels.dtype.char != "l":
        target = wrap(labels.astype(np.int64))
    if x.ndim != 2:
        from .shape import reshape

        rows = reshape(input, (1, -1)) if x.ndim == 1 else _ClassRows.apply(input)
        target = reshape(target, (-1,) if labels.size else (0,))
    n_classes = rows._data.shape[1]
    if not n_classes:
        raise ValueError(f"cross_entropy: input of shape {x.shape} has no classes")
    settings = ignore_index, reduction, float(label_smoothing)
    try:
        loss = _CrossEntropy.apply(rows, target, weight, settings)
    except IndexError:
        flat = labels.reshape(-1)
        bad = (flat != ignore_index) & ((flat < 0) | (flat >= n_classes))
        at = int(np.flatnonzero(bad)[0])
        where = at if labels.ndim < 2 else tuple(map(int, np.unravel_index(at, labels.shape)))
        raise IndexError(
            f"cross_entropy: target[{where}] is {flat[at]}, expected 0 <= class < {n_classes}"
        ) from None
    if reduction == "none" and x.ndim != 2:
        from .shape import reshape

        return reshape(loss, labels.shape)
    return loss


def _check_weight(input: Tensor, weight: Tensor) -> None:
    n_classes = input.shape[min(1, input.ndim - 1)] if input.ndim else 0
    if weight.shape != (n_classes,):
        raise ValueError(
            f"cross_entropy: weight has shape {weight.shape}, expected ({n_classes},), one a class"
        )
    if weight.requires_grad:
        raise ValueError("cross_entropy: weight is a constant and must not require a gradient")


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
    from . import arithmetic as math
    from .reduce import sum
    from .shape import reshape

    dim = min(1, input.ndim - 1)
    n_classes = input.shape[dim]
    if label_smoothing:
        target = math.add(math.mul(target, 1.0 - label_smoothing), label_smoothing / n_classes)
    terms = math.mul(log_softmax(input, dim), target)
    if weight is not None:
        shape = [1] * input.ndim
        shape[dim] = n_classes
        terms = math.mul(terms, reshape(weight, tuple(shape)))
    loss = math.neg(sum(terms, dim))
    if reduction == "none":
        return loss
    total = sum(loss)
    return total if reduction == "sum" else math.div(total, max(loss._data.size, 1))
