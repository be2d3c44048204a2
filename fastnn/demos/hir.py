"""Row 18: a dirty image in, the nearest learned image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Hopfield
from ._digits8 import flip, prototypes
from ._registry import Result, at_least, demo, exactly, told

_SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def _draw(figure: Any, *, dirty: np.ndarray, recalled: np.ndarray, curve: list) -> None:
    pictures, right = figure.subfigures(1, 2, width_ratios=[1.6, 1])
    all_axes = pictures.subplots(4, 5)
    for i in range(10):
        for row, picture in ((i // 5 * 2, dirty[i]), (i // 5 * 2 + 1, recalled[i])):
            axes = all_axes[row, i % 5]
            axes.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
    for row in range(4):
        all_axes[row, 0].set_ylabel("out" if row % 2 else "in", rotation=0, ha="right")
    axes = right.subplots()
    flips, exact, class_ = zip(*curve, strict=True)
    axes.plot(flips, exact, "o-", label="the very image")
    axes.plot(flips, class_, "s--", label="nearest to the right image")
    axes.axhline(0.9, color="black", ls=":", lw=1, label="bar at 0.1")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("share of flipped elements")
    axes.set_title("share of 1,000 dirty images", fontsize=10)
    axes.legend(fontsize=8)


@demo(
    18,
    name="hir",
    title="Dirty image in, nearest learned image out",
    bar="ten digits learned; with 6 of 64 elements flipped the very image comes out in 0.90 of "
    "cases, and each learned image comes out as itself",
    draw=_draw,
    size=(12, 5),
    seconds=(0.5, 0.4),
    source="Hopfield 1982, doi:10.1073/pnas.79.8.2554; Personnaz, Guyon, Dreyfus 1985, "
    "doi:10.1051/jphyslet:01985004608035900",
)
def hir(quick: bool, seed: int) -> Result:
    """A Hopfield network has learned ten images of digits; given one with some pixels flipped, it
    changes pixels until it rests in the image it was made from. It is a memory addressed by
    content: no list is searched, there are only weights between pixels.

    Nobody tells it which image is meant. What comes out need not be a learned image: the network
    also rests in mixtures of them, the more often the dirtier the input is.
    """
    rng = np.random.default_rng(seed)
    digits = prototypes()
    network = Hopfield("pseudoinverse", random_state=seed).fit(digits)
    meant = np.repeat(np.arange(10), 100)
    curve = []
    shown = digits, digits
    for share in _SHARES:
        dirty = flip(digits[meant], round(64 * share), rng)
        found = network.predict(dirty)
        exact = (found == digits[meant]).all(axis=1)
        nearest = (found @ digits.T).argmax(axis=1)
        curve.append((share, float(exact.mean()), float((nearest == meant).mean())))
        if share == 0.1:
            shown = dirty[::100], found[::100]
    at_tenth = dict((share, exact) for share, exact, _ in curve)[0.1]
    return Result(
        (
            exactly("learned images that come out as themselves", network.score(digits, digits), 1),
            at_least("6 of 64 flipped: the very image", at_tenth, 0.9),
            told("19 of 64 flipped: the very image", curve[-1][1]),
            told("19 of 64 flipped: nearest to the right one", curve[-1][2]),
        ),
        {"dirty": shown[0], "recalled": shown[1], "curve": curve},
    )
