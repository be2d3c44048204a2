"""Row 78: a convolution is a dense layer most of whose weights are fixed at 0 or tied."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad
from ._registry import Result, at_most, demo, exactly
from ._steps import relative_error, some_digits


def _draw(figure: Any, *, matrix: np.ndarray, kernel: np.ndarray) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 3))
    limit = np.abs(kernel).max()
    left.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for (i, j), value in np.ndenumerate(kernel):
        left.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=9,
                  color="white" if abs(value) > 0.6 * limit else "black")  # fmt: skip
    left.set_title("the kernel: 9 weights", fontsize=10)
    left.axis("off")
    right.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    right.set_title("the same layer as a matrix, for 8x8 images: a row per output,\n"
                    "white is 0, each colour is one of the 9", fontsize=10)  # fmt: skip
    right.set_xlabel("input pixel")
    right.set_ylabel("output pixel")


@demo(
    78,
    name="infinite-prior",
    title="A convolution is a dense layer with a strong opinion",
    bar="the dense matrix with zeros outside the field and ties inside gives the convolution's "
    "output within 1e-5; its distinct weights are the kernel's",
    draw=_draw,
    size=(11, 4.5),
    seconds=(1, 1),
    source="Goodfellow, Bengio, Courville 2016, Deep Learning, section 9.4, ISBN 978-0-262-03561-3",
)
def infinite_prior(quick: bool, seed: int) -> Result:
    """A convolution is a dense layer in which most weights are fixed at 0 and the others are tied
    to be equal: written as one large matrix it gives the same output. It is as if one were
    infinitely sure of that before seeing any data, which helps where it is true and harms where it
    is not.

    A dense layer could learn what a convolution computes. The convolution has it built in, as if by
    an infinitely strong prior: a weight outside the receptive field is 0 whatever the data say, and
    weights at the same offset are equal. Where that opinion is wrong, the layer underfits.
    """
    figures = []
    shown: dict[str, Any] = {}
    cases: dict[str, tuple[int, int, int, dict[str, Any]]] = {
        "8x8": (1, 1, 8, {}),
        "strided, 3 to 4 channels": (3, 4, 11, {"stride": 2, "padding": 1}),
        "dilated, digits": (1, 2, 28, {"dilation": 2, "padding": 2}),
    }
    rng = np.random.default_rng(seed)
    for name, (n_in, n_out, side, settings) in cases.items():
        layer = nn.Conv2d(n_in, n_out, 3, **settings)
        x = rng.standard_normal((4, n_in, side, side)).astype(np.float32)
        if side == 28:
            x = some_digits(1, 4).x_test
        with no_grad():
            y = layer(from_numpy(x)).numpy()
            matrix = _matrix(layer, side, y.shape[2])
            dense = nn.Linear(*matrix.shape[::-1])
            dense.weight.copy_(from_numpy(matrix))
            dense.bias.copy_(
                from_numpy(np.repeat(layer.bias.detach().numpy(), y.shape[2] * y.shape[3]))
            )
            z = dense(from_numpy(x.reshape(len(x), -1))).numpy()
        error = relative_error(z.reshape(y.shape), y.astype(np.float64))
        figures.append(at_most(f"{name}: relative error", error, 1e-5))
        ties = len(np.unique(matrix[matrix != 0]))
        figures.append(exactly(f"{name}: distinct weights", ties, 9 * n_in * n_out))
        shown = shown or {"matrix": matrix, "kernel": layer.weight.detach().numpy()[0, 0]}
    return Result(tuple(figures), shown)


def _matrix(layer: nn.Conv2d, side: int, out: int) -> np.ndarray:
    """(C_out * out * out, C_in * side * side): the kernel's weights where the output sees them."""
    weight = layer.weight.detach().numpy()
    (step, _), (pad, _), (spread, _) = layer.stride, layer.padding, layer.dilation
    n_out, n_in, kernel, _ = weight.shape
    matrix = np.zeros((n_out, out, out, n_in, side, side), np.float32)
    for i, j, a, b in np.ndindex(out, out, kernel, kernel):
        row, column = i * step + a * spread - pad, j * step + b * spread - pad
        if 0 <= row < side and 0 <= column < side:
            matrix[:, i, j, :, row, column] = weight[:, :, a, b]
    return matrix.reshape(n_out * out * out, -1)
