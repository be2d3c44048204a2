"""Row 85: interpolation and un-pooling, the ways from small maps to large ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import from_numpy, functional, nn
from ._registry import Result, at_most, demo, exactly
from ._steps import relative_error, some_digits

_SIZES = ((5, 7, 10, 14), (6, 4, 13, 9), (8, 9, 3, 20), (7, 7, 7, 7))  # H, W -> OH, OW


def _draw(figure: Any, *, images: dict) -> None:
    grid = figure.subplots(2, 3)
    for axes, (name, image) in zip(grid.flat, images.items(), strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=10)
    for axes in grid.flat:
        axes.axis("off")


@demo(
    85,
    name="unpooling",
    title="From small maps to large ones: interpolation and un-pooling",
    bar="nearest, bilinear and bicubic interpolation within 1e-5 of a float64 formula, both "
    "settings of align_corners; MaxUnpool2d(MaxPool2d(x)) has every maximum in its place and 0 "
    "elsewhere",
    draw=_draw,
    size=(9, 6),
    seconds=(2, 2),
    source="Keys 1981 (cubic convolution), doi:10.1109/TASSP.1981.1163711; Zeiler and Fergus 2014 "
    "(un-pooling), arXiv:1311.2901",
)
def unpooling(quick: bool, seed: int) -> Result:
    """Drawing and segmenting need large maps from small ones, and two ways are shown: interpolation
    invents what lies between, un-pooling puts each maximum back where pooling had found it. What
    pooling threw away stays lost in both.

    Un-pooling uses the positions that pooling kept, and leaves the rest 0.
    """
    rng = np.random.default_rng(seed)
    figures = []
    for mode, corners in (
        ("nearest", None), ("bilinear", False), ("bilinear", True), ("bicubic", False),
        ("bicubic", True),
    ):  # fmt: skip
        worst = 0.0
        for height, width, *out in _SIZES:
            x = rng.standard_normal((1, 2, height, width)).astype(np.float32)
            y = functional.interpolate(
                from_numpy(x), size=tuple(out), mode=mode, align_corners=corners
            )
            worst = max(worst, relative_error(y.numpy(), _resized(x, out, mode, bool(corners))))
        name = mode if corners is None else f"{mode}, align_corners={corners}"
        figures.append(at_most(f"{name}: relative error", worst, 1e-5))

    wrong = 0
    for kernel, stride in ((2, 2), (3, 3), (2, 3)):
        x = rng.permutation(2 * 3 * 12 * 12).reshape(2, 3, 12, 12).astype(np.float32) + 1
        y, indices = nn.MaxPool2d(kernel, stride, return_indices=True)(from_numpy(x))
        back = nn.MaxUnpool2d(kernel, stride)(y, indices, output_size=x.shape[2:]).numpy()
        expected = np.zeros_like(x)
        for n, c, i, j in np.ndindex(*y.shape):
            window = x[n, c, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            expected[n, c] += np.where(x[n, c] == window.max(), x[n, c], 0)
        wrong += int((back != expected).sum())
    figures.append(exactly("un-pooling: numbers that differ", wrong, 0))

    image = some_digits(1, 1).x_test
    small, indices = nn.MaxPool2d(4, return_indices=True)(from_numpy(image))
    images = {"image 28x28": image[0, 0], "max-pooled to 7x7": small.numpy()[0, 0]}
    images["un-pooled"] = nn.MaxUnpool2d(4)(small, indices).numpy()[0, 0]
    for mode in ("nearest", "bilinear", "bicubic"):
        images[mode] = functional.interpolate(small, size=(28, 28), mode=mode).numpy()[0, 0]
    return Result(tuple(figures), {"images": images})


def _resized(x: np.ndarray, out: list[int], mode: str, corners: bool) -> np.ndarray:
    """Separable: y = rows @ x @ columns.T, in float64."""
    rows, columns = (_weights(n, m, mode, corners) for n, m in zip(x.shape[2:], out, strict=True))
    return np.einsum("ij,ncjk,lk->ncil", rows, x.astype(np.float64), columns)


def _weights(n: int, m: int, mode: str, corners: bool) -> np.ndarray:
    """(m, n): how much each of n inputs counts for each of m outputs."""
    matrix = np.zeros((m, n))
    kernel: Callable[[float], float] = _tent if mode == "bilinear" else _cubic
    for i in range(m):
        if mode == "nearest":
            matrix[i, i * n // m] = 1
            continue
        if corners:
            at = i * (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            at = (i + 0.5) * n / m - 0.5
        if mode == "bilinear":
            at = max(at, 0.0)
        for j in range(math.floor(at) - 1, math.floor(at) + 3):
            matrix[i, min(max(j, 0), n - 1)] += kernel(abs(at - j))
    return matrix


def _tent(t: float) -> float:
    return max(1 - t, 0.0)


def _cubic(t: float, a: float = -0.75) -> float:
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0
