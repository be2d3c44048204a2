"""Row 95: what a restricted Boltzmann machine learns, by exact likelihoods and by its features."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import datasets, manual_seed, nn
from ..classic import RBM
from ._digits8 import binary_split
from ._registry import Result, above, at_least, demo, told
from ._steps import accuracy, fit

_FOLDS = 4


def _draw(
    figure: Any,
    *,
    curves: dict,
    best: float,
    patterns: np.ndarray,
    filters: np.ndarray,
    rates: dict,
) -> None:
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1.5, 0.8, 1.5])
    axes = left.subplots()
    for (name, (steps, values)), style in zip(curves.items(), ("C0-", "C3-"), strict=True):
        axes.plot(steps, values, style, label=name)
    axes.axhline(best, color="black", ls=":", lw=1, label="the most possible: -log 14")
    axes.set_xlabel("steps")
    axes.set_title("mean log-likelihood of bars and stripes, exact", fontsize=10)
    axes.legend(fontsize=8, loc="lower right")
    middle.suptitle("bars and stripes drawn\nby the machine; red: wrong", fontsize=10)
    known = datasets.bars_and_stripes(3).x.reshape(-1, 9)
    for panel, v in zip(middle.subplots(7, 4).flat, patterns, strict=True):
        right_one = (known == v).all(axis=1).any()
        panel.imshow(v.reshape(3, 3), cmap="gray_r" if right_one else "Reds", vmin=0, vmax=1)
        panel.set_xticks([])
        panel.set_yticks([])
    top, bottom = right.subfigures(2, 1, height_ratios=[2.2, 1])
    top.suptitle("weights of 40 hidden units, learned from digits", fontsize=10)
    for panel, w in zip(top.subplots(4, 10).flat, filters, strict=True):
        limit = np.abs(w).max()
        panel.imshow(w.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        panel.set_axis_off()
    axes = bottom.subplots()
    bars = axes.barh(list(rates), list(rates.values()), color=["C7", "C0"])
    axes.bar_label(bars, fmt="%.3f", fontsize=8)
    axes.set_xlim(0.85, 1)
    axes.set_title("test digits right, by logistic regression of", fontsize=10)


def _climb(algorithm: str, n_steps: int, seed: int) -> tuple[RBM, list[int], list[float]]:
    """Learn the 14 pictures; the exact mean log-likelihood on the way."""
    x = datasets.bars_and_stripes(3).x.reshape(-1, 9)
    batch = np.tile(x, (25, 1))
    model = RBM(16, algorithm=algorithm, batch_size=len(batch), n_epochs=0, random_state=seed).fit(
        x
    )
    steps, values = [0], [float(model.log_likelihood(x).mean())]
    part = 200
    for step in range(0, n_steps, part):
        model.set_params(learning_rate=0.15 * (1 - step / n_steps))
        model.partial_fit(np.tile(batch, (part, 1)))
        steps.append(step + part)
        values.append(float(model.log_likelihood(x).mean()))
    return model, steps, values


def _logistic(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> float:
    """Share of the rows `test` (bool) that logistic regression of the others gets right."""
    manual_seed(seed)
    model = nn.Linear(x.shape[1], 10)
    fit(model, x[~test], y[~test], epochs=60, seed=seed, lr=1e-2)
    return accuracy(model, x[test], y[test])


def _digits(n_folds: int, seed: int) -> tuple[RBM, float, float]:
    """A machine; share of test digits right from pixels and from features, mean over folds."""
    data = binary_split(seed)
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    fold = np.arange(len(x)) % _FOLDS
    pixels, features = [], []
    for i in range(n_folds):
        test = fold == i
        model = RBM(
            100, algorithm="cd", momentum=0.5, weight_decay=2e-4, n_epochs=100, random_state=seed
        ).fit(x[~test])
        pixels.append(_logistic(x, y, test, seed))
        features.append(_logistic(model.transform(x), y, test, seed))
    return model, float(np.mean(pixels)), float(np.mean(features))


@demo(
    95,
    name="rbm",
    title="A restricted Boltzmann machine, by CD-1 and by PCD",
    bar="3x3 bars and stripes: the exact mean log-likelihood rises from about -6.2 to at least "
    "-3.4 by CD-1 and -2.85 by PCD (most possible -2.64); digits8: logistic regression of 100 "
    "features is right in 0.944 of cases, and better than of the binary pixels, mean over 4 folds "
    "(quick: one fold, 0.92, no comparison)",
    draw=_draw,
    size=(13, 4.5),
    seconds=(6, 3),
    source="Hinton 2002, doi:10.1162/089976602760128018; Tieleman 2008, "
    "doi:10.1145/1390156.1390290; MacKay 2003, section 43, on bars and stripes",
)
def rbm(quick: bool, seed: int) -> Result:
    """A restricted Boltzmann machine learns which images are likely, and with nine pixels that can
    be checked exactly: persistent chains (PCD) come close to the best possible, one-step
    contrastive divergence (CD-1) stops short. On real digits its hidden units, which never saw a
    label, are a better input for a classifier than the pixels.

    With nine visible units the partition function can be counted, so the likelihood is known, not
    guessed. It is often said that contrastive divergence follows the likelihood's gradient, or that
    it minimises the reconstruction error: with one step it does neither.
    """
    curves, models = {}, {}
    for name, algorithm in (("CD-1", "cd"), ("PCD", "pcd")):
        models[name], steps, values = _climb(algorithm, 8_000, seed)
        curves[name] = steps, values
    start = curves["CD-1"][1][0]
    cd, pcd = (curves[name][1][-1] for name in ("CD-1", "PCD"))
    model, pixels, features = _digits(1 if quick else _FOLDS, seed)
    lead = "digits, features: right, more than pixels"
    return Result(
        (
            told("bars and stripes: log-likelihood at the start", start),
            at_least("after CD-1", cd, -3.4),
            at_least("after PCD", pcd, -2.85),
            above("PCD's lead over CD-1", pcd - cd, 0),
            at_least("digits, features: right", features, 0.92 if quick else 0.944),
            (told if quick else functools.partial(above, bar=0))(lead, features - pixels),
            told("digits, pixels: right", pixels),
        ),
        {
            "curves": curves,
            "best": -float(np.log(14)),
            "patterns": models["PCD"].sample(28, 2000),
            "filters": model.components_[:40],
            "rates": {"64 pixels": pixels, "100 features": features},
        },
    )
