"""Row 22: the step function: no gradient, and two ways to train in spite of that."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, datasets, from_numpy, functional, manual_seed, nn
from ..classic import Perceptron
from ._registry import Result, above, at_least, at_most, demo, exactly, told
from ._steps import accuracy, fit, outputs

_UNITS = 8
_Z = np.linspace(-4, 4, 321).astype(np.float32)
_SLOPES = {  # what stands in for the derivative, of float64
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "triangle": lambda z: np.maximum(1 - np.abs(z), 0),
    "fast_sigmoid": lambda z: 1 / (1 + np.abs(z)) ** 2,
}


def _draw(figure: Any, *, slopes: dict, panels: list) -> None:
    left, *others = figure.subplots(1, 3)
    left.plot(_Z, _Z >= 0, color="black", lw=2, drawstyle="steps-post", label="step")
    for name, slope in slopes.items():
        left.plot(_Z, slope, "--", lw=1.2, label=f"surrogate slope: {name}")
    left.set_ylim(-0.1, 1.6)
    left.set_title("its true slope is 0; three that stand in for it", fontsize=10)
    left.set_xlabel("net value")
    left.legend(fontsize=8, loc="upper left")
    for axes, (title, x, y, (xs, ys), labels, lines) in zip(others, panels, strict=True):
        axes.pcolormesh(xs, ys, labels, cmap="RdBu", alpha=0.35, vmin=-0.3, vmax=1.3)
        axes.scatter(*x.T, c=y, cmap="RdBu", s=5)
        for line in lines:
            axes.contour(xs, ys, line, levels=[0], colors="black", linewidths=0.7)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(f"thin lines: where one of the {_UNITS} units steps", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])


def _backward_says() -> str:
    """What the library answers to someone who wants the gradient of a plain step."""
    x = from_numpy(_Z.copy())
    x.requires_grad_()
    try:
        nn.Step()(x).sum().backward()
    except RuntimeError as error:
        return str(error)
    return ""


def _surrogate_slope(name: str) -> np.ndarray:
    x = from_numpy(_Z.copy())
    x.requires_grad_()
    nn.Step(name)(x).sum().backward()
    return x.grad.numpy()


def _gates_learned() -> int:
    """Rows of the truth tables of AND, OR and NAND that units of the perceptron rule have right."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    tables = ([0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0])
    return sum(int((Perceptron().fit(x, np.array(t)).predict(x) == t).sum()) for t in tables)


def _train(split: datasets.Split, seed: int, *, hidden: bool) -> tuple[nn.Module, float]:
    """A network of step units; hidden: whether the units' own weights are trained too."""
    manual_seed(seed)
    first = nn.Linear(2, _UNITS)
    net = nn.Sequential(first, nn.Step("fast_sigmoid"), nn.Linear(_UNITS, 2))
    for p in first.parameters():
        p.requires_grad_(hidden)
    fit(net, split.x_train, split.y_train, epochs=30, seed=seed, lr=0.03)
    return net, accuracy(net, split.x_test, split.y_test)


def _panel(title: str, net: Any, split: datasets.Split) -> tuple:
    x = split.x_test
    low, high = x.min(axis=0) - 0.2, x.max(axis=0) + 0.2
    xs, ys = (np.linspace(low[i], high[i], 200, dtype=np.float32) for i in (0, 1))
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    labels = outputs(net, points).argmax(axis=1).reshape(200, 200)
    lines = outputs(net[0], points).T.reshape(_UNITS, 200, 200)
    return title, x, split.y_test, (xs, ys), labels, lines


@demo(
    22,
    name="step",
    title="The step function has no gradient; two ways to train in spite of it",
    bar="its values are exact; backward through it raises an error that says why; the perceptron "
    "rule, which needs no gradient, learns AND, OR and NAND in all 12 cases; with a surrogate "
    "slope (within 1e-6 of its formula) eight step units part two moons in 0.97 of new points, at "
    "least 0.03 more than with the units' weights left as drawn",
    draw=_draw,
    size=(14, 4.5),
    seconds=(4, 2),
    source="McCulloch and Pitts 1943, doi:10.1007/BF02478259; Rosenblatt 1958, "
    "doi:10.1037/h0042519; Neftci, Mostafa, Zenke 2019, arXiv:1901.09948; Zenke and Ganguli 2018, "
    "doi:10.1162/neco_a_01086 (the fast sigmoid)",
)
def step(quick: bool, seed: int) -> Result:
    """A unit that answers only 1 or 0 has slope 0 everywhere but at the step, so gradient descent
    has nothing to go by. Two ways around it are shown to work: the perceptron's rule for one layer,
    and for hidden units a smooth curve's slope in place of the step's when errors go back.

    In the forward pass the hidden units still step.

    That step units cannot be trained by back-propagation at all, as is often said, holds for the
    true gradient only. The stand-in is no gradient of anything: no difference quotient gives it.
    """
    z = np.array([-np.inf, -1e4, -1, -1e-30, -0.0, 0.0, 1e-30, 1, 1e4, np.inf], np.float32)
    wrong = int((functional.step(from_numpy(z)).numpy() != (z >= 0)).sum())
    said = _backward_says()
    slopes = {name: _surrogate_slope(name) for name in _SLOPES}
    error = max(
        float(np.abs(slopes[name] - f(_Z.astype(np.float64))).max()) for name, f in _SLOPES.items()
    )

    split = datasets.Split(
        *datasets.moons(1000, noise=0.1, generator=Generator(seed)),
        *datasets.moons(1000, noise=0.1, generator=Generator(seed + 1)),
    )
    n_nets = 3 if quick else 10
    trained, drawn = (
        [_train(split, 100 * seed + i, hidden=hidden) for i in range(n_nets)]
        for hidden in (True, False)
    )
    score, before = (float(np.mean([a for _, a in nets])) for nets in (trained, drawn))
    panels = [
        _panel(f"only the output layer trained: {100 * drawn[0][1]:.1f} %", drawn[0][0], split),
        _panel(f"surrogate slope, all trained: {100 * trained[0][1]:.1f} %", trained[0][0], split),
    ]
    return Result(
        (
            exactly("wrong values of ten", wrong, 0),
            exactly("plain step: backward raises", int("step has no gradient" in said), 1),
            exactly("perceptron rule: right of 12", _gates_learned(), 12),
            at_most("surrogate slopes: error", error, 1e-6),
            at_least(f"surrogate: accuracy, mean of {n_nets} nets", score, 0.97),
            told("units left as drawn: accuracy", before),
            above("gained by training the units", score - before, 0.03),
        ),
        {"slopes": slopes, "panels": panels},
    )
