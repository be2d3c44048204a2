"""Optimizer: parameter groups, state, one kernel call per step and group."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..tensor import Tensor


class Optimizer:
    """Base class.  params: Tensors, or dicts {"params": Tensors, option: value} (groups).

    A subclass sets its options' defaults and updates lists of arrays in `update_group`.  Raises
    TypeError for something else than Tensors, ValueError for no parameters, one given twice, or
    one that cannot be trained in place.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self._runs: dict[int, Any] = {}  # see `runs`
        self.param_groups: list[dict[str, Any]] = []
        if isinstance(params, (Tensor, set, dict)):
            kind = type(params).__name__
            raise TypeError(f"{type(self).__name__}: params is a {kind}, expected a list")
        groups = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: params is empty")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train more parameters: {"params": Tensors, option: value}; missing options: defaults."""
        name = type(self).__name__
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f"{name}: params holds a group that is no dict with 'params'")
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: params holds a {type(p).__name__}, expected Tensors")
            if p._node is not None:
                raise ValueError(
                    f"{name}: params holds a tensor that is the result of an operation"
                )
            if p.dtype.kind != "f" or not p._data.flags.c_contiguous:
                raise ValueError(f"{name}: params holds a tensor that is not float and contiguous")
            if not p._data.flags.writeable:
                raise ValueError(f"{name}: params holds a tensor with read-only memory")
            if id(p) in known:
                raise ValueError(f"{name}: params holds the same tensor twice")
            known.add(id(p))
        unknown = [key for key in group if key not in self.defaults and key != "params"]
        if unknown:
            raise ValueError(f"{name}: no option {', '.join(unknown)}")
        full = {
            "params": params,
            **self.defaults,
            **{k: v for k, v in group.items() if k != "params"},
        }
        self.check_group(full)
        self.param_groups.append(full)
        self._runs.clear()

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise ValueError for options that make no sense."""
        for key in ("lr", "momentum", "dampening", "weight_decay", "l1_decay", "eps"):
            value = group.get(key, 0.0)
            lowest = 0.0 if key != "dampening" else -math.inf
            if not isinstance(value, (int, float, np.number)):
                kind = type(value).__name__
                raise TypeError(f"{type(self).__name__}: {key} must be a number, got {kind}")
            if not (value >= lowest and math.isfinite(value)):
                raise ValueError(
                    f"{type(self).__name__}: {key} is {value}, expected a finite number"
                    + (" >= 0" if lowest == 0.0 else "")
                )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Gradients become None, or zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p._grad is None:
                    p._grad = None
                else:
                    p._grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        closure: computes the loss again, with gradients; its result is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p._grad is not None]
            if params:
                self.update_group(group, params)
                for p in params:
                    p._changed()
        return loss

    def update_group(self, group: dict[str, Any], params: list[Any]) -> None:
        """Update params, which have gradients, with group's options."""
        raise NotImplementedError(f"{type(self).__name__} has no update_group")

    def state_of(self, p: Any) -> dict[str, Any]:
        """The first state of a parameter; kernels change its arrays in place."""
        return {}

    def runs(self, group: dict[str, Any], params: list[Any]) -> list[Any]:
        """Lists that one kernel call each can take: (is_first, params, states).

        A run's parameters have one dtype and are all new, or all known.  Kept from step to step
        while the same parameters have gradients and nobody exchanges their states.
        """
        kept = self._runs.get(id(group))
        if kept is not None and len(kept[0]) == len(params) and kept[2] is self.state:
            same_params = map(operator.is_, kept[0], params)  # == would compare their elements
            same_dtype = params[0]._data.dtype.char == kept[4]  # a Module converts them together
            if len(self.state) == kept[3] and same_dtype and all(same_params):
                return kept[1]
        self._runs.pop(id(group), None)  # or states that were exchanged could come back
        found: dict[Any, Any] = {}
        for p in params:
            is_first = p not in self.state
            if is_first:
                self.state[p] = self.state_of(p)
            else:
                self._convert(self.state[p], p._data.dtype)
            key = p._data.dtype.char, is_first, self.state[p].get("step")
            found.setdefault(key, []).append(p)
        runs = [(key[1], same, [self.state[p] for p in same]) for key, same in found.items()]
        if not any(is_first for is_first, _, _ in runs):
            char = params[0]._data.dtype.char
            self._runs[id(group)] = params, runs, self.state, len(self.state), char
        return runs

    @staticmethod
    def _convert(state: dict[str, Any], dtype: np.dtype) -> None:
        """State arrays follow a parameter whose dtype was changed."""
        for key, value in state.items():
            if isinstance(value, np.ndarray) and value.dtype != dtype:
                state[key] = value.astype(dtype)

    def plain_runs(self, params: list[Any]) -> list[Any]:
        """`runs` for an update that keeps no state."""
        found: dict[str, list[Any]] = {}
        for p in params:
            found.setdefault(p._data.dtype.char, []).append(p)
        return [(False, same, []) for same in found.values()]

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number of parameter: its state}, "param_groups": options and numbers}."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": [numbers[id(p)] for p in group["params"]]})
        return {
            "state": {numbers[id(p)]: dict(state) for p, state in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict returned, for parameters in the same order.

        Raises ValueError if groups, options, states or shapes differ; then nothing has changed.
        """
        name = type(self).__name__
        groups = state_dict["param_groups"]
        mine = [len(g["params"]) for g in self.param_groups]
        theirs = [len(g["params"]) for g in groups]
        if mine != theirs:
            raise ValueError(
                f"{name}: the state has groups of {theirs} parameters, this optimizer {mine}"
            )
        numbered = dict(
            zip(
                (n for g in groups for n in g["params"]),
                (p for g in self.param_groups for p in g["params"]),
                strict=True,
            )
        )
        state: dict[Tensor, dict[str, Any]] = {}
        for number, values in state_dict["state"].items():
            if number not in numbered:
                raise ValueError(f"{name}: the state has a parameter {number}, no group has it")
            p = numbered[number]
            if values.keys() != self.state_of(p).keys():
                raise ValueError(
                    f"{name}: parameter {number} has a state of {', '.join(values) or 'nothing'}, "
                    f"expected {', '.join(self.state_of(p)) or 'nothing'}"
                )
            state[p] = {}
            for key, value in values.items():
                if isinstance(value, (Tensor, np.ndarray)):
                    array = value._data if isinstance(value, Tensor) else value
                    if array.shape != p.shape:
                        raise ValueError(
                            f"{name}: {key} of parameter {number} has shape {array.shape}, "
                            f"expected {p.shape}"
                        )
                    value = np.array(array, p.dtype, order="C")
                state[p][key] = value
        for group, saved in zip(self.param_groups, groups, strict=True):
            options = {k: v for k, v in saved.items() if k != "params"}
            unknown = [key for key in options if key not in self.defaults]
            if unknown:
                raise ValueError(f"{name}: no option {', '.join(unknown)}")
            self.check_group({**group, **options})
        self.state = state
        self._runs.clear()
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            options = ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            lines.append(f"  group {i}: {len(group['params'])} tensors, {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def zeros_like(p: Any) -> np.ndarray:
    """State array of a parameter."""
    return np.zeros(p.shape, p.dtype)
