"""Truncated backpropagation through time for language models."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import functional as F
from ..creation import from_numpy
from ..grad_mode import no_grad
from ..nn.utils import clip_grad_norm_, evaluating

Batches = Iterable[tuple[np.ndarray, np.ndarray]]


def tbptt_epoch(model: Any, batches: Batches, optimizer: Any, *, max_norm: float = 1.0) -> float:
    """One pass over batches of ids (input, target), each (T, N), a step of `optimizer` for each.

    The state is carried from batch to batch and detached there, so that gradients go back T steps
    at most; their norm is clipped to `max_norm`. model(ids, state) -> logits (T, N, V), state;
    model.detach(state). Returns the mean cross-entropy, in nats per character.
    Raises RuntimeError at the first batch whose loss is not finite, before its step, so that the
    weights are those that the batch before left; ValueError without batches.
    Source: Williams and Peng 1990, doi:10.1162/neco.1990.2.4.490; Pascanu et al. 2013,
    arXiv:1211.5063 (clipping).
    """
    model.train()
    state, total, count = None, 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss, state = _loss(model, x, y, model.detach(state))
        value = _finite(loss.item())
        loss.backward()
        clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        total += value * y.size
        count += y.size
    return _mean(total, count)


def tbptt_loss(model: Any, batches: Batches) -> float:
    """Mean cross-entropy, in nats per character, in evaluation mode with the state carried; exp of
    it is the perplexity.  Batches and errors as for `tbptt_epoch`.
    """
    state, total, count = None, 0.0, 0
    with evaluating(model), no_grad():
        for x, y in batches:
            loss, state = _loss(model, x, y, state)
            total += _finite(loss.item()) * y.size
            count += y.size
    return _mean(total, count)


def _loss(model: Any, x: np.ndarray, y: np.ndarray, state: Any) -> tuple[Any, Any]:
    logits, state = model(from_numpy(np.ascontiguousarray(x)), state)
    target = from_numpy(np.ascontiguousarray(y).reshape(-1))
    return F.cross_entropy(logits.reshape(target.shape[0], -1), target), state


def _mean(total: float, count: int) -> float:
    if count == 0:
        raise ValueError("tbptt: no batches")
    return total / count


def _finite(loss: float) -> float:
    if not math.isfinite(loss):
        raise RuntimeError(
            f"tbptt: the loss is {loss}, which is not finite; a smaller learning rate may help"
        )
    return loss
