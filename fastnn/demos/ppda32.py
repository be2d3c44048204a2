"""Row 17: a point's coordinates in, class A or B out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, rand
from ..models import MLP
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs


def _draw(figure: Any, *, x: np.ndarray, y: np.ndarray, share: np.ndarray) -> None:
    axes = figure.subplots()
    ticks = np.linspace(-1, 1, len(share))
    axes.contourf(ticks, ticks, share, 20, cmap="RdBu", alpha=0.5, vmin=0, vmax=1)
    axes.contour(ticks, ticks, share, [0.5], colors="k", linewidths=1.5)
    for label, name, colour in ((0, "A", "C3"), (1, "B", "C0")):
        axes.scatter(*x[y == label].T, s=7, color=colour, label=f"class {name}")
    axes.set_aspect("equal")
    axes.legend(loc="upper right", fontsize=8)


def _points(n: int, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Even in the square [-1, 1]^2; B is a ring, A what lies inside and outside of it."""
    x = 2 * rand(n, 2, generator=generator).numpy() - 1
    radius = np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2)
    return x, ((radius > 0.4) & (radius < 0.85)).astype(np.int64)


@demo(
    17,
    name="ppda32",
    title="A point in the plane: class A or class B",
    bar="0.95 of 1,000 new points get their class, a ring between the two parts of the other class",
    draw=_draw,
    size=(6, 5.5),
    seconds=(2, 1),
    source="Lippmann 1987, doi:10.1109/MASSP.1987.1165576 (regions that hidden layers enclose)",
)
def ppda32(quick: bool, seed: int) -> Result:
    """Two numbers go in, and the network says on which side of a boundary the point lies that it
    has found from examples. The classes are no halves of the plane: one is a ring, the other is
    inside and outside of it, so a straight line is of little use, and hidden units are needed.
    """
    x, y = _points(1000, Generator(seed))
    test = _points(1000, Generator(seed + 1))
    line, model = MLP(2, [], 2), MLP(2, [64, 64], 2)
    fit(line, x, y, epochs=20, seed=seed, lr=0.01)
    fit(model, x, y, epochs=40 if quick else 80, seed=seed, lr=0.005)
    ticks = np.linspace(-1, 1, 100, dtype=np.float32)
    scores = outputs(model, np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2))
    lead = np.clip(scores[:, 1] - scores[:, 0], -30, 30)
    return Result(
        (
            at_least("accuracy", accuracy(model, *test), 0.95),
            told("accuracy of a linear classifier", accuracy(line, *test)),
            told("share of the larger class", max(np.mean(test[1]), 1 - np.mean(test[1]))),
        ),
        {"x": x, "y": y, "share": (1 / (1 + np.exp(-lead))).reshape(100, 100)},
    )
