"""Row 55: batch normalisation makes a deep sigmoid network train."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, no_grad, optim
from ._registry import Result, at_most, demo, told
from ._steps import relative_error

_DEPTH, _WIDTH, _TARGET = 10, 64, 1.0


def _draw(figure: Any, *, losses: dict) -> None:
    axes = figure.subplots()
    for name, values in losses.items():
        smooth = np.convolve(values, np.ones(20) / 20, mode="valid")
        axes.plot(range(20, len(values) + 1), smooth, label=name)
    axes.axhline(_TARGET, color="C3", ls="--", lw=1)
    axes.text(len(values), _TARGET + 0.02, "the set loss", color="C3", fontsize=9, ha="right")
    axes.set_xlabel("training step")
    axes.set_ylabel("loss, mean of 20 steps")
    axes.legend()


def _net(normalised: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    n = 64
    for _ in range(_DEPTH):
        layer = nn.Linear(n, _WIDTH)
        nn.init.xavier_normal_(layer.weight)
        layers += [layer, *([nn.BatchNorm1d(_WIDTH)] if normalised else []), nn.Sigmoid()]
        n = _WIDTH
    return nn.Sequential(*layers, nn.Linear(n, 10))


def _train(normalised: bool, x: np.ndarray, y: np.ndarray, n_steps: int, seed: int) -> list[float]:
    manual_seed(seed)
    model = _net(normalised)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(n_steps):
        i = rng.integers(0, len(x), 64)
        loss = functional.cross_entropy(model(from_numpy(x[i])), from_numpy(y[i]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _first_below(values: list[float]) -> int:
    """Step after which the mean of 20 losses is below the target; the last if never."""
    smooth = np.convolve(values, np.ones(20) / 20, mode="valid")
    below = np.flatnonzero(smooth < _TARGET)
    return int(below[0]) + 20 if len(below) else len(values)


@demo(
    55,
    name="batch-normalisation",
    title="Batch normalisation lets a deep sigmoid network learn",
    bar="ten sigmoid layers on 8x8 digits reach a loss of 1.0 in at most half the steps; "
    "statistics in training and in evaluation equal NumPy's within 1e-5",
    draw=_draw,
    size=(8, 4.5),
    seconds=(4, 2),
    source="Ioffe and Szegedy 2015, arXiv:1502.03167; Santurkar et al. 2018, arXiv:1805.11604",
)
def batch_normalisation(quick: bool, seed: int) -> Result:
    """Ten layers of sigmoids hardly learn; with batch normalisation, which brings each unit's
    values to mean 0 and variance 1 over the samples of a step, they learn in less than half the
    steps. It keeps the sigmoids where they have a slope, in every layer.

    After that two learned numbers scale and move the values. Training gets faster; why is
    less clear. That it "reduces internal covariate shift", as first thought, is doubted: Santurkar
    et al. put that shift back in, and it trained as fast; they find the loss smoother instead.
    """
    d = datasets.digits8x8()
    x, y = d.x.reshape(len(d.x), -1), d.y
    n_steps = 600 if quick else 1500
    losses = {
        "with batch normalisation": _train(True, x, y, n_steps, seed),
        "without": _train(False, x, y, n_steps, seed),
    }
    steps = {name: _first_below(values) for name, values in losses.items()}
    layer = nn.BatchNorm1d(7)
    data = np.random.default_rng(seed).normal(3, 2, (500, 7)).astype(np.float32)
    with no_grad():
        y_train = layer(from_numpy(data)).numpy()
        y_eval = layer.eval()(from_numpy(data)).numpy()
    wide = data.astype(np.float64)
    mean, var = wide.mean(axis=0), wide.var(axis=0)
    running_mean, running_var = 0.1 * mean, 0.9 + 0.1 * wide.var(axis=0, ddof=1)
    errors = (
        relative_error(y_train, (wide - mean) / np.sqrt(var + layer.eps)),
        relative_error(y_eval, (wide - running_mean) / np.sqrt(running_var + layer.eps)),
    )
    ratio = steps["with batch normalisation"] / steps["without"]
    return Result(
        (
            at_most("steps to the loss, with / without", ratio, 0.5),
            at_most("training: relative error", errors[0], 1e-5),
            at_most("evaluation: relative error", errors[1], 1e-5),
            told("steps with", steps["with batch normalisation"]),
            told("steps without (all, if not reached)", steps["without"]),
        ),
        {"losses": losses},
    )
