"""Row 86: residual connections let gradients through fifty layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, nn, optim, rand
from ._registry import Result, above, at_least, at_most, below, demo, told
from ._steps import accuracy, fit


def _draw(figure: Any, *, norms: dict, histories: dict) -> None:
    left, right = figure.subplots(1, 2)
    for name, values in norms.items():
        left.plot(range(1, len(values) + 1), values, "o-", ms=4, label=name)
    left.set_yscale("log")
    left.set_xlabel("layer, 1 is next to the input")
    left.set_ylabel("norm of the weight's gradient")
    left.set_title("20 sigmoid layers before training", fontsize=10)
    left.legend()
    for name, values in histories.items():
        right.plot(range(1, len(values) + 1), values, "o-", label=name)
    right.axhline(0.1, color="black", ls=":", lw=1, label="chance")
    right.set_ylim(0, 1)
    right.set_xlabel("epoch")
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_ylabel("training accuracy")
    right.set_title("50 convolution layers on 8x8 digits", fontsize=10)
    right.legend(loc="center right")
    for axes in (left, right):
        axes.grid(alpha=0.3)


@demo(
    86,
    name="residual",
    title="Residual connections: fifty layers that train",
    bar="gradient of layer 1 over that of layer 20, sigmoid, width 64: plain below 1e-9, residual "
    "above 1e-2; on 8x8 digits a 50-layer residual net reaches 0.90 on the test digits, its plain "
    "twin stays at 0.20 or less",
    draw=_draw,
    size=(11, 4.5),
    seconds=(20, 4),
    source="He, Zhang, Ren, Sun 2016, arXiv:1512.03385; Hochreiter 1991 (vanishing gradient); "
    "Veit, Wilber, Belongie 2016, arXiv:1605.06431",
)
def residual(quick: bool, seed: int) -> Result:
    """A residual layer adds what it computes to its input, so the gradient has a path around it:
    fifty such layers learn to read digits, fifty plain ones learn nothing. In a stack of twenty the
    gradient that reaches the first layer is more than ten million times as large as without these
    paths.

    y = x + f(x): the identity carries the gradient past every layer. In a plain stack of sigmoids
    each layer multiplies it by at most 1/4 of its weight matrix's norm, and twenty of them leave
    nothing. Popular accounts say that residual connections abolish vanishing gradients; they ease
    them. The gradient still shrinks along the paths through f; it is the many short paths that keep
    the sum alive.
    """
    norms = {name: _gradient_norms(name == "residual", 20, 64) for name in ("plain", "residual")}
    ratio = {name: values[0] / values[-1] for name, values in norms.items()}

    d = datasets.digits8x8()
    order = np.random.default_rng(0).permutation(len(d.x))
    train, test = order[:1297], order[1297:]
    histories, scores = {}, {}
    for name in ("plain", "residual"):
        model = _net(name == "residual")
        history = fit(
            model, d.x[train], d.y[train], epochs=4 if quick else 8, seed=seed,
            optimizer=optim.Adam(model.parameters(), lr=2e-3),
        )  # fmt: skip
        histories[name] = history["accuracy"]
        scores[name] = accuracy(model, d.x[test], d.y[test])
    return Result(
        (
            below("first / last gradient, plain", ratio["plain"], 1e-9),
            above("first / last gradient, residual", ratio["residual"], 1e-2),
            at_least("test accuracy, 50 layers, residual", scores["residual"], 0.90),
            at_most("test accuracy, 50 layers, plain", scores["plain"], 0.20),
            told("layers with weights", _n_layers(_net(True))),
        ),
        {"norms": norms, "histories": histories},
    )


class _Block(nn.Module):
    """x + f(x), or f(x) alone in the plain twin; the same layers in both."""

    def __init__(self, f: nn.Module, is_residual: bool) -> None:
        super().__init__()
        self.f, self.is_residual = f, is_residual

    def forward(self, x):
        return x + self.f(x) if self.is_residual else self.f(x)


def _gradient_norms(is_residual: bool, depth: int, width: int) -> list[float]:
    """Of each layer's weight, from the input on; Xavier initialisation, one batch."""
    layers = [nn.Linear(width, width) for _ in range(depth)]
    for layer in layers:
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    blocks = [_Block(nn.Sequential(layer, nn.Sigmoid()), is_residual) for layer in layers]
    head = nn.Linear(width, 10)
    logits = head(nn.Sequential(*blocks)(rand(128, width)))
    labels = np.arange(128) % 10
    functional.cross_entropy(logits, from_numpy(labels)).backward()
    return [float(np.linalg.norm(layer.weight.grad.numpy())) for layer in layers]


def _net(is_residual: bool) -> nn.Sequential:
    """A first convolution, 24 blocks of two, a dense layer: 50 layers with weights."""
    n = 8
    blocks = []
    for _ in range(24):
        f = nn.Sequential(
            nn.Conv2d(n, n, 3, padding=1), nn.ReLU(), nn.Conv2d(n, n, 3, padding=1), nn.ReLU()
        )
        blocks.append(_Block(f, is_residual))
    return nn.Sequential(
        nn.Conv2d(1, n, 3, padding=1), nn.ReLU(), *blocks, nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(n * 16, 10),
    )  # fmt: skip


def _n_layers(model: nn.Module) -> int:
    return sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in model.modules())
