"""Row 5: XOR is beyond a single-layer perceptron, with a proof that the program checks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Perceptron
from ._margin import nearest_mixture, signed_inputs
from ._planes import CORNERS, show, side
from ._registry import Result, at_most, demo, exactly

_XOR = np.array([0, 1, 1, 0])
_NAMES = {1: "AND", 6: "XOR", 7: "OR", 9: "XNOR", 14: "NAND", 8: "NOR"}


def _draw(figure: Any, *, planes: list, correct: np.ndarray) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.9, 1))
    for axes, plane in zip(top.subplots(2, 7).flat, planes, strict=True):
        show(axes, *plane)
    top.supxlabel("the Boolean functions of two inputs but the constant ones; filled points should "
                  "be 1; shaded: a trained unit says 1; red: it is wrong", fontsize=9)  # fmt: skip
    left, right = bottom.subplots(1, 2)
    left.plot(np.arange(1, 81), correct[:80], ".-", lw=0.8)
    left.set_ylim(-0.2, 4.2)
    left.axhline(4, color="C3", ls=":")
    left.set_xlabel("samples shown; it goes on like this for ever", fontsize=9)
    left.set_ylabel("XOR: right of 4")
    right.axis("off")
    right.text(
        0, 1, "wanted:   input 0 0:    b <= 0\n          input 0 1:    v + b > 0\n"
        "          input 1 0:    u + b > 0\n          input 1 1:    u + v + b <= 0\n\n"
        "first + last:        u + v + 2b <= 0\nsecond + third:      u + v + 2b >  0\n"
        "both cannot be: no weights u, v, b compute XOR",
        va="top", family="monospace", fontsize=9,
    )  # fmt: skip


@demo(
    5,
    name="xor-limit",
    title="XOR is beyond a single-layer perceptron",
    bar="in 10,000 epochs (quick: 1,000), looked at after each sample, the perceptron has 3 of 4 "
    "lines of XOR right at most; the four inequalities, each taken once, sum up to 0 > 0, so no "
    "weights have it right; of the 16 Boolean functions of two inputs exactly 14 have weights, and "
    "the perceptron finds those",
    draw=_draw,
    size=(12, 7.5),
    seconds=(8, 1),
    source="Minsky and Papert 1969, ISBN 978-0262130431; Gordan 1873, doi:10.1007/BF01442864",
)
def xor_limit(quick: bool, seed: int) -> Result:
    """XOR asks whether exactly one of two inputs is 1, and a single unit cannot compute it: no
    straight line parts the two answers. However long the perceptron trains it has at least one line
    of four wrong, and four inequalities that contradict each other prove that no weights exist.

    Minsky and Papert did not show that networks with a hidden layer fail, as is often told: those
    compute XOR, and that was known; training them was not.
    """
    rng = np.random.default_rng(seed)
    unit = Perceptron()
    scores = []
    for _ in range(1000 if quick else 10_000):
        for i in rng.permutation(4):  # looked at after each sample, not after each epoch only
            unit.partial_fit(CORNERS[i : i + 1], _XOR[i : i + 1], classes=(0, 1))
            scores.append(unit.score(CORNERS, _XOR))
    rows = signed_inputs(CORNERS, _XOR)
    gamma, shares = nearest_mixture(rows)

    planes, separable, learned = [], [], []
    for number in range(1, 15):
        y = np.array([number >> bit & 1 for bit in (3, 2, 1, 0)])
        each = Perceptron(max_iter=100).fit(CORNERS, y)
        separable.append(nearest_mixture(signed_inputs(CORNERS, y))[0] > 1e-9)
        learned.append(each.score(CORNERS, y) == 1)
        title = _NAMES.get(number, f"{number:04b}")
        planes.append((CORNERS, y, side(each.decision_function, 2), title))
    return Result(
        (
            exactly("XOR: the most that it has, 3 of 4", max(scores), 0.75),
            exactly("sum of the four inequalities, largest part", float(np.abs(rows.sum(0)).max()),
                    0),
            at_most("XOR: best margin", gamma, 1e-12),
            at_most("shares of the inequalities: distance from 1/4",
                    float(np.abs(shares - 0.25).max()), 1e-9),
            exactly("functions with weights, with the two constant ones", sum(separable) + 2, 14),
            exactly("functions learned where weights exist",
                    sum(a == b for a, b in zip(learned, separable, strict=True)), 14),
        ),
        {"planes": planes, "correct": 4 * np.array(scores)},
    )  # fmt: skip
