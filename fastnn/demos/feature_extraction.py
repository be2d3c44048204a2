"""Row 79: features that LeNet-5 has learned serve a linear model better than pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..models import LeNet5
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs, some_digits


def _draw(figure: Any, *, planes: dict, labels: np.ndarray, scores: dict) -> None:
    grid = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    for axes, (name, plane) in zip(grid[:2], planes.items(), strict=True):
        for digit in range(10):
            mine = plane[labels == digit]
            axes.plot(*mine.T, ".", ms=3, color=f"C{digit}")
            axes.text(*np.median(mine, axis=0), str(digit), fontsize=13, weight="bold",
                      ha="center", va="center",
                      bbox={"fc": "white", "ec": f"C{digit}", "pad": 1.5})  # fmt: skip
        axes.set_title(f"{name}: two principal axes", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    bars = grid[2].bar(list(scores), list(scores.values()), color=["C7", "C0"])
    grid[2].bar_label(bars, [f"{v:.3f}" for v in scores.values()])
    grid[2].set_ylim(0.8, 1)
    grid[2].set_ylabel("test accuracy of a linear model")
    grid[2].spines[["top", "right"]].set_visible(False)


@demo(
    79,
    name="feature-extraction",
    title="Learned features beat pixels",
    bar="a linear model on frozen LeNet-5 features is at least 5 points above one on raw pixels",
    draw=_draw,
    size=(12, 4.5),
    seconds=(6, 3),
    source="Bengio, Courville, Vincent 2013, arXiv:1206.5538; Alain and Bengio 2016 (linear "
    "probes), arXiv:1610.01644",
)
def feature_extraction(quick: bool, seed: int) -> Result:
    """A trained network is two things: a way to describe images, and a simple judge of the
    description. The first part of LeNet-5 is trained and frozen, and a linear model on what it puts
    out does much better than the same model on the pixels.

    A third one is told: features learned from the digits 0 to 4 alone, judged on 5 to 9, which they
    never saw.
    """
    d = some_digits(4000 if quick else 8500)
    epochs = 4 if quick else 8
    model = LeNet5()
    fit(model, d.x_train, d.y_train, epochs=epochs, seed=seed)
    raw = _probe(d.x_train, d.y_train, d.x_test, d.y_test, epochs, seed)
    train, test = outputs(model.features, d.x_train), outputs(model.features, d.x_test)
    learned = _probe(train, d.y_train, test, d.y_test, epochs, seed)

    low, low_test = d.y_train < 5, d.y_test < 5
    half = LeNet5(num_classes=5)
    fit(half, d.x_train[low], d.y_train[low], epochs=epochs, seed=seed)
    rest = d.x_train[~low], d.y_train[~low] - 5, d.x_test[~low_test], d.y_test[~low_test] - 5
    raw_rest = _probe(*rest, epochs, seed)
    parts = [outputs(half.features, x) for x in (rest[0], rest[2])]
    moved = _probe(parts[0], rest[1], parts[1], rest[3], epochs, seed)
    return Result(
        (
            at_least("features above pixels, points", 100 * (learned - raw), 5),
            told("linear model on pixels", raw),
            told("linear model on frozen features", learned),
            told("digits 5 to 9, on pixels", raw_rest),
            told("digits 5 to 9, on features of 0 to 4", moved),
        ),
        {
            "planes": {"pixels": _plane(d.x_test[:600]), "features": _plane(test[:600])},
            "labels": d.y_test[:600],
            "scores": {"pixels": raw, "features": learned},
        },
    )


def _probe(x, y, x_test, y_test, epochs: int, seed: int) -> float:
    """Test accuracy of a linear model."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].size, int(y.max()) + 1))
    fit(model, x, y, epochs=epochs, seed=seed, lr=2e-3)
    return accuracy(model, x_test, y_test)


def _plane(x: np.ndarray) -> np.ndarray:
    """(N, 2): the two principal axes."""
    rows = x.reshape(len(x), -1)
    rows = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    return u[:, :2] * s[:2]
