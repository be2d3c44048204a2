"""Pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..functional import _checks
from ..functional.pool import apply_max_pool2d, pool_window
from ..tensor import Tensor
from .module import Module


class MaxPool2d(Module):
    """Largest value of each window: (N, C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  Padding counts as minus infinity.  return_indices: also the int64
    positions in the H*W planes.  Raises TypeError and ValueError for settings that do not fit.
    """

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

    def _checked(self) -> tuple[Any, ...]:
        """The window, checked again where someone changed an attribute."""
        settings = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        if settings == self._settings:
            return self._window
        window = pool_window("MaxPool2d", self.kernel_size, self.stride, self.padding)
        dilation = _checks.pair(self.dilation, "MaxPool2d", "dilation", 1)
        self._settings, self._window = settings, (*window, dilation, bool(self.ceil_mode))
        return self._window

    def forward(self, input: Tensor) -> Any:
        y, indices = apply_max_pool2d(input, self._checked(), None, self.return_indices)
        if self.return_indices:
            return y, Tensor(indices._data.astype(np.int64))
        return y

    def forward_relu(self, input: Tensor) -> Tensor:
        """Pooling of relu(input), in one pass; for Sequential."""
        return apply_max_pool2d(input, self._checked(), "relu", False)[0]

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """Mean of each window: (N, C, H, W) -> (N, C, OH, OW).

    stride: kernel_size if None.  count_include_pad: padded zeros count as elements of the mean.
    divisor_override: what the sums are divided by instead.  Raises TypeError and
    ValueError for settings that do not fit.
    """

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
        pool_window("AvgPool2d", kernel_size, self.stride, padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
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
