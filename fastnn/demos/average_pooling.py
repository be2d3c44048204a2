"""Row 81: average pooling, with the padding counted and not."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, tensor
from ._registry import Result, demo, exactly, told


def _draw(figure: Any, *, x: np.ndarray, counted: np.ndarray, left_out: np.ndarray) -> None:
    grid = figure.subplots(1, 3, width_ratios=(4, 3, 3))
    titles = ("x: all 8, with padding 1 around", "count_include_pad=True:\nthe border fades",
              "count_include_pad=False:\nthe border stays")  # fmt: skip
    for axes, values, title in zip(grid, (np.pad(x, 1), counted, left_out), titles, strict=True):
        axes.imshow(values, cmap="Blues", vmin=0, vmax=11)
        for (i, j), value in np.ndenumerate(values):
            axes.text(j, i, f"{value:g}", ha="center", va="center",
                      color="white" if value > 6 else "black")  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.axis("off")
    side = len(x)
    grid[0].plot([0.5, side + 0.5, side + 0.5, 0.5, 0.5], [0.5, 0.5, side + 0.5, side + 0.5, 0.5],
                 color="red", lw=2)  # fmt: skip


@demo(
    81,
    name="average-pooling",
    title="Average pooling, with the padding counted and not",
    bar="values and gradients equal a direct loop exactly in 8 settings, each with "
    "count_include_pad True and False (on numbers whose sums are exact; windows of 1, 2, 4, 8 "
    "elements)",
    draw=_draw,
    size=(9, 4),
    seconds=(1, 1),
    source="Fukushima 1980 (C-cells), doi:10.1007/BF00344251; LeCun et al. 1989, "
    "doi:10.1162/neco.1989.1.4.541",
)
def average_pooling(quick: bool, seed: int) -> Result:
    """Average pooling makes an image smaller: each window gives its mean, and its gradient goes to
    all of its pixels in equal parts. At the border the padding's zeros may count, which darkens the
    border, or be left out, and both are exactly what a plain loop gives.

    The windows at the border reach into the padding. PyTorch counts its zeros unless told
    otherwise, TensorFlow does not.
    """
    rng = np.random.default_rng(seed)
    settings = [((2, 2), (2, 2), (0, 0)), ((2, 2), (1, 1), (1, 1)), ((2, 4), (2, 2), (1, 2)),
                ((4, 2), (3, 1), (2, 1)), ((1, 2), (1, 2), (0, 1)), ((4, 2), (4, 2), (0, 0)),
                ((2, 1), (1, 2), (1, 0)), ((1, 4), (1, 1), (0, 2))]  # fmt: skip
    wrong = {True: 0, False: 0}
    for counted in wrong:
        for kernel, stride, padding in settings:
            x = rng.integers(-9, 10, (2, 3, 9, 10)).astype(np.float32) * 24  # 24 / 3, / 6: exact
            xt = tensor(x, requires_grad=True)
            y = nn.AvgPool2d(kernel, stride, padding, count_include_pad=counted)(xt)
            dy = rng.integers(-9, 10, tuple(y.shape)).astype(np.float32) * 24
            y.backward(from_numpy(dy))
            values, gradients = _loop(x, dy, kernel, stride, padding, counted)
            wrong[counted] += int((y.detach().numpy() != values).sum())
            wrong[counted] += int((xt.grad.numpy() != gradients).sum())
    x = np.full((1, 1, 4, 4), 8, np.float32)
    counted_y, left_out = (
        nn.AvgPool2d(2, 2, 1, count_include_pad=c)(from_numpy(x)).numpy()[0, 0]
        for c in (True, False)
    )
    return Result(
        (
            exactly("padding counted: numbers that differ", wrong[True], 0),
            exactly("padding left out: numbers that differ", wrong[False], 0),
            exactly("8 in a corner, padding counted", counted_y[0, 0], 2),
            exactly("8 in a corner, padding left out", left_out[0, 0], 8),
            told("settings", len(settings)),
        ),
        {"x": x[0, 0], "counted": counted_y, "left_out": left_out},
    )


def _loop(x, dy, kernel, stride, padding, counted):
    y, dx = np.empty_like(dy), np.zeros_like(x)
    for n, c, i, j in np.ndindex(dy.shape):
        places = []
        for a, b in np.ndindex(kernel):
            row, column = i * stride[0] + a - padding[0], j * stride[1] + b - padding[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                places.append((n, c, row, column))
        divisor = kernel[0] * kernel[1] if counted else len(places)
        y[n, c, i, j] = sum(x[place] for place in places) / divisor
        for place in places:
            dx[place] += dy[n, c, i, j] / divisor
    return y, dx
