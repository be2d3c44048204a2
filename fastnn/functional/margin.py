"""Losses with a margin: of pairs, rankings, triplets and several classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from . import arithmetic as ops
from ._labels import check_weight, flat_labels, raise_bad_label
from .distance import _order, pairwise_distance
from .pair_loss import reduced
from .reduce import sum, sum_axes


class _Where(Function):
    """x where the mask is set, 0 elsewhere, of x and of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, mask: np.ndarray) -> Any:
        ctx.mask = mask
        return np.where(mask, x, x.dtype.type(0))

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return np.where(ctx.mask, dy, dy.dtype.type(0))


class _Smaller(Function):
    """min(a, b), element by element; of equal ones each has half the gradient."""

    @staticmethod
    def forward(ctx: Any, a: np.ndarray, b: np.ndarray) -> Any:
        ctx.share = ((a < b) + 0.5 * (a == b)).astype(a.dtype)
        return np.minimum(a, b)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy * ctx.share, dy * (1 - ctx.share)


class _MultiMargin(Function):
    """x (N, C), target (N,) -> sum over j != t of max(0, margin - x_t + x_j)^p w_t / C, (N,)."""

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, x: np.ndarray, target: Any, weight: Any, p: int, margin: float) -> Any:
        _checks.kernels(x, "multi_margin_loss", "input", weight, "weight")
        n, n_classes = x.shape
        rows = np.arange(n)
        z = np.maximum(x.dtype.type(margin) - x[rows, target][:, None] + x, 0)
        z[rows, target] = 0
        scale = np.full((n, 1), 1 / n_classes, x.dtype)
        if weight is not None:
            scale *= weight[target][:, None]
        ctx.target, slope = target, z > 0
        ctx.slope = scale * (slope if p == 1 else 2 * z)
        return sum_axes(np.asanyarray(scale * (z if p == 1 else z * z)), (1,))[:, 0]

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        dx = dy[:, None] * ctx.slope
        dx[np.arange(dy.size), ctx.target] = -sum_axes(dx, (1,))[:, 0]
        return dx


class _MultiLabelMargin(Function):
    """x (N, C), target (N, C) -> sum over targets j, others i of max(0, 1 - x_j + x_i) / C, (N,).

    A row's targets end at its first negative number.
    """

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Any, x: np.ndarray, target: np.ndarray) -> Any:
        n, n_classes = x.shape
        is_given = np.logical_and.accumulate(target >= 0, axis=1)
        label = np.where(is_given, target, 0)
        is_target = np.zeros(x.shape, bool)
        for row, column in zip(*np.nonzero(is_given), strict=True):
            is_target[row, target[row, column]] = True
        loss, dx = np.zeros_like(x), np.zeros_like(x)
        rows, share = np.arange(n), x.dtype.type(1 / max(n_classes, 1))
        for k in range(n_classes):
            z = 1 - x[rows, label[:, k]][:, None] + x
            counts = is_given[:, k : k + 1] & ~is_target & ~(z <= 0)
            loss += np.where(counts, z, 0)
            slope = np.where(counts, share, 0).astype(x.dtype)
            dx += slope
            dx[rows, label[:, k]] -= sum_axes(slope, (1,))[:, 0]
        ctx.slope = dx
        return sum_axes(loss, (1,))[:, 0] * share

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        return dy[:, None] * ctx.slope


def _where(x: Tensor, mask: np.ndarray) -> Tensor:
    return _Where.apply(x, mask)


def _tensors(function: str, **tensors: Any) -> None:
    """TypeError unless all are Tensors of one floating-point dtype."""
    for name, value in tensors.items():
        _checks.tensor(value, function, name)
    (first, x), *rest = tensors.items()
    _checks.kernels(x._data, function, first, *(a for n, t in rest for a in (t._data, n)))


def _broadcast(function: str, **shapes: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{function}: shapes do not broadcast: {told}") from None


def _same_axes(function: str, **shapes: Any) -> None:
    if len({len(shape) for shape in shapes.values()}) > 1:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{function}: shapes differ in their number of axes: {told}")


def _vectors(function: str, **tensors: Any) -> None:
    """TypeError or ValueError unless all are vectors or rows of them, whose distances exist."""
    _tensors(function, **tensors)
    shapes = {name: x.shape for name, x in tensors.items()}
    _same_axes(function, **shapes)
    first, x = next(iter(tensors.items()))
    if not x.ndim:
        raise ValueError(f"{function}: {first} has no axes, expected (N, D) or (D,)")
    _broadcast(function, **shapes)


def _above_zero(margin: Any, function: str) -> float:
    value = _checks.number(margin, function, "margin")
    if not value > 0:
        raise ValueError(f"{function}: margin is {margin}, expected above 0")
    return value


def hinge_embedding_loss(
    input: Tensor, target: Tensor, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1: of distances; broadcast.

    Source: Hadsell, Chopra & LeCun 2006, doi:10.1109/CVPR.2006.100, without the squares.  Raises
    TypeError for dtypes, ValueError for shapes or another reduction.
    """
    function = "hinge_embedding_loss"
    how = _checks.reduction(reduction, function)
    room = _checks.number(margin, function, "margin")
    _tensors(function, input=input, target=target)
    _broadcast(function, input=input.shape, target=target.shape)
    t = target._data
    apart = ops.clamp(ops.sub(room, input), min=0)
    zero = wrap(np.zeros(t.shape, t.dtype))
    is_far, is_close = (
        np.broadcast_to(m, np.broadcast_shapes(m.shape, input.shape)) for m in (t != 1, t != -1)
    )
    return reduced(
        ops.add(_where(ops.add(apart, zero), is_far), _where(ops.add(input, zero), is_close)), how
    )


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target (input1 - input2)): target 1 ranks input1 higher, -1 input2.

    The shapes have equally many axes and broadcast.  Source: Herbrich et al. 1999,
    doi:10.1049/cp:19991091.  Raises TypeError for dtypes, ValueError for shapes or another
    reduction.
    """
    function = "margin_ranking_loss"
    how = _checks.reduction(reduction, function)
    room = _checks.number(margin, function, "margin")
    _tensors(function, input1=input1, input2=input2, target=target)
    shapes = {"input1": input1.shape, "input2": input2.shape, "target": target.shape}
    _same_axes(function, **shapes)
    _broadcast(function, **shapes)
    lead = ops.mul(ops.neg(target), ops.sub(input1, input2))
    return reduced(ops.clamp(ops.add(lead, room), min=0), how)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, cos of two vectors' angle.

    inputs (N, D) and target (N,), or (D,) and ().  1e-12 is added to the squares of the lengths.
    Raises TypeError for dtypes, ValueError for shapes or another reduction.
    """
    function = "cosine_embedding_loss"
    how = _checks.reduction(reduction, function)
    room = _checks.number(margin, function, "margin")
    for name, value in (("input1", input1), ("input2", input2), ("target", target)):
        _checks.tensor(value, function, name)
    _checks.kernels(input1._data, function, "input1", input2._data, "input2")
    axes = target.ndim + 1
    if axes > 2 or input1.ndim != axes or input2.ndim != axes:
        raise ValueError(
            f"{function}: input1 has shape {input1.shape}, input2 {input2.shape} and target "
            f"{target.shape}, expected (N, D), (N, D), (N,) or (D,), (D,), ()"
        )
    _broadcast(function, input1=input1.shape, input2=input2.shape)
    last = axes - 1
    squares = [ops.add(sum(ops.mul(v, v), last), 1e-12) for v in (input1, input2)]
    cosine = ops.div(sum(ops.mul(input1, input2), last), ops.sqrt(ops.mul(*squares)))
    _broadcast(function, input=cosine.shape, target=target.shape)
    t = target._data
    alike = _where(ops.sub(1, cosine), t == 1)
    return reduced(ops.add(alike, _where(ops.clamp(ops.sub(cosine, room), min=0), t == -1)), how)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), of p-norms over the last axis.

    (N, D) -> (N,) or its mean.  eps: see pairwise_distance.  swap: |positive - negative| where it
    is the smaller one.  Source: Balntas et al. 2016, doi:10.5244/C.30.119.  Raises TypeError for
    dtypes, ValueError for shapes, margin <= 0 or another reduction.
    """
    function = "triplet_margin_loss"
    order, shift = _order(p, function), _checks.number(eps, function, "eps")
    _vectors(function, anchor=anchor, positive=positive, negative=negative)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, order, shift)

    return _triplet(function, (anchor, positive, negative), distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with another distance of two tensors; pairwise_distance for None.

    Raises TypeError for dtypes or a distance that is no function, ValueError for shapes,
    margin <= 0 or another reduction.
    """
    function = "triplet_margin_with_distance_loss"
    distance = pairwise_distance if distance_function is None else distance_function
    if not callable(distance):
        raise TypeError(f"{function}: distance_function must be callable, got {distance!r}")
    if distance_function is None:
        _vectors(function, anchor=anchor, positive=positive, negative=negative)
    return _triplet(function, (anchor, positive, negative), distance, margin, swap, reduction)


def _triplet(
    function: str,
    tensors: tuple[Tensor, Tensor, Tensor],
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: Any,
    swap: bool,
    reduction: str,
) -> Tensor:
    how = _checks.reduction(reduction, function)
    room = _above_zero(margin, function)
    for name, value in zip(("anchor", "positive", "negative"), tensors, strict=True):
        _checks.tensor(value, function, name)
    anchor, positive, negative = tensors
    _same_axes(function, anchor=anchor.shape, positive=positive.shape, negative=negative.shape)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = _Smaller.apply(far, distance(positive, negative))
    return reduced(ops.clamp(ops.sub(ops.add(near, room), far), min=0), how)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """weight[t] / C times the sum over classes j other than t of max(0, margin - x_t + x_j)^p.

    input (N, C) or (C,), target (N,) or (), of any integer dtype; p 1 or 2.  Source: Crammer &
    Singer 2001.  Raises TypeError for dtypes, ValueError for shapes or settings, IndexError for a
    label that is no class.
    """
    from .shape import reshape

    function = "multi_margin_loss"
    x = _checks.tensor(input, function, "input")
    _checks.tensor(target, function, "target")
    how = _checks.reduction(reduction, function)
    if p not in (1, 2) or isinstance(p, bool):
        raise ValueError(f"{function}: p is {p!r}, expected 1 or 2")
    room = _checks.number(margin, function, "margin")
    if weight is not None:
        check_weight(function, x, weight)
    if x.ndim not in (1, 2):
        raise ValueError(f"{function}: input has shape {x.shape}, expected (N, C) or (C,)")
    labels = flat_labels(function, x, target, "integers (classes)")._data
    if labels.size and not 0 <= labels.min() <= labels.max() < x.shape[-1]:
        raise_bad_label(function, x, target, -(1 << 63))
    rows = x if x.ndim == 2 else reshape(x, (1, -1))
    constant = None if weight is None else weight._data
    loss = _MultiMargin.apply(rows, labels, constant, int(p), room)
    return reduced(reshape(loss, target.shape), how)


def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The sum over targets j and other classes i of max(0, 1 - (x_j - x_i)), over C.

    input (N, C) or (C,); target, integers of that shape: classes, up to the first negative number
    of a row.  Raises TypeError for dtypes, ValueError for shapes or another reduction, IndexError
    for a label of C or more.
    """
    from .shape import reshape

    function = "multilabel_margin_loss"
    x = _checks.tensor(input, function, "input")
    t = _checks.tensor(target, function, "target")._data
    how = _checks.reduction(reduction, function)
    _checks.kernels(x._data, function, "input")
    if t.dtype.kind not in "iu":
        raise TypeError(f"{function}: target has dtype {t.dtype}, expected integers (classes)")
    if x.ndim not in (1, 2) or t.shape != x.shape:
        raise ValueError(
            f"{function}: input has shape {x.shape} and target {t.shape}, expected (N, C) or (C,) "
            "of both"
        )
    if t.size and t.max() >= x.shape[-1]:
        raise IndexError(f"{function}: target has {t.max()}, expected classes < {x.shape[-1]}")
    rows = x if x.ndim == 2 else reshape(x, (1, -1))
    loss = _MultiLabelMargin.apply(rows, t.reshape(rows.shape).astype(np.int64))
    return reduced(reshape(loss, x.shape[:-1]), how)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """binary_cross_entropy_with_logits, its mean over the last axis, the classes.

    input and target (N, C) or (..., C); weight: a constant that broadcasts.  Raises TypeError for
    dtypes, ValueError for shapes or another reduction.
    """
    from .loss import logits_loss

    function = "multilabel_soft_margin_loss"
    how = _checks.reduction(reduction, function)
    _tensors(function, input=input, target=target)
    if not input.ndim:
        raise ValueError(f"{function}: input has no axes, expected (N, C)")
    loss = logits_loss(input, target, {"weight": weight, "pos_weight": None}, "none", function)
    return reduced(ops.div(sum(loss, -1), max(input.shape[-1], 1)), how)


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """ln(1 + e^(-target input)), target 1 or -1; shapes broadcast.

    Never infinite for finite input.  Raises TypeError for dtypes, ValueError for shapes or another
    reduction.
    """
    from .loss import binary_cross_entropy_with_logits

    function = "soft_margin_loss"
    how = _checks.reduction(reduction, function)
    _tensors(function, input=input, target=target)
    _broadcast(function, input=input.shape, target=target.shape)
    z = ops.mul(target, input)
    ones = wrap(np.ones(z.shape, z.dtype))
    return binary_cross_entropy_with_logits(z, ones, reduction=how)
