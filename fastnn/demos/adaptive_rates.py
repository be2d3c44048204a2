"""Rows 43, 44: Adam and RMSprop: every weight gets a rate of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, optim, tensor
from ..models import MLP
from ._digits8 import folds
from ._registry import Result, at_least, at_most, demo
from ._steps import accuracy, fit

_SCALES = np.array([1.0, 100.0])  # f = (x1^2 + 100 x2^2) / 2


def _draw(figure: Any, *, paths: dict, sizes: dict, errors: dict) -> None:
    left, middle, right = figure.subplots(1, 3)
    x, y = np.meshgrid(np.linspace(-1, 4.6, 80), np.linspace(-0.4, 1.3, 80))
    left.contour(x, y, np.log10(x**2 + 100 * y**2 + 1e-2), 14, colors="lightgray", linewidths=1)
    for (name, path), style in zip(paths.items(), ("o-", "s-", "^-"), strict=True):
        left.plot(*np.array(path).T, style, ms=2.5, lw=0.8, label=name)
    left.plot(0, 0, "k*", ms=9)
    left.set_title("40 steps in a valley 100 times as steep across", fontsize=10)
    left.legend(fontsize=9)
    places = np.arange(2)
    for i, (name, pair) in enumerate(sizes.items()):
        bars = middle.bar(places + 0.27 * (i - 1), pair, 0.25, label=name)
        middle.bar_label(bars, fmt="%.2g", fontsize=8)
    middle.set_yscale("log")
    middle.set_ylim(1e-2, 20)
    middle.set_xticks(places, ["along the valley\n(gradient 4)", "across it\n(gradient 100)"])
    middle.set_ylabel("size of the first step")
    middle.set_title("adaptive steps do not know the gradient's size", fontsize=10)
    middle.legend(fontsize=9)
    for (name, values), style in zip(errors.items(), ("-", "--") * 2, strict=True):
        right.semilogy(range(1, len(values) + 1), np.maximum(values, 1e-18), style, label=name)
    right.axhline(1e-7, color="C3", lw=1)
    right.text(1, 1.3e-7, "bar", color="C3", fontsize=9)
    right.set_ylim(5e-19, 1e-5)
    right.set_xlabel("step of training on digits")
    right.set_ylabel("largest difference from the formula")
    right.set_title("the paper's formula, step by step", fontsize=10)
    right.legend(fontsize=8, loc="center right")


def _adam(p: Any, g: Any, m: Any, v: Any, t: int, lr: float) -> tuple[Any, Any, Any]:
    """Kingma and Ba 2015, Algorithm 1, with its default settings."""
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def _rmsprop(p: Any, g: Any, m: Any, v: Any, t: int, lr: float) -> tuple[Any, Any, Any]:
    """Tieleman and Hinton 2012, slide 29: 0.9 of the mean square, 0.1 of the new square."""
    v = 0.9 * v + 0.1 * g**2
    return p - lr * g / (np.sqrt(v) + 1e-8), m, v


_KINDS = {
    "Adam": (lambda p, lr: optim.Adam(p, lr), _adam),
    "RMSprop": (lambda p, lr: optim.RMSprop(p, lr, alpha=0.9), _rmsprop),
}


def _follow(name: str, dtype: str, n_steps: int, seed: int) -> list[float]:
    """Training on 8x8 digits: for each step the largest difference between the weights and the
    formula, which is worked out in float64 from the gradients alone.  After each step of float32
    it starts again from the weights as they were rounded: errors of rounding do not add up."""
    manual_seed(seed)
    make, formula = _KINDS[name]
    model = MLP(64, [16], 10)
    model = model.double() if dtype == "float64" else model
    params = list(model.parameters())
    optimizer = make(params, 0.01)
    d = datasets.digits8x8()
    images, rng = d.x.reshape(len(d.x), -1).astype(dtype), np.random.default_rng(seed)
    exact = [p.detach().numpy().astype(np.float64) for p in params]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in exact]
    errors = []
    for t in range(1, n_steps + 1):
        batch = rng.integers(0, len(images), 64)
        loss = functional.cross_entropy(model(from_numpy(images[batch])), from_numpy(d.y[batch]))
        optimizer.zero_grad()
        loss.backward()
        gradients = [p.grad.numpy().astype(np.float64) for p in params]
        optimizer.step()
        worst = 0.0
        for i, (p, g) in enumerate(zip(params, gradients, strict=True)):
            exact[i], m, v = formula(exact[i], g, *moments[i], t, 0.01)
            moments[i] = m, v
            found = p.detach().numpy()
            worst = max(worst, float(np.abs(found - exact[i]).max()))
            if dtype == "float32":
                exact[i] = found.astype(np.float64)
        errors.append(worst)
    return errors


def _valley(make: Any, lr: float, n_steps: int) -> list[np.ndarray]:
    w = tensor(np.array([4.0, 1.0], np.float32), requires_grad=True)
    scales = from_numpy(_SCALES.astype(np.float32))
    optimizer = make([w], lr)
    path = [w.detach().numpy().copy()]
    for _ in range(n_steps):
        optimizer.zero_grad()
        (0.5 * (scales * w * w).sum()).backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return path


@demo(
    43,
    44,
    name="adaptive-rates",
    title="Adam and RMSprop: a rate for every weight",
    bar="training on 8x8 digits, each step's weights equal the papers' formulas: in float32 "
    "from the step before within 1e-7, in float64 from the start within 1e-12; in a valley 100 "
    "times as steep across as along, the first step is as large along it (1 %); both reach 0.96 on "
    "new digits, mean of 4 folds",
    draw=_draw,
    size=(14, 4.3),
    seconds=(2, 1),
    source="Kingma and Ba 2015, arXiv:1412.6980; Tieleman and Hinton 2012, Neural Networks for "
    "Machine Learning, lecture 6.5",
)
def adaptive_rates(quick: bool, seed: int) -> Result:
    """Adam and RMSprop give every weight a learning rate of its own: they divide its gradient by
    the gradient's usual size. So a valley that is a hundred times as steep across as along is no
    obstacle to the first step, and the steps agree with the papers' formulas.

    The usual size is the root of a running mean of squares, so that a step is about as long as the
    rate says, whatever the gradient's scale. Adam averages the gradient too, and mends what both
    means lack in the first steps, as they start from 0; RMSprop does not, so its first step is
    longer, here the rate over the root of 0.1.
    """
    errors: dict[str, list[float]] = {}
    figures = []
    for name in _KINDS:
        for dtype in ("float32", "float64"):
            found = _follow(name, dtype, 100 if quick else 200, seed)
            errors[f"{name}, {dtype}"] = found
            bar = 1e-7 if dtype == "float32" else 1e-12
            figures.append(at_most(f"{name}, {dtype}: largest difference", max(found), bar))
    paths = {"gradient descent": _valley(lambda p, lr: optim.SGD(p, lr=lr), 0.01, 40)}
    paths |= {name: _valley(make, 0.15, 40) for name, (make, _) in _KINDS.items()}
    sizes = {name: np.abs(path[1] - path[0]) for name, path in paths.items()}
    figures += [
        at_most(f"{name}: first step across / along, from 1: error",
                abs(sizes[name][1] / sizes[name][0] - 1), 0.01)
        for name in _KINDS
    ]  # fmt: skip

    for name, (make, _) in _KINDS.items():
        scores = []
        for x, y, x_test, y_test in folds(seed, 4):
            manual_seed(seed)
            model = MLP(64, [64], 10)
            optimizer = make(model.parameters(), 0.005)
            fit(model, x, y, epochs=20 if quick else 30, seed=seed, optimizer=optimizer)
            scores.append(accuracy(model, x_test, y_test))
        figures.append(at_least(f"{name}: accuracy on new digits", float(np.mean(scores)), 0.96))
    return Result(tuple(figures), {"paths": paths, "sizes": sizes, "errors": errors})
