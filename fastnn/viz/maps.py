"""Kernels and feature maps of convolution layers, as grids of small images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .canvas import new_figure


def kernels(
    weight: Any, *, channel: int = 0, columns: int | None = None, figure: Any = None
) -> Any:
    """Draw weight[:, channel] of weight (C_out, C_in, KH, KW), a Tensor or an array, one image per
    output channel: red positive, blue negative, one scale for all.

    columns: images per row, about twice the rows if None. figure: a matplotlib figure or subfigure
    to draw on, a new one if None. Returns it. Raises ValueError for another shape or a channel that
    is not there; ImportError without matplotlib.
    """
    array = _array(weight, "kernels", "weight", 4, "(C_out, C_in, KH, KW)")
    if not 0 <= channel < array.shape[1]:
        raise ValueError(f"kernels: channel is {channel}, weight has {array.shape[1]} of them")
    shown = array[:, channel]
    limit = float(np.abs(shown).max()) or 1.0
    return _grid(shown, columns, figure, cmap="RdBu_r", vmin=-limit, vmax=limit)


def feature_maps(maps: Any, *, columns: int | None = None, figure: Any = None) -> Any:
    """Draw maps (C, H, W), the channels of one sample, one grey image each, black the smallest and
    white the largest value of all.

    columns, figure, result and errors as for `kernels`.
    """
    array = _array(maps, "feature_maps", "maps", 3, "(C, H, W)")
    return _grid(array, columns, figure, cmap="gray", vmin=array.min(), vmax=array.max())


def _array(value: Any, function: str, name: str, n_dims: int, shape: str) -> np.ndarray:
    array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.ndim != n_dims or not array.size:
        raise ValueError(f"{function}: {name} has shape {array.shape}, expected {shape}, not empty")
    return array


def _grid(images: np.ndarray, columns: int | None, figure: Any, **settings: Any) -> Any:
    n = len(images)
    columns = columns or min(n, max(1, math.ceil(math.sqrt(2 * n))))
    rows = -(-n // columns)
    figure = figure if figure is not None else new_figure(1.1 * columns, 1.1 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image in zip(grid.flat, images, strict=False):
        axes.imshow(image, interpolation="nearest", **settings)
    return figure
