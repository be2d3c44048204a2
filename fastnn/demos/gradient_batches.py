"""Row 41: gradient descent on all samples, on one at a time, on some."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, optim
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..random import Generator
from ..train import Trainer
from ._registry import Figure, Result, at_least, at_most, below, demo, told
from ._steps import accuracy, linear_decay

_N_TRAIN = 1280  # batches of 32 and of 1,280 come out even


def _draw(figure: Any, *, x: np.ndarray, y: np.ndarray, paths: dict, curves: dict) -> None:
    left, middle, right = figure.subplots(1, 3)
    a, b = np.meshgrid(np.linspace(-1.6, 2.6, 60), np.linspace(-1.6, 2.1, 60))
    error = np.square(a[..., None] * x[:, 0] + b[..., None] * x[:, 1] - y).mean(axis=-1)
    left.contour(a, b, error, 14, colors="lightgray", linewidths=1)
    for i, (name, path) in enumerate(reversed(paths.items())):
        left.plot(
            *np.array(path).T,
            "-",
            color=f"C{2 - i}",
            lw=(0.7, 1.2, 3)[i],
            zorder=2 + (i == 1),
            label=name,
        )
    left.plot(*paths["batch"][0], "ko", ms=5)
    left.set_xlabel("first weight")
    left.set_ylabel("second weight")
    left.set_title("a fit of two weights: ways from the dot", fontsize=10)
    left.legend(fontsize=9)
    for name, (samples, _, losses) in curves.items():
        middle.loglog(samples, losses, ".-", ms=3, label=name)
    middle.set_xlabel("samples looked at")
    middle.set_ylabel("loss on digits, mean of the epoch")
    middle.set_title("per sample the small batches are ahead", fontsize=10)
    middle.legend(fontsize=9)
    for name, (_, steps, losses) in curves.items():
        right.loglog(steps, losses, ".-", ms=3, label=name)
    right.set_xlabel("steps")
    right.set_title("per step the large ones are", fontsize=10)
    right.legend(fontsize=9)


def _gradients(model: nn.Module, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All gradients of the mean loss over (x, y), as one vector."""
    model.zero_grad()
    functional.cross_entropy(model(from_numpy(x)), from_numpy(y)).backward()
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


def _disagreement(x: np.ndarray, y: np.ndarray, batch_size: int, dtype: str) -> float:
    """Largest difference between the mean of the batches' gradients and the gradient of all."""
    model = MLP(64, [32], 10)
    model = model.double() if dtype == "float64" else model
    x = x.astype(dtype)
    parts = [
        _gradients(model, x[i : i + batch_size], y[i : i + batch_size])
        for i in range(0, len(x), batch_size)
    ]
    mean = np.mean(parts, axis=0, dtype=np.float64)
    return float(np.abs(mean - _gradients(model, x, y)).max())


def _way(x: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> list[np.ndarray]:
    """The two weights of a linear fit after each step, three epochs or 60 steps."""
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, -1.2)
    optimizer = optim.SGD(layer.parameters(), lr=0.05)
    loader = DataLoader(
        TensorDataset(x, y[:, None]), batch_size, shuffle=True, generator=Generator(seed)
    )
    path = [layer.weight.detach().numpy()[0].copy()]
    for _ in range(max(1, 60 // len(loader))):
        for some, target in loader:
            optimizer.zero_grad()
            functional.mse_loss(layer(some), target).backward()
            optimizer.step()
            path.append(layer.weight.detach().numpy()[0].copy())
    return path


def _race(curves: dict) -> list[Figure]:
    """Who is ahead after as many samples, and after as many steps."""
    (_, steps, losses), (_, few_steps, few), (_, _, one) = curves.values()
    n = len(one)  # epochs that all have been through
    same = int(np.flatnonzero(few_steps <= steps[-1])[-1])
    last = few_steps[same] - few_steps[same - 1]  # an epoch's loss is the mean over its steps
    by_sample = losses[n - 1] / max(few[n - 1], one[n - 1])
    by_step = float(np.mean(losses[-last:])) / few[same]
    return [
        at_least(f"{n} epochs each: loss, all samples a step / others", by_sample, 3),
        below(f"{steps[-1]} steps each: loss, all samples a step / 32", by_step, 1),
    ]


@demo(
    41,
    name="gradient-batches",
    title="All samples a step, one, or some: batch GD, SGD, mini-batches",
    bar="the gradient of 1,280 digits equals the mean of the gradients of batches of 1 and of 32 "
    "(1e-6, in float64 1e-12); trained by plain gradient descent, with batches of 1, of 32 and of "
    "all, each net has at least 0.96 on new 8x8 digits (quick 0.94); when all have seen as many "
    "samples, the loss of steps on all is at least 3 times the others'; after as many steps it is "
    "below that of batches of 32",
    draw=_draw,
    size=(14, 4.3),
    seconds=(5, 2),
    source="Robbins and Monro 1951, doi:10.1214/aoms/1177729586; Bottou, Curtis and Nocedal 2018, "
    "arXiv:1606.04838",
)
def gradient_batches(quick: bool, seed: int) -> Result:
    """A step of training may look at all samples, at one, or at some (a mini-batch); the gradient
    of a batch is right on average, only noisy. For the same number of samples looked at, steps on
    all of them come least far; for the same number of steps, they come furthest.

    The gradient of the cost is the mean over the samples, so a batch drawn by chance gives the
    right direction on average. A step on all samples has no noise and costs the most.
    """
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    images = d.x.reshape(len(d.x), -1)
    train, test = order[:_N_TRAIN], order[_N_TRAIN:]
    x, y = images[train], d.y[train]
    figures = [
        at_most(f"mean gradient of batches of {n} against that of all, {dtype}",
                _disagreement(x, y, n, dtype), bar)
        for n, dtype, bar in ((1, "float32", 1e-6), (32, "float32", 1e-6), (32, "float64", 1e-12))
    ]  # fmt: skip
    curves = {}
    settings = (("batch", _N_TRAIN, 0.6, 200), ("mini-batches of 32", 32, 0.4, 12),
                ("one at a time", 1, 0.03, 3))  # fmt: skip
    for name, batch_size, lr, epochs in settings:
        manual_seed(seed)
        epochs = epochs if quick else 2 * epochs
        model = MLP(64, [64], 10)
        optimizer = optim.SGD(model.parameters(), lr=lr)
        samples = TensorDataset(x, y)
        loader = DataLoader(samples, batch_size, shuffle=True, generator=Generator(seed))
        schedule = linear_decay(optimizer, epochs * len(loader))
        trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=schedule,
                          scheduler_step="batch", progress=False)  # fmt: skip
        history = trainer.fit(loader, epochs=epochs)
        score = accuracy(model, images[test], d.y[test])
        figures += [at_least(f"{name}: accuracy on new digits", score, 0.94 if quick else 0.96),
                    told(f"{name}: steps", trainer.iteration)]  # fmt: skip
        seen = _N_TRAIN * np.array(history["epoch"])
        curves[name] = seen, np.array(history["iteration"]), history["loss"]
    figures += _race(curves)
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((320, 2)).astype(np.float32) * np.array([1, 0.6], np.float32)
    target = (z @ np.array([1, 1]) + 0.7 * rng.standard_normal(320)).astype(np.float32)
    paths = {
        name: _way(z, target, n, seed)
        for name, n in (("batch", 320), ("mini-batches of 32", 32), ("one at a time", 1))
    }
    return Result(tuple(figures), {"x": z, "y": target, "paths": paths, "curves": curves})
