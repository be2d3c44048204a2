"""Row 103: a deep convolutional inverse graphics network, one latent a factor of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, no_grad, optim
from ..functional import cat
from ..models import DCIGN
from ..random import Generator
from ._registry import Result, at_least, demo, told
from ._steps import linear_decay


def _draw(figure: Any, *, renders: dict, angles: np.ndarray, codes: dict, table: Any) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    n = len(next(iter(renders.values())))
    grid = left.subplots(len(renders), n)
    for line, (name, images) in zip(grid, renders.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    left.suptitle("the same scene drawn again with one latent changed", fontsize=11)
    top, bottom = right.subplots(2, 1)
    for name, values in codes.items():
        top.plot(angles, values, ".", ms=3, label=f"latent {name}")
    top.set_xlabel("true rotation (degrees), random scenes")
    top.set_ylabel("mean of the code")
    top.legend(fontsize=8)
    bottom.imshow(table, cmap="Blues", vmin=0, vmax=1)
    names = list(codes)
    for i, j in np.ndindex(table.shape):
        color = "white" if table[i, j] > 0.5 else "black"
        bottom.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=9, color=color)
    bottom.set_xticks(range(len(names)), names)
    bottom.set_yticks(range(len(names)), [f"latent {name}" for name in names])
    bottom.set_title("|rank correlation| with the true factor", fontsize=10)


@demo(
    103,
    name="dcign",
    title="DCIGN: clamped latents learn rotation, position and size",
    bar="on new scenes in which everything varies, rank correlation of the rotation latent with "
    "the true angle at least 0.9; quick (16x16, rotation and x only, a third of the steps): 0.7",
    draw=_draw,
    size=(13, 6),
    seconds=(30, 3),
    source="Kulkarni, Whitney, Kohli, Tenenbaum 2015, arXiv:1503.03167",
)
def dcign(quick: bool, seed: int) -> Result:
    """A network that encodes images into a few numbers and draws them again is made to keep one
    number for the rotation of a shape, one for its position and one for its size. Each step of
    training shows images that differ in one of these only and lets one number change, so that
    turning this number then turns the shape.

    An ordinary autoencoder spreads rotation over all its latents. Here each mini-batch changes one
    factor only, and the other latents are replaced by their mean over it, so the change has one way
    through. The network is told which factor varies but never its value: "unsupervised", as it is
    often called, is too much. The sign of a latent is arbitrary, and angles stay within 120
    degrees: a full turn is a circle, which fits no single latent.
    """
    names = ("rotation", "x") if quick else ("rotation", "x", "y", "scale")
    steps, copies, batch = (360, 3, 8) if quick else (1200, 2, 8)
    scene: dict[str, Any] = {
        "size": 16 if quick else 32,
        "kinds": ("arrow",),
        "rotation": (-60.0, 60.0),
        "position": 0.2,
        "scale": (0.6, 0.6) if quick else (0.4, 0.65),
    }
    draws = Generator(seed)
    maps = (16, 32) if quick else (16, 32, 32)
    model = DCIGN(
        dict.fromkeys(names, 1), 1, scene["size"], maps=maps, hidden=256, invariance=1.0, beta=0.1
    )
    with no_grad():  # Little noise at first: a standard deviation of 1 hides what a latent says.
        model.cell.log_var.bias.fill_(-3.0)
    optimizer = optim.Adam(model.parameters(), lr=6e-3)
    scheduler = linear_decay(optimizer, steps)
    order = [name for name in names for _ in range(copies)]
    for _ in range(steps):
        # Several mini-batches a step, each with a scene of its own; only the clamp is batch by
        # batch, so they share one pass through encoder and decoder.
        images = [
            datasets.shapes(batch, vary=(name,), generator=draws, **scene).x for name in order
        ]
        x = from_numpy(np.concatenate(images))
        z, mean, log_var = model.cell(model.encoder(x))
        parts = [model.clamp(z[i * batch :][:batch], name) for i, name in enumerate(order)]
        loss = model.loss((model.decoder(cat(parts)), mean, log_var), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    test = datasets.shapes(500, generator=Generator(1000 + seed), **scene)
    model.eval()
    with no_grad():
        codes = model.encode(from_numpy(test.x))[0].numpy()
    columns = [datasets.SHAPE_FACTORS.index(name) - 1 for name in names]
    table = np.array(
        [[abs(_rank_correlation(z, test.factors[:, c])) for c in columns] for z in codes.T]
    )
    first = from_numpy(test.x[:1].copy())
    renders = {}
    for i, name in enumerate(names):
        low, high = np.quantile(codes[:, i], (0.02, 0.98))
        values = np.linspace(low, high, 9, dtype=np.float32)[:, None]
        renders[name] = model.rerender(first, name, from_numpy(values)).numpy()[:, 0]
    others = table[1:, 0]
    return Result(
        (
            at_least("rank correlation, latent and rotation", table[0, 0], 0.7 if quick else 0.9),
            told("largest of another latent with rotation", others.max()),
            told("least of the latents with their own factor", table.diagonal().min()),
        ),
        {
            "renders": renders,
            "angles": test.factors[:, 0],
            "codes": dict(zip(names, codes.T, strict=True)),
            "table": table,
        },
    )


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, without ties; 0 if one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    one, two = (np.argsort(np.argsort(v)).astype(np.float64) for v in (a, b))
    return float(np.corrcoef(one, two)[0, 1])
