"""Row 107: where in the scene is the digit, and which one?"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Tensor, from_numpy, nn
from .. import functional as F
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs, some_digits

_SIDE, _CELL = 64, 8  # pixels of a scene and of a cell
_CELLS = _SIDE // _CELL
_SIZES = (24, 28, 32, 36)  # sides that the 28x28 images are brought to
_CLUTTER = 2  # pieces of 8x8 pixels of other digits
_NOISE = 0.1  # standard deviation; ink is 1


class Detector(nn.Module):
    """Scenes (N, 1, 64, 64) -> (N, 15, 64): for each of 8x8 cells a score that the digit's middle
    is in it, ten logits, and how far the box reaches left, up, right and down from the cell's
    middle, in cells."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_step(1, 8, 5, stride=2), *_step(8, 16, 3), nn.MaxPool2d(2),
            *_step(16, 32, 3), *_step(32, 32, 3), nn.MaxPool2d(2),
            *_step(32, 64, 3), *_step(64, 64, 3),
        )  # fmt: skip
        self.head = nn.Conv2d(64, 15, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).flatten(2)


def _step(n_in: int, n_out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(n_out), nn.ReLU()]


def _loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the cells and, in the cell of the digit's middle, cross-entropy over the
    digits and smooth L1 of the box.  target (N, 6): cell, digit, box."""
    cell, digit, box = target[:, 0].long(), target[:, 1].long(), target[:, 2:]
    n = len(cell.numpy())
    there = output.gather(2, cell.reshape(n, 1, 1).expand(n, 15, 1)).squeeze(2)
    where = F.cross_entropy(output[:, 0], cell)
    which = F.cross_entropy(there[:, 1:11], digit)
    return where + which + 4 * F.smooth_l1_loss(there[:, 11:], box, beta=0.25)


def _draw(figure: Any, *, scenes: np.ndarray, truth: np.ndarray, boxes: np.ndarray,
          labels: list, overlap: np.ndarray) -> None:  # fmt: skip
    left, right = figure.subfigures(1, 2, width_ratios=(1.7, 1))
    left.suptitle("test scenes: the true box dashed, the found one full", fontsize=10)
    for i, axes in enumerate(left.subplots(2, 4).flat):
        axes.imshow(scenes[i], cmap="gray")
        said, true = labels[i]
        for (x0, y0, x1, y1), style, colour in (
            (truth[i], "--", "white"),
            (boxes[i], "-", "lime" if said == true else "red"),
        ):
            columns, rows = np.array([x0, x1, x1, x0, x0]), np.array([y0, y0, y1, y1, y0])
            axes.plot(columns - 0.5, rows - 0.5, style, color=colour, lw=1.8)
        axes.set_xlim(-0.5, _SIDE - 0.5)
        axes.set_ylim(_SIDE - 0.5, -0.5)
        axes.set_title(f"{said}, IoU {overlap[i]:.2f}" + ("" if said == true else f" (is {true})"),
                       fontsize=9)  # fmt: skip
        axes.axis("off")
    axes = right.subplots()
    axes.hist(overlap, bins=np.linspace(0, 1, 41), color="C0")
    axes.axvline(0.7, color="black", ls=":", label="0.7")
    axes.set_xlabel("intersection over union of found and true box")
    axes.set_ylabel("test scenes")
    axes.legend()


@demo(
    107,
    name="detection",
    title="Object detection: where is the digit, and which one?",
    bar="one digit of changing size among clutter in 64x64 pixels: class right in at least 0.95 of "
    "the scenes (quick: 0.7), box with IoU of at least 0.7 in 0.9 (quick: 0.75)",
    draw=_draw,
    size=(13, 5),
    seconds=(35, 3),
    source="Redmon, Divvala, Girshick, Farhadi 2016 (YOLO), arXiv:1506.02640; Tian, Shen, Chen, He "
    "2019 (FCOS: distances to the box's sides), arXiv:1904.01355",
)
def detection(quick: bool, seed: int) -> Result:
    """A convolutional network looks once at a scene full of clutter and says where the digit is, by
    a box around it, and which digit. Each of 8x8 cells says whether the digit's middle is in it,
    which one it would be and how far the box reaches; the surest cell answers.

    A dense layer that gives one box from the whole image is often shown instead; it has to learn
    every place anew, where cells share their weights. The scenes hold one digit each, so nothing
    here has to remove second boxes.
    """
    d = some_digits(8500)
    rng = np.random.default_rng(seed)
    x, boxes, digits = _scenes(1500 if quick else 12_000, d.x_train, d.y_train, rng)
    x_test, true, digits_test = _scenes(500 if quick else 1500, d.x_test, d.y_test, rng)
    model = Detector()
    fit(model, x, _targets(boxes, digits), epochs=3 if quick else 5, seed=seed, lr=5e-3, loss=_loss,
        batch_size=8 if quick else 16)  # fmt: skip
    found, said = _read(outputs(model, x_test))
    overlap = _iou(found, true)
    right = said == digits_test
    return Result(
        (
            at_least("class right", float(right.mean()), 0.7 if quick else 0.95),
            at_least("IoU of 0.7 or more", float((overlap >= 0.7).mean()), 0.75 if quick else 0.9),
            told("both", float((right & (overlap >= 0.7)).mean())),
            told("mean IoU", float(overlap.mean())),
            told("test scenes", len(x_test)),
        ),
        {
            "scenes": x_test[:8, 0],
            "truth": true[:8],
            "boxes": found[:8],
            "labels": [(int(a), int(b)) for a, b in zip(said[:8], digits_test[:8], strict=True)],
            "overlap": overlap,
        },
    )


def _scenes(
    n: int, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (n, 1, 64, 64), boxes (n, 4) as x0, y0, x1, y1, digits (n,).  Each of the images in turn,
    at a size and a place by chance; clutter; noise."""
    x = np.zeros((n, _SIDE, _SIDE), np.float32)
    boxes = np.zeros((n, 4), np.float32)
    chosen = np.arange(n) % len(images)
    sizes = rng.choice(_SIZES, n)
    for size in _SIZES:
        which = np.flatnonzero(sizes == size)
        scaled = F.interpolate(from_numpy(images[chosen[which]]), (size, size), mode="bilinear")
        for k, image in zip(which, scaled.numpy()[:, 0], strict=True):
            ink = image > 0.25
            rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
            image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            height, width = image.shape
            top = rng.integers(0, _SIDE - height + 1)
            left = rng.integers(0, _SIDE - width + 1)
            boxes[k] = left, top, left + width, top + height
            for other in rng.integers(0, len(images), _CLUTTER):
                a, b = rng.integers(0, _SIDE - 8 + 1, 2)
                c, e = rng.integers(4, 17, 2)
                x[k, a : a + 8, b : b + 8] = images[other, 0, c : c + 8, e : e + 8]
            x[k, top : top + height, left : left + width] = image
    x += _NOISE * rng.standard_normal(x.shape, np.float32)
    return x[:, None], boxes, labels[chosen]


def _targets(boxes: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """(N, 6), as `_loss` takes them."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    column, row = (middle / _CELL).astype(np.int64).T
    centre = (np.stack([column, row], axis=1) + 0.5) * _CELL
    sides = np.concatenate([centre - boxes[:, :2], boxes[:, 2:] - centre], axis=1) / _CELL
    return np.column_stack([row * _CELLS + column, digits, sides]).astype(np.float32)


def _read(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and digits (N,) of the cells with the highest score."""
    cell = output[:, 0].argmax(axis=1)
    there = output[np.arange(len(output)), :, cell]
    centre = (np.stack([cell % _CELLS, cell // _CELLS], axis=1) + 0.5) * _CELL
    sides = there[:, 11:] * _CELL
    boxes = np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], axis=1)
    return boxes, there[:, 1:11].argmax(axis=1)


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Area in both boxes over the area in either, for each row of (N, 4)."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(box[:, 2:] - box[:, :2], 0).prod(axis=1) for box in (a, b)]
    return both / (areas[0] + areas[1] - both)
