"""Row 89: plain recurrent cells lose what they have seen after some five steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lab, manual_seed, nn
from ..random import Generator
from ._registry import Result, at_least, at_most, demo, told

_SYMBOLS, _WIDTH, _MAX_LAG = 8, 64, 15
_ROTATION = "RNN, orthogonal first weights"


def _layers(seed: int) -> dict[str, nn.RNNBase]:
    """Untrained layers, each with the default first values unless its name says otherwise."""
    layers: dict[str, nn.RNNBase] = {}
    for name, make in (("RNN", nn.RNN), ("LSTM", nn.LSTM), ("GRU", nn.GRU), (_ROTATION, nn.RNN)):
        manual_seed(seed)
        layers[name] = make(_SYMBOLS, _WIDTH)
        if name == _ROTATION:
            nn.init.orthogonal_(layers[name].weight_hh_l0)
    return layers


def _draw(figure: Any, *, curves: dict) -> None:
    axes = figure.subplots()
    axes.axvspan(4, 5, color="0.9", label='"after four or five updates"')
    for (name, many), style in zip(curves.items(), ("o-", "s--", "^-.", "d:"), strict=True):
        axes.plot(many.mean(axis=0), style, markersize=5, label=name)
    axes.axhline(1 / _SYMBOLS, color="gray", linestyle=":", linewidth=1)
    axes.text(0, 1 / _SYMBOLS + 0.015, "chance", color="gray", fontsize=9)
    axes.set_ylim(0, 1.03)
    axes.set_xticks(range(_MAX_LAG + 1))
    axes.set_xlabel("symbol this many steps back")
    axes.set_ylabel("share that a linear readout of the state names rightly")
    axes.set_title(f"layers of {_WIDTH} units before training, {_SYMBOLS} symbols", fontsize=10)
    axes.legend(loc="upper right", fontsize=9)
    axes.grid(alpha=0.3)


@demo(
    89,
    name="forgetting",
    title="A plain recurrent network forgets within ten steps",
    bar="untrained tanh RNN, 64 units, 8 symbols, state noise 1e-3: a linear readout names the "
    "symbol 3 steps back at least 0.95 of the time, the one 10 steps back at most 0.3",
    draw=_draw,
    size=(9, 5),
    seconds=(5, 2),
    source="Bengio, Simard, Frasconi 1994, doi:10.1109/72.279181; Jaeger 2001, GMD Report 152 "
    "(measuring memory by a linear readout)",
)
def forgetting(quick: bool, seed: int) -> Result:
    """How long does an untrained recurrent network remember what it has read? A linear readout of
    its state names the symbol of three steps ago nearly always, and that of ten steps ago rarely.

    The readout is fitted by least squares, on sequences of random symbols. Popular accounts say
    that plain cells lose information after four or five updates; with the usual first values of
    their weights that is about right: each step shrinks the trace, until it drowns in noise as
    small as 1e-3. It is no law of the cell. With a rotation for recurrent weights the same cell
    holds on for longer; and untrained LSTM and GRU, whose gates begin half open and average the
    symbols, keep less than the plain cell does. Gates are a means to learn to remember, not a
    memory at birth.
    """
    found: dict[str, list[np.ndarray]] = {}
    samples = 2000 if quick else 3000
    for i in range(1 if quick else 3):
        for name, layer in _layers(seed + i).items():
            g = Generator(seed + i)
            curve = lab.forgetting_curve(layer, _MAX_LAG, samples=samples, generator=g)
            found.setdefault(name, []).append(curve)
    curves = {name: np.stack(many) for name, many in found.items()}
    plain = curves["RNN"]
    return Result(
        (
            at_least("RNN: 3 steps back", float(plain[:, 3].min()), 0.95),
            at_most("RNN: 10 steps back", float(plain[:, 10].max()), 0.3),
            *(
                told(f"{name}: 7 steps back", float(many[:, 7].mean()))
                for name, many in curves.items()
            ),
            told("chance", 1 / _SYMBOLS),
        ),
        {"curves": curves},
    )
