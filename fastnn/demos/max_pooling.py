"""Row 80: max-pooling, its value and where the gradient goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, tensor
from ._registry import Result, demo, exactly, told
from ._steps import some_digits


def _draw(figure: Any, *, x: np.ndarray, y: np.ndarray, dx: np.ndarray, image: np.ndarray,
          pooled: np.ndarray) -> None:  # fmt: skip
    grid = figure.subplots(1, 5, width_ratios=(4, 3, 4, 4, 4))
    titles = ("x", "y: largest of each 2x2", "gradient of x,\nfor dy = 1 everywhere")
    for axes, values, title in zip(grid, (x, y, dx), titles, strict=False):
        axes.imshow(values, cmap="Blues", vmin=0, vmax=12)
        for (i, j), value in np.ndenumerate(values):
            axes.text(j, i, f"{value:.0f}", ha="center", va="center",
                      color="white" if value > 7 else "black")  # fmt: skip
        for k in range(2, len(values), 2 if title[0] != "y" else len(values)):
            axes.axhline(k - 0.5, color="red", lw=2)
            axes.axvline(k - 0.5, color="red", lw=2)
        axes.set_title(title, fontsize=10)
    grid[3].imshow(image, cmap="gray")
    grid[3].set_title("a digit, 28x28", fontsize=10)
    grid[4].imshow(pooled, cmap="gray")
    grid[4].set_title("pooled twice, 7x7", fontsize=10)
    for axes in grid:
        axes.axis("off")


@demo(
    80,
    name="max-pooling",
    title="Max-pooling keeps the largest and sends the gradient there",
    bar="values and gradients equal a direct loop exactly in 8 settings, with and without ties; of "
    "equal maxima the first, row by row, gets the gradient",
    draw=_draw,
    size=(12, 3.4),
    seconds=(1, 1),
    source="Yamaguchi et al. 1990, ICSLP (max-pooling over time); Weng, Ahuja, Huang 1992 "
    "(Cresceptron), doi:10.1109/IJCNN.1992.287150",
)
def max_pooling(quick: bool, seed: int) -> Result:
    """Max-pooling makes an image smaller: of each window it keeps the largest value.
    Back-propagation sends the window's gradient to the pixel that gave this value and nothing to
    the others, and both are exactly what a plain loop gives.

    If several are equal, the first one in reading order gets all of it: sharing it out would be as
    right, but another function.
    """
    rng = np.random.default_rng(seed)
    settings = [(2, 2, 0), (3, 2, 0), (3, 2, 1), (2, 1, 0), (3, 1, 1), (3, 3, 1), (2, 3, 0),
                (5, 2, 2)]  # fmt: skip
    wrong_values = wrong_gradients = 0
    for kernel, stride, padding in settings:
        for x in (
            rng.standard_normal((2, 3, 11, 10)).astype(np.float32),
            rng.integers(0, 3, (2, 3, 11, 10)).astype(np.float32),  # ties everywhere
        ):
            xt = tensor(x, requires_grad=True)
            y = nn.MaxPool2d(kernel, stride, padding)(xt)
            dy = rng.integers(-8, 9, tuple(y.shape)).astype(np.float32)  # their sums are exact
            y.backward(from_numpy(dy))
            values, gradients = _loop(x, dy, kernel, stride, padding)
            wrong_values += int((y.detach().numpy() != values).sum())
            wrong_gradients += int((xt.grad.numpy() != gradients).sum())
    x = rng.integers(0, 10, (1, 1, 6, 6)).astype(np.float32)
    x[0, 0, :2, :2] = 9  # a tie: the first of the four wins
    xt = tensor(x, requires_grad=True)
    y = nn.MaxPool2d(2)(xt)
    y.backward(from_numpy(np.ones(tuple(y.shape), np.float32)))
    image = some_digits(1, 1).x_test
    pooled = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2))(from_numpy(image)).numpy()
    alone = np.array_equal(xt.grad.numpy()[0, 0, :2, :2], [[1, 0], [0, 0]])
    return Result(
        (
            exactly("values that differ from the loop", wrong_values, 0),
            exactly("gradients that differ from the loop", wrong_gradients, 0),
            exactly("of four equal maxima the first gets it, and it alone", alone, 1),
            told("settings, each with and without ties", len(settings)),
        ),
        {
            "x": x[0, 0],
            "y": y.detach().numpy()[0, 0],
            "dx": xt.grad.numpy()[0, 0],
            "image": image[0, 0],
            "pooled": pooled[0, 0],
        },
    )


def _loop(x, dy, kernel, stride, padding):
    """Values and gradients, window by window; `>` keeps the first of equals."""
    y, dx = np.empty_like(dy), np.zeros_like(x)
    for n, c, i, j in np.ndindex(dy.shape):
        best, place = -np.inf, (0, 0)
        for a, b in np.ndindex(kernel, kernel):
            row, column = i * stride + a - padding, j * stride + b - padding
            inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
            if inside and x[n, c, row, column] > best:
                best, place = x[n, c, row, column], (row, column)
        y[n, c, i, j] = best
        dx[n, c, *place] += dy[n, c, i, j]
    return y, dx
