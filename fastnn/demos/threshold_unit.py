"""Rows 2, 1: the threshold unit, with weights set by hand, and the neuron it was named after."""

from __future__ import annotations

from typing import Any

from ..classic import ThresholdUnit
from ._planes import show, side, truth
from ._registry import Result, demo, exactly

_UNITS = {
    "AND": ThresholdUnit([1, 1], 1.5),
    "OR": ThresholdUnit([1, 1], 0.5),
    "NAND": ThresholdUnit([-1, -1], -1.5),
    "NOT": ThresholdUnit([-1], -0.5),
}
_PARTS = (  # place, part of the neuron, what stands for it in the code
    (0.11, "dendrites", "the inputs\nX"),
    (0.33, "synapses", "a weight each\nunit.weights"),
    (0.525, "soma", "sums, compares\ndecision_function"),
    (0.72, "axon hillock", "fires above it\nunit.threshold"),
    (0.91, "axon", "1 or 0\nunit.predict(X)"),
)


def _neuron(axes: Any) -> None:
    for height in (0.82, 0.7, 0.58, 0.46):
        axes.plot([0.03, 0.3, 0.5], [height, height, 0.64 + (height - 0.64) * 0.15], "C0", lw=2.5)
        axes.plot(0.33, 0.64 + (height - 0.64) * 0.85, "o", color="C1", ms=9, zorder=3)
    axes.plot(0.525, 0.64, "o", color="C0", ms=58)
    axes.text(0.525, 0.64, "Σ", color="white", fontsize=20, ha="center", va="center")
    axes.plot([0.53, 0.85], [0.64, 0.64], "C0", lw=5)
    axes.plot([0.72, 0.72], [0.55, 0.73], "C3", lw=3)
    for end in (0.76, 0.64, 0.52):
        axes.plot([0.85, 0.95], [0.64, end], "C0", lw=2.5)
    for place, part, code in _PARTS:
        axes.text(place, 0.3, part, ha="center", va="top", fontsize=11, weight="bold")
        axes.text(place, 0.2, code, ha="center", va="top", fontsize=9, family="monospace")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 0.95)
    axes.axis("off")


def _draw(figure: Any, *, planes: list) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.1, 1))
    _neuron(top.subplots())
    for axes, plane in zip(bottom.subplots(1, 4), planes, strict=True):
        show(axes, *plane)
    bottom.supxlabel("filled points should be 1; shaded: the unit says 1", fontsize=9)


@demo(
    2,
    1,
    name="threshold-unit",
    title="A neuron as a threshold unit: AND, OR, NAND, NOT by hand",
    bar="with weights set by hand each of the four truth tables is exact, 14 lines in all",
    draw=_draw,
    size=(12, 7),
    seconds=(0.1, 0.1),
    source="McCulloch and Pitts 1943, doi:10.1007/BF02478259",
)
def threshold_unit(quick: bool, seed: int) -> Result:
    """The simplest model of a nerve cell multiplies its inputs by weights, adds them up, and
    answers 1 if the sum is above a threshold, otherwise 0. With weights chosen by hand four such
    units compute AND, OR, NAND and NOT, and from these any Boolean function can be built.

    The picture says which part of a nerve cell each part of the code is named after. It is a
    likeness and no more: cells spike in time, have refractory periods and dendrites that compute.
    In 1943 nothing was learned, and nothing weighed more than something else: inputs were counted,
    and one that inhibits forbade the answer. Weights of any size came with Rosenblatt (1958). Nor
    was it the first model of the cell: Lapicque's of 1907 sums a current up in time.
    """
    figures, planes, lines = [], [], 0
    for name, unit in _UNITS.items():
        x, y = truth(name)
        correct = int((unit.predict(x) == y).sum())
        lines += correct
        figures.append(exactly(f"{name}: lines of the truth table", correct, len(y)))
        weights = ", ".join(map(str, unit.weights))
        title = f"{name}: weights {weights}, threshold {unit.threshold}"
        planes.append((x, y, side(unit.decision_function, x.shape[1]), title))
    return Result((*figures, exactly("lines in all", lines, 14)), {"planes": planes})
