"""Locally connected layers."""

from __future__ import annotations

import math
from typing import Any

from ..creation import empty
from ..functional import _checks
from ..functional.local import local_size, locally_connected1d, locally_connected2d
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class _LocallyConnectedNd(Module):
    _axes = 0
    _function: Any = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: Any,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        bias: bool = True,
        *,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self._axes
        self.in_channels = _checks.integer(in_channels, name, "in_channels", 1)
        self.out_channels = _checks.integer(out_channels, name, "out_channels", 1)
        self.input_size = _checks.ntuple(input_size, name, "input_size", 1, n)
        self.kernel_size = _checks.ntuple(kernel_size, name, "kernel_size", 1, n)
        self.stride = _checks.ntuple(stride, name, "stride", 1, n)
        self.padding = _checks.ntuple(padding, name, "padding", 0, n)
        self.activation = _checks.activation(activation, name)
        out = local_size(name, self.input_size, self.kernel_size, self.stride, self.padding)
        self.output_size = out
        shape = (*out, self.out_channels, self.in_channels, *self.kernel_size)
        self.weight = Parameter(empty(shape))
        b = Parameter(empty(self.out_channels, *out)) if bias else None
        self.register_parameter("bias", b)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        bound = 1.0 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        p = self._parameters
        return type(self)._function(
            input, p["weight"], p["bias"], self.stride, self.padding, activation=self.activation
        )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}"
        text += f", kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self._axes:
            text += f", padding={self.padding}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.activation is None else f"{text}, activation={self.activation!r}"


class LocallyConnected1d(_LocallyConnectedNd):
    """Conv1d whose weights are not shared: x (N, C_in, L) -> y (N, C_out, OL), L = input_size.

    weight (OL, C_out, C_in, K), bias (C_out, OL).  Settings and errors as of LocallyConnected2d.
    """

    _axes = 1
    _function = staticmethod(locally_connected1d)


class LocallyConnected2d(_LocallyConnectedNd):
    """Conv2d whose weights are not shared: x (N, C_in, H, W) -> y (N, C_out, OH, OW),
    (H, W) = input_size (LeCun 1989).

    weight (OH, OW, C_out, C_in, KH, KW), one convolution's weight for each output pixel, and bias
    (C_out, OH, OW) begin uniform in +-1 / sqrt(C_in KH KW).  activation: None, "relu", "tanh" or
    "sigmoid".  Raises TypeError and ValueError for settings that do not fit together.
    """

    _axes = 2
    _function = staticmethod(locally_connected2d)
