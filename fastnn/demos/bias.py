"""Row 3: what a unit without a bias cannot learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Perceptron
from ._margin import nearest_mixture, signed_inputs
from ._planes import show, side, truth
from ._registry import Result, above, at_most, demo, exactly

_NAMES = ("OR", "AND", "NAND", "NOT")


def _draw(figure: Any, *, planes: list) -> None:
    grid = figure.subplots(2, len(_NAMES))
    for axes, plane in zip(grid.flat, planes, strict=True):
        show(axes, *plane)
    for row, text in zip(grid, ("without bias", "with bias"), strict=True):
        row[0].set_ylabel(text, fontsize=12)
    figure.supxlabel("filled points should be 1; shaded: the unit says 1; red: it is wrong there. "
                     "Without bias the border runs through 00.", fontsize=9)  # fmt: skip


@demo(
    3,
    name="bias",
    title="Without a bias a unit cannot learn NAND or NOT",
    bar="without bias the net value at input 0 is 0, so a trained unit has NAND and NOT wrong, and "
    "no weights have them right (margin 0); with a bias, learned or the weight of an input that "
    "is always 1 or -1, both are exact",
    draw=_draw,
    size=(11, 6),
    seconds=(0.5, 0.3),
    source="Rosenblatt 1958, doi:10.1037/h0042519",
)
def bias(quick: bool, seed: int) -> Result:
    """A unit parts its inputs by a straight border, which goes through the origin unless a bias, a
    number added to the sum, moves it away. So a unit trained without a bias gets NAND and NOT
    wrong, and one with a bias gets both right.

    Without a bias input 0 gives the net value 0, whatever the weights are: they only turn the
    border. It is often said that NOT and NAND need it; AND does too, and only OR of these four
    comes without. Constant input 1, constant input -1 (a threshold) and a separate learned number
    are the same thing.
    """
    epochs = 200 if quick else 1000
    figures: list = []
    planes: list = []
    below: list = []
    for name in _NAMES:
        x, y = truth(name)
        plain = Perceptron(fit_intercept=False, max_iter=epochs).fit(x, y)
        with_bias = Perceptron(max_iter=epochs).fit(x, y)
        for unit, to in ((plain, planes), (with_bias, below)):
            share = unit.score(x, y)
            title = f"{name}: {round(share * len(y))} of {len(y)}"
            to.append((x, y, side(unit.decision_function, x.shape[1]), title))
        if name not in ("NAND", "NOT"):
            continue
        net = float(abs(plain.decision_function(np.zeros_like(x[:1]))[0]))
        figures += [
            exactly(f"{name}: net value at 0 without bias", net, 0),
            at_most(f"{name} without bias: right answers", plain.score(x, y), 1 - 1 / len(y)),
            at_most(f"{name} without bias: best margin",
                    nearest_mixture(signed_inputs(x, y, bias=False))[0], 1e-12),
            above(f"{name} with bias: best margin", nearest_mixture(signed_inputs(x, y))[0], 0.1),
            exactly(f"{name} with a learned bias", with_bias.score(x, y), 1),
        ]  # fmt: skip
        for constant in (1, -1):
            wider = np.concatenate([x, np.full_like(x[:, :1], constant)], axis=1)
            unit = Perceptron(fit_intercept=False, max_iter=epochs).fit(wider, y)
            figures.append(exactly(f"{name}, input that is always {constant}",
                                   unit.score(wider, y), 1))  # fmt: skip
    return Result(tuple(figures), {"planes": planes + below})
