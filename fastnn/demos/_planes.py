"""Boolean functions of two inputs as points in the plane, with the side a unit answers 1 on."""

from __future__ import annotations

from typing import Any

import numpy as np

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
FUNCTIONS = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0)}


def truth(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs: (4, 2) and (4,) for AND, OR, NAND; (2, 1) and (2,) for NOT."""
    if name == "NOT":
        return np.array([[0], [1]], np.float32), np.array([1, 0])
    return CORNERS, np.array(FUNCTIONS[name])


def side(net: Any, width: int) -> np.ndarray:
    """Where net(x) > 0 on a grid over [-0.5, 1.5]^2; of `width` 1, the first input alone counts."""
    points = np.linspace(-0.5, 1.5, 81, dtype=np.float32)
    grid = np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2)
    return (net(grid[:, :width].copy()) > 0).reshape(81, 81)


def show(axes: Any, x: np.ndarray, y: np.ndarray, above: np.ndarray, title: str) -> None:
    """Shaded: the unit says 1.  Filled points should be 1, open ones 0; red: they are not."""
    axes.imshow(above, origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), cmap="Blues", vmin=0, vmax=3)
    for row, expected in zip(x, y, strict=True):
        place = (row[0], row[1] if len(row) == 2 else 0)
        column, line = (round((value + 0.5) * 40) for value in place)
        right = bool(above[line, column]) == bool(expected)
        color = "black" if right else "C3"
        axes.plot(*place, "o", ms=9, color=color, mfc=color if expected else "white", mew=1.5)
    axes.set_xticks([0, 1])
    axes.set_yticks([0, 1] if x.shape[1] == 2 else [])
    axes.set_title(title, fontsize=9)
