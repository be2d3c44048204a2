"""Row 10: a network with seven hidden layers learns the digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, nn
from ..models import MLP
from ._registry import Result, at_least, demo, exactly, told
from ._steps import accuracy, count_parameters, fit, outputs

_HIDDEN = [128] * 7


def _draw(figure: Any, *, history: Any, confusion: np.ndarray) -> None:
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(history["accuracy"]) + 1)
    left.plot(epochs, history["accuracy"], "o--", ms=4, label="training digits")
    left.plot(epochs, history["val_accuracy"], "s-", ms=4, label="new digits")
    left.axhline(0.97, color="black", ls=":", lw=1, label="bar 0.97")
    left.set_ylim(0.5, 1.01)
    left.set_xlabel("epoch")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set_title("accuracy with seven hidden layers", fontsize=10)
    left.legend(loc="lower right")
    right.imshow(np.sqrt(confusion), cmap="Blues")
    for (i, j), n in np.ndenumerate(confusion):
        if n:
            right.text(j, i, int(n), ha="center", va="center", fontsize=8,
                       color="white" if i == j else "C3")  # fmt: skip
    right.set_xticks(range(10))
    right.set_yticks(range(10))
    right.set_xlabel("read as")
    right.set_ylabel("is")
    right.set_title("new digits, mistakes in red", fontsize=10)


@demo(
    10,
    name="deep",
    title="Seven hidden layers learn the digits",
    bar="8x8 digits, 397 held out: seven hidden layers of 128 ReLU units, Kaiming "
    "initialisation, reach 0.97",
    draw=_draw,
    size=(11, 4.6),
    seconds=(3, 2),
    source="He et al. 2015, arXiv:1502.01852; Glorot, Bordes, Bengio 2011 (ReLU); Hinton, "
    "Osindero, Teh 2006, doi:10.1162/neco.2006.18.7.1527",
)
def deep(quick: bool, seed: int) -> Result:
    """A network of seven hidden layers learns to read handwritten digits by plain training from
    random weights. Before 2006 networks of so many dense layers hardly ever learned, and in the
    years after each layer was trained by itself first.

    ReLU, whose slope is 1 for positive input, and weights drawn so that signals keep their size are
    what makes it possible.
    """
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    train, test = (x[:1400], y[:1400]), (x[1400:], y[1400:])
    model = MLP(64, _HIDDEN, 10)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    for layer in layers[:-1]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    history = fit(model, *train, epochs=15 if quick else 30, seed=seed, lr=2e-3, val=test)
    confusion = np.zeros((10, 10))
    np.add.at(confusion, (test[1], outputs(model, test[0]).argmax(axis=1)), 1)
    return Result(
        (
            exactly("hidden layers", len(layers) - 1, 7),
            at_least("accuracy on new digits", accuracy(model, *test), 0.97),
            told("accuracy on the training digits", accuracy(model, *train)),
            told("parameters", count_parameters(model)),
        ),
        {"history": history, "confusion": confusion},
    )
