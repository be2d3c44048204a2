"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from . import arithmetic as ops
from .reduce import mean, sum


class _Ctc(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, labels: tuple, blank: int, zero_infinity: bool) -> Any:
        k = ctx.kernels = _checks.kernels(x, "ctc_loss", "log_probs")
        loss, alpha = k.ctc_forward(x, *labels, blank)
        ctx.labels, ctx.settings = labels, (blank, zero_infinity)
        # The caller's loss may be changed in place, which does not concern the gradient.
        ctx.alpha, ctx.loss = alpha, loss
        ctx.save(x)
        return np.where(loss == np.inf, loss.dtype.type(0), loss) if zero_infinity else loss.copy()

    @staticmethod
    def backward(ctx: Any, dloss: np.ndarray) -> Any:
        states = ctx.loss, ctx.alpha
        return ctx.kernels.ctc_backward(dloss, *ctx.saved, *ctx.labels, *states, *ctx.settings)


def _lengths(value: Any, name: str, batch: int, most: int) -> np.ndarray:
    """(batch,) int64, each from 0 to `most` (-1: any)."""
    array = value._data if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"ctc_loss: {name} has dtype {array.dtype}, expected integers")
    array = array.reshape(-1).astype(np.int64)
    if array.shape != (batch,):
        raise ValueError(f"ctc_loss: {name} has {array.size} elements, expected {batch}")
    bad = (array < 0) | ((array > most) if most >= 0 else False)
    for i in np.flatnonzero(bad)[:1]:
        expected = f"0 to {most}" if most >= 0 else "at least 0"
        raise ValueError(f"ctc_loss: {name}[{i}] is {array[i]}, expected {expected}")
    return array


def _padded(targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Targets one after the other as rows (N, L), filled up with -1."""
    rows = np.full((lengths.size, int(lengths.max(initial=0))), -1, np.int64)
    at = 0
    for row, length in zip(rows, lengths.tolist(), strict=True):
        row[:length] = targets[at : at + length]
        at += length
    return rows


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    *,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-ln of the probability of all paths of classes that read as the targets, once repetitions
    and then blanks are taken out (Graves et al. 2006, doi:10.1145/1143844.1143891).

    log_probs (T, N, C), as log_softmax gives, or (T, C).  targets, integers: (N, L), of which
    target_lengths (N,) count, or all sequences' one after the other.  input_lengths (N,): steps of
    each sequence; both lengths Tensors, tuples or lists of integers.  "none" gives (N,); "mean" is
    the mean of the losses over their target's length (at least 1).  Without a path the loss is
    infinite and the gradient NaN, or, with zero_infinity, both are 0.

    The gradient, as PyTorch's, is that of the logits: it assumes log_probs to be normalised.
    Raises TypeError for dtypes, ValueError for shapes, lengths or settings, IndexError for a target
    that is no class.
    """
    from .shape import reshape

    x = _checks.tensor(log_probs, "ctc_loss", "log_probs")
    t = _checks.tensor(targets, "ctc_loss", "targets")._data
    how = _checks.reduction(reduction, "ctc_loss")
    if x.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs has shape {x.shape}, expected (T, N, C) or (T, C)")
    if t.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: targets has dtype {t.dtype}, expected integers (classes)")
    single = x.ndim == 2
    steps, batch, n_classes = (x.shape[0], 1, x.shape[1]) if single else x.shape
    empty = _checks.integer(blank, "ctc_loss", "blank", 0)
    if empty >= n_classes:
        raise ValueError(f"ctc_loss: blank is {blank}, expected 0 <= blank < {n_classes}")
    inputs = _lengths(input_lengths, "input_lengths", batch, steps)
    if t.ndim == 2 and t.shape[0] == batch:
        outputs = _lengths(target_lengths, "target_lengths", batch, t.shape[1])
        labels = np.ascontiguousarray(t, np.int64)
    elif t.ndim == 1:
        outputs = _lengths(target_lengths, "target_lengths", batch, -1)
        if single and outputs[0] <= t.size:
            labels = t.reshape(1, -1).astype(np.int64)
        elif outputs.sum() == t.size:
            labels = _padded(t, outputs)
        else:
            raise ValueError(
                f"ctc_loss: targets has {t.size} elements, but target_lengths add up to "
                f"{outputs.sum()}"
            )
    else:
        raise ValueError(
            f"ctc_loss: targets has shape {t.shape}, expected ({batch}, L), or one axis for all"
        )
    used = np.arange(labels.shape[1]) < outputs[:, None]
    for n, i in np.argwhere(used & ((labels < 0) | (labels >= n_classes)))[:1]:
        raise IndexError(
            f"ctc_loss: target {i} of sequence {n} is {labels[n, i]}, "
            f"expected 0 <= class < {n_classes}"
        )
    rows = reshape(x, (steps, 1, n_classes)) if single else x
    loss = _Ctc.apply(rows, (labels, inputs, outputs), empty, bool(zero_infinity))
    if how == "none":
        return reshape(loss, ()) if single else loss
    if how == "sum":
        return sum(loss)
    return mean(ops.div(loss, wrap(np.maximum(outputs, 1).astype(x.dtype))))
