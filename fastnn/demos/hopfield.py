"""Rows 92, 93: a Hopfield network recalls dirty digits; its weights; how much fits into it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Hopfield
from ._digits8 import flip, prototypes
from ._registry import Result, above, at_least, at_most, demo, exactly, told

_FLIPS = 6  # of 64 elements: 10 %
_CRITICAL = 0.138  # patterns a unit, Amit, Gutfreund, Sompolinsky 1985


def _draw(figure: Any, *, images: list, weights: np.ndarray, traces: list, curves: dict) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    all_axes = top.subplots(3, 10)
    for row, (name, pictures) in zip(all_axes, images, strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            axes.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    left, middle, right = bottom.subplots(1, 3)
    limit = np.abs(weights).max()
    left.imshow(weights, cmap="RdBu", vmin=-limit, vmax=limit)
    left.set_title("weights of all units to all, ten digits stored", fontsize=10)
    left.set_xlabel("from unit")
    left.set_ylabel("to unit")
    for trace in traces:
        middle.plot(trace, lw=1)
    middle.set_title("energy only falls", fontsize=10)
    middle.set_xlabel("flips of one unit")
    middle.set_ylabel("energy")
    for units, (loads, kept) in curves.items():
        right.plot(loads, kept, "o-", ms=4, label=f"{units} units")
    right.axvline(_CRITICAL, color="black", ls=":", lw=1, label=f"theory: {_CRITICAL}")
    right.set_title("random patterns that stay, Hebb's rule", fontsize=10)
    right.set_xlabel("patterns per unit")
    right.set_ylabel("share")
    right.legend(fontsize=8)


def _capacity(units: int, loads: list, rng: np.random.Generator, seed: int) -> list:
    """Share of stored random patterns that move by less than 2.5 % of the units, at each load.

    At the break it falls from almost 1 to almost 0, the sharper the more units there are.
    """
    kept = []
    for load in loads:
        count = round(load * units)
        shares = []
        for _ in range(-(-100 // count)):  # few patterns fit into a small network: several of those
            patterns = rng.choice(np.array([-1, 1], np.float32), (count, units))
            tried = patterns[:100]
            found = Hopfield("hebb", random_state=seed).fit(patterns).predict(tried)
            shares.append(float(((found * tried).mean(axis=1) > 0.95).mean()))
        kept.append(sum(shares) / len(shares))
    return kept


@demo(
    92,
    93,
    name="hopfield",
    title="A Hopfield network recalls dirty digits, and how much fits into it",
    bar="with 6 of 64 elements flipped: two digits by Hebb's rule recalled exactly each time, ten "
    "by the pseudo-inverse rule in 0.90 of cases; one unit at a time the energy never rises; of "
    "random patterns 0.9 stay at 0.12 a unit and at most 0.5 at 0.18 (theory: break at 0.138); "
    "weights symmetric, diagonal 0, n (n - 1) / 2 of them",
    draw=_draw,
    size=(12, 7.5),
    seconds=(6, 2),
    source="Hopfield 1982, doi:10.1073/pnas.79.8.2554; Personnaz, Guyon, Dreyfus 1985, "
    "doi:10.1051/jphyslet:01985004608035900; Amit, Gutfreund, Sompolinsky 1985, "
    "doi:10.1103/PhysRevLett.55.1530",
)
def hopfield(quick: bool, seed: int) -> Result:
    """A Hopfield network stores patterns as valleys of an energy: a digit with some pixels flipped
    rolls down into the nearest valley and comes out clean. How many fit in depends on how they were
    learned and how alike they are: random patterns up to 0.138 a unit, ten digits only by the
    pseudo-inverse rule.

    Hebb's rule wants patterns that are unlike each other, as random ones are: of all ten digits,
    which share much, it recalls none, and two are the most to count on; the pseudo-inverse rule
    recalls them. The number of weights is often called exponential in the number of units: it is
    quadratic.
    """
    rng = np.random.default_rng(seed)
    digits = prototypes()
    two = digits[:2]
    hebb = Hopfield("hebb", random_state=seed).fit(two)
    of_two = np.repeat(two, 200, axis=0)
    network = Hopfield("pseudoinverse", random_state=seed).fit(digits)
    of_ten = np.repeat(digits, 100, axis=0)
    dirty = flip(of_ten, _FLIPS, rng)
    overfull = Hopfield("hebb", random_state=seed).fit(digits)

    traces = [network.energy_trace(dirty[i : i + 1])[:, 0] for i in range(0, 1000, 20)]
    rise = max(float(np.diff(trace).max(initial=-np.inf)) for trace in traces)

    loads = [0.06, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2]
    sizes = (100, 400) if quick else (100, 400, 1000)
    curves = {n: (loads, _capacity(n, loads, rng, seed)) for n in sizes}
    kept = dict(zip(loads, curves[sizes[-1]][1], strict=True))

    weights = network.weights_
    n = len(weights)
    pairs = int(np.count_nonzero(np.triu(weights, 1)))
    shown = [
        ("clean", digits),
        ("dirty", dirty[::100]),
        ("recalled", network.predict(dirty[::100])),
    ]
    return Result(
        (
            exactly("two digits, Hebb: recalled", hebb.score(flip(of_two, _FLIPS, rng), of_two), 1),
            at_least("ten digits, pseudo-inverse: recalled", network.score(dirty, of_ten), 0.9),
            told("ten digits, Hebb: recalled", overfull.score(dirty, of_ten)),
            at_most("largest rise of the energy", rise, 0),
            above("flips looked at", sum(len(trace) - 1 for trace in traces), 100),
            at_least(f"{sizes[-1]} units: kept at 0.12 a unit", kept[0.12], 0.9),
            at_most(f"{sizes[-1]} units: kept at 0.18 a unit", kept[0.18], 0.5),
            exactly("weights: largest w_ij - w_ji", float(np.abs(weights - weights.T).max()), 0),
            exactly("weights: largest w_ii", float(np.abs(np.diag(weights)).max()), 0),
            exactly("weights of 64 units", pairs, n * (n - 1) // 2),
        ),
        {"images": shown, "weights": weights, "traces": traces, "curves": curves},
    )
