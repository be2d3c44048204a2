"""Row 77: a shifted image gives shifted maps, and a convolutional classifier minds less."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, lab, nn, no_grad
from ..models import MLP, LeNet5
from ._registry import Result, above, at_most, demo, told
from ._steps import fit, relative_error, some_digits


def _draw(figure: Any, *, tests: dict, maps: list) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    left.suptitle("shift the image, and its feature map shifts", fontsize=10)
    grid = left.subplots(2, 2)
    for axes, (name, image) in zip(grid.flat, maps, strict=True):
        axes.imshow(image, cmap="gray" if name.startswith("image") else "RdBu_r")
        axes.set_title(name, fontsize=9)
        axes.axis("off")
    low = min(test.accuracy.min() for test in tests.values())
    for axes, (name, test) in zip(right.subplots(1, 2), tests.items(), strict=True):
        m = len(test.accuracy) // 2
        axes.imshow(test.accuracy, cmap="viridis", vmin=low, vmax=1)
        for (i, j), value in np.ndenumerate(test.accuracy):
            dark = value < (low + 1) / 2
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=9,
                      color="white" if dark else "black")  # fmt: skip
        axes.set_xticks(range(2 * m + 1), range(-m, m + 1))
        axes.set_yticks(range(2 * m + 1), range(-m, m + 1))
        axes.set_xlabel("pixels to the right")
        axes.set_ylabel("pixels down")
        axes.set_title(f"{name}: accuracy in %", fontsize=10)


@demo(
    77,
    name="shift-invariance",
    title="Shifted images: equivariant maps, a steadier classifier",
    bar="conv(shift(x)) equals shift(conv(x)) in the interior within 1e-6; moved by up to 2 "
    "pixels, LeNet-5 loses less accuracy than an MLP",
    draw=_draw,
    size=(12, 5),
    seconds=(8, 3),
    source="Zhang et al. 1990 (SIANN), doi:10.1364/AO.29.004790",
)
def shift_invariance(quick: bool, seed: int) -> Result:
    """Move the image, and what a convolution makes of it moves along, unchanged (it is
    equivariant). A convolutional classifier trained on centred digits therefore loses little when
    they are moved by two pixels, where a plain network loses far more.

    Invariance, where the answer does not change, is what pooling and training make of it, and only
    nearly: a convolutional network still loses accuracy when the digits are moved; for an MLP a
    moved digit is a new pattern.
    """
    d = some_digits(3000 if quick else 8500, 500 if quick else 1500)
    layer = nn.Conv2d(1, 4, 5, padding=2)
    image = d.x_test[:1]
    worst = 0.0
    with no_grad():
        y = layer(from_numpy(image)).numpy()
        for down, right in ((1, 0), (0, 2), (-2, 1), (3, -3)):
            moved = layer(from_numpy(lab.shift(image, down, right))).numpy()
            expected = lab.shift(y, down, right)
            inside = (..., slice(6, -6), slice(6, -6))
            worst = max(worst, relative_error(moved[inside], expected[inside].astype(np.float64)))
        after = layer(from_numpy(lab.shift(image, 5, 5))).numpy()
    tests = {}
    for name, model in (("LeNet-5", LeNet5()), ("MLP 784-128-10", MLP(784, [128], 10))):
        fit(model, d.x_train, d.y_train, epochs=4 if quick else 8, seed=seed)
        tests[name] = lab.shift_test(model, d.x_test, d.y_test, max_shift=2)
    conv, dense = tests.values()
    return Result(
        (
            at_most("equivariance in the interior: relative error", worst, 1e-6),
            above("the MLP's drop above LeNet-5's, points", 100 * (dense.drop - conv.drop), 0),
            told("LeNet-5, unmoved", conv.unshifted),
            told("LeNet-5, mean of the moves", conv.shifted),
            told("MLP, unmoved", dense.unshifted),
            told("MLP, mean of the moves", dense.shifted),
        ),
        {
            "tests": tests,
            "maps": [
                ("image", image[0, 0]), ("a map of it", y[0, 0]),
                ("image, moved by (5, 5)", lab.shift(image, 5, 5)[0, 0]),
                ("map of the moved image", after[0, 0]),
            ],
        },
    )  # fmt: skip
