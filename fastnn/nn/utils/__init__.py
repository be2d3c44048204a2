"""Gradient clipping; folding of batch normalisation; evaluation for a while; constraints on
weights: `parametrizations`, `parametrize`, max-norm; `rnn`: sequences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...grad_mode import no_grad
from ..clip import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from ..fused import fuse_conv_bn_eval, fuse_conv_bn_weights
from ..module import Module
from . import parametrizations, parametrize, rnn
from .max_norm import max_norm_
from .penalty import l1_penalty, l2_penalty
from .spectral_norm import remove_spectral_norm, spectral_norm
from .vector import parameters_to_vector, vector_to_parameters
from .weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "evaluating",
    "forward_hooks",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "get_total_norm",
    "l1_penalty",
    "l2_penalty",
    "max_norm_",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]


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


@contextlib.contextmanager
def forward_hooks(modules: Iterable[Module], hook: Callable[..., Any]) -> Iterator[None]:
    """`with forward_hooks(modules, hook):` each of them has hook(module, args, output) as a forward
    hook; at the end, also after an error, it is gone.
    """
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
