"""What becomes of signals and gradients on their way through many layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..grad_mode import no_grad
from ..nn.utils import evaluating, forward_hooks
from ..tensor import Tensor

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def gradient_flow(model: nn.Module, loss: Tensor) -> list[float]:
    """Norms of the gradients of each layer's weight, from the input on: sqrt(sum(dweight^2)).

    loss: of one element, computed by the model; it is sent back, and the gradients that the model
    had before come back afterwards.  Layers are Linear and convolutions in the order in which they
    are defined; a layer that the loss does not depend on has 0.  Raises ValueError for a model
    without such layers.
    Sources: Hochreiter 1991; Glorot and Bengio 2010.
    """
    layers = [m for m in model.modules() if isinstance(m, _WEIGHTED)]
    if not layers:
        raise ValueError("gradient_flow: the model has no Linear and no convolution")
    before = [(p, p.grad) for p in model.parameters()]
    for p, _ in before:
        p.grad = None
    try:
        loss.backward()
        grads = [layer.weight.grad for layer in layers]
        return [0.0 if g is None else _norm(g.numpy()) for g in grads]
    finally:
        for p, grad in before:
            p.grad = grad


def signal_flow(model: nn.Module, x: Tensor, *kinds: type[nn.Module]) -> list[float]:
    """Variance over all elements of the output of each layer of the given kinds, in the order of
    their calls; of every layer without layers within if no kind is given.

    The model is run on x once, in evaluation mode, without gradients.
    Source: Glorot and Bengio 2010; He et al. 2015, arXiv:1502.01852, section 2.2.
    """
    found: list[float] = []

    def note(module: nn.Module, args: Any, output: Any) -> None:
        found.append(float(np.var(output.numpy(), dtype=np.float64)))

    watched = [
        m for m in model.modules() if (isinstance(m, kinds) if kinds else not list(m.children()))
    ]
    with forward_hooks(watched, note), evaluating(model), no_grad():
        model(x)
    return found


def _norm(a: np.ndarray) -> float:
    return float(np.sqrt(np.square(a, dtype=np.float64).sum()))
