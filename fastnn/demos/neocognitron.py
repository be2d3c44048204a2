"""Row 66: the neocognitron reads digits, and what its C-cells are for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Neocognitron
from ..lab import shift
from ._registry import Result, at_least, below, demo, told
from ._steps import some_digits

_SHOWN = 6  # planes of a layer in the picture


def _draw(figure: Any, *, layers: list, features: np.ndarray, falls: dict, reads: str) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    left.suptitle(f"one digit through the layers; {reads}", fontsize=10)
    grid = left.subplots(len(layers), _SHOWN)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_frame_on(False)
    for row, (name, planes) in zip(grid, layers, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for axes, plane in zip(row, planes, strict=False):
            axes.imshow(plane, cmap="gray", vmin=0, vmax=max(float(np.max(planes)), 1e-6))
    top, bottom = right.subfigures(2, 1, height_ratios=(1.6, 1))
    axes = top.subplots()
    for (name, accuracy), mark in zip(falls.items(), "os", strict=True):
        axes.plot(range(len(accuracy)), accuracy, mark + "-", label=name)
    axes.axhline(0.8, color="black", lw=1, ls=":", label="bar 0.80, not shifted")
    axes.set_xticks(range(len(next(iter(falls.values())))))
    axes.set_xlabel("shift in pixels (mean of up, down, left, right)")
    axes.set_ylabel("test accuracy")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    bottom.suptitle("what the S1 planes have learned: on- minus off-centre", fontsize=10)
    limit = np.abs(features).max((1, 2))
    for axes, feature, most in zip(bottom.subplots(2, 8).flat, features, limit, strict=False):
        axes.imshow(feature, cmap="RdBu_r", vmin=-most, vmax=most)
    for axes in bottom.axes:
        axes.axis("off")


@demo(
    66,
    name="neocognitron",
    title="The neocognitron: S-cells, C-cells, no back-propagation",
    bar="test accuracy on 28x28 digits at least 0.80; shifted by 1 and by 2 pixels it falls less "
    "with C-cells than without",
    draw=_draw,
    size=(13, 7),
    seconds=(36, 5),
    source="Fukushima 1980, doi:10.1007/BF00344251; 2003, doi:10.1016/S0925-2312(02)00614-8",
)
def neocognitron(quick: bool, seed: int) -> Result:
    """The ancestor of convolutional networks (1980) reads handwritten digits: S-cells find
    features, C-cells forget exactly where, and learning is a competition in which the winner copies
    what it sees, so no error is sent back. Without C-cells such a network reads digits at rest and
    is lost when they move.

    S-cells answer the feature that their plane has learned, wherever it is; C-cells see a window of
    S-cells and do not care where in it. Popular accounts call it a convolutional network with
    max-pooling: but no error is sent back, the winner of a competition copies what it sees into the
    weights of its plane; C-cells take a saturating weighted sum; and an S-cell divides by what it
    sees, so that it answers a match, not a bright spot. Without C-cells each layer hands on the one
    S-cell in the middle. (It is given other thresholds, the best for it: with the same ones it
    would fail at rest too.) With C-cells the worst shift is 2 pixels, half of the 4 between
    neighbours in the last layer.
    """
    n_train, n_test, n_moved, far = (600, 500, 200, 2) if quick else (2000, 1500, 500, 4)
    d = some_digits(n_train, n_test)
    falls: dict[str, list[float]] = {}
    models: dict[str, Neocognitron] = {}
    settings: dict[str, dict[str, Any]] = {
        "with C-cells": {},
        "without C-cells": {"c_cells": False, "thresholds": (0.3, 0.3)},  # the best for it
    }
    for name, values in settings.items():
        model = Neocognitron(random_state=seed, **values).fit(d.x_train, d.y_train)
        x, y = d.x_test[:n_moved], d.y_test[:n_moved]
        falls[name] = [model.score(x, y)]
        for by in range(1, far + 1):
            moves = ((by, 0), (-by, 0), (0, by), (0, -by))
            falls[name].append(float(np.mean([model.score(shift(x, *to), y) for to in moves])))
        models[name] = model
    model = models["with C-cells"]
    accuracy = model.score(d.x_test, d.y_test)
    lost, lost_without = ([a[0] - a[by] for by in (1, 2)] for a in falls.values())
    example = d.x_test[:1]
    answers = model.responses(example)
    layers = [("input", example[0]), ("G: contrast", answers["G"][0])]
    for i in (1, 2):
        strong = answers[f"S{i}"][0].max((1, 2))
        some = np.sort(np.argsort(-strong, kind="stable")[:_SHOWN])
        layers += [(f"{cell}{i}", answers[f"{cell}{i}"][0][some]) for cell in "SC"]
    a = model.layers_[0].a
    reads = f"C3 reads {model.predict(example)[0]}, it is {d.y_test[0]}"
    return Result(
        (
            at_least("test accuracy", accuracy, 0.80),
            told("not shifted, without C-cells", falls["without C-cells"][0]),
            below("lost by 1 pixel, with C-cells", lost[0], lost_without[0]),
            below("lost by 2 pixels, with C-cells", lost[1], lost_without[1]),
            *(told(f"planes of S{i + 1}", layer.n_planes) for i, layer in enumerate(model.layers_)),
            told("labelled planes of S3", model.top_.n_planes),
        ),
        {"layers": layers, "features": a[:, 0] - a[:, 1], "falls": falls, "reads": reads},
    )
