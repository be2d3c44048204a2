"""Row 59: the gradient explodes in a recurrent network, and clipping keeps training finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, optim, randn
from ..random import Generator
from ._registry import Result, above, at_most, below, demo, exactly, told

_WIDTH, _STEPS, _RADIUS = 32, 50, 1.5


def _draw(figure: Any, *, norms: dict, losses: dict) -> None:
    left, right = figure.subplots(1, 2)
    for (name, values), style in zip(norms.items(), ("-", "--"), strict=True):
        left.semilogy(range(1, len(values) + 1), values, style, label=name)
    left.set_xlabel("steps back in time")
    left.set_ylabel("norm of the gradient of the state there")
    left.set_title(f"recurrent weights of spectral radius {_RADIUS}", fontsize=10)
    left.legend(fontsize=9)
    for (name, values), style in zip(losses.items(), ("o--", "-"), strict=True):
        right.plot(values, style, ms=4, label=name)
    right.set_yscale("log")
    right.set_xlabel("training step")
    right.set_ylabel("loss")
    right.set_title("the same network in training", fontsize=10)
    right.legend(fontsize=9)


def _rnn(nonlinearity: str) -> nn.RNN:
    """An RNN of relu (all weights made positive, so that no unit is dead) or tanh."""
    layer = nn.RNN(8, _WIDTH, nonlinearity=nonlinearity)
    w = layer.weight_hh_l0.detach().numpy()
    if nonlinearity == "relu":
        w[...] = np.abs(w)
        nn.init.uniform_(layer.weight_ih_l0, 0, 0.1)
    w *= _RADIUS / np.abs(np.linalg.eigvals(w.astype(np.float64))).max()
    return layer


def _norms(layer: nn.RNN) -> list[float]:
    """Norms of the gradient of the last state's sum by the input of each step, the last first."""
    x = randn(_STEPS, 1, 8).abs()
    x.requires_grad_()
    layer(x)[0][-1].sum().backward()
    return [float(np.linalg.norm(g)) for g in x.grad.numpy()[::-1, 0].astype(np.float64)]


def _train(clip: float, seed: int, n_steps: int) -> tuple[list[float], float, int, bool]:
    """Losses, the largest gradient norm, how many units are not 0 at the end, whether all weights
    are finite then."""
    manual_seed(seed)
    layer, readout = _rnn("relu"), nn.Linear(_WIDTH, 8)
    params = [*layer.parameters(), *readout.parameters()]
    optimizer = optim.SGD(params, lr=0.01)
    source = Generator(seed)
    losses, largest = [], 0.0
    for _ in range(n_steps):
        x, y = datasets.first_symbol_recall(32, _STEPS, generator=source)
        last = layer(from_numpy(np.ascontiguousarray(x.transpose(1, 0, 2))))[0][-1]
        loss = functional.cross_entropy(readout(last), from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(params, clip)
        largest = max(largest, norm)
        losses.append(loss.item())
        optimizer.step()
    finite = all(np.isfinite(p.detach().numpy()).all() for p in params)
    alive = int((last.detach().numpy() > 0).any(axis=0).sum())
    return losses, largest, alive, finite


@demo(
    59,
    name="exploding-gradient",
    title="The gradient explodes through time; clipping tames it",
    bar="ReLU RNN, spectral radius 1.5, 50 steps: gradient norm above 1e6; trained "
    "without clipping no unit is left alive, with clip_grad_norm_(1.0) losses and weights stay "
    "finite and the loss falls",
    draw=_draw,
    size=(11, 4.5),
    seconds=(2, 1),
    source="Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063; Bengio, Simard, Frasconi 1994, "
    "doi:10.1109/72.279181",
)
def exploding(quick: bool, seed: int) -> Result:
    """A recurrent network uses the same weights at every step in time, so a gradient that grows by
    half at each of fifty steps becomes hundreds of millions of times as large. One step along it
    destroys the network; clipping, which shortens the gradient and keeps its direction, lets
    training go on.

    Back through time the gradient meets the same matrix at every step; a spectral radius of 1.5
    makes it 1.5 to the power of 50, half a billion. tanh hides this: where it saturates its slope
    is near 0, and the gradient vanishes instead. One step along such a gradient throws every unit
    to where ReLU is 0, for good.
    """
    norms = {}
    for nonlinearity in ("relu", "tanh"):
        layer = _rnn(nonlinearity)
        norms[nonlinearity] = _norms(layer)
    n_steps = 60 if quick else 200
    wild, largest, wild_alive, _ = _train(math.inf, seed, n_steps)
    tame, _, tame_alive, tame_finite = _train(1.0, seed, n_steps)
    return Result(
        (
            above("ReLU: gradient norm at step 1 of 50", norms["relu"][-1], 1e6),
            below("tanh: gradient norm at step 1 of 50", norms["tanh"][-1], 1e6),
            exactly("without clipping: units alive after training", wild_alive, 0),
            exactly("clipped at 1.0: weights finite", float(tame_finite), 1),
            exactly("clipped at 1.0: losses finite", float(np.isfinite(tame).all()), 1),
            at_most("clipped at 1.0: last loss / first", tame[-1] / tame[0], 1),
            above("clipped at 1.0: units alive after training", tame_alive, 0),
            told("without clipping: largest norm seen", largest),
        ),
        {"norms": norms, "losses": {"not clipped": wild, "clipped at 1.0": tame}},
    )
