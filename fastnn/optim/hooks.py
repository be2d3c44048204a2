"""Hooks of optimizers: functions that are called around a step, and around saving and loading."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..nn.hooks import Hook, HookHandle, register


class Hooked:
    """The part of Optimizer that keeps hooks; registering one returns a handle with remove()."""

    _hooks: dict[str, list[Hook]] | None = None
    _within_step = False
    step: Any

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in cls.__dict__:  # also the step of an optimizer that is written elsewhere
            cls.step = _with_hooks(cls.__dict__["step"])

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles have no hooks, as in PyTorch: these belong to one optimizer."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_hooks", "_within_step")}

    def register_step_pre_hook(self, hook: Hook) -> HookHandle:
        """hook(optimizer, args, kwargs) before each step, args beginning with the optimizer; what
        it returns, unless None, is (args, kwargs) for the step.  RuntimeError, in the step, for
        something else."""
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Hook) -> HookHandle:
        """hook(optimizer, args, kwargs) after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(optimizer) before state_dict.  prepend: before the hooks that are there."""
        return self._register("save_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(optimizer, state_dict) after state_dict; what it returns, unless None, replaces the
        state.  prepend: before the hooks that are there."""
        return self._register("save_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(optimizer, state_dict) before load_state_dict, on a shallow copy; what it returns,
        unless None, is loaded instead.  prepend: before the hooks that are there."""
        return self._register("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """hook(optimizer) after load_state_dict.  prepend: before the hooks that are there."""
        return self._register("load_post", hook, prepend)

    def _register(self, moment: str, hook: Hook, prepend: bool = False) -> HookHandle:
        if self._hooks is None:
            self._hooks = {}
        return register(self._hooks.setdefault(moment, []), hook, prepend)

    def _hooks_at(self, moment: str) -> tuple[Hook, ...]:
        return () if self._hooks is None else tuple(self._hooks.get(moment, ()))

    def _replaced(self, moment: str, state: Any) -> Any:
        """A state after the hooks, each of which may replace it."""
        for hook in self._hooks_at(moment):
            changed = hook(self, state)
            state = state if changed is None else changed
        return state


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """step between the optimizer's hooks; called by another step, as super().step(), alone."""

    @functools.wraps(step)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None or self._within_step:
            return step(self, *args, **kwargs)
        args = (self, *args)
        for hook in self._hooks_at("step_pre"):
            changed = hook(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    f"a step pre-hook must return None or (args, kwargs), got {changed!r}"
                )
            args, kwargs = changed
        self._within_step = True
        try:
            result = step(*args, **kwargs)
        finally:
            self._within_step = False
        for hook in self._hooks_at("step_post"):
            hook(self, args, kwargs)
        return result

    return wrapper
