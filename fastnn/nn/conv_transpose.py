"""Transposed convolution layers."""

from __future__ import annotations

from typing import Any

from ..creation import empty
from ..functional import _checks
from ..functional.conv_transpose import NAMES, apply_conv_transpose, transposed_geometry
from ..tensor import Parameter, Tensor
from . import init
from .conv import _set_channels, describe
from .module import Module


class _ConvTransposeNd(Module):
    _axes = 0

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        *,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _set_channels(self, name, in_channels, out_channels, groups)
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode is {padding_mode!r}, expected 'zeros'")
        self.kernel_size = _checks.ntuple(kernel_size, name, "kernel_size", 1, self._axes)
        self.activation = _checks.activation(activation, name)
        self._geometry, self.output_padding = transposed_geometry(
            self._axes, stride, padding, output_padding, self.groups, dilation
        )
        self.stride, self.padding, self.dilation, _ = self._geometry
        self._settings = self._now()
        self.transposed, self.padding_mode = True, padding_mode
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(empty(shape))
        self.register_parameter("bias", Parameter(empty(self.out_channels)) if bias else None)
        self.reset_parameters()

    def _now(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.output_padding, self.groups, self.dilation

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        init.default_(self.weight, self.bias)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """output_size: the wanted sizes of the axes, with or without N and C, instead of
        output_padding."""
        return self.forward_with(input, self.activation, output_size)

    def forward_with(
        self, input: Tensor, activation: str | None, output_size: Any = None
    ) -> Tensor:
        """forward with another activation; for Sequential."""
        p, name = self._parameters, NAMES[self._axes]
        if self._now() != self._settings:  # someone changed an attribute
            self._geometry, self.output_padding = transposed_geometry(self._axes, *self._now())
            self._settings = self._now()
        _checks.tensor(input, name, "input")
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra(input, output_size)
        return apply_conv_transpose(
            self._axes, input, p["weight"], p["bias"], self._geometry, extra, activation
        )

    def _extra(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives output_size."""
        name, n = type(self).__name__, self._axes
        size = [_checks.integer(v, name, "output_size", 1) for v in output_size]
        if len(size) == input.ndim:
            size = size[-n:]
        if len(size) != n:
            raise ValueError(
                f"{name}: output_size is {tuple(output_size)}, expected {n} or {input.ndim} sizes"
            )
        extra = []
        for i, wanted in enumerate(size):
            least = (input.shape[i - n] - 1) * self.stride[i] - 2 * self.padding[i]
            least += self.dilation[i] * (self.kernel_size[i] - 1) + 1
            if not least <= wanted < least + self.stride[i]:
                raise ValueError(
                    f"{name}: output_size is {tuple(output_size)}, expected {least} to "
                    f"{least + self.stride[i] - 1} for axis {i} (input {input.shape})"
                )
            extra.append(wanted - least)
        return tuple(extra)

    def extra_repr(self) -> str:
        return describe(self)


class ConvTranspose1d(_ConvTransposeNd):
    """y = act(conv_transpose(x, weight) + bias): x (N, C_in, L) -> y (N, C_out, OL).

    weight (C_in, C_out/groups, K).  Sizes, settings and errors as of ConvTranspose2d.
    """

    _axes = 1


class ConvTranspose2d(_ConvTransposeNd):
    """y = act(conv_transpose(x, weight) + bias): x (N, C_in, H, W) -> y (N, C_out, OH, OW).

    weight (C_in, C_out/groups, KH, KW) and bias (C_out,) begin uniform in +-1 / sqrt(fan_in),
    fan_in = C_out/groups KH KW.  OH = (H - 1) stride - 2 padding + dilation (KH - 1) +
    output_padding + 1.  activation: None, "relu", "tanh" or "sigmoid".  Raises TypeError and
    ValueError for settings that do not fit together.  Zeiler et al. 2010.
    """

    _axes = 2


class ConvTranspose3d(_ConvTransposeNd):
    """y = act(conv_transpose(x, weight) + bias): x (N, C_in, D, H, W) -> y (N, C_out, OD, OH, OW).

    weight (C_in, C_out/groups, KD, KH, KW).  Sizes, settings and errors as of ConvTranspose2d.
    """

    _axes = 3
