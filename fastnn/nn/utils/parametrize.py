"""Parameters computed from others at each use (`torch.nn.utils.parametrize`).

A module with a parametrised weight is of a class made for it, ParametrizedLinear for Linear, whose
property `weight` computes it; the originals live in module.parametrizations.weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...grad_mode import no_grad
from ...tensor import Parameter, Tensor, wrap
from ..module import Module, alterations


class Computed(dict[str, Any]):
    """A module's parameters, of which some are computed when a layer's forward asks for them.

    They are no items: state_dict, optimizers and parameters() see what they are computed from.
    """

    def __init__(self, module: Module, parameters: dict[str, Any]) -> None:
        super().__init__(parameters)
        self.module = module

    def __missing__(self, name: str) -> Any:
        value = self.module.__dict__.get(name)  # hooks of weight_norm and spectral_norm put it here
        if isinstance(value, Tensor):
            return value
        lists = self.module._modules.get("parametrizations")
        if lists is None or name not in lists._modules:
            raise KeyError(name)
        return lists._modules[name]()  # type: ignore[misc]

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict, computed ones included."""
        try:
            return self[name]
        except KeyError:
            return default


def compute_parameters(module: Module, yes: bool) -> None:
    """Let layers find computed parameters among the module's, or no longer."""
    old = module._parameters
    if isinstance(old, Computed) == yes:
        return
    items = dict(old)
    module.__dict__["_parameters"] = Computed(module, items) if yes else items
    old.clear()  # who kept it, as plans of Sequential do, must not find old weights in it
    alterations[0] += 1


class ParametrizationList(Module):
    """What one parameter is computed from, and the modules that do it, one after the other.

    `original` is the parameter, or original0, original1 ... if the first module's right_inverse
    gave several.  Calling it computes the parameter.
    """

    def __init__(self, modules: list[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__()
        value: Any = original.detach()
        with no_grad():
            for module in reversed(modules):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        self.unsafe = unsafe
        trained = isinstance(original, Parameter)
        if self.is_tensor:
            _same_kind(value, original, unsafe)
            original._data = value._data
            original._changed()
            self._keep("original", original)
        else:
            for i, part in enumerate(value):
                data = wrap(part._data.copy())
                self._keep(f"original{i}", Parameter(data) if trained else data)
            self.ntensors = len(value)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def _keep(self, name: str, value: Tensor) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def originals(self) -> list[Tensor]:
        """The tensors that are kept."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: int) -> Any:
        return list(self._modules.values())[index]

    def forward(self) -> Tensor:
        first, *others = self
        value = first(*self.originals())
        for module in others:
            value = module(value)
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Change the originals so that the parameter becomes value, as far as it can.

        Raises RuntimeError if one of the modules has no right_inverse.
        """
        with no_grad():
            result: Any = value.detach()
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"{type(module).__name__} has no right_inverse, so that the parameter "
                        "cannot be assigned"
                    )
                result = module.right_inverse(result)
            for kept, new in zip(
                self.originals(), [result] if self.is_tensor else result, strict=True
            ):
                kept.copy_(new)


class Parametrizations(Module):
    """A module's ParametrizationLists by name."""

    def __getitem__(self, name: str) -> Any:
        return self._modules[name]

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def _same_kind(value: Any, original: Tensor, unsafe: bool) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(
            f"register_parametrization: the parametrization gives {type(value).__name__}, expected "
            "a Tensor"
        )
    if not unsafe and (value.shape != original.shape or value.dtype != original.dtype):
        raise ValueError(
            f"register_parametrization: the parametrization gives shape {value.shape} and dtype "
            f"{value.dtype}, expected {original.shape} and {original.dtype}; unsafe=True allows it"
        )


def _property(name: str) -> property:
    def compute(self: Module) -> Any:
        return self._parameters[name]

    return property(compute)


def _parametrized_class(module: Module) -> None:
    """Give the module a class of its own, under its class's name with Parametrized before it."""
    base = type(module)

    def assign(self: Any, name: str, value: Any) -> None:
        if name in self._modules.get("parametrizations", ()):
            self.parametrizations[name].right_inverse(value)
        else:
            base.__setattr__(self, name, value)

    members = {"__setattr__": assign, "__module__": base.__module__, "__doc__": base.__doc__}
    object.__setattr__(module, "__class__", type(f"Parametrized{base.__name__}", (base,), members))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether that parameter, or any, is computed from others."""
    lists = module._modules.get("parametrizations")
    if not isinstance(lists, Parametrizations):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def type_before_parametrizations(module: Module) -> type:
    """The module's class as it was."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on module.<tensor_name> is parametrization(original), computed at each use.

    The original becomes module.parametrizations.<tensor_name>.original; if the parametrization has
    right_inverse, that of the present value.  A second one is applied after the first.  unsafe:
    shape and dtype may change.  Returns module.

    Raises ValueError for a name that is no parameter nor buffer, and for another shape or dtype.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module.parametrizations[tensor_name], parametrization, unsafe)
        return module
    room = module._parameters if tensor_name in module._parameters else module._buffers
    original = dict.get(room, tensor_name)
    if original is None:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter nor buffer "
            f"{tensor_name!r}"
        )
    if not unsafe and not hasattr(parametrization, "right_inverse"):
        with no_grad():
            _same_kind(parametrization(original), original, unsafe)
    made = ParametrizationList([parametrization], original, unsafe)
    with no_grad():
        _same_kind(made(), original, unsafe)
    if not is_parametrized(module):
        _parametrized_class(module)
        module.add_module("parametrizations", Parametrizations())
    compute_parameters(module, True)
    del (module._parameters if room is not module._buffers else room)[tensor_name]
    module._modules["parametrizations"].add_module(tensor_name, made)  # type: ignore[union-attr]
    setattr(type(module), tensor_name, _property(tensor_name))
    return module


def _append(made: Any, parametrization: Module, unsafe: bool) -> None:
    with no_grad():
        before = made()
        if hasattr(parametrization, "right_inverse"):
            wanted = parametrization.right_inverse(before)
            _same_kind(wanted, before, unsafe)
            made.right_inverse(wanted)
        _same_kind(parametrization(made()), before, unsafe)
    made.add_module(str(len(made)), parametrization)


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make module.<tensor_name> a parameter (or buffer) again; returns module.

    Its value is the computed one, or with leave_parametrized=False the original.  Raises ValueError
    if it is not parametrised, or if there are several originals and leave_parametrized is False.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not "
            "parametrized"
        )
    lists: Any = module._modules["parametrizations"]
    made = lists[tensor_name]
    first = made.originals()[0]
    if not made.is_tensor and not leave_parametrized:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} is computed from {made.ntensors} tensors; "
            "leave_parametrized=False is for one"
        )
    kept = first
    if leave_parametrized:
        with no_grad():
            value = made()
        if made.is_tensor:  # the same object, which an optimizer may hold
            kept._data = value._data.copy()
            kept._changed()
        else:
            kept = wrap(value._data.copy())
            kept = Parameter(kept) if isinstance(first, Parameter) else kept
    delattr(type(module), tensor_name)
    del lists._modules[tensor_name]
    if not len(lists):
        del module._modules["parametrizations"]
        object.__setattr__(module, "__class__", type(module).__bases__[0])
        compute_parameters(module, False)
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    return module
