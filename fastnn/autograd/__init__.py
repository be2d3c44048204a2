"""Automatic differentiation (`torch.autograd`): grad, gradcheck, checkpoint; custom Functions and
Jacobians in files of their own.

Gradients are arrays without a history, so what PyTorch makes of gradients of gradients
(create_graph, gradgradcheck, hessian) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import backward, run_backward, seeds
from ..grad_mode import (
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from ..tensor import Function as _TapeFunction
from ..tensor import Tensor, contiguous, wrap
from . import function, functional
from .function import Function, once_differentiable

__all__ = [
    "Function",
    "backward",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] | dict[Any, Tensor],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> Any:
    """d outputs / d inputs, a tuple of one Tensor per input, or a dict if inputs is one; .grad of
    the leaves stays as it is.

    grad_outputs: where the gradient starts, 1 for single elements.  An input that the outputs do
    not depend on is a RuntimeError, gives None if allow_unused, or zeros if materialize_grads.
    create_graph: must be False, RuntimeError; gradients have no history here.
    """
    if create_graph:
        raise RuntimeError(
            "grad: create_graph=True asks for gradients of gradients, which are not here; write "
            "the first gradient out as a forward of its own"
        )
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True and allow_unused=False exclude each other")
    if isinstance(inputs, dict):
        found = grad(
            outputs, list(inputs.values()), grad_outputs, retain_graph,
            allow_unused=allow_unused, materialize_grads=materialize_grads,
        )  # fmt: skip
        return dict(zip(inputs, found, strict=True))
    roots: list[Any] = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    starts = [grad_outputs] if isinstance(grad_outputs, Tensor) else grad_outputs
    for t in wanted:
        if not isinstance(t, Tensor) or not t.requires_grad:
            raise RuntimeError("grad: one of the inputs is not a Tensor that requires grad")
    arrays: Any = run_backward(roots, seeds(roots, starts, "grad"), bool(retain_graph), wanted)
    if materialize_grads:
        arrays = [
            np.zeros(t.shape, t.dtype) if a is None else a
            for t, a in zip(wanted, arrays, strict=True)
        ]
    if not allow_unused and any(a is None for a in arrays):
        raise RuntimeError(
            "grad: one of the inputs was not used to compute the outputs; "
            "allow_unused=True gives None for it"
        )
    return tuple(None if a is None else wrap(a.copy()) for a in arrays)


def gradcheck(
    func: Callable[..., Any],
    inputs: Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare backward with central differences (f(x + eps) - f(x - eps)) / (2 eps), in float64.

    func: of the inputs, float64 Tensors, gives one Tensor.  Returns True; raises RuntimeError that
    names the input and the element where they differ by more than atol + rtol |difference|.
    """
    y = func(*inputs)
    weights = (np.cos(np.arange(y._data.size, dtype=np.float64)) + 1.5).reshape(y.shape)
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    if any(t.dtype != np.float64 for t in wanted):
        raise ValueError("gradcheck: inputs must be float64")
    found = grad(y, wanted, wrap(weights.astype(y.dtype)), allow_unused=True)
    for n, (t, g) in enumerate(zip(wanted, found, strict=True)):
        got = np.zeros(t.shape) if g is None else g._data
        for i in np.ndindex(*t.shape):
            kept = t._data[i]
            values = []
            for sign in (1, -1):
                t._data[i] = kept + sign * eps
                with no_grad():
                    values.append(float((func(*inputs)._data * weights).sum()))
            t._data[i] = kept
            want = (values[0] - values[1]) / (2 * eps)
            if not abs(got[i] - want) <= atol + rtol * abs(want):
                raise RuntimeError(
                    f"gradcheck: input {n}, element {i}: backward gives {got[i]:.6g}, "
                    f"differences {want:.6g}"
                )
    return True


class _Checkpoint(_TapeFunction):
    """The outputs of a function of which nothing but the inputs was kept."""

    strided = True

    @staticmethod
    def forward(ctx: Any, again: Callable[[], Any], values: Any, *arrays: Any) -> Any:
        ctx.again = again
        ctx.save(*arrays)
        return values

    @staticmethod
    def backward(ctx: Any, *dys: np.ndarray) -> Any:
        _ = ctx.saved  # says so if an input was changed since
        with enable_grad():
            outputs, sources = ctx.again()
        pairs = [(y, dy) for y, dy in zip(outputs, dys, strict=True) if y.requires_grad]
        needed = ctx.needs_input_grad[2:]
        wanted = [t for t, need in zip(sources, needed, strict=True) if need]
        roots = [y for y, _ in pairs]
        found = iter(run_backward(roots, [contiguous(dy) for _, dy in pairs], False, wanted))
        return None, None, *(next(found) if need else None for need in needed)


def _leaves(outputs: Sequence[Tensor], start: Any) -> list[Tensor]:
    """The leaves that the recorded outputs come from; RuntimeError for what `start` came after."""
    nodes = [y.grad_fn for y in outputs if y.grad_fn is not None]
    seen, leaves = set(nodes), {}
    while nodes:
        node = nodes.pop()
        if node._seq < start:
            raise RuntimeError(
                f"checkpoint: function uses a result of {node.name()} that is not among its "
                "arguments; pass it as one"
            )
        for edge in node._edges:
            if isinstance(edge, Tensor):
                leaves[id(edge)] = edge
            elif edge is not None and edge not in seen:
                seen.add(edge)
                nodes.append(edge)
    return list(leaves.values())


def checkpoint(
    function: Callable[..., Any], *args: Any, preserve_rng_state: bool = True, **kwargs: Any
) -> Any:
    """function(*args, **kwargs), a Tensor or a tuple of them, without keeping what it computes.

    Backward runs it a second time (Chen et al. 2016, arXiv:1604.06174): memory for time.
    preserve_rng_state: with the default generator where it was, so that dropout repeats.  Running
    statistics of batch normalisation are updated twice, as in PyTorch.  Raises RuntimeError if
    function uses recorded results that are not among args, TypeError for other results.
    """
    from ..random import default_generator

    state = default_generator.get_state()
    tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor)]

    def run() -> tuple[list[Tensor], list[Tensor], bool]:
        copies = list(args)
        for i in tensors:
            copies[i] = args[i].detach()
            copies[i].requires_grad = args[i].requires_grad
        result = function(*copies, **kwargs)
        several = isinstance(result, tuple)
        outputs = list(result) if isinstance(result, tuple) else [result]
        for y in outputs:
            if not isinstance(y, Tensor):
                raise TypeError(f"checkpoint: function returned {type(y).__name__}, not a Tensor")
        return outputs, [copies[i] for i in tensors], several

    if not is_grad_enabled():
        return function(*args, **kwargs)
    first = (wrap(np.zeros(1)).requires_grad_() * 1)._node._seq  # Functions number upwards
    outputs, sources, several = run()
    if not any(y.requires_grad for y in outputs):
        return tuple(outputs) if several else outputs[0]
    given = {id(t) for t in sources}
    leaves = [t for t in _leaves(outputs, first) if id(t) not in given]

    def again() -> Any:
        now = default_generator.get_state()
        if preserve_rng_state:
            default_generator.set_state(state)
        try:
            outputs, sources, _ = run()
        finally:
            if preserve_rng_state:
                default_generator.set_state(now)
        return outputs, [*sources, *leaves]

    values = tuple(y._data for y in outputs)
    made = _Checkpoint.apply(again, values, *(args[i] for i in tensors), *leaves)
    return made if several else made[0]
