"""Module: parameters, buffers and modules by name, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..dtypes import as_dtype
from ..tensor import Parameter, Tensor, wrap
from .hooks import alterations
from .state import Stateful

_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta")


class Module(Stateful):
    """A network or a part of one: set Parameters and Modules as attributes, define `forward`.

    Calling it runs the hooks and `forward`; an error that comes out of it names the module's path.
    """

    training: bool

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _not_saved=set(),
            _forward_pre_hooks=[],
            _forward_hooks=[],
            _backward_pre_hooks=[],
            _backward_hooks=[],
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if (
                self._forward_pre_hooks
                or self._forward_hooks
                or self._backward_hooks
                or self._backward_pre_hooks
            ):
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            _note(error, self)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        rooms = self.__dict__
        if "_parameters" not in rooms:
            if isinstance(value, (Parameter, Module)):
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before setting {name!r}"
                )
            rooms[name] = value
            return
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self.add_module(name, value)
        elif name in self._parameters:
            self.register_parameter(name, value)
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"{name!r} is a buffer; assign a Tensor or None, {_kind(value)}")
            self._buffers[name] = value
        elif name in self._modules:
            self.add_module(name, value)
        else:
            rooms[name] = value
            if name == "forward":
                alterations[0] += 1

    def __getattr__(self, name: str) -> Any:
        rooms = self.__dict__
        for room in ("_parameters", "_modules", "_buffers"):
            if room in rooms and name in rooms[room]:
                return rooms[room][name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for room in (self._parameters, self._modules, self._buffers):
            if name in room:
                del room[name]
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._modules, *self._buffers})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` an attribute and a parameter; None keeps the name free."""
        self._check_name(name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"{name!r} is a parameter; assign a Parameter or None, {_kind(param)}")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that is state but not trained; persistent: part of state_dict."""
        self._check_name(name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"{name!r} is a buffer; assign a Tensor or None, {_kind(tensor)}")
        self._buffers[name] = tensor
        if not persistent:
            self._not_saved.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` a child under that name."""
        self._check_name(name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{name!r} is a module; assign a Module or None, {_kind(module)}")
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """add_module."""
        self.add_module(name, module)

    def _check_name(self, name: str, room: dict[str, Any]) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() first")
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{name!r} cannot name a parameter, buffer or module")
        if hasattr(type(self), name):
            raise KeyError(f"{name!r} is an attribute of {type(self).__name__} already")
        self.__dict__.pop(name, None)
        for other in (self._parameters, self._buffers, self._modules):
            if other is not room:
                other.pop(name, None)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct children, each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct children."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and all below it, each once, or under each of its paths;
        without those in memo, to which they are added."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once, or as often as it has paths."""
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def _named(self, room: str, recurse: bool, prefix: str, once: bool) -> Iterator[Any]:
        seen: set[int] = set()
        found = self.named_modules(None, prefix, once) if recurse else iter([(prefix, self)])
        for path, module in found:
            for name, value in getattr(module, room).items():
                if value is None or (once and id(value) in seen):
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter), each parameter once, or under each of its paths."""
        return self._named("_parameters", recurse, prefix, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (value for _, value in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer), each buffer once, or under each of its paths."""
        return self._named("_buffers", recurse, prefix, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as "features.0"; AttributeError if there is none."""
        module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                raise AttributeError(f"{type(module).__name__} has no module {name!r}")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a path such as "features.0", in the place of the one that is there.

        strict: there must be one.  Raises AttributeError if there is none, if what is there is no
        Module or the module around it does not exist; ValueError for an empty path or no Module.
        """
        if not target:
            raise ValueError("set_submodule: target is empty, expected the path of a module")
        if not isinstance(module, Module):
            raise ValueError(f"set_submodule: module must be a Module, {_kind(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no module {name!r}")
        if not isinstance(getattr(parent, name, module), Module):
            raise AttributeError(f"{name!r} of {type(parent).__name__} is not a Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as "0.weight"; AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module._parameters.get(name)
        if found is None:
            raise AttributeError(f"{type(module).__name__} has no parameter {name!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as "1.running_mean"; AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module._buffers.get(name)
        if found is None:
            raise AttributeError(f"{type(module).__name__} has no buffer {name!r}")
        return found

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """fn(module) for every module, children first; returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Training mode for this module and all below; returns self."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is {mode!r}, expected True or False")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Evaluation mode: dropout off and the like; returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set requires_grad of all parameters; returns self."""
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Gradients of all parameters become None, or zeros."""
        for p in self.parameters():
            if set_to_none or p._grad is None:
                p._grad = None
            else:
                p._grad.zero_()

    def to(self, *target: Any, dtype: Any = None, device: Any = None) -> Any:
        """Convert floating-point parameters and buffers, and gradients, in place: to(dtype),
        to(Tensor), to(device, dtype) or by keyword; returns self.

        A device may be named, but "cpu" is the only one.  Raises TypeError for another dtype than
        float32 and float64.
        """
        if target and isinstance(target[0], str) and target[0].split(":")[0] in _DEVICES:
            device, *target = target  # type: ignore[assignment]
        if device is not None and device != "cpu":
            raise RuntimeError(f"to: device is {device!r}; fastnn computes on the CPU only")
        if len(target) > 1 or (target and dtype is not None):
            raise TypeError(f"to: more than one dtype, {(*target, dtype)}")
        if target:
            dtype = target[0].dtype if isinstance(target[0], Tensor) else target[0]
        elif dtype is None:
            return self
        wanted = as_dtype(dtype, "to")
        if wanted.kind != "f":
            raise TypeError(f"to: dtype is {wanted}, expected float32 or float64")
        for module in self.modules():
            for room in (module._parameters, module._buffers):
                for tensor in room.values():
                    if tensor is not None and tensor.dtype.kind == "f" and tensor.dtype != wanted:
                        tensor._data = tensor._data.astype(wanted)
                        if tensor._grad is not None:
                            tensor._grad = wrap(tensor._grad._data.astype(wanted))
        return self

    def float(self) -> Any:
        """float32 parameters and buffers; returns self."""
        return self.to(np.float32)

    def double(self) -> Any:
        """float64 parameters and buffers, which run on the reference; returns self."""
        return self.to(np.float64)

    def cpu(self) -> Any:
        """self."""
        return self

    def summary(self, input_size: Any = None, *, depth: int = 3) -> Any:
        """Table of layers, output shapes, parameters, operations.  See `fastnn.summary`."""
        from .summary import summary

        return summary(self, input_size, depth=depth)

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's line."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


def _kind(value: Any) -> str:
    return f"got {type(value).__name__}"


def _note(error: Exception, module: Module) -> None:
    """Keep one note, "in LeNet5 > features > 0 (Conv2d)", growing from the inside out."""
    name = type(module).__name__
    path: tuple[Module, str] | None = getattr(error, "_fastnn_path", None)
    if path is None:
        text = name
    else:
        inner, text = path
        key = next((path for path, m in module.named_modules() if m is inner), "?")
        text = f"{name}.{key} > {text}"
        error.__notes__.remove(f"in {path[1]}")
    try:
        error._fastnn_path = module, text  # type: ignore[attr-defined]
    except AttributeError:  # an exception without a __dict__
        return
    error.add_note(f"in {text}")
