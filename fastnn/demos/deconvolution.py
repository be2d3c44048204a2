"""Row 84: the transposed convolution is the adjoint of the convolution."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import from_numpy, functional, nn, no_grad, tensor
from ._registry import Result, at_most, demo, told
from ._steps import relative_error


def _draw(figure: Any, *, small: np.ndarray, prints: dict, errors: list) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    grid = top.subplots(1, 1 + len(prints))
    grid[0].imshow(small, cmap="Blues", vmin=0, vmax=1)
    grid[0].set_title("x: three pixels are on", fontsize=10)
    for axes, (name, y) in zip(grid[1:], prints.items(), strict=True):
        axes.imshow(y, cmap="Blues", vmin=0)
        axes.set_title(name, fontsize=10)
    for axes in grid:
        axes.set_xticks([])
        axes.set_yticks([])
    axes = bottom.subplots()
    axes.plot(errors, ".")
    axes.axhline(1e-5, color="black", lw=1)
    axes.text(0, 1.2e-5, "bar", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(1e-10, 1e-4)
    axes.set_xlabel("combination of stride, padding, output padding, dilation, groups")
    axes.set_ylabel("<Cx, y> against <x, C'y>")


@demo(
    84,
    name="deconvolution",
    title="Transposed convolution: every pixel leaves a print of the kernel",
    bar="<Cx, y> = <x, C'y> within 1e-5 of |Cx| |y| for every stride, padding, output padding, "
    "dilation and groups tried; the layer equals a direct float64 loop within 1e-6, relative to "
    "the largest value",
    draw=_draw,
    size=(11, 6.5),
    seconds=(1, 1),
    source="Zeiler, Krishnan, Taylor, Fergus 2010, doi:10.1109/CVPR.2010.5539957; Dumoulin and "
    "Visin 2016, arXiv:1603.07285",
)
def deconvolution(quick: bool, seed: int) -> Result:
    """A transposed convolution makes a large map of a small one: every pixel leaves a print of the
    kernel, and the prints add up where they overlap. It is often called deconvolution, which it is
    not: it does not undo a convolution, it is the matrix of one, transposed.

    Output padding chooses among the sizes that one stride maps to the same small size.
    """
    rng = np.random.default_rng(seed)
    errors, loop_errors = [], []
    for stride, padding, dilation, groups in itertools.product(
        (1, 2, 3), (0, 1, 2), (1, 2), (1, 2)
    ):
        for extra in range(max(stride, dilation)):  # so many output paddings are allowed
            layer = nn.ConvTranspose2d(
                4, 6, (3, 2), stride, padding, extra, groups, False, dilation
            )
            weight = layer.weight.detach()
            small = rng.standard_normal((2, 4, 5, 6)).astype(np.float32)
            with no_grad():
                large = layer(from_numpy(small)).numpy()
            x = rng.standard_normal(large.shape).astype(np.float32)
            cx = functional.conv2d(
                from_numpy(x), weight, stride=stride, padding=padding, dilation=dilation,
                groups=groups,
            ).numpy()[:, :, :5, :6].astype(np.float64)  # fmt: skip
            one, other = (cx * small).sum(), (x.astype(np.float64) * large).sum()
            errors.append(abs(one - other) / (np.linalg.norm(cx) * np.linalg.norm(small)))
            expected = _loop(small, weight.numpy(), large.shape, stride, padding, dilation, groups)
            loop_errors.append(relative_error(large, expected))
    spots = np.zeros((1, 1, 5, 5), np.float32)
    spots[0, 0, [1, 1, 3], [1, 2, 3]] = 1
    prints = {}
    for stride in (1, 2, 3):
        layer = nn.ConvTranspose2d(1, 1, 3, stride, bias=False)
        with no_grad():
            layer.weight.copy_(tensor(np.array([[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]], np.float32)))
            y = layer(from_numpy(spots)).numpy()[0, 0]
        prints[f"stride {stride}: {len(y)}x{len(y)}"] = y
    return Result(
        (
            at_most("adjoint: largest error", max(errors), 1e-5),
            at_most("direct loop: largest relative error", max(loop_errors), 1e-6),
            told("combinations", len(errors)),
        ),
        {"small": spots[0, 0], "prints": prints, "errors": errors},
    )


def _loop(x, weight, shape, stride, padding, dilation, groups):
    """y in float64: every pixel of x leaves its print of the kernel, one product at a time; what
    falls into the padding is lost."""
    x, weight, y = x.astype(np.float64), weight.astype(np.float64), np.zeros(shape)
    n_in, n_out, kh, kw = weight.shape  # n_out: of one group
    for n, c, i, j in np.ndindex(x.shape):
        first = c // (n_in // groups) * n_out
        for a, b in np.ndindex(kh, kw):
            row = i * stride + a * dilation - padding
            column = j * stride + b * dilation - padding
            if 0 <= row < shape[2] and 0 <= column < shape[3]:
                for o in range(n_out):
                    y[n, first + o, row, column] += x[n, c, i, j] * weight[c, o, a, b]
    return y
