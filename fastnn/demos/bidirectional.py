"""Row 91b: a bidirectional LSTM knows what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, optim
from ..models import BiLSTMTagger
from ..nn.utils import evaluating
from ..random import Generator
from ._registry import Result, at_least, at_most, demo
from ._steps import descend

_STEPS, _DELAY, _WIDTH = 30, 3, 32


class _Forward(nn.Module):
    """The same tagger with one direction: (T, N, 2) -> logits (T, N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, _WIDTH)
        self.readout = nn.Linear(_WIDTH, 2)

    def forward(self, x: Any) -> Any:
        return self.readout(self.lstm(x)[0])


def _logits(model: nn.Module, x: np.ndarray) -> Any:
    """(N, T, 2) -> logits of the steps that have a label (steps, N, 2)."""
    return model(from_numpy(np.ascontiguousarray(x.transpose(1, 0, 2))))[:_STEPS]


def _draw(figure: Any, *, truth: np.ndarray, guesses: dict) -> None:
    axes = figure.subplots(1 + len(guesses), 1, sharex=True)
    axes[0].imshow(truth[None], aspect="auto", cmap="Greys", vmin=0, vmax=1)
    axes[0].set_title(f"label of each step: the symbol {_DELAY} steps later", fontsize=10)
    for ax, (name, p) in zip(axes[1:], guesses.items(), strict=True):
        ax.imshow(p[None], aspect="auto", cmap="RdBu", vmin=0, vmax=1)
        n_right = int(((p > 0.5) == truth).sum())
        ax.set_title(f"{name}: probability of 1 (blue); {n_right} of {len(p)} right", fontsize=10)
        for t, wrong in enumerate((p > 0.5) != truth):
            if wrong:
                ax.text(t, 0, "×", ha="center", va="center")
    for ax in axes:
        ax.set_yticks([])
    axes[-1].set_xlabel("step")


@demo(
    "91b",
    name="bidirectional",
    title="A bidirectional LSTM knows what comes later",
    bar="label at a step is the symbol three steps later: BiLSTM at least 0.99, LSTM at most 0.55 "
    "(chance is 0.5)",
    draw=_draw,
    size=(10, 4),
    seconds=(4, 2),
    source="Schuster and Paliwal 1997, doi:10.1109/78.650093; Graves and Schmidhuber 2005, "
    "doi:10.1016/j.neunet.2005.06.042",
)
def bidirectional(quick: bool, seed: int) -> Result:
    """At every step the network must name what comes three steps later, a coin: reading forwards
    only, it cannot do better than chance, however large. A bidirectional network has a second layer
    that reads from the end, and gets it right.

    One layer reads the sequence from its start, another from its end, and both states stand side by
    side at every step. The second direction has only to remember three steps. It needs the whole
    sequence first, so it cannot run live.
    """
    held = datasets.delayed_label(500, _STEPS, delay=_DELAY, generator=Generator(seed + 1))
    found, guesses = {}, {}
    for name in ("BiLSTM", "LSTM"):
        manual_seed(seed)
        model: nn.Module = BiLSTMTagger(2, _WIDTH, 2) if name == "BiLSTM" else _Forward()
        source = Generator(seed)
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(150 if quick else 300):
            x, y = datasets.delayed_label(64, _STEPS, delay=_DELAY, generator=source)
            logits = _logits(model, x).flatten(0, 1)
            loss = functional.cross_entropy(logits, from_numpy(y.T.ravel()))
            descend(model, loss, optimizer)
        with evaluating(model):
            p = functional.softmax(_logits(model, held.x), 2).numpy()[..., 1]
        found[name] = float(((p > 0.5) == held.y.T).mean())
        guesses[name] = p[:, 0]
    return Result(
        (
            at_least("BiLSTM: labels right", found["BiLSTM"], 0.99),
            at_most("LSTM: labels right", found["LSTM"], 0.55),
        ),
        {"truth": held.y[0], "guesses": guesses},
    )
