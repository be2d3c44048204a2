"""What a module saves and loads: state_dict and load_state_dict, and the hooks around them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Parameter, Tensor
from .hooks import Hook, Hooked, HookHandle, register


class LoadResult(NamedTuple):
    """What load_state_dict found: missing_keys, unexpected_keys."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        return f"LoadResult(missing={self.missing_keys}, unexpected={self.unexpected_keys})"


class _Entry(NamedTuple):
    """A parameter or buffer and what is to be loaded into it."""

    room: dict[str, Any]
    name: str
    target: Tensor
    array: np.ndarray
    new: Tensor | None  # takes the target's place, if assigned

    def load(self) -> None:
        if self.new is not None:
            self.room[self.name] = self.new
            return
        self.target._data[...] = self.array
        self.target._changed()

    def take_back(self, before: np.ndarray | None) -> None:
        """Undo load; before: the values that were copied over."""
        if before is None:
            self.room[self.name] = self.target
            return
        self.target._data[...] = before
        self.target._changed()


_EXTRA = "_extra_state"


class Stateful(Hooked):
    """The part of Module that saves and loads."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _not_saved: set[str]

    def register_state_dict_pre_hook(self, hook: Hook) -> HookHandle:
        """hook(module, prefix, keep_vars) before state_dict collects the module.  Returns a handle
        with remove(), as all of these do."""
        return self._on_state("save_pre", hook)

    def register_state_dict_post_hook(self, hook: Hook) -> HookHandle:
        """hook(module, state_dict, prefix, local_metadata) after state_dict collected the module
        and those below it; it may change state_dict.  local_metadata is an empty dict: layers have
        no versions here.  The hook must return None, else state_dict raises RuntimeError."""
        return self._on_state("save_post", hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> HookHandle:
        """hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs) before load_state_dict looks for the module's entries in state_dict.

        state_dict: a copy, for modules below with what begins with prefix alone; it may be changed,
        say to rename what an older version saved.  What is added to error_msgs is raised.
        """
        return self._on_state("load_pre", hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> HookHandle:
        """hook(module, incompatible_keys) after all has been loaded, inner modules first.

        incompatible_keys: missing_keys and unexpected_keys, lists; with strict, what is in them
        after the hooks is an error, and the module is again what it was.  The hook must return
        None, else load_state_dict raises RuntimeError.
        """
        return self._on_state("load_post", hook)

    def _on_state(self, moment: str, hook: Hook) -> HookHandle:
        return register(self.__dict__.setdefault("_state_hooks", {}).setdefault(moment, []), hook)

    def _state_hooks_at(self, moment: str) -> tuple[Hook, ...]:
        return tuple(self.__dict__.get("_state_hooks", {}).get(moment, ()))

    def _own_state(self) -> Iterator[tuple[dict[str, Any], str, Tensor]]:
        """(room, name, tensor) of this module's parameters and persistent buffers."""
        for name, value in self._parameters.items():
            if value is not None:
                yield self._parameters, name, value
        for name, value in self._buffers.items():
            if value is not None and name not in self._not_saved:
                yield self._buffers, name, value

    def get_extra_state(self) -> Any:
        """What state_dict holds of this module beside parameters and buffers, as "_extra_state".

        For subclasses to define, with set_extra_state; RuntimeError here.  A Tensor, if the module
        meets fastnn.save or EarlyStopping, which take nothing else.
        """
        raise RuntimeError(f"{type(self).__name__} does not define get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take over what get_extra_state returned, in load_state_dict; for subclasses to define.
        What it raises, load_state_dict raises, and nothing is loaded."""
        raise RuntimeError(f"{type(self).__name__} does not define set_extra_state")

    def _has_extra(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Stateful, method)

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """{path: tensor} of parameters and persistent buffers; shares their memory.

        destination: a dict that they are put into, and that is returned; otherwise an OrderedDict.
        prefix: stands before each path.  keep_vars: the Parameters themselves, not detached.
        """
        state = OrderedDict() if destination is None else destination
        for hook in self._state_hooks_at("save_pre"):
            hook(self, prefix, keep_vars)
        for _, name, value in self._own_state():
            state[prefix + name] = value if keep_vars else value.detach()
        if self._has_extra("get_extra_state"):
            state[prefix + _EXTRA] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_hooks_at("save_post"):
            _expect_none(hook(self, state, prefix, {}), "state_dict post-hook")
        return state

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False
    ) -> LoadResult:
        """Copy tensors or arrays into parameters and buffers of the same paths: all, or none.

        assign: they take the places of parameters and buffers, which may then change their dtype;
        optimizers know the old ones.  Raises RuntimeError that lists missing and unexpected names
        (unless not strict), wrong shapes or dtypes and read-only memory; then nothing has changed.
        TypeError for no dict.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: state_dict must be a dict, got {type(state_dict).__name__}"
            )
        found = LoadResult([], [key for key in state_dict if not isinstance(key, str)])
        entries: list[_Entry] = []
        extras: list[tuple[Any, Any]] = []
        problems: list[str] = []
        named = {key: value for key, value in state_dict.items() if isinstance(key, str)}
        self._find(named, "", assign, entries, extras, found, problems)
        after = [(m, hook) for m in _inner_first(self) for hook in m._state_hooks_at("load_post")]
        self._refuse(found, problems, strict and not after)
        may_fail = after or extras
        kept = [entry.target._data.copy() for entry in entries] if may_fail and not assign else []
        for entry in entries:
            entry.load()
        before: list[tuple[Any, Any]] = []
        try:
            for module, extra in extras:
                if module._has_extra("get_extra_state"):
                    before.append((module, module.get_extra_state()))
                module.set_extra_state(extra)
            for module, hook in after:
                _expect_none(hook(module, found), "load_state_dict post-hook")
            self._refuse(found, problems, strict)
        except Exception:
            for i, entry in enumerate(entries):
                entry.take_back(kept[i] if kept else None)
            for module, extra in before:
                module.set_extra_state(extra)
            raise
        return found

    def _find(
        self, state: dict[str, Any], prefix: str, assign: bool, entries: list[_Entry],
        extras: list[tuple[Any, Any]], found: LoadResult, problems: list[str],
    ) -> None:  # fmt: skip
        """Entries for this module and all below it, from a dict that its hooks may change."""
        for hook in self._state_hooks_at("load_pre"):
            hook(self, state, prefix, {}, True, *found, problems)
        own = set()
        for room, name, target in self._own_state():
            own.add(name)
            key = prefix + name
            if key not in state:
                found.missing_keys.append(key)
                continue
            try:
                entries.append(_entry(room, name, target, state[key], assign))
            except ValueError as error:
                problems.append(f"{key} {error}")
        if self._has_extra("set_extra_state"):
            own.add(_EXTRA)
            if prefix + _EXTRA in state:
                extras.append((self, state[prefix + _EXTRA]))
            else:
                found.missing_keys.append(prefix + _EXTRA)
        for key in state:
            head, dot, _ = key[len(prefix) :].partition(".")
            known = self._modules.get(head) is not None if dot else head in own
            if key.startswith(prefix) and not known:
                found.unexpected_keys.append(key)
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}{name}."
                inner = {key: value for key, value in state.items() if key.startswith(path)}
                module._find(inner, path, assign, entries, extras, found, problems)

    def _refuse(self, found: LoadResult, problems: list[str], strict: bool) -> None:
        """RuntimeError if there is something to be said against loading."""
        lists = [("missing", found.missing_keys), ("unexpected", found.unexpected_keys)]
        words = [f"{kind}: {', '.join(map(str, names))}" for kind, names in lists if names]
        words = words * strict + problems
        if words:
            raise RuntimeError(
                f"load_state_dict of {type(self).__name__}, nothing was loaded: " + "; ".join(words)
            )


def _inner_first(module: Any) -> Iterator[Any]:
    """All modules, those within one before it."""
    for inner in module._modules.values():
        if inner is not None:
            yield from _inner_first(inner)
    yield module


def _entry(room: dict[str, Any], name: str, target: Tensor, value: Any, assign: bool) -> _Entry:
    """One entry, checked; ValueError says what is wrong with it."""
    if isinstance(value, Tensor):
        array = value._data
    elif hasattr(value, "detach"):  # another library's tensor, such as PyTorch's
        array = np.asarray(value.detach())
    else:
        array = np.asarray(value)
    same = array.dtype.kind == target.dtype.kind if assign else array.dtype == target.dtype
    if array.shape != target.shape or not same:
        raise ValueError(
            f"has shape {array.shape} and dtype {array.dtype}, "
            f"expected {target.shape} and {target.dtype}"
        )
    if not assign:
        if not target._data.flags.writeable:
            raise ValueError("has read-only memory")
        return _Entry(room, name, target, array, None)
    new = value if isinstance(value, Tensor) else Tensor(array)
    if isinstance(target, Parameter):
        new = value if isinstance(value, Parameter) else Parameter(new)
        new.requires_grad = target.requires_grad
    return _Entry(room, name, target, array, new)


def _expect_none(result: Any, hook: str) -> None:
    if result is not None:
        raise RuntimeError(f"a {hook} returned {type(result).__name__}, expected None")
