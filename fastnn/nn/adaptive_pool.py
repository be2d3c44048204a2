"""Adaptive pooling and max-unpooling layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional.adaptive_pool import output_sizes
from ..functional.pool import sizes
from ..tensor import Tensor
from .module import Module


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size
        output_sizes(output_size, self._dims, type(self).__name__)

    _dims = 2

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
        return pool[self._dims - 1](input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of output_size windows that share L out evenly: (N, C, L) -> (N, C, output_size)."""

    _dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of windows that share H and W out evenly: (N, C, H, W) -> (N, C, OH, OW).

    output_size: an int or two; None keeps that axis.
    """


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of windows that share D, H and W out evenly; see AdaptiveAvgPool2d."""

    _dims = 3


class GlobalAvgPool2d(AdaptiveAvgPool2d):
    """The mean of each plane: (N, C, H, W) -> (N, C, 1, 1).  Lin et al. 2014 (arXiv:1312.4400)."""

    def __init__(self) -> None:
        super().__init__(1)

    def extra_repr(self) -> str:
        return ""


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices
        output_sizes(output_size, self._dims, type(self).__name__)

    _dims = 2

    def forward(self, input: Tensor) -> Any:
        pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
        return pool[self._dims - 1](input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of output_size windows that share L out evenly: (N, C, L) -> (N, C, output_size)."""

    _dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of windows that share H and W out evenly: (N, C, H, W) -> (N, C, OH, OW).

    return_indices: also their int64 positions in the H*W planes.
    """


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of windows that share D, H and W out evenly; see AdaptiveMaxPool2d."""

    _dims = 3


class _MaxUnpool(Module):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = sizes(kernel_size, self._dims, name, "kernel_size", 1)
        self.stride = (
            self.kernel_size if stride is None else sizes(stride, self._dims, name, "stride", 1)
        )
        self.padding = sizes(padding, self._dims, name, "padding", 0)

    _dims = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)
        window = self.kernel_size, self.stride, self.padding
        return unpool[self._dims - 1](input, indices, *window, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Values back to where MaxPool1d(return_indices=True) took them, zeros elsewhere."""

    _dims = 1


class MaxUnpool2d(_MaxUnpool):
    """Values back to where MaxPool2d(return_indices=True) took them, zeros elsewhere.

    Called with the pooled values, their indices and, if several sizes pool to the same, the
    output_size.
    """


class MaxUnpool3d(_MaxUnpool):
    """Values back to where MaxPool3d(return_indices=True) took them; see MaxUnpool2d."""

    _dims = 3
