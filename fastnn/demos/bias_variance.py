"""Row 56: the error of a fit is bias, variance and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, functional, lab, manual_seed, nn, no_grad, optim
from ..models import MLP
from ._registry import Result, above, at_most, below, demo, told

_NOISE, _POINTS = 0.3, 25


def _draw(figure: Any, *, x: np.ndarray, parts: dict) -> None:
    *fits, last = figure.subplots(1, len(parts) + 1)
    for axes, (name, p) in zip(fits, parts.items(), strict=True):
        axes.plot(x, np.sin(x), color="black", lw=1, label="truth")
        axes.plot(x, p.mean, color="C0", label="mean fit")
        axes.fill_between(x, p.mean - p.spread, p.mean + p.spread, alpha=0.3,
                          label="standard deviation of the fits")  # fmt: skip
        axes.set_ylim(-1.8, 1.8)
        axes.set_title(name, fontsize=10)
    fits[0].legend(fontsize=8)
    names = list(parts)
    bottom = np.zeros(len(names))
    for part, color in (("noise", "lightgray"), ("bias", "C3"), ("variance", "C0")):
        heights = np.array([getattr(p, part) for p in parts.values()])
        last.bar(names, heights, 0.5, bottom, label=part, color=color)
        bottom += heights
    errors = [p.error for p in parts.values()]
    last.hlines(errors, [-0.2, 0.8], [0.2, 1.2], color="black", label="measured error")
    last.tick_params(axis="x", labelsize=8)
    last.set_ylim(0, 0.18)
    last.legend(fontsize=8, loc="upper center", ncols=2)
    last.set_title("squared error and its parts", fontsize=10)


@demo(
    56,
    name="bias-variance",
    title="The error of a fit: bias, variance, noise",
    bar="200 fits of a noisy sine (quick 80): bias^2 + variance + noise equals the measured error "
    "within 5 %; weight decay lowers the variance and raises the bias",
    draw=_draw,
    size=(14, 4),
    seconds=(12, 4),
    source="Geman, Bienenstock, Doursat 1992, doi:10.1162/neco.1992.4.1.1",
)
def bias_variance(quick: bool, seed: int) -> Result:
    """The same network is fitted to many noisy samples of one curve: what the mean of the fits
    misses is bias, how single fits scatter around it is variance, and what no fit can know is
    noise. The three add up to the error, and holding the weights down trades variance for bias.
    """
    test = np.linspace(-math.pi, math.pi, 60)
    fits, n_steps = (80, 300) if quick else (200, 400)
    parts = {}
    for name, decay in (("free", 0.0), ("weight decay 0.03", 0.03)):
        parts[name] = lab.bias_variance(
            _fitter(n_steps, decay, seed),
            np.sin,
            lambda rng: rng.uniform(-math.pi, math.pi, _POINTS),
            test,
            noise=_NOISE,
            fits=fits,
            seed=seed,
        )
    free, decayed = parts.values()
    gaps = [abs(p.bias + p.variance + p.noise - p.error) / p.error for p in parts.values()]
    return Result(
        (
            at_most("parts against the measured error, relative", max(gaps), 0.05),
            below("variance, weight decay", decayed.variance, free.variance),
            above("bias^2, weight decay", decayed.bias, free.bias),
            told("error, free", free.error),
            told("error, weight decay", decayed.error),
        ),
        {"x": test, "parts": parts},
    )


def _fitter(n_steps: int, decay: float, seed: int) -> Any:
    def fit(x: np.ndarray, y: np.ndarray, i: int) -> Any:
        manual_seed(seed + i)
        model = MLP(1, [30], 1, activation="tanh")
        nn.init.normal_(model.layers[1].weight, 0, 1.5)
        optimizer = optim.Adam(model.parameters(), lr=0.02, weight_decay=decay)
        inputs, targets = (from_numpy(a[:, None].astype(np.float32)) for a in (x, y))
        for _ in range(n_steps):
            loss = functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        def predict(t: np.ndarray) -> np.ndarray:
            with no_grad():
                return model(from_numpy(t[:, None].astype(np.float32))).numpy()[:, 0]

        return predict

    return fit
