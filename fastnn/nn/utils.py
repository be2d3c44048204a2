"""Gradient clipping; folding of batch normalisation; evaluation for a while."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator

import numpy as np

from .. import backend
from ..grad_mode import no_grad
from ..tensor import Tensor
from .fused import fuse_conv_bn_eval, fuse_conv_bn_weights
from .module import Module

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "evaluating",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
]


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p._grad for p in parameters if p._grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients so that their norm together is at most max_norm; returns the norm before.

    norm_type: 2 or infinity.  Raises ValueError for another, RuntimeError for a norm that is not
    finite, if error_if_nonfinite.  Source: Pascanu et al. 2013, arXiv:1211.5063.
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm is {max_norm}, expected at least 0")
    grads = _grads(parameters)
    if norm_type == math.inf:
        total = max((float(np.abs(g._data).max()) for g in grads if g._data.size), default=0.0)
    elif norm_type == 2:
        total = math.sqrt(sum(_square(g._data) for g in grads))
    else:
        raise ValueError(f"clip_grad_norm_: norm_type is {norm_type}, expected 2 or inf")
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total}")
    factor = max_norm / (total + 1e-6)
    if factor < 1.0 or math.isnan(factor):
        for g in grads:
            np.multiply(g._data, g.dtype.type(factor), out=g._data)
            g._changed()
    return total


def _square(g: np.ndarray) -> float:
    g = np.ascontiguousarray(g)
    return float(backend.of(g).mse_forward(g, np.zeros_like(g), "sum"))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Every gradient element into [-clip_value, clip_value].  Raises ValueError below 0."""
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value is {clip_value}, expected at least 0")
    for g in _grads(parameters):
        np.clip(g._data, -clip_value, clip_value, out=g._data)
        g._changed()


@contextlib.contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """`with evaluating(model):` evaluation mode, nothing recorded; at the end, also after an error,
    each module has the mode that it had, so a frozen child stays frozen.
    """
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, was_training in before:
            module.training = was_training
