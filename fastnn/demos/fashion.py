"""Row 68, second part: LeNet-5 on Fashion-MNIST."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import datasets
from ..models import LeNet5
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs

_NAMES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
          "boot")  # fmt: skip


def _missing() -> str:
    try:
        datasets.local_folder("fashion_mnist")
    except FileNotFoundError:
        return "the data set fashion_mnist"
    return ""


def _draw(figure: Any, *, confusion: np.ndarray, images: np.ndarray, labels: list) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    axes = left.subplots()
    axes.imshow(confusion, cmap="Blues", vmax=0.6 * confusion.max())
    for (i, j), n in np.ndenumerate(confusion):
        if n:
            axes.text(j, i, str(n), ha="center", va="center", fontsize=8,
                      color="white" if n > 0.4 * confusion.max() else "black")  # fmt: skip
    axes.set_xticks(range(10), _NAMES, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(10), _NAMES, fontsize=9)
    axes.set_xlabel("LeNet-5 says")
    axes.set_ylabel("it is")
    right.suptitle("test images and what LeNet-5 says", fontsize=10)
    for axes, image, (said, true) in zip(right.subplots(4, 4).flat, images, labels, strict=True):
        axes.imshow(image[0], cmap="gray_r")
        right_one = said == true
        text = _NAMES[said] if right_one else f"{_NAMES[said]},\nis {_NAMES[true]}"
        axes.set_title(text, fontsize=8, pad=2, color="black" if right_one else "red")
        axes.axis("off")


@demo(
    "68b",
    name="fashion",
    title="LeNet-5 sorts clothes (Fashion-MNIST)",
    bar="test accuracy at least 0.89 on 10,000 images after 5 epochs of 60,000 (quick: 0.82 after "
    "4 epochs of 12,000)",
    draw=_draw,
    size=(12, 5.8),
    seconds=(20, 4),
    source="Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; LeCun et al. 1998, doi:10.1109/5.726791",
    needs=_missing,
)
def fashion(quick: bool, seed: int) -> Result:
    """The network that reads digits, LeNet-5, learns to name ten kinds of clothes in images of the
    same size, a harder task. What it confuses, people do too: shirts, T-shirts, pullovers and
    coats.

    The data are read from a local folder (FASTNN_DATA, or Debian's package dataset-fashion-mnist);
    nothing is downloaded.
    """
    d = datasets.fashion_mnist()
    n, epochs = (12_000, 4) if quick else (60_000, 5)
    model = LeNet5()
    start = time.perf_counter()
    fit(model, d.x_train[:n], d.y_train[:n], epochs=epochs, seed=seed)
    seconds = (time.perf_counter() - start) / epochs
    said = outputs(model, d.x_test).argmax(axis=1)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (d.y_test, said), 1)
    wrong = np.flatnonzero(said != d.y_test)[:4]
    shown = [*np.flatnonzero(said == d.y_test)[:12], *wrong]
    return Result(
        (
            at_least("test accuracy", float((said == d.y_test).mean()), 0.82 if quick else 0.89),
            told("training images", n),
            told("seconds per epoch", seconds),
            told("training images per second", n / seconds),
        ),
        {
            "confusion": confusion,
            "images": d.x_test[shown],
            "labels": [(int(said[i]), int(d.y_test[i])) for i in shown],
        },
    )
