"""Rows 39, 40, 42: the steepest way down, how fast it goes, and what momentum adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, functional, nn, no_grad, optim, tensor
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..train import StopOnPlateau, Trainer
from ._registry import Result, above, at_most, demo, exactly, told
from ._steps import relative_error

_KAPPA = 100.0
_SCALES = np.array([1.0, _KAPPA], np.float32)  # f = (x1^2 + 100 x2^2) / 2: L = 100, mu = 1
_CHANGE, _PATIENCE = 1e-3, 5


def _draw(
    figure: Any, *, angles: Any, slopes: Any, paths: dict, losses: dict, stopped: int
) -> None:
    left, middle, right = figure.subplots(1, 3)
    left.plot(angles, slopes, ".", ms=3)
    t = np.linspace(0, np.pi, 100)
    left.plot(np.degrees(t), np.cos(t), color="C1", lw=1, label="cosine")
    left.set_xlabel("angle between direction and gradient, degrees")
    left.set_ylabel("slope in that direction / norm of the gradient")
    left.set_title("the gradient is the steepest direction", fontsize=10)
    left.legend(fontsize=9)
    x, y = np.meshgrid(np.linspace(-2, 11, 80), np.linspace(-1.6, 1.6, 80))
    middle.contour(x, y, (x**2 + _KAPPA * y**2) / 2, 12, colors="lightgray", linewidths=1)
    for (name, path), style in zip(paths.items(), ("o-", "s-"), strict=True):
        middle.plot(*np.array(path)[:60].T, style, ms=2, lw=0.8, label=name)
    middle.set_title("60 steps in a valley a hundred times as steep as long", fontsize=10)
    middle.legend(fontsize=9)
    for (name, values), style in zip(losses.items(), ("-", "-", "--"), strict=True):
        right.semilogy(values, style, label=name)
    right.axvline(stopped, color="gray", lw=1, ls=":", label=f"rate 1/L: change < {_CHANGE}")
    right.set_ylim(1e-9, 1e7)
    right.set_xlabel("step")
    right.set_ylabel("loss")
    right.set_title("too large a rate diverges", fontsize=10)
    right.legend(fontsize=8)


def _descend(lr: float, momentum: float, n_steps: int) -> tuple[list, list, int]:
    """Path, losses, and the first step with a loss below 1e-6 of the first (n_steps if none)."""
    w = tensor(np.array([10.0, 1.0], np.float32), requires_grad=True)
    scales = from_numpy(_SCALES)
    optimizer = optim.SGD([w], lr=lr, momentum=momentum)
    path, losses = [w.detach().numpy().copy()], []
    for _ in range(n_steps):
        loss = 0.5 * (scales * w * w).sum()
        losses.append(loss.item())
        if losses[-1] > 1e7 or losses[-1] < 1e-6 * losses[0]:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return path, losses, len(losses) - 1 if losses[-1] < 1e-6 * losses[0] else n_steps


def _until_small(lr: float) -> tuple[list[float], str]:
    """The losses of Trainer.fit until they change little, and why it ended: the same quadratic, as
    half the sum of squares of a linear model's outputs."""
    model = nn.Linear(2, 1, bias=False)
    with no_grad():
        model.weight.copy_(tensor([[10.0, 1.0]]))
    samples = TensorDataset(np.diag(np.sqrt(_SCALES)), np.zeros((2, 1), np.float32))
    trainer = Trainer(
        model,
        lambda y, t: 0.5 * functional.mse_loss(y, t, reduction="sum"),
        optim.SGD(model.parameters(), lr=lr),
        callbacks=[StopOnPlateau(min_delta=_CHANGE, patience=_PATIENCE)],
        progress=False,
    )
    losses = trainer.fit(DataLoader(samples, 2), epochs=4000)["loss"]
    return losses, trainer.stop_reason or ""


def _textbook_stop() -> int:
    """The epoch that ends a run with rate 1/L: its loss is 50 (1 - mu/L)^(2 (epoch - 1)) from the
    second on, where the steep direction is at 0, and falls by less and less."""
    losses = 50 * (1 - 1 / _KAPPA) ** (2 * np.arange(4000))
    falls = losses[1:-1] - losses[2:]  # of epochs 3, 4, ...
    return 3 + int(np.argmax(falls <= _CHANGE)) + _PATIENCE - 1


def _slopes(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """For 1,000 directions of a small MLP's 83 parameters: angle to the gradient in degrees, slope
    by central differences over the gradient's norm; the slope along the gradient itself."""
    rng = np.random.default_rng(seed)
    x = from_numpy(rng.standard_normal((64, 4)))
    y = from_numpy(rng.integers(0, 3, 64))
    model = MLP(4, [10], 3, activation="tanh").double()
    params = list(model.parameters())

    def loss() -> Any:
        return functional.cross_entropy(model(x), y)

    loss().backward()
    grad = np.concatenate([p.grad.numpy().ravel() for p in params])
    start = [p.detach().numpy().copy() for p in params]
    norm = np.linalg.norm(grad)

    def at(step: np.ndarray) -> float:
        parts = np.split(step, np.cumsum([p.size for p in start])[:-1])
        for p, base, part in zip(params, start, parts, strict=True):
            p.data = from_numpy(base + part.reshape(base.shape))
        return float(loss().item())

    # as many near the gradient as away from it: of chance alone all are nearly at right angles
    noise = rng.standard_normal((1000, grad.size))
    directions = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    mix = rng.uniform(-1, 1, (1000, 1))
    directions = (1 - np.abs(mix)) * directions + mix * grad / norm
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = np.concatenate([directions, grad[None] / norm])
    h = 1e-5
    slopes = np.array([(at(h * v) - at(-h * v)) / (2 * h) for v in directions]) / norm
    angles = np.degrees(np.arccos(np.clip(directions @ grad / norm, -1, 1)))
    return angles[:-1], slopes[:-1], float(slopes[-1])


@demo(
    39,
    40,
    42,
    name="gradient-descent",
    title="Steepest descent: its direction, its speed, and momentum",
    bar="no directional derivative exceeds the gradient's norm, along the gradient it equals it "
    "(1e-6); on a quadratic (condition 100) the error shrinks by the textbook's factor 1 - mu/L a "
    "step (1 %), diverges above 2/L, and momentum needs at most 1/4 of the steps; StopOnPlateau "
    "ends Trainer.fit at the epoch that this factor foretells",
    draw=_draw,
    size=(14, 4.3),
    seconds=(2, 2),
    source="Cauchy 1847; Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Nesterov 2004, "
    "ISBN 978-1402075537",
)
def gradient_descent(quick: bool, seed: int) -> Result:
    """Gradient descent walks down a hill of errors by its steepest way, and three things are
    checked: that the gradient is the steepest direction, how fast the walk goes, and when it runs
    away. Momentum, which adds up what successive gradients agree on, needs a quarter of the steps
    or fewer.

    The gradient points where the loss rises fastest, and its length is how fast. Against it one
    goes down; the step must stay below 2 / L for the largest curvature L, and then the flattest
    direction sets the pace. A run may end when the loss changes little; where progress is slow,
    that is not yet where it is small.
    """
    angles, slopes, along = _slopes(seed)
    largest, smallest = _KAPPA, 1.0
    path, losses, plain = _descend(1 / largest, 0.0, 4000)
    # after the steep direction is gone in one step, the flat one shrinks by 1 - mu / L
    shrink = float(path[50][0] / path[49][0])
    _, diverging, _ = _descend(2.05 / largest, 0.0, 4000)
    root = np.sqrt(largest), np.sqrt(smallest)
    lr = float(4 / (root[0] + root[1]) ** 2)
    beta = float(((root[0] - root[1]) / (root[0] + root[1])) ** 2)
    heavy, falling, fast = _descend(lr, beta, 4000)
    until, reason = _until_small(1 / largest)
    return Result(
        (
            at_most("largest slope / norm, 1,000 directions", np.abs(slopes).max(), 1 + 1e-6),
            at_most("slope along the gradient / norm: error", abs(along - 1), 1e-6),
            at_most("slopes against the cosine: error",
                    relative_error(slopes, np.cos(np.radians(angles))), 1e-6),
            at_most("factor a step against 1 - mu/L: error",
                    abs(shrink / (1 - smallest / largest) - 1), 0.01),
            above("rate 2.05/L: last loss / first", diverging[-1] / diverging[0], 1e3),
            at_most("steps with momentum / without", fast / plain, 0.25),
            exactly("StopOnPlateau: last epoch", len(until), _textbook_stop()),
            exactly("StopOnPlateau: it was the reason", int("changed by at most" in reason), 1),
            told("StopOnPlateau: loss left / last change", until[-1] / (until[-2] - until[-1])),
            told("steps without momentum", plain),
            told("steps with momentum", fast),
        ),
        {
            "angles": angles,
            "slopes": slopes,
            "paths": {"gradient descent": path, "with momentum": heavy},
            "losses": {
                "rate 1/L": losses[:1000],
                f"optimal momentum {beta:.2f}": falling,
                "rate 2.05/L": diverging,
            },
            "stopped": len(until),
        },
    )  # fmt: skip
