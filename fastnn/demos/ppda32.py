"""Row 17: a point of the plane in, class A or B out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, datasets, from_numpy
from ..models import MLP
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs

_SIZE = 160


def _draw(figure: Any, *, x: np.ndarray, y: np.ndarray, extent: tuple, share: np.ndarray,
          asked: list) -> None:  # fmt: skip
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    surface = left.imshow(share, origin="lower", extent=extent, cmap="RdBu", vmin=0, vmax=1,
                          alpha=0.6, aspect="auto")  # fmt: skip
    left.contour(share, [0.5], extent=extent, colors="black", linewidths=1.5)
    for value, name, color in ((0, "A", "darkred"), (1, "B", "navy")):
        left.plot(*x[y == value].T, ".", ms=4, color=color, label=f"new points of class {name}")
    for number, (point, _, _) in enumerate(asked, 1):
        left.plot(*point, "o", ms=15, color="white", mec="black")
        left.text(*point, str(number), ha="center", va="center", fontsize=9)
    left.legend(fontsize=8, loc="upper right")
    figure.colorbar(surface, ax=left, label="how sure of B; black line: the decision boundary")
    right.axis("off")
    right.text(0, 0.95, "     point in         class out", family="monospace", weight="bold")
    for number, (point, name, sure) in enumerate(asked, 1):
        text = f"{number}: ({point[0]:5.2f}, {point[1]:5.2f})   ->  {name}  ({100 * sure:.0f} %)"
        right.text(0, 0.95 - 0.1 * number, text, family="monospace",
                   color="darkred" if name == "A" else "navy")  # fmt: skip


@demo(
    17,
    name="ppda32",
    title="A point in, class A or B out",
    bar="at least 0.95 of 1,000 new points get their class",
    draw=_draw,
    size=(12, 5),
    seconds=(2, 1),
    source="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
)
def ppda32(quick: bool, seed: int) -> Result:
    """Two coordinates of a point go in and class A or B comes out, by way of 32 hidden units. It is
    the smallest picture of what a classifying network does: it cuts the space of its inputs into
    regions.

    The boundary is made of as many pieces as hidden units bend it, and it goes on where no point
    ever was: far away the answer is as sure as it is unfounded.
    """
    x, y = datasets.moons(400 if quick else 1000, noise=0.15, generator=Generator(seed))
    x_test, y_test = datasets.moons(1000, noise=0.15, generator=Generator(seed + 100))
    model = MLP(2, [32], 2)
    fit(model, x, y, epochs=60, seed=seed, lr=0.02)
    low, high = x_test.min(axis=0) - 0.3, x_test.max(axis=0) + 0.3
    xs, ys = (np.linspace(low[i], high[i], _SIZE, dtype=np.float32) for i in (0, 1))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    points = np.array([[-0.9, 0.6], [0, 1], [0.1, 0.1], [0.5, 0.25], [1, -0.4], [1.9, 0.3]],
                      np.float32)  # fmt: skip
    asked = [
        (point, "B" if sure >= 0.5 else "A", float(max(sure, 1 - sure)))
        for point, sure in zip(points, _share_of_b(model, points), strict=True)
    ]
    return Result(
        (
            at_least("new points with their class", accuracy(model, x_test, y_test), 0.95),
            told("points it learned from", len(x)),
        ),
        {
            "x": x_test,
            "y": y_test,
            "extent": (low[0], high[0], low[1], high[1]),
            "share": _share_of_b(model, grid).reshape(_SIZE, _SIZE),
            "asked": asked,
        },
    )


def _share_of_b(model: Any, points: np.ndarray) -> np.ndarray:
    logits = outputs(model, points)
    return from_numpy(np.ascontiguousarray(logits[:, 1] - logits[:, 0])).sigmoid().numpy()
