"""Row 72: a convolution over several channels is the sum of those over each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad
from ._registry import Result, at_most, demo, exactly
from ._steps import relative_error


def _draw(figure: Any, *, image: np.ndarray, parts: np.ndarray, total: np.ndarray) -> None:
    grid = figure.subplots(2, 4)
    limit = max(np.abs(parts).max(), np.abs(total).max())
    signed = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    for k, (name, colours) in enumerate((("red", "Reds"), ("green", "Greens"), ("blue", "Blues"))):
        grid[0, k].imshow(image[k], cmap=f"{colours}_r", vmin=0, vmax=1.3)
        grid[0, k].set_title(f"channel {name}")
        grid[1, k].imshow(parts[k], **signed)
        grid[1, k].set_title(f"its convolution  {'++='[k]}")
    grid[0, 3].imshow(image.transpose(1, 2, 0))
    grid[0, 3].set_title("image 3x48x48")
    grid[1, 3].imshow(total, **signed)
    grid[1, 3].set_title("the convolution of all")
    for axes in grid.flat:
        axes.axis("off")


@demo(
    72,
    name="channels",
    title="Several channels: one kernel slice for each, summed",
    bar="with 3 (RGB) and 4 (ARGB) channels the result is within 1e-6 of the sum of the channels' "
    "own convolutions; weights are [out, in, kh, kw]",
    draw=_draw,
    size=(10, 5.5),
    seconds=(1, 1),
    source="LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791",
)
def channels(quick: bool, seed: int) -> Result:
    """A colour image has several channels, and a kernel has one slice of weights for each. The
    slices' results add up to one map, which no longer says what came from which colour; the sum
    of separate convolutions gives the same numbers.

    An RGB image is 3 x h x w, one with transparency (ARGB) 4 x h x w. The kernel still slides in
    two directions only, hence the name Conv2d. Colour is not lost by adding up:
    another kernel, with other weights for the channels, makes another map.
    """
    image = _scene()
    alpha = np.full((1, 48, 48), 0.5, np.float32)
    figures = []
    picture: dict[str, Any] = {}
    for name, x in (("RGB", image), ("ARGB", np.concatenate([alpha, image]))):
        n = len(x)
        layer = nn.Conv2d(n, 5, (3, 2), bias=False)
        shape = tuple(layer.weight.shape)
        figures.append(exactly(f"{name}: weights are [5, {n}, 3, 2]", shape == (5, n, 3, 2), 1))
        with no_grad():
            y = layer(from_numpy(x[None])).numpy()[0]
            parts = []
            for k in range(n):
                single = nn.Conv2d(1, 5, (3, 2), bias=False)
                single.weight.copy_(from_numpy(layer.weight.detach().numpy()[:, k : k + 1].copy()))
                parts.append(single(from_numpy(x[None, k : k + 1].copy())).numpy()[0])
        total = np.sum(np.array(parts, np.float64), axis=0)
        figures.append(at_most(f"{name}: relative error", relative_error(y, total), 1e-6))
        if not picture:
            picture = {"image": x, "parts": np.array(parts)[:, 0], "total": y[0]}
    return Result(tuple(figures), picture)


def _scene() -> np.ndarray:
    """(3, 48, 48): a red disc, a green square and a blue triangle that overlap."""
    rows, columns = np.indices((48, 48))
    image = np.full((3, 48, 48), 0.08, np.float32)
    image[0, (rows - 17) ** 2 + (columns - 17) ** 2 < 130] = 1
    image[1, (abs(rows - 20) < 11) & (abs(columns - 32) < 11)] = 0.9
    image[2, (rows > 20) & (rows < 44) & (abs(columns - 24) < (rows - 20) * 0.8)] = 1
    return image
