"""Row 101: a generative adversarial network on a ring of eight Gaussians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, no_grad, optim
from ..models import GAN
from ._registry import Result, at_least, demo, told
from ._steps import linear_decay

SIGMA, RADIUS = 0.1, 2.0
ANGLES = [math.pi * i / 4 for i in range(8)]
CENTRES = np.array([(RADIUS * math.cos(a), RADIUS * math.sin(a)) for a in ANGLES])


def _draw(figure: Any, *, snapshots: dict, real: np.ndarray, belief: np.ndarray) -> None:
    grid = figure.subplots(1, 1 + len(snapshots))
    grid[0].plot(*real.T, ".", ms=2, color="tab:gray")
    grid[0].set_title("data", fontsize=10)
    for axes, (step, made) in zip(grid[1:], snapshots.items(), strict=True):
        axes.plot(*CENTRES.T, "+", color="tab:gray", ms=9)
        axes.plot(*made.T, ".", ms=2, color="tab:blue")
        axes.set_title(f"made after {step} steps", fontsize=10)
    shade = grid[-1].imshow(
        belief, cmap="RdBu", vmin=0, vmax=1, extent=(-3, 3, -3, 3), origin="lower", alpha=0.5
    )
    figure.colorbar(shade, ax=grid, label="discriminator: probability of real", shrink=0.75)
    for axes in grid:
        axes.set_xlim(-3, 3)
        axes.set_ylim(-3, 3)
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])


@demo(
    101,
    name="gan",
    title="GAN: noise becomes a ring of eight Gaussians",
    bar="at least 7 of 8 modes (each with a fifth of its share or more), at least 80 % of the "
    "samples within 3 standard deviations of a centre; quick: 6 modes, 50 %",
    draw=_draw,
    size=(14, 3.6),
    seconds=(15, 3),
    source="Goodfellow et al. 2014, arXiv:1406.2661; ring: Metz et al. 2017, arXiv:1611.02163",
)
def gan_ring(quick: bool, seed: int) -> Result:
    """Two networks play against each other: a generator makes points from noise, and a
    discriminator tells them from real ones, which lie in eight heaps on a ring. The generator never
    sees the data, and still learns to make all eight heaps, or nearly; they are counted, as losses
    do not show it.

    The generator has only the discriminator's gradient. Accounts that show one good picture hide
    mode collapse: a generator that makes one Gaussian perfectly fools the discriminator for a while
    and then jumps to the next. Adam without momentum (beta1 = 0) and a falling learning rate hold
    all eight here; with beta1 = 0.5 some runs end on a single one.
    """
    rng = np.random.default_rng(seed)
    steps = 1000 if quick else 5000
    model = GAN(2)
    optimizers = [
        optim.Adam(part.parameters(), lr=2e-3, betas=(0.0, 0.99))
        for part in (model.generator, model.discriminator)
    ]
    schedulers = [linear_decay(optimizer, steps) for optimizer in optimizers]
    snapshots = {0: model.sample(1000).numpy()}
    for step in range(1, steps + 1):
        loss_g, loss_d = model.train_step(from_numpy(_ring(rng, 256)), *optimizers)
        for scheduler in schedulers:
            scheduler.step()
        if step in (steps // 20, steps // 5, steps):
            snapshots[step] = model.sample(2000).numpy()
    distance = np.sqrt(((snapshots[steps][:, None] - CENTRES) ** 2).sum(axis=2))
    near = distance.min(axis=1) < 3 * SIGMA
    counts = np.bincount(distance.argmin(axis=1)[near], minlength=8)
    x = np.linspace(-3, 3, 80, dtype=np.float32)
    points = np.stack(np.meshgrid(x, x), axis=2).reshape(-1, 2)
    with no_grad():
        belief = model.discriminate(from_numpy(points)).sigmoid().numpy().reshape(80, 80)
    return Result(
        (
            at_least("modes", int((counts >= len(near) / 40).sum()), 6 if quick else 7),
            at_least("share within 3 sigma", float(near.mean()), 0.5 if quick else 0.8),
            told("loss of the generator", loss_g),
            told("loss of the discriminator", loss_d),
        ),
        {"snapshots": snapshots, "real": _ring(rng, 1000), "belief": belief},
    )


def _ring(rng: np.random.Generator, n: int) -> np.ndarray:
    noise = SIGMA * rng.standard_normal((n, 2))
    return (CENTRES[rng.integers(0, 8, n)] + noise).astype(np.float32)
