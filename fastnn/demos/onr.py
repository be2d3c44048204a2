"""Rows 16, 15: optical number recognition, a digit's image in and the digit out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ._digits8 import split
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs


def _draw(figure: Any, *, right: tuple, wrong: tuple) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(2, 1.25))
    top.suptitle("image in, digit out; the bars: how sure it is of each digit", fontsize=10)
    _show(top.subplots(4, 10), *right)
    bottom.suptitle("those of the new images that it reads wrong", fontsize=10, color="C3")
    _show(bottom.subplots(2, 10), *wrong)


def _show(grid: Any, images: np.ndarray, shares: np.ndarray, labels: np.ndarray) -> None:
    for axes in grid.flat:
        axes.axis("off")
    places = [(row, column) for row in range(0, len(grid), 2) for column in range(10)]
    for (row, column), image, share, label in zip(places, images, shares, labels, strict=False):
        axes, below = grid[row, column], grid[row + 1, column]
        axes.imshow(image.reshape(8, 8), cmap="gray_r")
        said = int(share.argmax())
        text = f"{said}" if said == label else f"{said}, is {label}"
        axes.set_title(text, fontsize=11, pad=2, color="black" if said == label else "C3")
        below.bar(range(10), share, color=["C0" if i == said else "gray" for i in range(10)])
        below.axis("on")
        below.set_ylim(0, 1)
        below.set_yticks([])
        below.set_xticks(range(10), [str(i) for i in range(10)], fontsize=6)


@demo(
    16,
    15,
    name="onr",
    title="A digit's image in, the digit out",
    bar="at least 0.97 of 500 new 8x8 digits are read right",
    draw=_draw,
    size=(12, 7),
    seconds=(3, 2),
    source="LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541; Alpaydin and Kaynak 1998, "
    "doi:10.24432/C50P49",
)
def onr(quick: bool, seed: int) -> Result:
    """A small network gets the 64 pixels of a handwritten digit and gives ten numbers, of which the
    largest names the digit. It reads nearly all of 500 digits that it has not seen before; the ones
    that it gets wrong are shown.

    It is a network of the classifying kind. The other kind, the associating one, gives an image for
    an image (rows `hir`, `hopfield`). The ten outputs after softmax add up to 1, but they say how
    sure the network is, not how often it is right: of the wrong answers it is quite sure of some,
    and it would name a digit for a picture of a cat too.
    """
    d = split(seed)
    x_train, x_test = (x.reshape(-1, 1, 8, 8) for x in (d.x_train, d.x_test))
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    fit(model, x_train, d.y_train, epochs=18 if quick else 25, seed=seed)
    shares = _softmax(outputs(model, x_test))
    said = shares.argmax(axis=1)
    right, wrong = np.flatnonzero(said == d.y_test), np.flatnonzero(said != d.y_test)
    return Result(
        (
            at_least("new digits read right", float((said == d.y_test).mean()), 0.97),
            told("mean share of the digit named", float(shares.max(axis=1).mean())),
        ),
        {name: (d.x_test[which], shares[which], d.y_test[which])
         for name, which in (("right", right[:20]), ("wrong", wrong[:10]))},
    )  # fmt: skip


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
