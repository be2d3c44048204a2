"""Padding layers."""

from __future__ import annotations

from typing import Any

from ..functional import _checks, pad
from ..tensor import Tensor
from .module import Module


class _PadNd(Module):
    _axes = 0
    _mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        name, n = type(self).__name__, 2 * self._axes
        if isinstance(padding, (tuple, list)):
            if len(padding) != n:
                raise ValueError(f"{name}: padding is {padding!r}, expected an int or {n} of them")
            self.padding = tuple([_width(p, name) for p in padding])
        else:
            self.padding = (_width(padding, name),) * n

    def forward(self, input: Tensor) -> Tensor:
        _expect_axes(input, type(self).__name__, self._axes)
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


def _width(value: Any, name: str) -> int:
    return _checks.integer(value, name, "padding", -(1 << 40))


def _expect_axes(input: Any, name: str, n: int) -> None:
    x = _checks.tensor(input, name, "input")
    if x.ndim not in (n + 1, n + 2):
        raise ValueError(
            f"{name}: input has shape {x.shape}, expected {n + 1} or {n + 2} axes, the last "
            f"{n} of which are padded"
        )


class _ConstantPadNd(_PadNd):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        _checks.tensor(input, type(self).__name__, "input")
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Zeros around the last axis: padding an int or (left, right); negative widths cut. (N, C, L)
    or (C, L).
    """

    _axes = 1


class ZeroPad2d(_ZeroPadNd):
    """Zeros around the axes H, W: padding an int or (left, right, top, bottom); negative widths
    cut. (N, C, H, W) or (C, H, W).
    """

    _axes = 2


class ZeroPad3d(_ZeroPadNd):
    """Zeros around the axes D, H, W: padding an int or (left, right, top, bottom, front, back);
    negative widths cut. (N, C, D, H, W) or (C, D, H, W).
    """

    _axes = 3


class ConstantPad1d(_ConstantPadNd):
    """`value` around the last axis: padding an int or (left, right); negative widths cut. (N, C,
    L) or (C, L).
    """

    _axes = 1


class ConstantPad2d(_ConstantPadNd):
    """`value` around the axes H, W: padding an int or (left, right, top, bottom); negative widths
    cut. (N, C, H, W) or (C, H, W).
    """

    _axes = 2


class ConstantPad3d(_ConstantPadNd):
    """`value` around the axes D, H, W: padding an int or (left, right, top, bottom, front, back);
    negative widths cut. (N, C, D, H, W) or (C, D, H, W).
    """

    _axes = 3


class ReflectionPad1d(_PadNd):
    """The last axis continued by its mirror image without the edge: padding an int or (left,
    right), less than the axis. (N, C, L) or (C, L).
    """

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(_PadNd):
    """The axes H, W continued by its mirror image without the edge: padding an int or (left,
    right, top, bottom), less than the axis. (N, C, H, W) or (C, H, W).
    """

    _axes = 2
    _mode = "reflect"


class ReflectionPad3d(_PadNd):
    """The axes D, H, W continued by its mirror image without the edge: padding an int or (left,
    right, top, bottom, front, back), less than the axis. (N, C, D, H, W) or (C, D, H, W).
    """

    _axes = 3
    _mode = "reflect"


class ReplicationPad1d(_PadNd):
    """The last axis continued by its edge: padding an int or (left, right). (N, C, L) or (C, L)."""

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(_PadNd):
    """The axes H, W continued by its edge: padding an int or (left, right, top, bottom). (N, C,
    H, W) or (C, H, W).
    """

    _axes = 2
    _mode = "replicate"


class ReplicationPad3d(_PadNd):
    """The axes D, H, W continued by its edge: padding an int or (left, right, top, bottom, front,
    back). (N, C, D, H, W) or (C, D, H, W).
    """

    _axes = 3
    _mode = "replicate"


class CircularPad1d(_PadNd):
    """The last axis continued from its other end: padding an int or (left, right), at most the
    axis. (N, C, L) or (C, L).
    """

    _axes = 1
    _mode = "circular"


class CircularPad2d(_PadNd):
    """The axes H, W continued from its other end: padding an int or (left, right, top, bottom),
    at most the axis. (N, C, H, W) or (C, H, W).
    """

    _axes = 2
    _mode = "circular"


class CircularPad3d(_PadNd):
    """The axes D, H, W continued from its other end: padding an int or (left, right, top, bottom,
    front, back), at most the axis. (N, C, D, H, W) or (C, D, H, W).
    """

    _axes = 3
    _mode = "circular"
