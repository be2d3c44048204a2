"""Convolution layers."""

from __future__ import annotations

from typing import Any

from ..creation import empty
from ..functional import _checks
from ..functional.conv import apply_conv2d, conv2d_geometry
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class Conv2d(Module):
    """y = act(conv(x, weight) + bias): x (N, C_in, H, W) -> y (N, C_out, OH, OW).

    weight (C_out, C_in/groups, KH, KW) and bias (C_out,) begin uniform in +-1 / sqrt(fan_in).
    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; padding may be "valid" or, with
    stride 1, "same".  activation: None, "relu", "tanh" or "sigmoid", computed while y is in
    registers.  Raises TypeError and ValueError for settings that do not fit together.
    """

    _geometry: tuple[Any, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = _checks.integer(in_channels, "Conv2d", "in_channels", 1)
        self.out_channels = _checks.integer(out_channels, "Conv2d", "out_channels", 1)
        self.groups = _checks.integer(groups, "Conv2d", "groups", 1)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"Conv2d: groups={groups} does not divide {name}={getattr(self, name)}"
                )
        if padding_mode != "zeros":
            raise ValueError(f"Conv2d: padding_mode is {padding_mode!r}, expected 'zeros'")
        self.kernel_size = _checks.pair(kernel_size, "Conv2d", "kernel_size", 1)
        self.activation = _checks.activation(activation, "Conv2d")
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self._check_settings(shape)
        self.stride, _, self.dilation, _ = self._geometry
        if not isinstance(padding, str):
            self.padding = self._geometry[1]
        self._settings = self.stride, self.padding, self.dilation, self.groups
        self.padding_mode = padding_mode
        self.weight = Parameter(empty(shape))
        self.register_parameter("bias", Parameter(empty(self.out_channels)) if bias else None)
        self.reset_parameters()

    def _check_settings(self, weight_shape: tuple[int, ...]) -> None:
        self._settings = self.stride, self.padding, self.dilation, self.groups
        self._geometry = conv2d_geometry(weight_shape, *self._settings)

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        init.default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.forward_with(input, self.activation)

    def forward_with(self, input: Tensor, activation: str | None) -> Tensor:
        """forward with another activation; for Sequential."""
        p = self._parameters
        if (self.stride, self.padding, self.dilation, self.groups) != self._settings:
            self._check_settings(p["weight"].shape)  # someone changed an attribute
        _checks.tensor(input, "conv2d", "input")
        return apply_conv2d(input, p["weight"], p["bias"], self._geometry, activation)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)!r}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.activation is None else f"{text}, activation={self.activation!r}"
