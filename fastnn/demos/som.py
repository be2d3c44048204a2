"""Row 96: a self-organising map sorts the digits on a grid, without being told which they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets
from ..classic import SOM
from ._registry import Figure, Result, below, demo, told


def _draw(figure: Any, *, weights: np.ndarray, ridges: np.ndarray, names: np.ndarray,
          start: np.ndarray, curves: dict) -> None:  # fmt: skip
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.15, 1.3, 0.8])
    size = len(names)
    rows = weights.reshape(size, size, 8, 8).transpose(0, 2, 1, 3)
    left.imshow(rows.reshape(8 * size, 8 * size), cmap="gray_r", vmin=0, vmax=1)
    left.set_xticks(np.arange(8, 8 * size, 8) - 0.5, [])
    left.set_yticks(np.arange(8, 8 * size, 8) - 0.5, [])
    left.grid(color="C0", lw=0.8)
    left.tick_params(length=0)
    left.set_title("what each unit stands for:\nneighbours look alike", fontsize=10)
    picture = middle.imshow(ridges, cmap="Greys")
    for (i, j), name in np.ndenumerate(names):
        if name >= 0:
            color = "black" if name == 7 else f"C{name}"  # C7 is grey
            middle.text(j, i, name, color=color, ha="center", va="center", fontweight="bold")
    middle.set_xticks([])
    middle.set_yticks([])
    middle.set_title("U-matrix: dark = far from its neighbours,\na border between kinds of digit; "
                     "labels added afterwards", fontsize=10)  # fmt: skip
    figure.colorbar(picture, ax=middle, shrink=0.6, label="mean distance to adjacent units")
    for rule, errors in curves.items():
        right.plot(errors, "o-", ms=3, label=f"{rule} rule")
    right.axhline(curves["online"][0] / 2, color="black", ls=":", lw=1, label="bar: half")
    right.set_ylim(0)
    right.set_xlabel("epochs, from random weights")
    right.set_title("quantization error: mean distance\nof a digit to its best unit", fontsize=10)
    right.legend(fontsize=8)
    inset = right.inset_axes((0.06, 0.03, 0.3, 0.26))
    inset.imshow(start.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    inset.set_title("a unit at the start", fontsize=8)
    inset.axis("off")


def _majority(units: np.ndarray, y: np.ndarray, n_units: int) -> np.ndarray:
    """The label that most samples of each unit have; -1: no sample."""
    counts = np.zeros((n_units, 10), np.int64)
    np.add.at(counts, (units, y), 1)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


@demo(
    96,
    name="som",
    title="A self-organising map sorts digits without labels",
    bar="online and batch rule, from random weights: quantization error below half of the "
    "untrained map's, topographic error below 0.1",
    draw=_draw,
    size=(14, 5.2),
    seconds=(2, 1),
    source="Kohonen 1982, doi:10.1007/BF00337288; U-matrix: Ultsch and Siemon 1990",
)
def som(quick: bool, seed: int) -> Result:
    """A self-organising map lays digits out on a grid so that similar ones end up side by side,
    though nobody said which digit is which. For each digit the most similar unit and its neighbours
    on the grid become more like it, and the neighbourhood shrinks.

    The labels are only added to the picture. A map is not a clustering: it has no clusters until
    someone reads the ridges of the U-matrix, and what is far apart on it may be near in the data.
    """
    d = datasets.digits8x8()
    x, y = d.x.reshape(len(d.x), -1), d.y
    size, epochs = (12, 10) if quick else (16, 40)
    rng = np.random.default_rng(seed)
    n_units = size * size
    start = rng.random((n_units, x.shape[1]), dtype=np.float32)
    untrained = SOM((size, size), init=start, max_iter=0).fit(x)
    before = untrained.quantization_error(x)
    figures: list[Figure] = [told("untrained: quantization error", before)]
    figures.append(told("untrained: topographic error", untrained.topographic_error(x)))
    curves, maps = {}, {}
    for rule in ("online", "batch"):
        model = SOM((size, size), rule=rule, final_sigma=0.7, init=start, max_iter=epochs)
        curves[rule] = [before]
        for _ in range(epochs):
            model.partial_fit(x[rng.permutation(len(x))])
            curves[rule].append(model.quantization_error(x))
        share = curves[rule][-1] / before
        figures.append(below(f"{rule}: quantization error / untrained", share, 0.5))
        figures.append(below(f"{rule}: topographic error", model.topographic_error(x), 0.1))
        maps[rule] = model
    shown = maps["online"]
    units = shown.predict(x)
    names = _majority(units, y, n_units)
    figures.append(
        told("share of digits like most of their unit", float((names[units] == y).mean()))
    )
    return Result(
        tuple(figures),
        {"weights": shown.weights_, "ridges": shown.u_matrix(), "names": names.reshape(size, size),
         "start": start[0], "curves": curves},
    )  # fmt: skip
