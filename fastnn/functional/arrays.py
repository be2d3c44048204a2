"""Kernels on arrays, nothing checked and nothing recorded: for nn.inference, which turns to the
functions of this folder where one of these raises."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend

Array = np.ndarray


def linear(x: Array, weight: Array, bias: Array | None, activation: str | None) -> Array:
    """act(x @ weight.T + bias); see linear."""
    return backend.kernels.linear_forward(x, weight, bias, activation)


def conv2d(
    x: Array, weight: Array, bias: Array | None, geometry: tuple[Any, ...], activation: Any
) -> Array:
    """act(conv(x, weight) + bias); geometry: stride, padding, dilation, groups."""
    stride, padding, dilation, groups = geometry
    return backend.kernels.conv2d_forward(
        x, weight, bias, stride, padding, dilation, groups, activation
    )


def conv2d_add_relu(
    x: Array, weight: Array, bias: Array | None, residual: Array, geometry: tuple[Any, ...]
) -> Array:
    """max(conv(x, weight) + bias + residual, 0)."""
    return backend.kernels.conv2d_add_relu_forward(x, weight, bias, residual, *geometry)


def max_pool2d(x: Array, window: tuple[Any, ...], activation: str | None) -> Array:
    """Maxima alone; window: kernel_size, stride, padding, dilation, ceil_mode."""
    kernel_size, stride, padding, dilation, ceil_mode = window
    return backend.kernels.max_pool2d_forward(
        x, kernel_size, stride, padding, dilation, ceil_mode, activation, None
    )


def activated(x: Array, name: str) -> Array:
    """relu, tanh or sigmoid."""
    return getattr(backend.kernels, name + "_forward")(x)
