"""Row 67: every setting of a convolution against a direct loop."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import from_numpy, functional, tensor
from ._registry import Result, at_most, demo, told
from ._steps import relative_error, some_digits

_STRIDES, _PADDINGS, _DILATIONS, _GROUPS = (1, 2, 3), (0, 1, 2), (1, 2), (1, 2, 4)
_SHOWN: dict[str, dict[str, Any]] = {
    "plain": {},
    "padding 2": {"padding": 2},
    "stride 2": {"stride": 2},
    "dilation 3": {"dilation": 3},
}


def _draw(figure: Any, *, image: np.ndarray, results: list, errors: dict) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1))
    grid = top.subplots(1, 1 + len(results))
    grid[0].imshow(image, cmap="gray")
    grid[0].set_title("image 28x28", fontsize=10)
    for axes, (name, result) in zip(grid[1:], results, strict=True):
        limit = np.abs(result).max()
        axes.imshow(result, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(f"{name}: {result.shape[0]}x{result.shape[1]}", fontsize=10)
    for axes in grid:
        axes.axis("off")
    axes = bottom.subplots()
    for name, values in errors.items():
        axes.plot(values, ".", label=name)
    axes.axhline(1e-6, color="black", lw=1)
    axes.text(0, 1.1e-6, "bar", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(1e-8, 4e-6)
    axes.set_xlabel("combination of stride, padding, dilation, groups")
    axes.set_ylabel("relative error")
    axes.legend(ncols=3, loc="lower right")


@demo(
    67,
    name="convolution",
    title="Convolution equals the direct loop, in every setting",
    bar="54 combinations of stride, padding, dilation and groups: output and both gradients within "
    "1e-6 of a direct float64 loop, relative to the largest value",
    draw=_draw,
    size=(10, 6),
    seconds=(3, 3),
    source="LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541; "
    "Dumoulin and Visin 2016, arXiv:1603.07285",
)
def convolution(quick: bool, seed: int) -> Result:
    """A convolution slides a small kernel of weights over an image and sums up the products at each
    place. The library's fast version, blocked and vectorised, is compared with a plain loop over
    the formula in every combination of settings, with its gradients.

    y[o, i, j] = sum of weight[o, c, a, b] x[c, i s + a d - p, j s + b d - p]. It is a
    cross-correlation: the kernel is not flipped. The name has stuck.
    """
    rng = np.random.default_rng(seed)
    errors: dict[str, list[float]] = {"output": [], "dx": [], "dweight": []}
    for stride, padding, dilation, groups in itertools.product(
        _STRIDES, _PADDINGS, _DILATIONS, _GROUPS
    ):
        x = rng.standard_normal((2, 4, 7, 6)).astype(np.float32)
        weight = rng.standard_normal((4, 4 // groups, 3, 2)).astype(np.float32)
        xt, wt = tensor(x, requires_grad=True), tensor(weight, requires_grad=True)
        y = functional.conv2d(
            xt, wt, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
        dy = rng.standard_normal(y.shape).astype(np.float32)
        y.backward(from_numpy(dy))
        expected = _loop(x, weight, dy, stride, padding, dilation, groups)
        found = y.detach().numpy(), xt.grad.numpy(), wt.grad.numpy()
        for name, mine, true in zip(errors, found, expected, strict=True):
            errors[name].append(relative_error(mine, true))
    image = some_digits(1, 1).x_test
    edge = np.array([[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]], np.float32)  # Sobel
    results = [
        (name, functional.conv2d(from_numpy(image), from_numpy(edge), **settings).numpy()[0, 0])
        for name, settings in _SHOWN.items()
    ]
    return Result(
        (
            *(at_most(f"largest relative error, {k}", max(v), 1e-6) for k, v in errors.items()),
            told("combinations", len(errors["output"])),
        ),
        {"image": image[0, 0], "results": results, "errors": errors},
    )


def _loop(x, weight, dy, stride, padding, dilation, groups):
    """y, dx, dweight in float64: for every output and every weight one product."""
    x, weight, dy = (a.astype(np.float64) for a in (x, weight, dy))
    n_images, _, height, width = x.shape
    n_out, n_in, kh, kw = weight.shape
    y, dx, dweight = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(weight)
    for n, o, i, j in np.ndindex(dy.shape):
        first = o // (n_out // groups) * n_in
        for c, a, b in np.ndindex(n_in, kh, kw):
            row = i * stride + a * dilation - padding
            column = j * stride + b * dilation - padding
            if 0 <= row < height and 0 <= column < width:
                pixel = n, first + c, row, column
                y[n, o, i, j] += weight[o, c, a, b] * x[pixel]
                dx[pixel] += weight[o, c, a, b] * dy[n, o, i, j]
                dweight[o, c, a, b] += x[pixel] * dy[n, o, i, j]
    return y, dx, dweight
