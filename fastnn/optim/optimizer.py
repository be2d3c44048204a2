"""Optimizer: parameter groups, state, one kernel call per step and group."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..tensor import Tensor
from .hooks import Hooked

# What PyTorch's groups hold beside: its implementations, and what schedules note down.
_IGNORED = ("foreach", "fused", "capturable", "differentiable")
_NOTES = ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum", "swa_lr")

# The options of all optimizers and their lower bounds; they must be finite numbers.
_LOWEST = {
    "lr": 0.0,
    "momentum": 0.0,
    "dampening": -math.inf,
    "weight_decay": 0.0,
    "l1_decay": 0.0,
    "eps": 0.0,
    "momentum_decay": 0.0,
    "lr_decay": 0.0,
    "initial_accumulator_value": 0.0,
    "alpha": 0.0,
    "rho": 0.0,
}


class Optimizer(Hooked):
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

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Train more parameters: {"params": Tensors, option: value}; missing options: defaults."""
        name, group = type(self).__name__, param_group
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
        known_keys = {*self.defaults, *_NOTES, "params"}
        unknown = [key for key in group if key not in known_keys]
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
        for key, lowest in _LOWEST.items():
            value = group.get(key, 0.0)
            if not isinstance(value, (int, float, np.number)):
                kind = type(value).__name__
                raise TypeError(f"{type(self).__name__}: {key} must be a number, got {kind}")
            if not (value >= lowest and math.isfinite(value)):
                raise ValueError(
                    f"{type(self).__name__}: {key} is {value}, expected a finite number"
                    + (" >= 0" if lowest == 0.0 else "")
                )
        betas = group.get("betas", (0.0, 0.0))
        if len(betas) != 2 or not all(
            isinstance(b, (int, float, np.number)) and 0.0 <= b < 1.0 for b in betas
        ):
            name = type(self).__name__
            raise ValueError(f"{name}: betas is {betas}, expected two numbers in [0, 1)")

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

    def state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The first state of a parameter; kernels change its arrays in place."""
        return {}

    def tick(self, states: list[dict[str, Any]]) -> int:
        """Count a step of a run, whose states agree in "step"; returns its number, from 1."""
        step = states[0]["step"] + 1
        for state in states:
            state["step"] = step
        return step

    def adam_arguments(
        self,
        group: dict[str, Any],
        same: list[Any],
        states: list[dict[str, Any]],
        second: str = "exp_avg_sq",
    ) -> tuple[Any, ...]:
        """What the kernels of Adam and its relatives take first, of one run; counts the step.

        second: the state beside "exp_avg".
        """
        return (
            [p._data for p in same],
            [p._grad._data for p in same],
            column(states, "exp_avg"),
            column(states, second),
            self.tick(states),
            group["lr"],
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            group["l1_decay"],
            group["maximize"],
        )

    def runs(self, group: dict[str, Any], params: list[Any]) -> list[Any]:
        """Lists that one kernel call each can take: (is_first, params, states).

        A run's parameters have one dtype, are all new, or all known, and agree in the numbers of
        their states, such as "step".  Kept from step to step
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
                self.state[p] = self.state_of(p, group)
            else:
                self._convert(self.state[p], p._data.dtype)
            numbers = [v for v in self.state[p].values() if not isinstance(v, np.ndarray)]
            key = p._data.dtype.char, is_first, *numbers
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
        for hook in self._hooks_at("save_pre"):
            hook(self)
        numbers: dict[int, int] = {}
        groups: list[dict[str, Any]] = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": [numbers[id(p)] for p in group["params"]]})
        states = {numbers[id(p)]: dict(state) for p, state in self.state.items()}
        return self._replaced("save_post", {"state": states, "param_groups": groups})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict returned, for parameters in the same order; also PyTorch's.

        Raises ValueError if groups, options, states or shapes differ; then nothing has changed.
        """
        name = type(self).__name__
        state_dict = self._replaced("load_pre", dict(state_dict))
        groups = state_dict["param_groups"]
        mine = [len(g["params"]) for g in self.param_groups]
        theirs = [len(g["params"]) for g in groups]
        if mine != theirs:
            raise ValueError(
                f"{name}: the state has groups of {theirs} parameters, this optimizer {mine}"
            )
        options = [self._options(group) for group in groups]
        numbered = {
            number: (p, {**mine, **its})
            for mine, group, its in zip(self.param_groups, groups, options, strict=True)
            for number, p in zip(group["params"], mine["params"], strict=True)
        }
        state: dict[Tensor, dict[str, Any]] = {}
        for number, values in state_dict["state"].items():
            if number not in numbered:
                raise ValueError(f"{name}: the state has a parameter {number}, no group has it")
            p, full = numbered[number]
            kept = {key: value for key, value in values.items() if value is not None}
            if kept or not values:  # PyTorch's SGD without momentum keeps only None
                state[p] = self._state(number, p, kept, full)
        for _, full in numbered.values():
            self.check_group(full)
        self.state = state
        self._runs.clear()
        for group, its in zip(self.param_groups, options, strict=True):
            group.update(its)
        for hook in self._hooks_at("load_post"):
            hook(self)

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        """The options of a saved group."""
        options = {k: v for k, v in group.items() if k != "params" and k not in _IGNORED}
        unknown = [key for key in options if key not in self.defaults and key not in _NOTES]
        if unknown:
            raise ValueError(f"{type(self).__name__}: no option {', '.join(unknown)}")
        return options

    def _state(
        self, number: int, p: Any, values: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        """The saved state of a parameter, checked and copied."""
        name, first = type(self).__name__, self.state_of(p, group)
        if values.keys() != first.keys():
            raise ValueError(
                f"{name}: parameter {number} has a state of {', '.join(values) or 'nothing'}, "
                f"expected {', '.join(first) or 'nothing'}"
            )
        state: dict[str, Any] = {}
        for key, value in values.items():
            array = value._data if isinstance(value, Tensor) else np.asarray(value)
            if not isinstance(first[key], np.ndarray):
                state[key] = type(first[key])(array.item())  # PyTorch keeps a tensor
                continue
            if array.shape != p.shape:
                raise ValueError(
                    f"{name}: {key} of parameter {number} has shape {array.shape}, "
                    f"expected {p.shape}"
                )
            state[key] = np.array(array, p.dtype, order="C")
        return state

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            options = ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            lines.append(f"  group {i}: {len(group['params'])} tensors, {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def pair(value: Any) -> tuple[Any, ...]:
    """An option of two numbers as a tuple; check_group judges it."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def column(states: list[dict[str, Any]], key: str) -> list[np.ndarray]:
    """One array of every state of a run."""
    return [state[key] for state in states]


def full_like(p: Any, value: float) -> np.ndarray:
    """State array of a parameter, filled."""
    return np.full(p.shape, value, p.dtype)


def zeros_like(p: Any) -> np.ndarray:
    """State array of a parameter."""
    return np.zeros(p.shape, p.dtype)
