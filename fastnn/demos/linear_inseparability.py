"""Rows 6, 26: what no line parts, a network with a non-linearity does."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, datasets, manual_seed, nn
from ..models import MLP
from ._registry import Result, at_least, below, demo
from ._steps import accuracy, fit, outputs


def _draw(figure: Any, *, panels: list) -> None:
    for axes, (title, x, y, grid, labels) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        axes.pcolormesh(grid[0], grid[1], labels, cmap="RdBu", alpha=0.35, vmin=-0.3, vmax=1.3)
        axes.scatter(*x.T, c=y, cmap="RdBu", s=6)
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])


def _regions(model: Any, x: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    low, high = x.min(axis=0) - 0.2, x.max(axis=0) + 0.2
    xs, ys = (np.linspace(low[i], high[i], 120, dtype=np.float32) for i in (0, 1))
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return (xs, ys), outputs(model, points).argmax(axis=1).reshape(120, 120)


@demo(
    6,
    26,
    name="linear-inseparability",
    title="Two moons and two spirals: no line parts them, an MLP does",
    bar="on new points a linear classifier stays below 0.90, an MLP with an activation reaches "
    "0.98, the same MLP without one stays below 0.90",
    draw=_draw,
    size=(8, 8),
    seconds=(3, 2),
    source="Minsky and Papert 1969, ISBN 978-0262130431; Lang and Witbrock 1988; Rumelhart, "
    "Hinton, Williams 1986, doi:10.1038/323533a0",
)
def linear_inseparability(quick: bool, seed: int) -> Result:
    """Two half-moons, and two spirals, of points are to be told apart: a linear classifier cuts the
    plane by a straight line and fails, a network with hidden layers bends its border around them.
    Without an activation function between the layers the same network is straight as well, and
    fails too.

    Hidden layers alone do not help, because without an activation they are one matrix. Each hidden
    unit with an activation adds a bend.
    """
    figures, panels = [], []
    makers = {
        "moons": lambda n, g: datasets.moons(n, noise=0.1, generator=g),
        "spirals": lambda n, g: datasets.spirals(n, classes=2, turns=1.0, noise=0.02, generator=g),
    }
    for name, make in makers.items():
        x, y = make(1000, Generator(seed))
        test = make(1000, Generator(seed + 1))
        scores = {}
        for kind, hidden, activation in (
            ("linear", [], True),
            ("MLP without activation", [32, 32], False),
            ("MLP", [32, 32], True),
        ):
            manual_seed(seed)
            model = MLP(2, hidden, 2)
            if not activation:
                model.layers = _without_activations(model.layers)
            fit(model, x, y, epochs=60 if kind == "MLP" else 20, seed=seed, lr=0.01)
            scores[kind] = accuracy(model, *test)
            if kind != "MLP without activation":
                title = f"{name}, {kind}: {100 * scores[kind]:.1f} % of new points"
                panels.append((title, test[0], test[1], *_regions(model, test[0])))
        figures += [
            below(f"{name}: linear", scores["linear"], 0.90),
            below(f"{name}: MLP without activation", scores["MLP without activation"], 0.90),
            at_least(f"{name}: MLP", scores["MLP"], 0.98),
        ]
    return Result(tuple(figures), {"panels": panels})


def _without_activations(layers: Any) -> Any:
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.ReLU)))
