"""Weight normalisation by a hook (`torch.nn.utils.weight_norm`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...functional.normalize import lengths, weight_norm_axes
from ...functional.normalize import weight_norm as weight_of
from ...grad_mode import no_grad
from ...tensor import Parameter, Tensor, wrap
from ..module import Module
from .parametrize import compute_parameters


def find_hook(module: Module, name: str, kind: type) -> Any:
    """The hook of that kind for a parameter, or None."""
    for hook in module._forward_pre_hooks:
        if isinstance(hook, kind) and hook.name == name:  # type: ignore[attr-defined]
            return hook
    return None


def take_parameter(module: Module, name: str, function: str) -> Parameter:
    """The module's parameter, which is no longer listed; ValueError if there is none."""
    parameter = dict.get(module._parameters, name)
    if parameter is None:
        raise ValueError(f"{function}: {type(module).__name__} has no parameter {name!r}")
    del module._parameters[name]
    return parameter


def restore_parameter(module: Any, hook: Any, parts: Iterable[str], weight: Tensor) -> Any:
    """Take the hook and the parts from module, and make weight its parameter; returns module."""
    module._forward_pre_hooks.remove(hook)
    for part in parts:
        delattr(module, f"{hook.name}_{part}")
    del module.__dict__[hook.name]
    if not any(isinstance(value, Tensor) for value in module.__dict__.values()):
        compute_parameters(module, False)
    module.register_parameter(hook.name, Parameter(weight))
    return module


class WeightNorm:
    """The hook: before each forward module.<name> = <name>_g <name>_v / ||<name>_v||."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Any) -> Tensor:
        """g v / ||v||."""
        g, v = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return weight_of(g, v, self.dim)

    def __call__(self, module: Any, inputs: Any) -> None:
        module.__dict__[self.name] = self.compute_weight(module)


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """module.<name> = g v / ||v|| before each forward; returns module.

    g is <name>_g, v <name>_v, parameters in its place.  The norm is over all axes but dim; None (or
    -1): over all.  parametrizations.weight_norm does the same without a hook.
    Source: Salimans & Kingma 2016, arXiv:1602.07868.
    Raises ValueError for a name that is no parameter, IndexError for dim, RuntimeError if it has a
    weight norm.
    """
    if find_hook(module, name, WeightNorm):
        raise RuntimeError(f"weight_norm: {name!r} has a weight norm already")
    hook = WeightNorm(name, dim)
    present = dict.get(module._parameters, name)
    axes = () if present is None else weight_norm_axes(present, hook.dim)
    weight = take_parameter(module, name, "weight_norm")
    g = lengths(weight._data, hook.dim, axes)
    module.register_parameter(f"{name}_g", Parameter(wrap(g.copy())))
    module.register_parameter(f"{name}_v", Parameter(wrap(weight._data)))
    module.__dict__[name] = hook.compute_weight(module)
    compute_parameters(module, True)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make module.<name> a parameter again, of its present value; returns module.

    Raises ValueError if it has no weight norm.
    """
    hook = find_hook(module, name, WeightNorm)
    if hook is None:
        raise ValueError(f"remove_weight_norm: {name!r} has no weight norm")
    with no_grad():
        weight = hook.compute_weight(module)
    return restore_parameter(module, hook, "gv", weight)
