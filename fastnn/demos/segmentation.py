"""Row 106: a small U-Net names every pixel of a scene of digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn, tensor
from ..metrics import ConfusionMatrix
from ..models import UNet
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs, some_digits

_SIDE, _BOX, _COUNT = 32, 10, 4  # pixels of a scene and of a digit; digits in a scene
_NOISE = 0.05  # standard deviation; ink is 1
# Weight of paper in the loss, nine tenths of all pixels.  With 1 (and width 8, noise 0.1) one of
# four quick runs called some digits paper for good.
_PAPER = 0.4


def _draw(figure: Any, *, scenes: np.ndarray, truth: np.ndarray, found: np.ndarray,
          iou: np.ndarray) -> None:  # fmt: skip
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    grid = left.subplots(3, len(scenes), gridspec_kw={"wspace": 0.05, "hspace": 0.05})
    for column, images in zip(grid.T, zip(scenes, truth, found, strict=True), strict=True):
        column[0].imshow(images[0], cmap="gray")
        for axes, labels in zip(column[1:], images[1:], strict=True):
            shown = np.ma.masked_equal(labels, 0)
            axes.imshow(shown - 1, cmap="tab10", vmin=0, vmax=9, interpolation="nearest")
        for axes in column:
            axes.set_xticks([])
            axes.set_yticks([])
    for axes, name in zip(grid[:, 0], ("scene", "truth", "U-Net"), strict=True):
        axes.set_ylabel(name)
    axes = right.subplots()
    names = ["paper", *map(str, range(len(iou) - 1))]
    colours = ["lightgrey", *(f"C{k}" for k in range(len(iou) - 1))]
    bars = axes.barh(names, iou, color=colours)
    axes.bar_label(bars, [f"{v:.2f}" for v in iou], padding=3)
    axes.axvline(iou.mean(), color="black", ls=":", label=f"mean {iou.mean():.2f}")
    axes.set_xlim(0, 1.15)
    axes.invert_yaxis()
    axes.set_xlabel("intersection over union, in the pixels' colours")
    axes.legend(loc="lower left")


@demo(
    106,
    name="segmentation",
    title="Image segmentation: a U-Net names every pixel of a scene",
    bar="scenes of four digits of 10x10 pixels under noise: mean intersection over union of the "
    "ten digits and the paper at least 0.85 (quick: 0.75, with the digits 0 to 4)",
    draw=_draw,
    size=(13, 4.8),
    seconds=(45, 3),
    source="Ronneberger, Fischer, Brox 2015 (U-Net), arXiv:1505.04597",
)
def segmentation(quick: bool, seed: int) -> Result:
    """A U-Net names every pixel of a noisy scene: paper, or which of ten digits it belongs to. The
    way down through poolings finds what is in the scene, and the connections across keep where
    exactly its edges are.

    What a pixel belongs to is known only from its wide surroundings, where exactly ink ends from
    the pixel alone. The share of right pixels says little, though it is often reported: who calls
    everything paper has most of them right. The intersection over union counts each class alike.
    Test scenes are made of digits that are in no training scene.
    """
    n_classes = 5 if quick else 10
    d = some_digits(8500)
    rng = np.random.default_rng(seed)
    x, y = _scenes(400 if quick else 4000, d.x_train, d.y_train, n_classes, rng)
    x_test, y_test = _scenes(200 if quick else 300, d.x_test, d.y_test, n_classes, rng)
    model = UNet(1, n_classes + 1, width=12, depth=2, batch_norm=True)
    loss = nn.CrossEntropyLoss(tensor([_PAPER] + [1.0] * n_classes))
    fit(model, x, y, epochs=4 if quick else 8, seed=seed, lr=1e-2, loss=loss,
        batch_size=8 if quick else 16)  # fmt: skip
    found = outputs(model, x_test, batch_size=100).argmax(axis=1)
    iou = _iou(found, y_test, n_classes + 1)
    return Result(
        (
            at_least("mean intersection over union", float(iou.mean()), 0.75 if quick else 0.85),
            told("lowest of a class", float(iou.min())),
            told("share of right pixels", float((found == y_test).mean())),
            told("share of right pixels, all called paper", float((y_test == 0).mean())),
            told(
                "mean IoU, all called paper",
                float(_iou(np.zeros_like(found), y_test, n_classes + 1).mean()),
            ),
        ),
        {"scenes": x_test[:6, 0], "truth": y_test[:6], "found": found[:6], "iou": iou},
    )


def _scenes(
    n: int, images: np.ndarray, labels: np.ndarray, n_classes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """x (n, 1, _SIDE, _SIDE), y (n, _SIDE, _SIDE): 0 for paper, digit + 1 for ink.  Digits at half
    their size lie anywhere, their boxes apart."""
    kept = labels < n_classes
    labels = labels[kept]
    half = images[kept, 0, 4:24, 4:24].reshape(-1, _BOX, 2, _BOX, 2).mean(axis=(2, 4))
    half /= half.max(axis=(1, 2), keepdims=True)
    x = np.zeros((n, _SIDE, _SIDE), np.float32)
    y = np.zeros((n, _SIDE, _SIDE), np.int64)
    for scene, truth in zip(x, y, strict=True):
        for row, column in _places(rng):
            i = rng.integers(len(half))
            where = slice(row, row + _BOX), slice(column, column + _BOX)
            scene[where] = half[i]
            truth[where][half[i] >= 0.5] = labels[i] + 1
    x += _NOISE * rng.standard_normal(x.shape, np.float32)
    return x[:, None], y


def _places(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Corners (row, column) of _COUNT boxes that do not overlap."""
    while True:
        corners = rng.integers(0, _SIDE - _BOX + 1, (_COUNT, 2))
        apart = np.abs(corners[:, None] - corners[None]).max(axis=2)
        if apart[~np.eye(_COUNT, dtype=bool)].min() >= _BOX:
            return [(int(row), int(column)) for row, column in corners]


def _iou(found: np.ndarray, truth: np.ndarray, n_classes: int) -> np.ndarray:
    """Pixels that have the class in both, over those that have it in either, for each class."""
    metric = ConfusionMatrix(n_classes)
    metric.update(found.ravel(), truth.ravel())
    counts = metric.compute()
    both = np.diag(counts)
    return both / (counts.sum(axis=0) + counts.sum(axis=1) - both)
