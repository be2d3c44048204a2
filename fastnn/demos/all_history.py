"""Row 91d: what a recurrent network says at step t depends on every input up to t."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, nn, optim, randn
from ..random import Generator
from ._registry import Result, above, demo, exactly, told
from ._steps import descend

_STEPS, _WIDTH = 30, 24


def _draw(figure: Any, *, maps: dict) -> None:
    low = -4
    for axes, (name, m) in zip(figure.subplots(1, len(maps)), maps.items(), strict=True):
        with np.errstate(divide="ignore"):
            logs = np.log10(m / m.max())
        seen = np.ma.masked_where(m == 0, np.maximum(logs, low))
        axes.set_facecolor("lightgray")
        image = axes.imshow(seen, origin="lower", vmin=low, vmax=0, cmap="viridis")
        axes.text(20, 5, "exactly 0:\nthe future", ha="center", fontsize=9)
        axes.set_xlabel("input at step s")
        axes.set_ylabel("output at step t")
        axes.set_title(name, fontsize=10)
    figure.colorbar(image, ax=figure.axes, label="log10 of the derivative's size, largest = 0")


def _sensitivity(layer: nn.Module) -> np.ndarray:
    """(T, T): norm of d o(t) / d x(s), rows t, by one backward pass for each t and unit."""
    found = np.zeros((_STEPS, _STEPS))
    x = randn(_STEPS, 1, 8)
    for t in range(_STEPS):
        # a batch of the same sequence: row i sends back the gradient of unit i alone
        many = from_numpy(np.repeat(x.numpy(), _WIDTH, axis=1))
        many.requires_grad_()
        output, _ = layer(many)
        dy = np.zeros((_STEPS, _WIDTH, _WIDTH), np.float32)
        dy[t] = np.eye(_WIDTH, dtype=np.float32)
        output.backward(from_numpy(dy))
        found[t] = np.sqrt(np.square(many.grad.numpy(), dtype=np.float64).sum(axis=(1, 2)))
    return found


def _trained(layer: nn.Module, n_steps: int, seed: int) -> nn.Module:
    """After some steps on recalling the first of ten symbols."""
    readout = nn.Linear(_WIDTH, 8)
    model = nn.Sequential(layer, readout)  # for its parameters
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    source = Generator(seed)
    for _ in range(n_steps):
        x, y = datasets.first_symbol_recall(64, 9, generator=source)
        output, _ = layer(from_numpy(np.ascontiguousarray(x.transpose(1, 0, 2))))
        loss = functional.cross_entropy(readout(output[-1]), from_numpy(y))
        descend(model, loss, optimizer)
    return layer


@demo(
    "91d",
    name="all-history",
    title="A recurrent output combines all of its history",
    bar="RNN, LSTM and GRU after training: the derivative of the output at t by the input at s is "
    "not 0 for all s <= t, and exactly 0 for all s > t",
    draw=_draw,
    size=(14, 4.3),
    seconds=(3, 2),
    source="Graves 2012, doi:10.1007/978-3-642-24797-2, section 4.1",
)
def all_history(quick: bool, seed: int) -> Result:
    """What a recurrent network says at a step depends on every input up to then, and on none after
    it. The derivatives of its output by each input show it: every one into the past is there, every
    one into the future is exactly 0.

    How large they are is what training and the cell make of it. A feed-forward network with a
    window sees the window only.
    """
    maps, figures = {}, []
    past = np.tril(np.ones((_STEPS, _STEPS), bool))
    for name, make in (("RNN", nn.RNN), ("LSTM", nn.LSTM), ("GRU", nn.GRU)):
        layer = _trained(make(8, _WIDTH), 60 if quick else 200, seed)
        m = maps[name] = _sensitivity(layer)
        figures += [
            above(f"{name}: smallest derivative into the past", float(m[past].min()), 0),
            exactly(f"{name}: largest into the future", float(m[~past].max()), 0),
            told(f"{name}: d o(30) / d x(1), over d o(30) / d x(30)", float(m[-1, 0] / m[-1, -1])),
        ]
    return Result(tuple(figures), {"maps": maps})
