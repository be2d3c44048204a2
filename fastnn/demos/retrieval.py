"""Row 108: images like this one: the nearest in the space of what LeNet-5 has learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn
from .. import functional as F
from ..models import LeNet5
from ._registry import Result, above, at_least, demo, told
from ._steps import fit, outputs, some_digits

_K = 10


def _draw(figure: Any, *, rows: list) -> None:
    left, right = figure.subfigures(1, 2)
    for half, column, name in ((left, 0, "LeNet-5's 84 features"), (right, 1, "pixels")):
        half.suptitle(
            f"the ten nearest by {name} to hard queries (red: another digit)", fontsize=10
        )
        grid = half.subplots(len(rows), _K + 1, gridspec_kw={"wspace": 0.08, "hspace": 0.08})
        for line, (query, *found) in zip(grid, rows, strict=True):
            images, right_ones = found[column]
            line[0].imshow(query[0], cmap="gray_r")
            for axes, image, good in zip(line[1:], images, right_ones, strict=True):
                axes.imshow(image[0], cmap="gray" if good else "Reds_r")
            for axes in line:
                axes.set_xticks([])
                axes.set_yticks([])
        grid[0, 0].set_title("query", fontsize=9)


@demo(
    108,
    name="retrieval",
    title="Image retrieval: the nearest in the space of learned features",
    bar="test digits as queries, images that the network never saw as the collection: on average "
    "at least 9 of the 10 nearest show the same digit (precision@10 >= 0.9), more than by pixels",
    draw=_draw,
    size=(13, 4.6),
    seconds=(5, 2),
    source="Babenko, Slesarev, Chigorin, Lempitsky 2014 (neural codes), arXiv:1404.1777",
)
def retrieval(quick: bool, seed: int) -> Result:
    """Given the image of a digit, the ten most similar are found in a collection by comparing 84
    numbers that a trained network computes from each. On average nine or more of the ten show the
    same digit, more than by comparing pixels.

    The network was trained to name digits, and the numbers are those one layer before the names.
    The nearest are taken by the cosine: no name is asked for. Neither the queries nor the
    collection were seen in training; with the training images as the collection the figure would
    flatter. Learned features are often sold as better than pixels for anything; they keep what the
    training asked for. Those of a network trained on 0 to 4 alone (told) find the digits 5 to 9
    worse than plain pixels do.
    """
    d = some_digits(8500, 750 if quick else 1500)
    n = 3000 if quick else 6000
    epochs = 4 if quick else 8
    x, y = d.x_train[:n], d.y_train[:n]
    kept = d.x_train[6000:], d.y_train[6000:]
    model, half = LeNet5(), LeNet5(num_classes=5)
    fit(model, x, y, epochs=epochs, seed=seed)
    low = y < 5
    fit(half, x[low], y[low], epochs=epochs, seed=seed)
    ways = {
        "features": lambda images: _embed(model, images),
        "pixels": lambda images: images.reshape(len(images), -1),
    }
    found = {name: _nearest(way(d.x_test), way(kept[0])) for name, way in ways.items()}
    good = {name: kept[1][nearest] == d.y_test[:, None] for name, nearest in found.items()}
    features, pixels = (float(g.mean()) for g in good.values())
    some = [
        *np.argsort(good["pixels"].sum(axis=1), kind="stable")[
            : len(good["pixels"]) // 5 : len(good["pixels"]) // 25
        ]
    ]
    rest, kept_rest = d.y_test >= 5, kept[1] >= 5
    unseen = {}
    for name, way in {**ways, "half": lambda images: _embed(half, images)}.items():
        nearest = _nearest(way(d.x_test[rest]), way(kept[0][kept_rest]))
        unseen[name] = float((kept[1][kept_rest][nearest] == d.y_test[rest][:, None]).mean())
    return Result(
        (
            at_least("precision@10 by features", features, 0.9),
            above("features above pixels, points", 100 * (features - pixels), 0),
            told("precision@10 by pixels", pixels),
            told("digits 5 to 9, features of all digits", unseen["features"]),
            told("digits 5 to 9, features of 0 to 4", unseen["half"]),
            told("digits 5 to 9, pixels", unseen["pixels"]),
            told("queries", len(d.x_test)),
            told("images in the collection", len(kept[0])),
        ),
        {
            "rows": [
                (d.x_test[i], *((kept[0][found[w][i]], good[w][i]) for w in ways)) for i in some
            ]
        },
    )


def _embed(model: LeNet5, images: np.ndarray) -> np.ndarray:
    """What enters the last layer, (N, 84)."""
    return outputs(nn.Sequential(model.features, model.classifier[:-1]), images)


def _nearest(queries: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Places in `kept` (N, D) of the _K rows of largest cosine to each query, the best first."""
    a, b = (F.normalize(from_numpy(v)) for v in (queries, kept))
    return (a @ b.T).topk(_K)[1].numpy()
