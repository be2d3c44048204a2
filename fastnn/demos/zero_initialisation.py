"""Rows 32, 33: with zeros all units stay the same; random numbers part them, reproducibly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import datasets, manual_seed, nn, threads
from ..models import MLP
from ._registry import Result, at_least, at_most, demo, exactly
from ._steps import accuracy, fit


def _draw(figure: Any, *, curves: dict, weights: dict, drawn: np.ndarray) -> None:
    left, middle, right = figure.subplots(1, 3)
    for (name, curve), style in zip(curves.items(), (":", "--", "-"), strict=True):
        left.plot(range(1, len(curve) + 1), curve, style, label=name)
    left.set_ylim(0, 1.02)
    left.set_xlabel("epoch")
    left.set_ylabel("training accuracy, 8x8 digits")
    left.legend(fontsize=9, loc="center right")
    span = np.abs(weights["random"]).max()
    middle.imshow(
        np.concatenate(
            [weights["all equal"][:24], np.full((2, 64), np.nan), weights["random"][:24]]
        ),
        cmap="RdBu", vmin=-span, vmax=span, aspect="auto",
    )  # fmt: skip
    middle.set_yticks([12, 38], ["all equal", "random"], rotation=90, va="center")
    middle.set_xticks([])
    middle.set_title("weights of 24 hidden units after training,\na row a unit", fontsize=10)
    right.hist(drawn, bins=60, density=True, alpha=0.5)
    t = np.linspace(-4, 4, 200)
    right.plot(t, np.exp(-t * t / 2) / math.sqrt(2 * math.pi), label="normal density")
    right.set_title("first values that normal_ draws", fontsize=10)
    right.legend(fontsize=9)


def _kolmogorov_smirnov(values: np.ndarray, cdf: np.ndarray) -> float:
    """p of the largest distance between the sorted values' shares and their distribution."""
    n = len(values)
    steps = np.arange(1, n + 1) / n
    d = max((steps - cdf).max(), (cdf - steps + 1 / n).max())
    t = d * math.sqrt(n)
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 101)))


@demo(
    32,
    33,
    name="zero-initialisation",
    title="All-zero weights fail; random ones break the symmetry",
    bar="after 1,000 steps from equal weights hidden units differ by exactly 0; from zeros the "
    "accuracy is chance (0.15 at most), from 0.01 it is 0.5 at most, from random values 0.95; "
    "these are the same on 1 and 2 threads and follow their distribution (p at least 0.01)",
    draw=_draw,
    size=(13, 4),
    seconds=(3, 2),
    source="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0 (symmetry breaking); Massey "
    "1951, doi:10.1080/01621459.1951.10500769",
)
def zero_initialisation(quick: bool, seed: int) -> Result:
    """If all weights of a network are equal at first, its hidden units stay equal for ever, and 64
    of them are worth one. Random first weights part them: the same network then learns, and the
    same seed gives the same weights each time.

    Units with equal weights get equal gradients. With all weights zero not even one unit learns,
    for nothing passes through a zero output layer, forward or back. Any random start ends it.
    """
    d = datasets.digits8x8()
    x, y = d.x.reshape(len(d.x), -1), d.y
    curves, weights, scores = {}, {}, {}
    for kind in ("all zero", "all equal", "random"):
        manual_seed(seed)
        model = MLP(64, [64], 10, activation="tanh")
        if kind != "random":
            for p in model.parameters():
                nn.init.constant_(p, 0.0 if kind == "all zero" else 0.01)
        # 1,000 steps of 32 images and more
        history = fit(model, x, y, epochs=18, seed=seed, lr=3e-3)
        curves[kind] = history["accuracy"]
        weights[kind] = model.layers[1].weight.detach().numpy()
        scores[kind] = accuracy(model, x, y)
    spread = {k: float(np.abs(w - w[0]).max()) for k, w in weights.items()}
    drawn = {}
    for n in (1, 2):
        with threads(n):
            manual_seed(seed)
            drawn[n] = [init(nn.Linear(100, 200).weight).detach().numpy().ravel()
                        for init in (nn.init.normal_, nn.init.uniform_)]  # fmt: skip
    same = all(np.array_equal(a, b) for a, b in zip(drawn[1], drawn[2], strict=True))
    normal, uniform = (np.sort(a.astype(np.float64)) for a in drawn[1])
    erf = np.array([math.erf(v / math.sqrt(2)) for v in normal])
    shares = {
        "normal": _kolmogorov_smirnov(normal, (1 + erf) / 2),
        "uniform": _kolmogorov_smirnov(uniform, uniform),
    }
    return Result(
        (
            exactly("all zero: largest difference between units", spread["all zero"], 0),
            at_most("all zero: accuracy", scores["all zero"], 0.15),
            exactly("all equal: largest difference between units", spread["all equal"], 0),
            at_most("all equal: accuracy", scores["all equal"], 0.5),
            at_least("random: accuracy", scores["random"], 0.95),
            exactly("first values equal on 1 and 2 threads", float(same), 1),
            at_least("normal_: p", shares["normal"], 0.01),
            at_least("uniform_: p", shares["uniform"], 0.01),
        ),
        {"curves": curves, "weights": weights, "drawn": drawn[1][0]},
    )
