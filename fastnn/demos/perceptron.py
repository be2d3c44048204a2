"""Row 4: the perceptron learns in finitely many mistakes, and reads digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Perceptron
from ._digits8 import split
from ._margin import nearest_mixture, signed_inputs
from ._planes import show, side, truth
from ._registry import Result, at_least, at_most, demo, exactly


def _draw(figure: Any, *, planes: list, weights: np.ndarray) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.2, 1))
    for axes, plane in zip(top.subplots(1, len(planes)), planes, strict=True):
        show(axes, *plane)
        axes.set_xlabel("filled: should be 1; shaded: it says 1", fontsize=8)
    bottom.suptitle("what ten units learned from 8x8 digits: red speaks for the digit, blue "
                    "against it", fontsize=10)  # fmt: skip
    for digit, axes in enumerate(bottom.subplots(1, 10)):
        limit = float(np.abs(weights[digit]).max())
        axes.imshow(-weights[digit].reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        axes.set_title(str(digit), fontsize=10)
        axes.axis("off")


@demo(
    4,
    name="perceptron",
    title="The perceptron learns AND, OR, NAND, and reads digits",
    bar="AND, OR, NAND exact, with no more mistakes than Novikoff's bound (R / gamma)^2; ten "
    "units, one against the rest, read at least 0.90 of new 8x8 digits",
    draw=_draw,
    size=(11, 5.5),
    seconds=(0.5, 0.3),
    source="Rosenblatt 1958, doi:10.1037/h0042519; Novikoff 1962, Symposium on the Mathematical "
    "Theory of Automata, 615-622 (Freund and Schapire 1999, doi:10.1023/A:1007662407062)",
)
def perceptron(quick: bool, seed: int) -> Result:
    """The perceptron changes its weights only when it makes a mistake; if any weights do the task
    with a margin, it finds some after a number of mistakes that is limited and known beforehand.
    Here it learns three Boolean functions within that limit, and ten such units learn to read
    handwritten digits.

    It was never limited to Boolean functions: Rosenblatt's machine, the Mark I, looked at 400
    photocells. What it cannot do is XOR, next row.
    """
    figures, planes = [], []
    for name in ("AND", "OR", "NAND"):
        x, y = truth(name)
        unit = Perceptron(max_iter=1000).fit(x, y)
        signed = signed_inputs(x, y)
        gamma, _ = nearest_mixture(signed)
        bound = float((signed**2).sum(axis=1).max()) / gamma**2
        mistakes = int(unit.mistakes_[0])
        figures += [
            exactly(f"{name}: right answers", unit.score(x, y), 1),
            at_most(f"{name}: mistakes, at most (R / gamma)^2", mistakes, round(bound, 9)),
        ]
        title = f"{name}: {mistakes} mistakes, bound {bound:.0f}"
        planes.append((x, y, side(unit.decision_function, 2), title))
    d = split(seed)
    units = Perceptron(max_iter=20 if quick else 60, shuffle=True, random_state=seed)
    units.fit(d.x_train, d.y_train)
    figures.append(at_least("new 8x8 digits read", units.score(d.x_test, d.y_test), 0.90))
    return Result(tuple(figures), {"planes": planes, "weights": units.coef_})
