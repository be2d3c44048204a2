"""Rows 68, 83 and 105: LeNet-5 reads handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models import MLP, LeNet5
from ._registry import Result, at_least, demo, exactly, told
from ._steps import count_parameters, fit, outputs, some_digits


def _draw(figure: Any, *, histories: dict, images: np.ndarray, labels: list) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.2, 1))
    axes = left.subplots()
    for name, values in histories.items():
        axes.plot(range(1, len(values) + 1), values, "o-", label=name)
    axes.axhline(0.97, color="black", lw=1, ls=":", label="bar 0.97")
    axes.set_ylim(0.85, 1)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("test accuracy")
    axes.grid(alpha=0.3)
    axes.legend()
    grid = right.subplots(4, 4)
    right.suptitle("test digits and what LeNet-5 reads", fontsize=10)
    for axes, image, (read, true) in zip(grid.flat, images, labels, strict=True):
        axes.imshow(image[0], cmap="gray")
        axes.set_title(f"{read}" if read == true else f"{read}, true {true}", fontsize=9, pad=2,
                       color="black" if read == true else "red")  # fmt: skip
        axes.axis("off")


@demo(
    68, 83, 105,
    name="lenet5",
    title="LeNet-5 reads handwritten digits",
    bar="61,706 parameters; test accuracy at least 0.97 within 10 epochs (quick: 4), and above an "
    "MLP 784-128-10's",
    draw=_draw,
    seconds=(5, 2),
    source="LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791",
)  # fmt: skip
def lenet5(quick: bool, seed: int) -> Result:
    """LeNet-5, a small convolutional network, reads handwritten digits and is right more often than
    a network without convolutions. Two convolutions with pooling find strokes and how they are
    arranged, and three dense layers at the end weigh them up.

    These layers are called the head. LeNet-5 is often said to have invented weight sharing; it did
    not: the neocognitron (Fukushima 1980) shares weights, and LeCun's networks of 1989 train shared
    weights by back-propagation. `models.LeNet5` is the form in use today; its docstring lists what
    differs from the paper.
    """
    epochs = 4 if quick else 10
    d = some_digits(8500)
    model, dense = LeNet5(), MLP(784, [128], 10)
    test = d.x_test, d.y_test
    history = fit(model, d.x_train, d.y_train, epochs=epochs, seed=seed, val=test)
    other = fit(dense, d.x_train, d.y_train, epochs=epochs, seed=seed, val=test)
    read = outputs(model, d.x_test).argmax(axis=1)
    last, last_dense = history["val_accuracy"][-1], other["val_accuracy"][-1]
    wrong = np.flatnonzero(read != d.y_test)[:6]
    shown = [*wrong, *np.flatnonzero(read == d.y_test)[: 16 - len(wrong)]]
    return Result(
        (
            exactly("parameters of LeNet-5", count_parameters(model), 61_706),
            at_least("test accuracy of LeNet-5", last, 0.97),
            at_least("LeNet-5 above the MLP, points", 100 * (last - last_dense), 1.0),
            told("test accuracy of the MLP 784-128-10", last_dense),
            told("epochs", epochs),
        ),
        {
            "histories": {
                "LeNet-5": history["val_accuracy"],
                "MLP 784-128-10": other["val_accuracy"],
            },
            "images": d.x_test[shown],
            "labels": [(int(read[i]), int(d.y_test[i])) for i in shown],
        },
    )
