"""What Sequential runs where nothing is recorded: kernels on arrays, one after the other.

A layer's wrapping (tensors, checks, tape) costs two microseconds, as much as the arithmetic of a
small one: LeNet-5, batch 1, 37 -> 21 us (pytest bench -k I2).  Parameters and settings are looked
up at each call, so nothing can be stale.  Steps change nothing but their own results; where one
cannot do its work it raises, and Sequential runs the layers, whose errors have names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..functional import arrays
from .activation import ReLU, Sigmoid, Tanh
from .conv import Conv2d
from .dropout import Dropout
from .linear import Linear
from .pool import MaxPool2d

Step = Callable[[np.ndarray], np.ndarray]


class NotLowered(Exception):
    """The layers themselves have to run."""


def linear(layer: Any, activation: str | None) -> Step:
    """Linear, with its own activation or the one that follows."""
    parameters = layer._parameters

    def run(x: np.ndarray) -> np.ndarray:
        own, bias = layer.activation, parameters["bias"]
        if own is not None and activation is not None:
            raise NotLowered
        return arrays.linear(
            x, parameters["weight"]._data, None if bias is None else bias._data, own or activation
        )

    return run


def convolved(
    layer: Any,
    x: np.ndarray,
    parameters: Mapping[str, Any],
    activation: str | None,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """A Conv2d's work with these parameters and this activation, or relu(that + residual)."""
    settings, bias = layer._settings, parameters["bias"]
    if (
        layer.padding_mode != "zeros"
        or layer.stride is not settings[0]
        or layer.padding is not settings[1]
        or layer.dilation is not settings[2]
        or layer.groups is not settings[3]
    ):
        raise NotLowered
    weight, shift = parameters["weight"]._data, None if bias is None else bias._data
    if residual is not None:
        return arrays.conv2d_add_relu(x, weight, shift, residual, layer._geometry)
    return arrays.conv2d(x, weight, shift, layer._geometry, activation)


def conv2d(layer: Any, activation: str | None) -> Step:
    """Conv2d, likewise."""
    parameters = layer._parameters

    def run(x: np.ndarray) -> np.ndarray:
        own = layer.activation
        if own is not None and activation is not None:
            raise NotLowered
        return convolved(layer, x, parameters, own or activation)

    return run


def max_pool2d(layer: Any, activation: str | None, relu: Any = None) -> Step:
    """MaxPool2d, of the input or of its ReLU; relu: the layer, where its input is the caller's."""

    def run(x: np.ndarray) -> np.ndarray:
        if layer.return_indices or (relu is not None and relu.inplace):
            raise NotLowered
        return arrays.max_pool2d(x, layer._checked(), activation)

    return run


def flatten(layer: Any) -> Step:
    """Flatten of all axes but the first."""

    def run(x: np.ndarray) -> np.ndarray:
        if layer.start_dim != 1 or layer.end_dim != -1 or x.ndim < 2:
            raise NotLowered
        return x.reshape(x.shape[0], -1) if x.size else x.reshape(x.shape[0], _product(x.shape[1:]))

    return run


def _product(sizes: tuple[int, ...]) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n


def dropout(layer: Any) -> Step:
    """Dropout in evaluation: nothing."""

    def run(x: np.ndarray) -> np.ndarray:
        if layer.training:
            raise NotLowered
        return x

    return run


def activation(layer: Any, name: str) -> Step:
    """An activation on its own."""

    def run(x: np.ndarray) -> np.ndarray:
        if getattr(layer, "inplace", False):
            raise NotLowered  # the caller sees its tensor change
        return arrays.activated(x, name)

    return run


_NAMES: dict[type, str] = {ReLU: "relu", Tanh: "tanh", Sigmoid: "sigmoid"}


def lowered(module: Any, then: str | None) -> Step | None:
    """The step of one module and the activation after it; None if it has to run itself."""
    kind = type(module)
    if kind is Linear:
        return linear(module, then)
    if kind is Conv2d:
        return conv2d(module, then)
    if then is not None:
        return None
    if kind is MaxPool2d:
        return max_pool2d(module, None)
    if kind is Dropout:
        return dropout(module)
    return activation(module, _NAMES[kind]) if kind in _NAMES else None
