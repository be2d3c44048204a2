"""What runs around a Module's forward and backward (`torch.nn.Module.register_*_hook`).

All hooks of a module stand in its two lists, so that one look at them says whether there are any:
a plain function is a forward hook, the rest are objects of the classes below.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..autograd import Function
from ..grad_mode import is_grad_enabled
from ..tensor import Tensor

Hook = Callable[..., Any]


@dataclass(eq=False)
class WithKwargs:
    """A forward or forward pre-hook that is also given the keyword arguments."""

    hook: Hook


@dataclass(eq=False)
class Backward:
    """A hook of the gradients; before: of the outputs' alone, before those of the inputs."""

    hook: Hook
    before: bool


class HookHandle:
    """What the register functions return."""

    def __init__(self, entries: list[Any], entry: Any, prepend: bool) -> None:
        if not callable(getattr(entry, "hook", entry)):
            raise TypeError(f"a hook must be callable, got {type(entry).__name__}")
        self._entries = entries
        self._entry = entry
        entries.insert(0 if prepend else len(entries), entry)

    def remove(self) -> None:
        """Take the hook out again; the second time nothing happens."""
        for i, entry in enumerate(self._entries):
            if entry is self._entry:
                del self._entries[i]
                return

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """module.forward between its hooks."""
    for entry in tuple(module._forward_pre_hooks):
        if isinstance(entry, WithKwargs):
            changed = entry.hook(module, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook with kwargs must return None or a tuple of the new args "
                        f"and kwargs, got {type(changed).__name__}"
                    )
                args, kwargs = changed
        else:
            changed = entry(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    after = tuple(module._forward_hooks)
    backward = _BackwardCall(module, after) if _of_gradients(after) else None
    if backward is not None:
        args = backward.inputs(args)
    output = module.forward(*args, **kwargs)
    for entry in after:
        if isinstance(entry, Backward):
            continue
        if isinstance(entry, WithKwargs):
            changed = entry.hook(module, args, kwargs, output)
        else:
            changed = entry(module, args, output)
        output = output if changed is None else changed
    return output if backward is None else backward.outputs(output)


def _of_gradients(entries: tuple[Any, ...]) -> bool:
    return is_grad_enabled() and any(isinstance(entry, Backward) for entry in entries)


class _Inputs(Function):
    """The arguments as they are; their gradients come by the hooks."""

    @staticmethod
    def forward(ctx: Any, call: _BackwardCall, *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.call = call
        ctx.mark_non_differentiable(
            *(x for x, i in zip(xs, call.from_inputs, strict=True) if i not in call.wanted)
        )
        return xs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return None, *ctx.call.input_gradients(grads)


class _Outputs(Function):
    """The outputs as they are; their gradients are shown to the hooks first."""

    @staticmethod
    def forward(ctx: Any, call: _BackwardCall, *ys: Tensor) -> tuple[Tensor, ...]:
        ctx.call = call
        ctx.set_materialize_grads(False)
        return ys

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        return None, *ctx.call.output_gradients(grads)


class _BackwardCall:
    """One call of a module that has hooks of its gradients."""

    def __init__(self, module: Any, entries: tuple[Any, ...]) -> None:
        of = [entry for entry in entries if isinstance(entry, Backward)]
        self.module = module
        self.before = [entry.hook for entry in of if entry.before]
        self.after = [entry.hook for entry in of if not entry.before]
        self.n_inputs = self.n_outputs = 0
        self.from_inputs: list[int] = []  # which arguments are shown: Tensors, if one is wanted
        self.wanted: list[int] = []
        self.from_outputs: list[int] = []
        self.seen: tuple[Any, ...] | None = None  # gradients of the outputs

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, recorded."""
        self.n_inputs = len(args)
        self.wanted = [i for i, a in enumerate(args) if _wants_gradient(a)]
        if self.wanted:
            self.from_inputs = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        return _replaced(args, self.from_inputs, _Inputs, self)

    def outputs(self, output: Any) -> Any:
        """The output, recorded."""
        several = isinstance(output, (tuple, list))
        results = tuple(output) if several else (output,)
        if not any(isinstance(y, Tensor) for y in results):
            warnings.warn(
                "hooks of gradients are called if the module's output is a Tensor or a tuple of "
                f"Tensors, this one is a {type(output).__name__}",
                stacklevel=4,
            )
            return output
        self.n_outputs = len(results)
        self.from_outputs = [i for i, y in enumerate(results) if _wants_gradient(y)]
        results = _replaced(results, self.from_outputs, _Outputs, self)
        if not several:
            return results[0]
        if hasattr(output, "_fields"):  # a named tuple
            return type(output)(*results)
        return type(output)(results)

    def output_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Shown to the hooks of outputs; without gradients of inputs to the others, too."""
        shown = _spread(grads, self.from_outputs, self.n_outputs)
        for hook in self.before:
            shown = _changed(hook(self.module, shown), shown, "pre-hook", "grad_output")
        self.seen = shown
        if not self.from_inputs:
            nothing = (None,) * self.n_inputs
            for hook in self.after:
                changed = hook(self.module, nothing, shown)
                if changed is not None and any(g is not None for g in _tuple(changed)):
                    raise RuntimeError(
                        f"{_name(self.module)}: a backward hook returned a gradient, but no input "
                        "requires one"
                    )
        return tuple(shown[i] for i in self.from_outputs)

    def input_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Shown to the hooks of inputs."""
        if self.seen is None:  # the way back does not come from the outputs
            return grads
        shown = _spread(grads, self.from_inputs, self.n_inputs)
        for hook in self.after:
            shown = _changed(hook(self.module, shown, self.seen), shown, "hook", "grad_input")
        self.seen = None
        return tuple(shown[i] for i in self.from_inputs)


def _wants_gradient(a: Any) -> bool:
    return isinstance(a, Tensor) and a.requires_grad


def _replaced(
    values: tuple[Any, ...], places: list[int], through: type[Function], call: _BackwardCall
) -> tuple[Any, ...]:
    if not places:
        return values
    new = list(values)
    for i, t in zip(places, through.apply(call, *(values[i] for i in places)), strict=True):
        new[i] = t
    return tuple(new)


def _spread(grads: tuple[Any, ...], places: list[int], n: int) -> tuple[Any, ...]:
    whole: list[Any] = [None] * n
    for i, g in zip(places, grads, strict=True):
        whole[i] = g
    return tuple(whole)


def _changed(result: Any, shown: tuple[Any, ...], kind: str, what: str) -> tuple[Any, ...]:
    if result is None:
        return shown
    new = _tuple(result)
    if len(new) != len(shown):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {what}, got {len(new)}, but expected "
            f"{len(shown)}"
        )
    return new


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _name(module: Any) -> str:
    return type(module).__name__
