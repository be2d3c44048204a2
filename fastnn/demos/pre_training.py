"""Row 61: a net of seven sigmoid layers learns if RBMs made its weights, and not otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, functional, manual_seed, nn, optim
from ..classic import DBN
from ..data import DataLoader, TensorDataset
from ..random import Generator
from ._digits8 import binary_split
from ._registry import Result, at_least, below, demo, told
from ._steps import accuracy

_LAYERS, _WIDTH = 7, 100


def _draw(figure: Any, *, curves: dict, spread: dict, filters: np.ndarray) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=[1.9, 1])
    axes, other = left.subplots(1, 2, width_ratios=[1.4, 1])
    for (name, losses), style in zip(curves.items(), ("C0-", "C3-", "C2--"), strict=True):
        axes.plot(range(1, len(losses) + 1), losses, style, label=name)
    axes.axhline(np.log(10), color="black", ls=":", lw=1, label="guessing: log 10")
    axes.set_ylim(0, 3.4)
    axes.set_xlabel("epochs of back-propagation")
    axes.set_title("training loss of seven sigmoid layers", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")
    for (name, values), style in zip(spread.items(), ("C0o-", "C3s-"), strict=True):
        other.semilogy(range(1, _LAYERS + 1), np.maximum(values, 1e-7), style, label=name)
    other.set_xlabel("layer")
    other.set_title("how much a unit differs\nfrom picture to picture, at the start", fontsize=10)
    other.legend(fontsize=8)
    right.suptitle("what 25 units of the first layer look for", fontsize=10)
    for panel, w in zip(right.subplots(5, 5).flat, filters, strict=True):
        limit = np.abs(w).max()
        panel.imshow(w.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        panel.set_xticks([])
        panel.set_yticks([])


def _train(model: nn.Module, data: Any, optimizer: Any, epochs: int, seed: int) -> list[float]:
    """Mean training loss of each epoch."""
    samples = TensorDataset(data.x_train, data.y_train)
    loader = DataLoader(samples, 32, shuffle=True, generator=Generator(seed))
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        losses.append(total / len(samples))
    return losses


def _twin(seed: int, *, xavier: bool = False) -> nn.Sequential:
    """The same network with random weights."""
    manual_seed(seed)
    sizes = [64] + [_WIDTH] * _LAYERS
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(_WIDTH, 10))
    if xavier:
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
    return model


def _spread(model: nn.Sequential, x: np.ndarray) -> list[float]:
    """Mean standard deviation of a layer's units over the pictures, layer by layer."""
    h, found = from_numpy(x), []
    for module in list(model)[:-1]:
        h = module(h).detach()
        if isinstance(module, nn.Sigmoid):
            found.append(float(h.numpy().std(axis=0, dtype=np.float64).mean()))
    return found


@demo(
    61,
    name="pre-training",
    title="Seven sigmoid layers: pre-trained by RBMs, and not",
    bar="after N epochs of SGD the pre-trained net has a training loss below 1.0 and below the "
    "least that its twin with random weights has in 5 N; 0.85 of test digits right (N = 10; "
    "quick: N = 5, half of the digits, 0.70)",
    draw=_draw,
    size=(13, 4.5),
    seconds=(6, 2),
    source="Hinton, Osindero, Teh 2006, doi:10.1162/neco.2006.18.7.1527; Glorot, Bengio 2010 "
    "(AISTATS) on why",
)
def pre_training(quick: bool, seed: int) -> Result:
    """In 2006 deep networks of dense layers began to train: restricted Boltzmann machines, stacked
    one on the other, find good first weights, and back-propagation only polishes them. Here a
    net of seven sigmoid layers learns the digits that way, while its twin with random weights does
    not get as far in five times as long.

    The twin's signal dies on the way through seven sigmoids. It is often told that deep nets need
    pre-training: with Xavier's weights and Adam the twin trains as well, and ReLU and residual
    connections have since made pre-training of this kind needless. Nor is any stack of RBMs good
    enough: of grey pixels, taken as probabilities, it learns upper layers that hardly move from
    picture to picture.
    """
    data = binary_split(seed, 700 if quick else 1347)
    n, bar = (5, 0.7) if quick else (10, 0.85)
    stack = DBN((_WIDTH,) * _LAYERS, learning_rate=0.05, n_epochs=60, random_state=seed)
    stack.fit(data.x_train)
    manual_seed(seed)
    model, twin = stack.to_sequential(10), _twin(seed)
    spread = {"pre-trained": _spread(model, data.x_test), "random": _spread(twin, data.x_test)}
    first = _train(model, data, optim.SGD(model.parameters(), lr=0.1, momentum=0.9), n, seed)
    second = _train(twin, data, optim.SGD(twin.parameters(), lr=0.1, momentum=0.9), 5 * n, seed)
    modern = _twin(seed, xavier=True)
    third = _train(modern, data, optim.Adam(modern.parameters(), lr=3e-3), 5 * n, seed)
    test = data.x_test, data.y_test
    return Result(
        (
            below("pre-trained: loss after N epochs", first[-1], min(min(second), 1.0)),
            told("twin: least loss in 5 N epochs", min(second)),
            at_least("pre-trained: test digits right", accuracy(model, *test), bar),
            told("twin: test digits right", accuracy(twin, *test)),
            told("twin, Xavier and Adam: loss after 5 N", third[-1]),
            told("twin, Xavier and Adam: test digits right", accuracy(modern, *test)),
        ),
        {
            "curves": {
                "pre-trained, SGD": first,
                "random weights, SGD": second,
                "Xavier's weights, Adam": third,
            },
            "spread": spread,
            "filters": stack.layers_[0].components_[:25],
        },
    )
