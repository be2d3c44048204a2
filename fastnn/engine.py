# cython: annotation_typing=False
"""Backward: from the newest Function to the oldest.  Compiled, as tensor.py is."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import backend
from .grad_mode import mode
from .tensor import Core, Function, check_view, contiguous, is_contiguous, wrap


class Handle:
    """What register_hook functions return."""

    def __init__(self, hooks: list[Any], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._hook = hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook out again."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


class Keep:
    """Hook of retain_grad: must not keep its tensor alive, or node and tensor would be a cycle."""

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)

    def __call__(self, gradient):
        tensor = self.tensor()
        if tensor is None:
            return
        if tensor._grad is None:
            tensor._grad = wrap(gradient._data.copy())
        else:
            tensor._grad = wrap(np.asarray(tensor._grad._data + gradient._data))


def hooks_of(tensor):
    """The list of hooks on a tensor's gradient: a leaf has its own, others their node's."""
    node = tensor.grad_fn
    if node is None:
        if tensor._hooks is None:
            tensor._hooks = []
        return tensor._hooks
    if node._hooks is None:
        node._hooks = {}
    return node._hooks.setdefault(tensor._index, [])


def view_again(t):
    """Record a view again, from what its source is now."""
    if t._made is None:
        raise RuntimeError(
            "a tensor is used after another tensor with its memory was changed in place by a "
            "recorded operation, and there is a backward hook between the two; change a clone()"
        )
    cls, args = t._made
    enabled, mode.enabled = mode.enabled, True
    try:
        now = cls.apply(*args)  # its source is recorded again first, if it has to be
    finally:
        mode.enabled = enabled
    t._seen = t._counter.recorded
    if t._node is not None or now._node is not None:  # else it may be a leaf by itself
        take_place(t, now)


def take_place(t, y):
    """t's place on the tape is y's from now on.  Hooks stay with the values that t had, but for
    that of retain_grad."""
    old, index = t._node, t._index
    t._node, t._index, t._requires_grad = y._node, y._index, y._requires_grad
    if old is None or old._hooks is None or t._node is None:
        return
    hooks = old._hooks.get(index, [])
    for hook in [h for h in hooks if isinstance(h, Keep) and h.tensor() is t]:
        hooks.remove(hook)
        hooks_of(t).append(hook)


def _add(a, b):
    if (
        a.dtype.char == b.dtype.char == "f"
        and a.shape == b.shape
        and is_contiguous(a)
        and is_contiguous(b)
    ):
        return backend.kernels.arithmetic_forward("add", a, b)
    return np.asarray(a + b)


def _run_node(node, outs):
    """Gradients of a node's arguments from those of its outputs."""
    if mode.anomaly:
        return _watch_node(node, outs)
    return _call_backward(node, outs)


def _call_backward(node, outs):
    if node._outputs is not None:
        for i, (shape, dtype) in enumerate(node._outputs):
            if outs[i] is None and node.materialize:
                outs[i] = np.zeros(shape, dtype)
        results = type(node).backward(node, *outs)
    else:
        results = type(node).backward(node, outs[0])
    if not isinstance(results, tuple):
        results = (results,)
    return results


def _watch_node(node, outs):
    """The same; an error, and a NaN, which is one, carries a note of where forward was recorded."""
    try:
        results = _call_backward(node, outs)
        for i, g in enumerate(results):
            if mode.check_nan and g is not None and np.isnan(g).any():
                raise RuntimeError(f"{node.name()} returned NaN as the gradient of argument {i}")
    except Exception as error:
        error.add_note(_recorded(node))
        raise
    return results


def _recorded(node):
    """Where a node was recorded, as the text of a traceback."""
    if node._stack is None:
        return (
            f"{node.name()} was recorded without detect_anomaly(); with it around forward, too, "
            "the place would be here"
        )
    lines = "".join(reversed(node._stack.format()))  # the stack was walked from the inside
    return f"{node.name()} was recorded at (most recent call last):\n{lines.rstrip()}"


def _run_hooks(hooks, gradient):
    if gradient is None:
        return None
    for hook in tuple(hooks):
        result = hook(wrap(gradient))
        if result is None:
            continue
        if not isinstance(result, Core):
            raise TypeError(f"a hook returned {type(result).__name__}, expected a Tensor or None")
        if result.shape != gradient.shape or result.dtype != gradient.dtype:
            raise RuntimeError(
                f"a hook returned shape {result.shape} and dtype {result.dtype}, "
                f"expected {gradient.shape} and {gradient.dtype}"
            )
        gradient = contiguous(result._data)
    return gradient


def _refs_of_local():
    lone = {0: np.empty(0)}
    _, array = lone.popitem()
    return sys.getrefcount(array)


def _refs_of_base():
    view = np.empty((2, 2)).reshape(4)
    base = view.base
    return sys.getrefcount(base)


_REFS_OF_LOCAL, _REFS_OF_BASE = _refs_of_local(), _refs_of_base()


def _shows_another(g):
    """Whether an array is a view of one that someone else holds or sees, or of a part of one."""
    base = g.base
    if not isinstance(base, np.ndarray):
        return False
    return (
        sys.getrefcount(base) > _REFS_OF_BASE
        or isinstance(base.base, np.ndarray)  # a subclass: NumPy does not look through it
        or g.size != base.size
        or not (g.flags.c_contiguous and g.flags.writeable)
    )


def _accumulate(leaves, with_hooks=True):
    """Put the gradients into .grad; an array that someone else holds or sees is copied."""
    while leaves:
        leaf, g = leaves.popitem()
        if with_hooks and leaf._hooks is not None:
            g = _run_hooks(leaf._hooks, g)
        if leaf._grad is not None:
            np.add(leaf._grad._data, g, out=leaf._grad._data)
            leaf._grad._changed()
            continue
        if sys.getrefcount(g) > _REFS_OF_LOCAL or _shows_another(g):
            g = g.copy()
        leaf._grad = wrap(g)


def _ordered(nodes):
    """All Functions that can be reached, newest first."""
    found = set(nodes)
    stack = list(nodes)
    while stack:
        node = stack.pop()
        for edge in node._edges:
            if isinstance(edge, Function) and edge not in found:
                found.add(edge)
                stack.append(edge)
    return sorted(found, key=_seq_of, reverse=True)


def _seq_of(node):
    return node._seq


def _leading_to(nodes, wanted):
    """Those of the Functions, newest first, that some tensor in `wanted` comes before."""
    goals = {t if t._node is None else t._node for t in wanted}
    found = set()
    for node in reversed(nodes):
        if any(edge in goals or edge in found for edge in node._edges if edge is not None):
            found.add(node)
    return found


def _send(pending, leaves, edge, slot, g):
    """Add g to what a leaf, or output `slot` of a Function, has got so far."""
    if not isinstance(edge, Function):
        leaves[edge] = _add(leaves[edge], g) if edge in leaves else g
        return
    node = edge
    outs = pending.get(node)
    if outs is None:
        pending[node] = outs = [None] * _n_outputs(node)
    outs[slot] = g if outs[slot] is None else _add(outs[slot], g)


def run_backward(roots, grads, retain_graph, wanted=None):
    """Send `grads` (arrays) back from `roots`.

    wanted None: accumulate into the leaves.  Otherwise a list of tensors; returns their gradients,
    arrays or None, and leaves .grad alone.
    """
    pending = {}
    leaves = {}
    captured = {}
    for t, g in zip(roots, grads, strict=True):
        _send(pending, leaves, t if t._node is None else t._node, t._index, g)
    nodes = _ordered(pending)
    leading = None if wanted is None else _leading_to(nodes, wanted)
    for node in nodes:
        outs = pending.pop(node, None)
        if outs is None:
            continue
        if node._hooks is not None:
            for index, hooks in node._hooks.items():
                outs[index] = _run_hooks(hooks, outs[index])
        if wanted is not None:
            for t in wanted:
                if t._node is node:
                    captured[t] = outs[t._index]
            if node not in leading:
                continue
        results = _run_node(node, outs)
        n = len(results)
        i = 0
        for edge in node._edges:
            g = results[i] if i < n else None
            if edge is not None and g is not None:
                if not isinstance(g, np.ndarray):
                    g = np.asarray(g)  # NumPy gives scalars where there are no axes
                _send(pending, leaves, edge, node._slots[i], g)
            i += 1
        outs = results = g = None  # whoever still holds an array here would force a copy of it
        if not retain_graph and node._saved is not None:
            node._saved = node._checks = None
            node._freed = True
    if wanted is None:
        _accumulate(leaves)
        return None
    for t in wanted:
        if t._node is None and t not in captured:
            g = leaves.get(t)
            captured[t] = g if t._hooks is None else _run_hooks(t._hooks, g)
    return [captured.get(t) for t in wanted]


def _n_outputs(node):
    return 1 if node._outputs is None else len(node._outputs)


_ONE = np.ones((), np.float32)


def _is_float32_scalar(t):
    return t._data.ndim == 0 and t._data.dtype.char == "f"


def seeds(tensors: list[Core], grads: Any, function: str) -> list[np.ndarray]:
    """Where a backward pass starts: the given gradients, or 1 for single elements."""
    if grads is None:
        grads = [None] * len(tensors)
    if len(grads) != len(tensors):
        raise ValueError(f"{function}: {len(tensors)} tensors but {len(grads)} gradients")
    arrays = []
    for t, g in zip(tensors, grads, strict=True):
        if not isinstance(t, Core):
            raise TypeError(f"{function}: expected a Tensor, got {type(t).__name__}")
        if t._is_view:
            check_view(t)
        if not t._requires_grad:
            raise RuntimeError(
                f"{function}: the tensor does not require grad and was not made by a recorded "
                "operation"
            )
        if g is None:
            if t._data.size != 1:
                raise RuntimeError(
                    f"{function}: a tensor of shape {t.shape} needs a gradient of that shape; "
                    "without one it must have a single element"
                )
            arrays.append(_ONE.copy() if _is_float32_scalar(t) else np.ones(t.shape, t.dtype))
            continue
        if not isinstance(g, Core):
            raise TypeError(f"{function}: gradient must be a Tensor, got {type(g).__name__}")
        if g.shape != t.shape or g.dtype != t.dtype:
            raise RuntimeError(
                f"{function}: gradient has shape {g.shape} and dtype {g.dtype}, "
                f"expected {t.shape} and {t.dtype}"
            )
        arrays.append(contiguous(g._data))
    return arrays


def backward(
    tensors: Iterable[Any],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    *,
    inputs: Any = None,
) -> None:
    """Sum of the tensors' gradients into the leaves' .grad, or into that of the inputs alone; see
    Tensor.backward."""
    tensors = [tensors] if isinstance(tensors, Core) else list(tensors)
    if isinstance(grad_tensors, Core):
        grad_tensors = [grad_tensors]
    arrays = seeds(tensors, grad_tensors, "backward")
    if inputs is None:
        run_backward(tensors, arrays, bool(retain_graph))
        return
    wanted = [inputs] if isinstance(inputs, Core) else list(inputs)
    if not wanted:
        raise RuntimeError("backward: inputs is empty")
    for t in wanted:
        if not isinstance(t, Core) or not t.requires_grad:
            raise RuntimeError("backward: one of the inputs is not a Tensor that requires grad")
    found = run_backward(tensors, arrays, bool(retain_graph), wanted)
    _accumulate({t: g.copy() for t, g in zip(wanted, found, strict=True) if g is not None}, False)
