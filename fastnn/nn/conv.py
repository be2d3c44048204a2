"""Convolution layers."""

from __future__ import annotations

from typing import Any

from ..creation import empty
from ..functional import _checks
from ..functional.conv import NAMES, PADDING_MODES, apply_conv, conv_geometry
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class _ConvNd(Module):
    _axes = 0
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
        name = type(self).__name__
        _set_channels(self, name, in_channels, out_channels, groups)
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode is {padding_mode!r}, expected {', '.join(PADDING_MODES)}"
            )
        self.kernel_size = _checks.ntuple(kernel_size, name, "kernel_size", 1, self._axes)
        self.activation = _checks.activation(activation, name)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self._check_settings(shape)
        self.stride, _, self.dilation, _ = self._geometry
        if not isinstance(padding, str):
            self.padding = self._geometry[1]
        self._settings = self.stride, self.padding, self.dilation, self.groups
        self.transposed, self.output_padding = False, (0,) * self._axes
        self.padding_mode = padding_mode
        self.weight = Parameter(empty(shape))
        self.register_parameter("bias", Parameter(empty(self.out_channels)) if bias else None)
        self.reset_parameters()

    def _check_settings(self, weight_shape: tuple[int, ...]) -> None:
        self._settings = self.stride, self.padding, self.dilation, self.groups
        self._geometry = conv_geometry(self._axes, weight_shape, *self._settings)

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
        _checks.tensor(input, NAMES[self._axes], "input")
        return apply_conv(
            self._axes, input, p["weight"], p["bias"], self._geometry, activation, self.padding_mode
        )

    def extra_repr(self) -> str:
        return describe(self)


def _set_channels(layer: Any, name: str, in_channels: Any, out_channels: Any, groups: Any) -> None:
    layer.in_channels = _checks.integer(in_channels, name, "in_channels", 1)
    layer.out_channels = _checks.integer(out_channels, name, "out_channels", 1)
    layer.groups = _checks.integer(groups, name, "groups", 1)
    for side in ("in_channels", "out_channels"):
        if getattr(layer, side) % layer.groups:
            raise ValueError(
                f"{name}: groups={groups} does not divide {side}={getattr(layer, side)}"
            )


def describe(layer: Any) -> str:
    """The settings that differ from the defaults."""
    n = len(layer.kernel_size)
    text = f"{layer.in_channels}, {layer.out_channels}, kernel_size={layer.kernel_size}"
    text += f", stride={layer.stride}"
    zeros = (0,) * n
    for name, default in (
        ("padding", zeros),
        ("dilation", (1,) * n),
        ("output_padding", zeros),
        ("groups", 1),
    ):
        if getattr(layer, name) != default:
            text += f", {name}={getattr(layer, name)}"
    if layer.bias is None:
        text += ", bias=False"
    if layer.padding_mode != "zeros":
        text += f", padding_mode={layer.padding_mode}"
    return text if layer.activation is None else f"{text}, activation={layer.activation!r}"


class Conv1d(_ConvNd):
    """y = act(conv(x, weight) + bias): x (N, C_in, L) -> y (N, C_out, OL).

    weight (C_out, C_in/groups, K) and bias (C_out,) begin uniform in +-1 / sqrt(fan_in).  Sizes,
    settings and errors as of Conv2d.
    """

    _axes = 1


class Conv2d(_ConvNd):
    """y = act(conv(x, weight) + bias): x (N, C_in, H, W) -> y (N, C_out, OH, OW).

    weight (C_out, C_in/groups, KH, KW) and bias (C_out,) begin uniform in +-1 / sqrt(fan_in).
    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; padding may be "valid" or, with
    stride 1, "same"; padding_mode "zeros", "reflect", "replicate" or "circular".  activation: None,
    "relu", "tanh" or "sigmoid", computed while y is in registers.  Raises TypeError and ValueError
    for settings that do not fit together.
    """

    _axes = 2


class Conv3d(_ConvNd):
    """y = act(conv(x, weight) + bias): x (N, C_in, D, H, W) -> y (N, C_out, OD, OH, OW).

    weight (C_out, C_in/groups, KD, KH, KW) and bias (C_out,) begin uniform in +-1 / sqrt(fan_in).
    Sizes, settings and errors as of Conv2d.
    """

    _axes = 3
