"""Containers; Sequential fuses neighbours."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ..grad_mode import mode
from ..tensor import Tensor, wrap
from . import inference
from .activation import ReLU, Sigmoid, Tanh
from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import Dropout
from .fused import FOLDS, conv_bn, norm_relu
from .fused import altered as _altered
from .linear import Linear
from .module import Module, _note, alterations
from .norm import is_batch_norm
from .pool import MaxPool2d

_ACTIVATIONS: dict[type, str] = {ReLU: "relu", Tanh: "tanh", Sigmoid: "sigmoid"}
# Layers whose kernel can do the activation.
_LAYERS = (Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)


class _WithActivation:
    """A layer of _LAYERS, then an activation, as one kernel."""

    def __init__(self, layer: Any, then: Module) -> None:
        self.layer, self.then = layer, then
        self.activation = _ACTIVATIONS[type(then)]

    def lowered(self) -> inference.Step | None:
        return inference.lowered(self.layer, self.activation)

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
        fresh = type(before) in _LAYERS or is_batch_norm(before)
        self.before = before if fresh else None

    def lowered(self) -> inference.Step:
        return inference.max_pool2d(self.pool, "relu", None if self.before else self.relu)

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


class _WithNorm:
    """Batch normalisation, with the layer before it and the activation after it, each if any.

    The layer is folded with it in evaluation; a ReLU is taken in the pass that normalises.
    """

    def __init__(self, layer: Any, bn: Any, then: Module | None) -> None:
        self.layer, self.bn, self.then = layer, bn, then
        self.activation = None if then is None else _ACTIVATIONS[type(then)]

    def __call__(self, x: Tensor) -> Tensor:
        then, activation = self.then, self.activation
        apart = then is not None and _altered(then)
        if apart:
            activation = None
        if self.layer is None:
            y = norm_relu(self.bn, x, activation)
        else:
            y = conv_bn(self.layer, self.bn, x, activation)
        return then(y) if then is not None and apart else y


def _norm_step(modules: tuple[Any, ...]) -> tuple[Any, int] | None:
    """The step that begins with modules[0] and has a batch normalisation, and its length."""
    kinds = [type(m) for m in modules[:4]]
    folds = kinds[0] in FOLDS and kinds[1:2] == [FOLDS[kinds[0]][0]]
    if not folds and not is_batch_norm(modules[0]):
        return None
    n = 2 if folds else 1
    layer, bn = (modules[0], modules[1]) if folds else (None, modules[0])
    then = kinds[n] if len(kinds) > n else None
    # A quarter of the pixels is left for ReLU after a pooling.
    fused = then in (_ACTIVATIONS if folds else (ReLU,))
    fused = fused and kinds[n : n + 2] != [ReLU, MaxPool2d]
    if not folds and not fused:
        return None
    return _WithNorm(layer, bn, modules[n] if fused else None), n + fused


def _plan(modules: tuple[Any, ...]) -> list[Any]:
    """What to call one after the other."""
    steps: list[Any] = []
    i = 0
    while i < len(modules):
        kinds = [type(m) for m in modules[i : i + 3]]
        norm = _norm_step(modules[i : i + 4])
        if norm is not None:
            steps.append(norm[0])
            i += norm[1]
        elif kinds[:2] == [ReLU, MaxPool2d]:
            steps.append(_ReluThenPool(modules[i - 1] if i else None, *modules[i : i + 2]))
            i += 2
        elif kinds[0] in _LAYERS and kinds[1:2] and kinds[1] in _ACTIVATIONS:
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


def _program(steps: list[Any]) -> list[tuple[list[inference.Step], list[Any]]]:
    """The same for inference: runs of steps, on arrays where the first list is not empty.

    What arrays give must be new, so that no tensor shares memory with another unknowingly: a run
    has a step that computes, and the steps after it.
    """
    program: list[tuple[list[inference.Step], list[Any]]] = []
    for step in steps:
        if isinstance(step, (_WithActivation, _ReluThenPool)):
            run = step.lowered()
        elif type(step) is Flatten:
            run = inference.flatten(step)
        else:
            run = None if isinstance(step, _WithNorm) else inference.lowered(step, None)
        if not program or (run is None) != (not program[-1][0]):
            program.append(([], []))
        arrays, layers = program[-1]
        if run is not None:
            arrays.append(run)
        layers.append(step)
    views = (Flatten, Dropout)
    return [
        ([] if all(type(m) in views for m in layers) else arrays, layers)
        for arrays, layers in program
    ]


class Sequential(Module):
    """Modules one after the other: Sequential(a, b, c) or Sequential(OrderedDict(name=a, ...)).

    Linear or a convolution with a following ReLU, Tanh or Sigmoid, batch normalisation with a
    following ReLU, and ReLU with a following MaxPool2d, run as one kernel; the results are the
    same.  In evaluation, where nothing is recorded, batch normalisation is folded into the Conv or
    Linear before it (see nn.fused.conv_bn); the results are the same within rounding.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        self.__dict__["_planned"] = None, None, None
        self.__dict__["_unaltered"] = -1  # `alterations` when no module was altered
        if len(args) == 1 and isinstance(args[0], (OrderedDict, dict)):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        modules = tuple(self._modules.values())
        planned, steps, program = self._planned
        if planned != modules:
            steps = _plan(modules)
            program = _program(steps)
            self.__dict__["_planned"] = modules, steps, program
            self.__dict__["_unaltered"] = -1
        if not (mode.enabled or mode.anomaly):
            if self._unaltered != alterations[0] and not any(map(_altered, modules)):
                self.__dict__["_unaltered"] = alterations[0]
            if self._unaltered == alterations[0]:
                return self._infer(program, input)
        for step in steps:
            input = step(input)
        return input

    @staticmethod
    def _infer(program: list[tuple[list[inference.Step], list[Any]]], input: Any) -> Any:
        """forward where nothing is recorded."""
        for arrays, layers in program:
            if arrays and type(input) is Tensor:
                try:
                    x = input._data
                    for run in arrays:
                        x = run(x)
                    input = wrap(x)
                    continue
                except Exception:  # the layers have the right words for it, or can do it
                    pass
            for step in layers:
                input = step(input)
        return input

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_planned": (None, None, None), "_unaltered": -1}

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


class Unflatten(Module):
    """Axis dim becomes the axes unflattened_size, one may be -1: (N, C*H*W) -> (N, C, H, W).

    Raises TypeError for anything but integers.
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        for name, values in (("dim", (dim,)), ("unflattened_size", unflattened_size)):
            if not isinstance(values, (tuple, list)) or not all(
                hasattr(v, "__index__") and not isinstance(v, bool) for v in values
            ):
                raise TypeError(f"Unflatten: {name} must be made of integers, got {values!r}")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        from ..functional.arrange import unflatten

        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
