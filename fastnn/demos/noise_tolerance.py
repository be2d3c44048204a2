"""Row 64: a classifier bears noise in its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets
from ..models import MLP
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs

_LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


def _draw(figure: Any, *, curve: dict, images: dict) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.3))
    axes = left.subplots()
    axes.plot([100 * level for level in curve], list(curve.values()), "o-")
    axes.axhline(0.9, color="C3", ls="--", lw=1)
    axes.axhline(0.1, color="gray", ls=":", lw=1)
    axes.text(0, 0.115, "chance", color="gray", fontsize=8)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("% of pixels that are black or white by chance")
    axes.set_ylabel("accuracy on new digits")
    grid = right.subplots(len(images), 6)
    for row, (level, (noisy, predicted, true)) in zip(grid, images.items(), strict=True):
        for ax, image, p, t in zip(row, noisy, predicted, true, strict=True):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.set_title(str(p), fontsize=9, color="C2" if p == t else "C3", pad=2)
            ax.set_xticks([])
            ax.set_yticks([])
        row[0].set_ylabel(f"{100 * level:.0f} %", fontsize=9)
    right.suptitle("what it reads (red: wrong)", fontsize=10)


def _noisy(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """A share `level` of the pixels replaced by 0 or 1."""
    hit = rng.random(x.shape) < level
    return np.where(hit, rng.integers(0, 2, x.shape), x).astype(np.float32)


@demo(
    64,
    name="noise-tolerance",
    title="A classifier bears a noisy input",
    bar="8x8 digits with 10 % of their pixels black or white by chance: accuracy at least 0.90",
    draw=_draw,
    size=(11, 4.5),
    seconds=(2, 1),
    source="Bishop 1995, doi:10.1162/neco.1995.7.1.108 (training with noise)",
)
def noise_tolerance(quick: bool, seed: int) -> Result:
    """A tenth of the pixels of each digit are made black or white by chance, and the network still
    names most of the digits. No single pixel decides: hundreds of weights add up, and a tenth of
    wrong ones move the sum little.

    A net that has seen noise in training bears more of it; one that has not, less; both are shown.
    """
    d = datasets.digits8x8()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    x_train, y_train, x_test, y_test = x[:1297], y[:1297], x[1297:], y[1297:]
    plain, model = MLP(64, [128], 10), MLP(64, [128], 10)
    epochs = 20 if quick else 40
    fit(plain, x_train, y_train, epochs=epochs, seed=seed)
    noisy = np.concatenate([_noisy(x_train, level, rng) for level in (0.0, 0.1, 0.2)])
    fit(model, noisy, np.tile(y_train, 3), epochs=epochs // 2, seed=seed)
    curve = {level: accuracy(model, _noisy(x_test, level, rng), y_test) for level in _LEVELS}
    images = {}
    for level in (0.0, 0.1, 0.3):
        shown = _noisy(x_test[:6], level, rng)
        images[level] = shown, outputs(model, shown).argmax(axis=1), y_test[:6]
    return Result(
        (
            at_least("accuracy at 10 %, trained with noise", curve[0.1], 0.90),
            told("accuracy at 10 %, trained without", accuracy(
                plain, _noisy(x_test, 0.1, rng), y_test)),
            told("accuracy without noise", curve[0.0]),
            told("accuracy at 30 %", curve[0.3]),
        ),
        {"curve": curve, "images": images},
    )  # fmt: skip
