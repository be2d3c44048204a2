"""Derivatives of functions (`torch.autograd.functional`), in reverse mode.

`jvp`, `hvp`, `vhp` and `hessian` are gradients of gradients in PyTorch, and `create_graph` records
gradients: this engine is of first order, so they are left out.  J v is `jacobian` times v.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import run_backward
from ..grad_mode import enable_grad
from ..tensor import Tensor, contiguous, wrap

__all__ = ["jacobian", "vjp"]


def _tensors(value: Any, function: str, what: str) -> tuple[Tensor, ...]:
    """A Tensor or a tuple or list of them, as a tuple; TypeError for other things."""
    found = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for i, t in enumerate(found):
        if not isinstance(t, Tensor):
            name = f"{what}[{i}]" if isinstance(value, (tuple, list)) else what
            raise TypeError(f"{function}: {name} must be a Tensor, got {type(t).__name__}")
    return found


def _run(func: Callable[..., Any], inputs: Any, name: str) -> tuple[Any, Any, Any]:
    """(the inputs as fresh leaves, the result of func on them, its outputs as a tuple)."""
    leaves = []
    for t in _tensors(inputs, name, "inputs"):
        if t.dtype.kind != "f":
            raise TypeError(f"{name}: inputs must be float32 or float64, got {t.dtype}")
        leaf = t.detach()
        leaf.requires_grad = True
        leaves.append(leaf)
    with enable_grad():
        result = func(*leaves)
    return leaves, result, _tensors(result, name, "the result of func")


def _back(
    outputs: Any, starts: Any, leaves: list[Tensor], name: str, strict: bool
) -> list[np.ndarray]:
    """Gradients of the leaves; zeros, or RuntimeError if strict, where nothing depends on them."""
    pairs = [(y, v) for y, v in zip(outputs, starts, strict=True) if y.requires_grad]
    if strict and len(pairs) < len(outputs):
        raise RuntimeError(f"{name}: an output is independent of all inputs, with strict=True")
    found: Any = [None] * len(leaves)
    if pairs:
        found = run_backward([y for y, _ in pairs], [v for _, v in pairs], True, leaves)
    if strict and any(g is None for g in found):
        i = next(i for i, g in enumerate(found) if g is None)
        raise RuntimeError(f"{name}: the outputs are independent of input {i}, with strict=True")
    return [
        np.zeros(t.shape, t.dtype) if g is None else g for t, g in zip(leaves, found, strict=True)
    ]


def jacobian(func: Callable[..., Any], inputs: Any, strict: bool = False) -> Any:
    """d func(*inputs) / d inputs: J[i, j] = d y_i / d x_j, shape (*y.shape, *x.shape).

    inputs: a Tensor or a tuple of them; func gives a Tensor or a tuple of them.  With a tuple of
    inputs the result is a tuple over them, with a tuple of outputs a tuple over these of such.
    strict: RuntimeError where an output does not depend on an input, whose Jacobian is else 0.
    One backward pass for each element of the outputs.  Raises TypeError for what is no Tensor.
    """
    leaves, result, outputs = _run(func, inputs, "jacobian")
    rows = []
    for y in outputs:
        tables = [np.empty((y._data.size, *t.shape), y.dtype) for t in leaves]
        for i in range(y._data.size):
            start = np.zeros(y.shape, y.dtype)
            start.reshape(-1)[i] = 1
            for table, g in zip(
                tables, _back((y,), (start,), leaves, "jacobian", strict), strict=True
            ):
                table[i] = g
        row = tuple(
            wrap(table.reshape(*y.shape, *t.shape)) for table, t in zip(tables, leaves, strict=True)
        )
        rows.append(row if isinstance(inputs, (tuple, list)) else row[0])
    return tuple(rows) if isinstance(result, (tuple, list)) else rows[0]


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), v^T J), J the Jacobian of func: one backward pass from v.

    v: of the shapes of the outputs; may be left out for a single element.  The product has the
    shapes of the inputs.  strict: RuntimeError where the outputs do not depend on an input, whose
    gradient is else 0.  Raises TypeError for what is no Tensor, RuntimeError for other shapes.
    """
    leaves, result, outputs = _run(func, inputs, "vjp")
    if v is None:
        if len(outputs) != 1 or outputs[0]._data.size != 1:
            raise RuntimeError(
                "vjp: v may be None only if func gives a single Tensor of a single element"
            )
        starts = [np.ones(outputs[0].shape, outputs[0].dtype)]
    else:
        given = _tensors(v, "vjp", "v")
        if [t.shape for t in given] != [y.shape for y in outputs]:
            raise RuntimeError(
                f"vjp: v has shapes {[t.shape for t in given]}, expected "
                f"{[y.shape for y in outputs]}"
            )
        starts = [contiguous(t._data.astype(y.dtype)) for t, y in zip(given, outputs, strict=True)]
    grads = tuple(wrap(g.copy()) for g in _back(outputs, starts, leaves, "vjp", strict))
    values = tuple(y.detach() for y in outputs)
    return (
        values if isinstance(result, (tuple, list)) else values[0],
        grads if isinstance(inputs, (tuple, list)) else grads[0],
    )
