"""Row 116: vehicle or tree, told apart by their radar echoes; sonar works alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..models import MLP
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit

_LENGTH = 128
_LEVELS = (10, 5, 0, -5, -10)  # dB
_KINDS = ("tree", "vehicle")


def _draw(figure: Any, *, clean: list, noisy: list, curve: dict, chance: float) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    grid = left.subplots(4, 2, sharex=True)
    left.suptitle("echo strength along the distance: as it is (red), as received at 0 dB (gray)",
                  fontsize=10)  # fmt: skip
    for kind, column in enumerate(grid.T):
        column[0].set_title(_KINDS[kind], fontsize=10)
        for axes, echo, received in zip(column, clean[kind], noisy[kind], strict=True):
            axes.plot(received, color="gray", lw=0.7)
            axes.plot(echo, "C3", lw=1.2)
            axes.set_yticks([])
    axes = right.subplots()
    for name, shares in curve.items():
        axes.plot(_LEVELS, shares, "o-", label=name)
    axes.plot(0, 0.95, "r*", ms=14, label="bar")
    axes.axhline(chance, color="gray", ls=":")
    axes.set_ylim(0.45, 1.02)
    axes.set_xlabel("signal to noise, dB (left: more noise)")
    axes.set_ylabel("share of new echoes named right")
    axes.legend(fontsize=8, loc="lower right")


def _echo(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Range profile of mean power 1, from 8 sweeps.  A vehicle: 3 to 5 hard corners within 20 to
    40 cells, the same in each sweep.  A tree: 60 twigs and leaves over as much, which move, so
    their phases are new in each."""
    extent = rng.uniform(20, 40)
    start = rng.uniform(4, _LENGTH - extent - 4)
    if kind:  # bonnet, windscreen, roof, rear: apart from each other
        count = int(rng.integers(3, 6))
        places = np.linspace(0, extent, count) + rng.uniform(-2, 2, count)
        strengths, phases = rng.uniform(0.7, 1.3, count), rng.random((1, count))
    else:
        places, strengths, phases = rng.uniform(0, extent, 60), np.ones(60), rng.random((8, 60))
    cells = np.arange(_LENGTH)[:, None]
    pulses = np.exp(-((cells - start - places) ** 2) / (2 * 1.2**2))
    sweeps = pulses @ (strengths * np.exp(2j * np.pi * phases)).T
    profile = np.sqrt((np.abs(sweeps) ** 2).mean(axis=1))
    return profile / np.sqrt((profile**2).mean())


def _echoes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n echoes (n, _LENGTH), every other of a vehicle, and their kinds (n,)."""
    kinds = np.arange(n) % 2
    return np.stack([_echo(int(kind), rng) for kind in kinds]), kinds


def _receive(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """With Gaussian noise, `level` dB below the mean power of the echo: (n, 1, _LENGTH)."""
    noise = rng.standard_normal(x.shape) * 10 ** (-level / 20)
    return (x + noise).astype(np.float32)[:, None]


@demo(
    116,
    name="echoes",
    title="Vehicle or tree? A radar echo in, the kind out",
    bar="made-up range profiles at 0 dB (noise as strong as the echo): at least 0.95 of 1,000 new "
    "ones named right",
    draw=_draw,
    size=(13, 6),
    seconds=(5, 2),
    source="Gorman and Sejnowski 1988, doi:10.1016/0893-6080(88)90023-8; Skolnik 1962, "
    "ISBN 978-0070579095",
)
def echoes(quick: bool, seed: int) -> Result:
    """A radar sends a pulse, and from the echo's shape along the distance a one-dimensional
    convolution tells vehicles from trees, under noise as strong as the echo. Metal corners send
    back a few sharp peaks, moving leaves a broad hump, and the network looks for the shape wherever
    it is.

    Where along the distance is left to chance. Sonar differs in wave and speed, not in the task.
    The echoes are made up, so the figure says what the network can do, not how well a real radar
    would.
    """
    rng = np.random.default_rng(seed)
    x, y = _echoes(2000 if quick else 6000, rng)
    x_test, y_test = _echoes(1000, rng)
    net = nn.Sequential(
        nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1),
        nn.Flatten(), nn.Linear(32, 2),
    )  # fmt: skip
    models = {"convolution": net, "linear": MLP(_LENGTH, [], 2)}
    noisy = np.concatenate([_receive(x, level, rng) for level in (0, 5)])
    for model in models.values():
        fit(model, noisy, np.tile(y, 2), epochs=5 if quick else 8, seed=seed, batch_size=64)
    received = {level: _receive(x_test, level, rng) for level in _LEVELS}
    curve = {
        name: [accuracy(model, received[level], y_test) for level in _LEVELS]
        for name, model in models.items()
    }
    at_zero = _LEVELS.index(0)
    return Result(
        (
            at_least("0 dB: named right", curve["convolution"][at_zero], 0.95),
            told("0 dB: named right by a linear classifier", curve["linear"][at_zero]),
            told("-5 dB: named right", curve["convolution"][at_zero + 1]),
            told("10 dB: named right", curve["convolution"][0]),
        ),
        {
            "clean": [x_test[k:8:2] for k in (0, 1)],
            "noisy": [received[0][k:8:2, 0] for k in (0, 1)],
            "curve": curve,
            "chance": 0.5,
        },
    )
