"""Hooks of modules: functions that look at a call, or at its gradients, and may replace them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..grad_mode import mode
from ..tensor import Function, Tensor, wrap
from ..tensor import contiguous as c_order

# How often, of all modules, a hook was registered or a forward replaced: while it stands, whoever
# looked whether a call of a module does more than its class says need not look again.
alterations = [0]

Hook = Callable[..., Any]


class Entry:
    """A hook that is called in its own way, or that stands in its list already: so every entry of
    a list is an object of its own, and removing one leaves its twin where it is."""

    def __init__(self, hook: Hook, with_kwargs: bool, always_call: bool) -> None:
        self.hook, self.with_kwargs, self.always_call = hook, with_kwargs, always_call

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


class HookHandle:
    """What the register functions of Module return; `with handle:` removes the hook at its end."""

    def __init__(self, entries: list[Hook], entry: Hook) -> None:
        self._entries, self._entry = entries, entry

    def remove(self) -> None:
        """Take the hook out again; a second time does nothing."""
        for i, entry in enumerate(self._entries):
            if entry is self._entry:
                del self._entries[i]
                return

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def register(
    entries: list[Hook], hook: Hook, prepend: bool = False, with_kwargs: bool = False,
    always_call: bool = False,
) -> HookHandle:  # fmt: skip
    """The handle of a hook that is put at the end of a list, or at its beginning."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
    if with_kwargs or always_call or any(entry is hook for entry in entries):
        hook = Entry(hook, with_kwargs, always_call)
    entries.insert(0 if prepend else len(entries), hook)
    alterations[0] += 1
    return HookHandle(entries, hook)


class Hooked:
    """The part of Module that keeps hooks and runs them."""

    _forward_pre_hooks: list[Hook]
    _forward_hooks: list[Hook]
    _backward_pre_hooks: list[Hook]
    _backward_hooks: list[Hook]
    forward: Any

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """hook(module, args) before forward; what it returns, unless None, replaces args.

        prepend: before the hooks that are there.  with_kwargs: hook(module, args, kwargs), which
        returns None or (args, kwargs).  Returns a handle with remove().
        """
        return register(self._forward_pre_hooks, hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """hook(module, args, output) after forward; a result that is not None replaces output.

        prepend: before the hooks that are there.  with_kwargs: hook(module, args, kwargs, output).
        always_call: also after an error, with the output so far, or None.  Returns a handle with
        remove().
        """
        return register(self._forward_hooks, hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(module, grad_output) before the gradients go back through the module.

        grad_output: a tuple, one gradient for each output, None where there is none.  A tuple that
        the hook returns replaces it.  prepend: before the hooks that are there.  Of a module with
        such hooks the result must be a Tensor or a tuple, and its inputs and results must not be
        changed in place.  Returns a handle with remove().  Raises RuntimeError, in backward, for
        a tuple of another length and for gradients of another shape or dtype.
        """
        return register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(module, grad_input, grad_output) when the gradients went back through the module.

        grad_input: a tuple, one gradient for each positional argument: zeros for a Tensor that none
        has reached or that needs none, None for what is no Tensor.  A tuple that the hook returns
        replaces it.  If no argument needs a gradient, all are None, and so must be what is
        returned.  Otherwise as register_full_backward_pre_hook.
        """
        return register(self._backward_hooks, hook, prepend)

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        output = None
        waiting = [h for h in self._forward_hooks if isinstance(h, Entry) and h.always_call]
        try:
            for hook in tuple(self._forward_pre_hooks):
                args, kwargs = _before(self, hook, args, kwargs)
            watch = None
            if self._backward_hooks or self._backward_pre_hooks:
                watch = _Watch(self)
                args = watch.inputs(args)
            output = self.forward(*args, **kwargs)
            for hook in tuple(self._forward_hooks):
                waiting = [h for h in waiting if h is not hook]
                changed = _after(self, hook, args, kwargs, output)
                output = output if changed is None else changed
            return output if watch is None else watch.outputs(output)
        except Exception:
            for hook in waiting:
                try:
                    changed = _after(self, hook, args, kwargs, output)
                except Exception as error:
                    warnings.warn(
                        "a forward hook with always_call=True failed after another error, which "
                        f"is the one to see: {error}",
                        stacklevel=3,
                    )
                    continue
                output = output if changed is None else changed
            raise


def _before(module: Any, hook: Hook, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """args and kwargs after one pre-hook."""
    if isinstance(hook, Entry) and hook.with_kwargs:
        changed = hook(module, args, kwargs)
        if changed is None:
            return args, kwargs
        if not isinstance(changed, tuple) or len(changed) != 2:
            raise RuntimeError(
                "a forward pre-hook with_kwargs must return None or (args, kwargs), got "
                f"{changed!r}"
            )
        return changed
    changed = hook(module, args)
    if changed is not None:
        args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _after(module: Any, hook: Hook, args: Any, kwargs: Any, output: Any) -> Any:
    if isinstance(hook, Entry) and hook.with_kwargs:
        return hook(module, args, kwargs, output)
    return hook(module, args, output)


class _Gate(Function):
    """Identity; `pass_back` sees the gradients of all tensors at once and may replace them."""

    strided = True
    materialize = False

    @staticmethod
    def forward(ctx: Any, pass_back: Callable[..., Any], *xs: Any) -> Any:
        ctx.pass_back = pass_back
        return xs

    @staticmethod
    def backward(ctx: Any, *dys: Any) -> Any:
        return None, *ctx.pass_back(dys)


def _gate(values: tuple[Any, ...], pass_back: Callable[..., Any]) -> tuple[Any, list[int]]:
    """values with a gate in front of those that need a gradient, and the places of these."""
    if not mode.enabled:
        return values, []
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not places:
        return values, []
    passed = list(values)
    sources = [values[i] for i in places]
    for i, source, y in zip(places, sources, _Gate.apply(pass_back, *sources), strict=True):
        # the same memory: a change in place would be one of the source, behind its back
        y._counter, y._is_view = source._counter, True
        y._seen = source._counter.recorded if source._seen >= 0 else -1
        passed[i] = y
    kind = type(values)
    return (tuple(passed) if kind is tuple else kind(*passed)), places


class _Watch:
    """One call of a module with backward hooks: a gate before it and a gate behind it."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.pre_hooks = tuple(module._backward_pre_hooks)
        self.hooks = tuple(module._backward_hooks)
        self.grad_output: Any = None

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, behind their gate."""
        self.n_inputs = len(args)
        self.sizes = {i: (a.shape, a.dtype) for i, a in enumerate(args) if isinstance(a, Tensor)}
        passed, self.input_places = _gate(args, self.after_module)
        return passed

    def outputs(self, output: Any) -> Any:
        """The result, behind its gate."""
        if not isinstance(output, (Tensor, tuple)):
            warnings.warn(
                f"{type(self.module).__name__} has backward hooks, which are called for a Tensor "
                f"or a tuple of Tensors only; forward returned {type(output).__name__}",
                stacklevel=4,
            )
        several = isinstance(output, tuple)
        values = output if several else (output,)
        self.n_outputs = len(values)
        passed, self.output_places = _gate(values, self.before_module)
        return passed if several else passed[0]

    def before_module(self, dys: Sequence[Any]) -> list[Any]:
        """The gradients of the outputs, after the pre-hooks."""
        grads = _spread(self.n_outputs, self.output_places, dys)
        for hook in self.pre_hooks:
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _checked(changed, self.n_outputs, "pre-hook", "grad_output")
        self.grad_output = grads
        if not self.input_places:
            self.without_inputs()
        return _arrays(grads, self.output_places, dys)

    def without_inputs(self) -> None:
        """The hooks, where no gradient will arrive at the inputs."""
        if self.hooks:
            warnings.warn(
                f"a backward hook of {type(self.module).__name__} is called with the gradients of "
                "the outputs alone, since no input requires a gradient",
                stacklevel=2,
            )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * self.n_inputs, self.grad_output)
            if changed is not None and not (
                isinstance(changed, tuple) and all(g is None for g in changed)
            ):
                raise RuntimeError(
                    "a backward hook of a module none of whose inputs requires a gradient must "
                    "return None, or None for each"
                )
        self.grad_output = None

    def after_module(self, dys: Sequence[Any]) -> list[Any]:
        """The gradients of the inputs, after the hooks."""
        if self.grad_output is None:  # they came by a way that misses the module's outputs
            return list(dys)
        found = dict(zip(self.input_places, dys, strict=True))
        for i, (shape, dtype) in self.sizes.items():
            if found.get(i) is None:
                found[i] = np.zeros(shape, dtype)
        grads = _spread(self.n_inputs, list(found), list(found.values()))
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                grads = _checked(changed, self.n_inputs, "hook", "grad_input")
        self.grad_output = None
        return _arrays(grads, self.input_places, dys)


def _spread(n: int, places: list[int], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """n Tensors or Nones: the arrays at their places."""
    spread: list[Any] = [None] * n
    for i, array in zip(places, arrays, strict=True):
        spread[i] = None if array is None else wrap(array)
    return tuple(spread)


def _checked(grads: Any, n: int, kind: str, name: str) -> tuple[Any, ...]:
    """What a hook returned, if it is n gradients."""
    if not isinstance(grads, (tuple, list)) or len(grads) != n:
        got = len(grads) if isinstance(grads, (tuple, list)) else type(grads).__name__
        raise RuntimeError(
            f"a backward {kind} must return None or a tuple of {name}, got {got}, expected {n}"
        )
    for g in grads:
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(
                f"a backward {kind} returned {type(g).__name__} in {name}, expected Tensor or None"
            )
    return tuple(grads)


def _arrays(grads: tuple[Any, ...], places: list[int], dys: Sequence[Any]) -> list[Any]:
    """The arrays at the places; RuntimeError if a hook changed a shape or dtype."""
    arrays: list[Any] = []
    for i, dy in zip(places, dys, strict=True):
        g = grads[i]
        if g is not None and dy is not None and (g.shape != dy.shape or g.dtype != dy.dtype):
            raise RuntimeError(
                f"a backward hook returned shape {g.shape} and dtype {g.dtype}, "
                f"expected {dy.shape} and {dy.dtype}"
            )
        arrays.append(None if g is None else c_order(g._data))
    return arrays
