"""Pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..functional.pool import apply_max_pool2d, exponent, pool_window, sizes
from ..tensor import Tensor
from .module import Module


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode
        self._settings: Any = None
        self._window = self._checked()

    _dims = 2

    def _checked(self) -> tuple[Any, ...]:
        """The window, checked again where someone changed an attribute."""
        settings = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        if settings == self._settings:
            return self._window
        name = type(self).__name__
        window = pool_window(name, self.kernel_size, self.stride, self.padding, self._dims)
        dilation = sizes(self.dilation, self._dims, name, "dilation", 1)
        self._settings, self._window = settings, (*window, dilation, bool(self.ceil_mode))
        return self._window

    def _arguments(self) -> dict[str, Any]:
        names = "kernel_size", "stride", "padding", "dilation", "ceil_mode"
        window = dict(zip(names, self._checked(), strict=True))
        return {**window, "return_indices": self.return_indices}

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest value of each window: (N, C, L) -> (N, C, OL); see MaxPool2d."""

    _dims = 1

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(input, **self._arguments())


class MaxPool2d(_MaxPool):
    """Largest value of each window: (N, C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  Padding counts as minus infinity.  return_indices: also the int64
    positions in the H*W planes.  Raises TypeError and ValueError for settings that do not fit.
    """

    def forward(self, input: Tensor) -> Any:
        y, indices = apply_max_pool2d(input, self._checked(), None, self.return_indices)
        if self.return_indices:
            return y, Tensor(indices._data.astype(np.int64))
        return y

    def forward_relu(self, input: Tensor) -> Tensor:
        """Pooling of relu(input), in one pass; for Sequential."""
        return apply_max_pool2d(input, self._checked(), "relu", False)[0]


class MaxPool3d(_MaxPool):
    """Largest value of each window: (N, C, D, H, W) -> (N, C, OD, OH, OW); see MaxPool2d."""

    _dims = 3

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(input, **self._arguments())


class AvgPool1d(Module):
    """Mean of each window: (N, C, L) -> (N, C, OL); see AvgPool2d."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        pool_window("AvgPool1d", kernel_size, self.stride, padding, 1)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override
        pool_window(type(self).__name__, kernel_size, self.stride, padding, self._dims)

    _dims = 2

    def forward(self, input: Tensor) -> Tensor:
        pool = F.avg_pool2d if self._dims == 2 else F.avg_pool3d
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """Mean of each window: (N, C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  count_include_pad: padded zeros count as elements of the mean.
    divisor_override: what the sums are divided by instead.  Raises TypeError and ValueError for
    settings that do not fit.
    """


class AvgPool3d(_AvgPool):
    """Mean of each window: (N, C, D, H, W) -> (N, C, OD, OH, OW); see AvgPool2d."""

    _dims = 3


class _LPPool(Module):
    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode
        exponent(norm_type, type(self).__name__)
        pool_window(type(self).__name__, kernel_size, stride, 0, self._dims)

    _dims = 2

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self._dims - 1]
        return pool(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x^norm_type)^(1 / norm_type) of each window: (N, C, L) -> (N, C, OL)."""

    _dims = 1


class LPPool2d(_LPPool):
    """(sum of x^norm_type)^(1 / norm_type) of each window: (N, C, H, W) -> (N, C, OH, OW)."""


class LPPool3d(_LPPool):
    """(sum of x^norm_type)^(1 / norm_type) of each window: as LPPool2d, of (N, C, D, H, W)."""

    _dims = 3
