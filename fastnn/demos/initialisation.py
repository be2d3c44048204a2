"""Rows 34, 35: Xavier keeps the variance in tanh layers, Kaiming in ReLU layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lab, nn, randn
from ._registry import Result, at_least, at_most, below, demo

_WIDTH = 256


def _draw(figure: Any, *, flows: dict) -> None:
    for axes, (title, curves) in zip(figure.subplots(1, 2), flows.items(), strict=True):
        for (name, values), marker in zip(curves.items(), "os^", strict=False):
            axes.plot(
                range(1, len(values) + 1), np.array(values) / values[0], marker + "-", label=name
            )
        axes.axhspan(0.5, 2, color="C2", alpha=0.15, label="0.5 to 2 times")
        axes.set_yscale("log")
        axes.set_ylim(1e-7, 10)
        axes.set_xlabel("layer")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel("variance of the activations / that of the first layer")
        axes.set_title(title, fontsize=10)
        axes.legend(fontsize=9, loc="lower left")


def _flow(draw: Any, activation: type[nn.Module], depth: int) -> list[float]:
    """Variance of the activations layer by layer, the mean of eight networks."""
    flows = []
    for _ in range(8):
        layers: list[nn.Module] = []
        for _ in range(depth):
            layer = nn.Linear(_WIDTH, _WIDTH)
            draw(layer.weight)
            nn.init.zeros_(layer.bias)
            layers += [layer, activation()]
        flows.append(lab.signal_flow(nn.Sequential(*layers), randn(128, _WIDTH), activation))
    return list(np.mean(flows, axis=0))


@demo(
    34,
    35,
    name="initialisation",
    title="Xavier for tanh, Kaiming for ReLU: signals keep their size",
    bar="variance of the activations over that of the first layer within 0.5 to 2: Xavier, 10 tanh "
    "layers; Kaiming, 20 ReLU layers; with Xavier it falls below 0.01 in 20 ReLU layers",
    draw=_draw,
    size=(11, 4.5),
    seconds=(3, 3),
    source="Glorot and Bengio 2010; He et al. 2015, arXiv:1502.01852",
)
def initialisation(quick: bool, seed: int) -> Result:
    """The size of the first weights decides whether a signal gets through many layers: too small
    and it dies out, right and it keeps its size. Xavier's rule does that for tanh, Kaiming's for
    ReLU, and the test follows the signal through up to twenty layers.

    A layer multiplies the variance of its input by fan_in times the variance of its weights. Xavier
    makes that 1, which suits functions with slope 1 at 0; ReLU throws half of the signal away, so
    Kaiming doubles it. With weights of 0.01, as was usual before, nothing arrives.
    """
    init = nn.init

    def small(w: Any) -> Any:
        return init.normal_(w, 0, 0.01)

    def kaiming(w: Any) -> Any:
        return init.kaiming_normal_(w, nonlinearity="relu")

    def xavier(w: Any) -> Any:
        return init.xavier_normal_(w, 5 / 3)  # tanh's gain: its slope is less than 1 away from 0

    tanh = {
        "Xavier": _flow(xavier, nn.Tanh, 10),
        "standard deviation 0.01": _flow(small, nn.Tanh, 10),
    }
    relu = {
        "Kaiming": _flow(kaiming, nn.ReLU, 20),
        "Xavier": _flow(init.xavier_normal_, nn.ReLU, 20),
        "standard deviation 0.01": _flow(small, nn.ReLU, 20),
    }
    kept = {"Xavier, tanh": tanh["Xavier"], "Kaiming, ReLU": relu["Kaiming"]}
    figures = []
    for name, values in kept.items():
        ratios = np.array(values) / values[0]
        figures += [
            at_least(f"{name}: smallest variance / the first", float(ratios.min()), 0.5),
            at_most(f"{name}: largest variance / the first", float(ratios.max()), 2.0),
        ]
    lost = relu["Xavier"][-1] / relu["Xavier"][0]
    return Result(
        (*figures, below("Xavier, ReLU: last variance / the first", lost, 0.01)),
        {"flows": {"ten layers of tanh": tanh, "twenty layers of ReLU": relu}},
    )
