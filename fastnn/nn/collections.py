"""Modules and parameters in lists and dictionaries, and a residual block around any layers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..functional import add
from ..tensor import Parameter, Tensor
from .container import Sequential
from .module import Module


def _position(index: Any, n: int, owner: Module) -> str:
    i = operator.index(index)
    if not -n <= i < n:
        raise IndexError(f"{type(owner).__name__}: index {i} of {n}")
    return str(i % n)


class ModuleList(Module):
    """A list of modules whose parameters are found: `for layer in self.layers: x = layer(x)`.

    It has no forward.  Raises IndexError for an index out of range.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[_position(index, len(self), self)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(_position(index, len(self), self), module)

    def _replace(self, modules: list[Module]) -> None:
        self._modules.clear()
        self.extend(modules)

    def __delitem__(self, index: Any) -> None:
        left = list(self)
        del left[index]
        self._replace(left)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; returns self."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before `index`."""
        now = list(self)
        now.insert(index, module)
        self._replace(now)


class ModuleDict(Module):
    """Modules by name, in the order in which they were added.  It has no forward."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def keys(self) -> Any:
        """Names."""
        return self._modules.keys()

    def values(self) -> Any:
        """Modules."""
        return self._modules.values()

    def items(self) -> Any:
        """(name, module) pairs."""
        return self._modules.items()

    def update(self, modules: Any) -> None:
        """Add those of a mapping or of (name, module) pairs."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module

    def pop(self, key: str) -> Any:
        """Take a module out and return it.  Raises KeyError."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()


def _parameter(value: Any) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"expected a Parameter or Tensor, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)


class ParameterList(Module):
    """A list of Parameters; Tensors become Parameters.  Raises TypeError for other values."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(() if values is None else values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._parameters.values())[index])
        return self._parameters[_position(index, len(self), self)]

    def __setitem__(self, index: int, value: Any) -> None:
        self.register_parameter(_position(index, len(self), self), _parameter(value))

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end; returns self."""
        self.register_parameter(str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add parameters at the end; returns self."""
        for value in list(values):
            self.append(value)
        return self


class ParameterDict(Module):
    """Parameters by name; Tensors become Parameters.  Raises TypeError for other values."""

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.update({} if parameters is None else parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def keys(self) -> Any:
        """Names."""
        return self._parameters.keys()

    def values(self) -> Any:
        """Parameters."""
        return self._parameters.values()

    def items(self) -> Any:
        """(name, parameter) pairs."""
        return self._parameters.items()

    def update(self, parameters: Any) -> None:
        """Add those of a mapping or of (name, parameter) pairs."""
        for key, value in parameters.items() if hasattr(parameters, "items") else parameters:
            self[key] = value


class Residual(Sequential):
    """y = x + f(x), f the layers one after the other; f keeps the shape.

    He, Zhang, Ren & Sun 2016 (arXiv:1603.05027), equation 1 with identity mappings.  Raises
    ValueError if f(x) has another shape than x.
    """

    def forward(self, input: Any) -> Any:
        y = super().forward(input)
        if y.shape != input.shape:
            raise ValueError(f"Residual: f(x) has shape {y.shape}, but x has shape {input.shape}")
        return add(input, y)
