"""Row 7: the delta rule is gradient descent, and ends in the least-squares solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional
from ..classic import Adaline
from ._registry import Result, at_most, below, demo, told

_RATE = 0.5


def _draw(figure: Any, *, x: np.ndarray, y: np.ndarray, weights: np.ndarray, paths: dict,
          errors: dict) -> None:  # fmt: skip
    left, middle, right = figure.subplots(1, 3)
    u, v = np.meshgrid(np.linspace(-0.2, 0.9, 80), np.linspace(-0.2, 0.9, 80))
    inputs = x[:, :2].astype(float)
    net = u[..., None] * inputs[:, 0] + v[..., None] * inputs[:, 1]
    loss = ((net - np.where(y == 1, 1, -1)) ** 2).mean(axis=-1) / 2
    left.contour(u, v, loss, 25, cmap="Greys", linewidths=0.7)
    for name, path in paths.items():
        left.plot(path[:, 0], path[:, 1], ".-", ms=3, lw=0.9, label=name)
    left.plot(*weights[:2], "r*", ms=14, label="least squares")
    left.set_title("two weights go down the squared error", fontsize=10)
    left.set_xlabel("weight of the petal's length")
    left.set_ylabel("weight of the petal's width")
    left.legend(fontsize=8)
    for name, curve in errors.items():
        middle.semilogy(curve, label=name)
    middle.axhline(1e-3, color="C3", ls=":", label="bar")
    middle.set_title("distance from the least-squares weights", fontsize=10)
    middle.set_xlabel("epoch")
    middle.set_ylabel("|w - w*| / |w*|")
    middle.legend(fontsize=8)
    for value, name, mark in ((0, "versicolor", "o"), (1, "virginica", "^")):
        right.plot(*x[y == value].T, mark, ms=4, label=name)
    line = np.array([-2.2, 2.2])
    right.plot(line, -(weights[0] * line + weights[2]) / weights[1], "r", label="where w x = 0")
    right.set_ylim(-2.4, 2.4)
    right.set_xlabel("petal length, standardised")
    right.set_ylabel("petal width, standardised")
    right.set_title("the line it ends with", fontsize=10)
    right.legend(fontsize=8)


def _weights(unit: Adaline) -> np.ndarray:
    return np.append(unit.coef_[0], unit.intercept_[0]).astype(np.float64)


def _gradient_step(unit: Adaline, x: np.ndarray, t: np.ndarray, rate: float) -> np.ndarray:
    """-rate times autograd's gradient of half the mean squared error, at the weights of unit."""
    w = from_numpy(unit.coef_.copy()).requires_grad_()
    b = from_numpy(unit.intercept_.copy()).requires_grad_()
    net = functional.linear(from_numpy(x), w, b)
    (functional.mse_loss(net, from_numpy(t[:, None].copy())) * 0.5).backward()
    return -rate * np.append(w.grad.numpy(), b.grad.numpy()).astype(np.float64)


def _train(unit: Adaline, x: np.ndarray, y: np.ndarray, epochs: int) -> np.ndarray:
    path = []
    for _ in range(epochs):
        unit.partial_fit(x, y)
        path.append(_weights(unit))
    return np.array([np.zeros_like(path[0]), *path])


@demo(
    7,
    name="delta-rule",
    title="The delta rule steps down the gradient, to least squares",
    bar="batch weights end within 1e-3 of the least-squares solution, |w - w*| / |w*|; the change "
    "of weights by one sample (online) and by all (batch) equals -rate times autograd's gradient "
    "of half the squared error to 1e-6",
    draw=_draw,
    size=(13, 4.5),
    seconds=(1, 0.5),
    source="Widrow and Hoff 1960, doi:10.7551/mitpress/4943.003.0012",
)
def delta_rule(quick: bool, seed: int) -> Result:
    """The delta rule changes each weight of a unit by the error before the threshold times the
    input, and that is one step of gradient descent on the squared error. The test shows both: each
    step equals the gradient, and training ends in the solution of least squares.

    The rule is twenty-six years older than the paper that made back-propagation widely known, which
    is this rule carried through layers. It is not the perceptron's rule, which looks at the error
    after the threshold, and it ends where squares are least, not where mistakes are fewest.
    """
    d = datasets.iris()
    of_two = d.y > 0
    x, y = d.x[of_two, 2:], d.y[of_two] - 1
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order], y[order]
    t = np.where(y == 1, np.float32(1), np.float32(-1))
    wide = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    best = np.linalg.lstsq(wide, t.astype(np.float64), rcond=None)[0]

    off = {}
    for method, n in (("online", 1), ("batch", len(x))):
        unit = Adaline(learning_rate=_RATE / 10, method=method).partial_fit(x, y)
        expected = _gradient_step(unit, x[:n], t[:n], _RATE / 10)
        before = _weights(unit)
        moved = _weights(unit.partial_fit(x[:n], y[:n])) - before
        off[method] = float(np.abs(moved - expected).max())

    epochs = 150 if quick else 300
    batch = Adaline(learning_rate=_RATE, method="batch")
    paths = {
        "batch, rate 0.5": _train(batch, x, y, epochs),
        "online, rate 0.01": _train(Adaline(learning_rate=0.01), x, y, epochs),
    }
    distances = {
        name: np.linalg.norm(path - best, axis=1) / np.linalg.norm(best)
        for name, path in paths.items()
    }
    last = {name: float(curve[-1]) for name, curve in distances.items()}
    return Result(
        (
            below("batch: |w - w*| / |w*|", last["batch, rate 0.5"], 1e-3),
            told("online, rate 0.01: |w - w*| / |w*|", last["online, rate 0.01"]),
            at_most("online: change against the gradient", off["online"], 1e-6),
            at_most("batch: change against the gradient", off["batch"], 1e-6),
            told("share of the flowers named right", batch.score(x, y)),
        ),
        {"x": x, "y": y, "weights": best, "paths": paths, "errors": distances},
    )
