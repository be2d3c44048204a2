"""Row 97: a deep belief network draws the digits it is asked for, and is fine-tuned."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..classic import DBN
from ._digits8 import binary_split
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs


def _draw(figure: Any, *, samples: np.ndarray, table: np.ndarray, rates: dict) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=[1.5, 1])
    left.suptitle("drawn by the network, ten times asked for each digit", fontsize=10)
    for i, row in enumerate(left.subplots(10, 10)):
        for axes, picture in zip(row, samples[i], strict=True):
            axes.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(str(i), rotation=0, ha="right", va="center")
    top, bottom = right.subplots(2, 1, height_ratios=[1.8, 1])
    top.imshow(table, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(table >= 0.05):
        colour = "white" if table[i, j] > 0.6 else "black"
        top.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=6, color=colour)
    top.set_xticks(range(10))
    top.set_yticks(range(10))
    top.set_xlabel("what another network sees in them")
    top.set_ylabel("asked for")
    bars = bottom.barh(list(rates), list(rates.values()), color=["C7", "C0", "C2"])
    bottom.bar_label(bars, fmt="%.3f", fontsize=8)
    bottom.set_xlim(0.8, 1)
    bottom.set_xticks([0.8, 0.85, 0.9, 0.95, 1])
    bottom.set_title("test digits right", fontsize=10)


@demo(
    97,
    name="dbn",
    title="A deep belief network draws digits, and is fine-tuned",
    bar="a classifier trained on real digits sees the digit that was asked for in at least 0.80 of "
    "the samples, and each digit in 0.50 of its own; by its labels' free energies the network gets "
    "0.90 of test digits right, and 0.90 after fine-tuning by back-propagation",
    draw=_draw,
    size=(12, 7),
    seconds=(4, 1.6),
    source="Hinton, Osindero, Teh 2006, doi:10.1162/neco.2006.18.7.1527",
)
def dbn(quick: bool, seed: int) -> Result:
    """A deep belief network, two restricted Boltzmann machines trained one on the other, draws the
    digit that it is asked for. The same network names digits, and a copy of it can be fine-tuned by
    back-propagation to do so.

    No back-propagation is used before that; the upper machine also sees ten label units. Held at a
    label it dreams that digit: the upper RBM is sampled for long, then its state is sent down once.
    It is often drawn as a feed-forward net or as a deep Boltzmann machine; it is neither, for only
    the top has connections in both directions. The fine-tuned copy is unrolled into a feed-forward
    net, which can no longer draw; with two layers it gains little over the label units, with seven
    (row `pre-training`) it is what makes the net learn at all.
    """
    data = binary_split(seed)
    epochs, each, n_steps = (40, 30, 300) if quick else (80, 100, 1000)
    network = DBN((100, 200), n_epochs=epochs, random_state=seed).fit(data.x_train, data.y_train)
    asked = np.repeat(np.arange(10), each)
    samples = network.sample(len(asked), n_steps, y=asked)

    probe = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    fit(probe, data.x_train, data.y_train, epochs=20, seed=seed)
    seen = outputs(probe, samples).argmax(axis=1)
    table = np.zeros((10, 10))
    np.add.at(table, (asked, seen), 1 / each)

    tuned = network.to_sequential(10)
    fit(tuned, data.x_train, data.y_train, epochs=20, seed=seed, lr=1e-3)
    test = data.x_test, data.y_test
    rates = {
        "probe": accuracy(probe, *test),
        "by label units": network.score(*test),
        "fine-tuned": accuracy(tuned, *test),
    }
    return Result(
        (
            at_least("samples: seen as asked for", float((seen == asked).mean()), 0.8),
            at_least("samples: the least of ten digits", float(table.diagonal().min()), 0.5),
            at_least("test digits right, by label units", rates["by label units"], 0.9),
            at_least("test digits right, fine-tuned", rates["fine-tuned"], 0.9),
            told("test digits right, the probe", rates["probe"]),
        ),
        {
            "samples": samples.reshape(10, each, 64)[:, :10],
            "table": table,
            "rates": rates,
        },
    )
