"""Recall of the first symbol after many distractors, for the rows on gated memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .. import datasets, from_numpy, functional, nn, optim
from ..random import Generator
from ._steps import accuracy, descend

SYMBOLS, WIDTH, BATCH = 8, 32, 128
DISTRACTORS = 100
T_MAX = 2 * DISTRACTORS  # of chrono initialisation; with half of it some seeds do not learn
EVERY = 25  # steps between two looks at held-out sequences


class LastState(nn.Module):
    """(N, T, 8) -> logits (N, 8) of a recurrent layer's last output."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.readout = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, x: Any) -> Any:
        return self.readout(self.layer(x)[0][:, -1])


@dataclass(frozen=True)
class Run:
    """Held-out accuracy after each of `steps`; milliseconds a training step."""

    steps: list[int]
    accuracy: list[float]
    milliseconds: float


def learn(model: nn.Module, n_steps: int, seed: int) -> Run:
    """Adam at 0.008 on fresh sequences, gradients clipped to norm 1, until 0.995 of 500 held-out
    sequences are right or n_steps are over.  At 0.01 with 64 sequences a step LSTMs fail, here as
    in PyTorch."""
    source = Generator(seed)
    held = datasets.first_symbol_recall(500, DISTRACTORS, generator=Generator(seed + 1))
    optimizer = optim.Adam(model.parameters(), lr=8e-3)
    steps, found, seconds = [0], [accuracy(model, *held)], 0.0
    for i in range(1, n_steps + 1):
        x, y = datasets.first_symbol_recall(BATCH, DISTRACTORS, generator=source)
        start = time.perf_counter()
        loss = functional.cross_entropy(model(from_numpy(x)), from_numpy(y))
        descend(model, loss, optimizer)
        seconds += time.perf_counter() - start
        if i % EVERY == 0:
            steps.append(i)
            found.append(accuracy(model, *held))
            if found[-1] >= 0.995:
                break
    return Run(steps, found, 1e3 * seconds / steps[-1])


def draw(axes: Any, runs: dict[str, Run]) -> None:
    """Held-out accuracy by step, a line a network."""
    for (name, run), style in zip(runs.items(), ("o-", "s--", "^:"), strict=False):
        axes.plot(run.steps, run.accuracy, style, markersize=4, label=name)
    axes.axhline(1 / SYMBOLS, color="gray", linewidth=0.8, linestyle=":")
    axes.text(0, 1 / SYMBOLS + 0.01, "chance", color="gray", fontsize=8)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel(f"training steps of {BATCH} sequences")
    axes.set_ylabel("held-out sequences recalled")
    axes.legend(loc="upper left", fontsize=9)
