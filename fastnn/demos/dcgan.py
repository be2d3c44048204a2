"""Rows 102 and 104: images of digits from noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, optim
from ..models import DCGAN
from ..nn.utils import evaluating
from ._probe import probe
from ._registry import Result, at_least, demo, exactly, told
from ._steps import some_digits


def _draw(figure: Any, *, rows: dict, losses: np.ndarray) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.6, 1))
    grid = top.subplots(len(rows), 12)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image, cmap="gray_r", vmin=-1, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    axes = bottom.subplots()
    for values, name in zip(losses.T, ("generator", "discriminator"), strict=True):
        axes.plot(values, lw=0.7, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.legend()


@demo(
    102,
    104,
    name="dcgan",
    title="DCGAN: transposed convolutions draw digits from noise",
    bar="a classifier trained on real digits sees at least 8 of 10 classes in 1,000 samples (each "
    "1 % or more) with mean confidence 0.7; all losses are finite for 2,000 steps; quick: 300 "
    "steps, 6 classes, 0.6",
    draw=_draw,
    size=(12, 7),
    seconds=(75, 3),
    source="Radford, Metz, Chintala 2016, arXiv:1511.06434",
)
def dcgan(quick: bool, seed: int) -> Result:
    """A generator made of transposed convolutions learns to draw digits from noise, by a game
    against a network that tells drawn ones from real ones. A classifier that never saw a drawn
    digit judges: it must be sure of what it sees, and see most of the ten digits.

    Losses of a GAN do not fall as it gets better, because each player's goal moves with the other.
    The classifier's confidence alone is no proof: for pure noise it is 0.3 to 0.8 by how the
    classifier was trained (told below), of few classes, and a generator that draws a single clean
    digit would get all of it; so the classes are counted as well, and both bars must be reached.
    The samples between two digits blend from one into the other: the generator has not stored
    training images.
    """
    rng = np.random.default_rng(seed)
    judge = probe(quick, seed)
    width, batch, steps, lr = (16, 32, 300, 1e-3) if quick else (32, 64, 2000, 5e-4)
    x = some_digits(2500 if quick else 8500).x_train * 2 - 1
    model = DCGAN(width=width)
    optimizers = [
        optim.Adam(part.parameters(), lr=lr, betas=(0.5, 0.999))
        for part in (model.generator, model.discriminator)
    ]
    fixed = model.noise(12)
    rows, losses = {"real": x[:12, 0]}, []
    for step in range(1, steps + 1):
        batch_x = x[rng.integers(0, len(x), batch)]
        losses.append(model.train_step(from_numpy(batch_x), *optimizers))
        if step in (steps // 20, steps // 5, steps):
            rows[f"step {step}"] = _images(model, fixed)
    # A straight line in the space of the noise, from the first of the fixed ones to the second.
    share = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    ends = fixed.numpy()
    rows["between two"] = _images(model, from_numpy(ends[:1] * (1 - share) + ends[1:2] * share))
    confidence, counts = judge.confidence((model.sample(1000).numpy() + 1) / 2)
    noise, _ = judge.confidence(rng.random((1000, 784), dtype=np.float32))
    return Result(
        (
            at_least("mean confidence of the classifier", confidence, 0.6 if quick else 0.7),
            at_least("classes with 1 % or more", int((counts >= 10).sum()), 6 if quick else 8),
            exactly("steps with finite losses", int(np.isfinite(losses).all(axis=1).sum()), steps),
            told("confidence in noise", noise),
            told("share of the most frequent class", counts.max() / 1000),
        ),
        {"rows": rows, "losses": np.array(losses)},
    )


def _images(model: DCGAN, z: Any) -> np.ndarray:
    with evaluating(model):
        return model(z).numpy()[:, 0]
