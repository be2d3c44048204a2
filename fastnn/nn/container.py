"""Containers; Sequential fuses neighbours."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ..tensor import Tensor
from .activation import ReLU, Sigmoid, Tanh
from .conv import Conv2d
from .linear import Linear
from .module import Module, _note
from .pool import MaxPool2d

_ACTIVATIONS: dict[type, str] = {ReLU: "relu", Tanh: "tanh", Sigmoid: "sigmoid"}


def _altered(module: Module) -> bool:
    """Whether a call of this module may do more than its class says."""
    own = module.__dict__
    return bool(own["_forward_hooks"] or own["_forward_pre_hooks"] or "forward" in own)


class _WithActivation:
    """Linear or Conv2d, then an activation, as one kernel."""

    def __init__(self, layer: Any, then: Module) -> None:
        self.layer, self.then = layer, then
        self.activation = _ACTIVATIONS[type(then)]

    def __call__(self, x: Tensor) -> Tensor:
        layer = self.layer
        if layer.activation is not None or _altered(layer) or _altered(self.then):
            return self.then(layer(x))
        try:
            return layer.forward_with(x, self.activation)
        except Exception as error:
            _note(error, layer)
            raise


class _ReluThenPool:
    """ReLU, then max pooling, as one kernel: relu of the maxima is the maximum of the relus.

    An in-place ReLU has to change its input, unless that is a fresh result of `before`.
    """

    def __init__(self, before: Module | None, relu: Any, pool: Any) -> None:
        self.relu, self.pool = relu, pool
        self.before = before if type(before) in (Linear, Conv2d) else None

    def __call__(self, x: Tensor) -> Any:
        relu, pool, before = self.relu, self.pool, self.before
        unseen = not relu.inplace or (before is not None and not _altered(before))
        if not unseen or pool.return_indices or _altered(relu) or _altered(pool):
            return pool(relu(x))
        try:
            return pool.forward_relu(x)
        except Exception as error:
            _note(error, pool)
            raise


def _plan(modules: tuple[Any, ...]) -> list[Any]:
    """What to call one after the other."""
    steps: list[Any] = []
    i = 0
    while i < len(modules):
        kinds = [type(m) for m in modules[i : i + 3]]
        if kinds[:2] == [ReLU, MaxPool2d]:
            steps.append(_ReluThenPool(modules[i - 1] if i else None, *modules[i : i + 2]))
            i += 2
        elif kinds[0] in (Linear, Conv2d) and kinds[1:2] and kinds[1] in _ACTIVATIONS:
            if kinds[1:] == [ReLU, MaxPool2d]:  # a quarter of the pixels is left for ReLU then
                steps.append(modules[i])
                i += 1
            else:
                steps.append(_WithActivation(modules[i], modules[i + 1]))
                i += 2
        else:
            steps.append(modules[i])
            i += 1
    return steps


class Sequential(Module):
    """Modules one after the other: Sequential(a, b, c) or Sequential(OrderedDict(name=a, ...)).

    Linear or Conv2d with a following ReLU, Tanh or Sigmoid, and ReLU with a following MaxPool2d,
    run as one kernel; the results are the same.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        self.__dict__["_planned"] = None, None
        if len(args) == 1 and isinstance(args[0], (OrderedDict, dict)):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        modules = tuple(self._modules.values())
        planned, steps = self._planned
        if planned != modules:
            steps = _plan(modules)
            self.__dict__["_planned"] = modules, steps
        for step in steps:
            input = step(input)
        return input

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_planned": (None, None)}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _key(self, index: int) -> str:
        n = len(self._modules)
        i = operator.index(index)
        if not -n <= i < n:
            raise IndexError(f"{type(self).__name__}: index {i} of {n} modules")
        return list(self._modules)[i]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)
        keys = names[index] if isinstance(index, slice) else [self._key(index)]
        left = [m for name, m in self._modules.items() if name not in keys]
        for name in names:
            del self._modules[name]
        for i, module in enumerate(left):
            self.add_module(str(i), module)

    def append(self, module: Module) -> Sequential:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Add modules at the end; returns self."""
        for module in modules:
            self.append(module)
        return self


class Flatten(Module):
    """Axes start_dim to end_dim become one: (N, C, H, W) -> (N, C*H*W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        from ..functional import flatten

        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
