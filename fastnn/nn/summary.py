"""Tables of a model's layers: kinds, output shapes, parameters, operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..creation import zeros
from ..functional import _checks
from ..grad_mode import no_grad, shapes_only
from ..tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .rnn import RNNBase
from .utils import evaluating, forward_hooks


@dataclass(frozen=True)
class Layer:
    """One line of a summary.  output: its shape, or None if the model was not run.  parameters: of
    the layer and all within.  flops: of its matrix products and convolutions, 2 each multiply-add.
    recurrent: whether its state at one step goes into the next.
    """

    path: str
    kind: str
    depth: int
    output: tuple[int, ...] | None
    parameters: int
    flops: int
    recurrent: bool


@dataclass(frozen=True)
class Summary:
    """Layers in the order in which they are defined, the model itself first; str() is the table.

    parameters: values in all parameters, shared ones once; trainable: those of them that require a
    gradient; size: their bytes; flops: of one forward pass, 0 if the model was not run.
    """

    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    size: int
    flops: int

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    __repr__ = __str__


def summary(
    model: Module | Callable[[], Module],
    input_size: Sequence[int] | Tensor | None = None,
    *,
    depth: int = 3,
    meta: bool = False,
) -> Summary:
    """What a model consists of.

    input_size: shape of an input, batch included, of zeros in float32, or an input as a Tensor; the
    model is run on it once, in evaluation mode without gradients, for shapes and operations.  None:
    neither are known.  depth: how deep layers within layers are shown; deeper ones count.
    meta: `model` is a function without arguments that makes the model; its parameters get shapes
    and no memory, so that any size can be counted.  Such a model cannot be run.

    Raises TypeError for something else than a Module, ValueError for depth < 0 or meta with an
    input.
    """
    depth = _checks.integer(depth, "summary", "depth", 0)
    if meta:
        if input_size is not None:
            raise ValueError("summary: a model without memory cannot be run; leave out input_size")
        if isinstance(model, Module) or not callable(model):
            raise TypeError("summary: with meta=True, model must be a function that makes it")
        with shapes_only():
            model = model()
    if not isinstance(model, Module):
        raise TypeError(f"summary: model is {type(model).__name__}, expected a Module")
    outputs: dict[int, Any] = {}
    if input_size is not None:
        outputs = _run(model, input_size)
    layers = tuple(_layers(model, outputs, depth))
    unique = {id(p): p for p in model.parameters()}.values()
    counts = [(math.prod(p.shape), p) for p in unique]
    return Summary(
        layers,
        sum(n for n, _ in counts),
        sum(n for n, p in counts if p.requires_grad),
        sum(n * p.dtype.itemsize for n, p in counts),
        sum(_own_flops(m, calls) for m, calls in _called(model, outputs)),
    )


def _run(model: Module, input_size: Any) -> dict[int, list[Any]]:
    """Outputs of each module by its id, in the order of its calls, on zeros."""
    x = input_size if isinstance(input_size, Tensor) else zeros(*input_size)
    outputs: dict[int, list[Any]] = {}

    def note(module: Module, args: Any, output: Any) -> None:
        outputs.setdefault(id(module), []).append((_shape(args), _shape(output)))

    with forward_hooks(model.modules(), note), evaluating(model), no_grad():
        model(x)
    return outputs


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a tensor, or of the first one in a tuple."""
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _layers(model: Module, outputs: dict[int, Any], depth: int) -> Iterator[Layer]:
    for path, module in model.named_modules():
        level = path.count(".") + 1 if path else 0
        if level > depth:
            continue
        calls = outputs.get(id(module), [])
        yield Layer(
            path,
            type(module).__name__,
            level,
            calls[-1][1] if calls else None,
            sum(math.prod(p.shape) for p in {id(p): p for p in module.parameters()}.values()),
            sum(_own_flops(m, c) for m, c in _called(module, outputs)),
            isinstance(module, RNNBase),
        )


def _called(model: Module, outputs: dict[int, Any]) -> Iterator[tuple[Module, list[Any]]]:
    for module in model.modules():
        if id(module) in outputs:
            yield module, outputs[id(module)]


def _own_flops(module: Module, calls: Sequence[Any]) -> int:
    """Of all calls, 2 for each multiply-add of weights."""
    total = 0
    for given, made in calls:
        if given is None or made is None:
            continue
        if isinstance(module, Linear):
            total += 2 * math.prod(made) * module.in_features
        elif isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)):
            spatial = len(module.kernel_size)
            positions = math.prod(given[:-spatial]) // module.in_channels
            positions *= math.prod(given[-spatial:])
            total += 2 * math.prod(module.weight.shape) * positions
        elif isinstance(module, (Conv1d, Conv2d, Conv3d)):
            total += 2 * math.prod(made) * math.prod(module.weight.shape[1:])
        elif isinstance(module, RNNBase):
            weights = [p for name, p in module.named_parameters() if name.startswith("weight")]
            total += 2 * math.prod(given[:-1]) * sum(math.prod(p.shape) for p in weights)
    return total


def _lines(s: Summary) -> Iterator[str]:
    rows = [("layer", "output", "parameters", "MFLOP")]
    for layer in s.layers:
        name = f"{'  ' * layer.depth}{layer.path.rpartition('.')[2]}".rstrip()
        kind = f"({layer.kind})" + (" recurrent" if layer.recurrent else "")
        shape = "" if layer.output is None else " x ".join(map(str, layer.output))
        flops = f"{layer.flops / 1e6:,.3f}" if s.flops else ""
        rows.append((f"{name} {kind}" if name.strip() else kind, shape,
                     f"{layer.parameters:,}", flops))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for name, shape, parameters, flops in rows:
        line = f"{name:{widths[0]}}  {shape:{widths[1]}}  {parameters:>{widths[2]}}"
        yield f"{line}  {flops:>{widths[3]}}".rstrip()
    yield (
        f"{s.parameters:,} parameters, {s.trainable:,} trainable, {s.size / 1e6:,.1f} MB"
        + (f"; {s.flops / 1e6:,.1f} MFLOP forward" if s.flops else "")
    )
