"""Row 200: networks of which only the readout is learned, next to one that learns all of itself."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import from_numpy, nn, optim
from ..classic import ELM, RBFNetwork
from ..functional import mse_loss
from ._registry import Figure, Result, at_most, demo, told
from ._steps import linear_decay, outputs

_NOISE = 0.05  # of the targets, whose standard deviation is about 0.24
_SCALE = 4.0  # random weights are between minus this and this
_SIDE = 64  # pixels of a picture


def _surface(x: np.ndarray) -> np.ndarray:
    """Hills and hollows on the square from -1 to 1 (Matlab's "peaks", over 8)."""
    a, b = 3 * x[:, 0].astype(np.float64), 3 * x[:, 1].astype(np.float64)
    hills = 3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2)
    hills -= 10 * (a / 5 - a**3 - b**5) * np.exp(-(a**2) - b**2)
    return (hills - np.exp(-((a + 1) ** 2) - b**2) / 3) / 8


def _draw(figure: Any, *, surfaces: dict, centres: np.ndarray, curves: dict, times: dict) -> None:
    top, bottom = figure.subfigures(2, 1)
    for axes, (name, values) in zip(top.subplots(1, 4), surfaces.items(), strict=True):
        axes.imshow(values.reshape(_SIDE, _SIDE), cmap="RdBu_r", vmin=-1, vmax=1, origin="lower",
                    extent=(-1, 1, -1, 1))  # fmt: skip
        axes.set_title(name, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        if name.startswith("RBF"):
            axes.scatter(*centres.T, s=6, color="black", label="centres")
            axes.set_xlim(-1, 1)
            axes.set_ylim(-1, 1)
            axes.legend(fontsize=7, loc="lower right")
    left, right = bottom.subplots(1, 2, width_ratios=[2, 1])
    for name, (sizes, errors) in curves.items():
        left.plot(sizes, errors, "o-", ms=4, label=name)
    left.axhline(_NOISE, color="black", ls=":", lw=1, label="noise in the samples")
    left.set_xscale("log", base=2)
    left.set_yscale("log")
    left.set_xlabel("hidden units")
    left.set_title("error on the noiseless surface (root mean square)", fontsize=10)
    left.legend(fontsize=8)
    bars = right.bar(list(times), list(times.values()), color=["C0", "C1", "C2"])
    right.bar_label(bars, fmt="%.2g", fontsize=8)
    right.set_yscale("log")
    right.margins(y=0.15)
    right.set_title("seconds to learn and predict, 128 units", fontsize=10)


def _mlp(x: np.ndarray, y: np.ndarray, hidden: int, epochs: int, seed: int) -> nn.Module:
    """One hidden layer of tanh that starts as the ELM's, but all weights learn: Adam on batches of
    100."""
    model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    for parameter in model[0].parameters():
        nn.init.uniform_(parameter, -_SCALE, _SCALE)
    n_steps = epochs * (len(x) // 100)
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    schedule = linear_decay(optimizer, n_steps)
    rng = np.random.default_rng(seed)
    targets = y[:, None].astype(np.float32)
    for step in range(n_steps):
        if step % (len(x) // 100) == 0:
            order = rng.permutation(len(x))
        rows = order[:100]
        order = order[100:]
        optimizer.zero_grad()
        mse_loss(model(from_numpy(x[rows])), from_numpy(targets[rows])).backward()
        optimizer.step()
        schedule.step()
    return model


@demo(
    200,
    name="random-features",
    title="RBF network and extreme learning machine: only the readout learns",
    bar="beyond the list: from samples with noise of 0.05, RMSE on the surface at most 0.025 (RBF) "
    "and 0.04 (ELM) with 128 hidden units; with 16 the MLP's at most 0.75 of the ELM's",
    draw=_draw,
    size=(12, 6.5),
    seconds=(5, 3),
    source="Broomhead and Lowe 1988; Moody and Darken 1989, doi:10.1162/neco.1989.1.2.281; Huang, "
    "Zhu, Siew 2006, doi:10.1016/j.neucom.2005.12.126",
)
def random_features(quick: bool, seed: int) -> Result:
    """A hidden layer need not be learned: bumps around heaps of samples (RBF network) or units
    drawn at random (extreme learning machine) are enough, and only the last layer is fitted, by
    least squares. The price is size: with few hidden units a network that learns all its weights is
    ahead.

    Such units span functions enough, and the readout is a problem with one solution. That any
    random weights do, as is often claimed, is wrong: their size must fit the data.
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (2000, 2)).astype(np.float32)
    y = _surface(x) + _NOISE * rng.standard_normal(len(x))
    line = np.linspace(-1, 1, _SIDE, dtype=np.float32)
    test = np.stack([a.ravel() for a in np.meshgrid(line, line)], axis=1)
    truth = _surface(test)
    sizes = [4, 8, 16, 32, 64, 128]
    epochs = 80 if quick else 200

    def rbf(n: int) -> np.ndarray:
        model = RBFNetwork(n, alpha=1e-3, random_state=seed).fit(x, y)
        shown["centres"] = model.centers_
        return model.predict(test)

    def elm(n: int) -> np.ndarray:
        model = ELM(n, activation="tanh", weight_scale=_SCALE, alpha=1e-4, random_state=seed)
        return model.fit(x, y).predict(test)

    def mlp(n: int) -> np.ndarray:
        return outputs(_mlp(x, y, n, epochs, seed), test)[:, 0]

    shown: dict[str, Any] = {}
    surfaces, curves, times = {"what is to be learned": truth}, {}, {}
    figures: list[Figure] = []
    for name, learn in (("RBF network", rbf), ("ELM", elm), ("MLP", mlp)):
        errors = []
        for n in sizes:
            start = time.perf_counter()
            found = learn(n)
            times[name] = time.perf_counter() - start
            errors.append(float(np.sqrt(np.mean((found - truth) ** 2))))
        curves[name] = (sizes, errors)
        surfaces[f"{name}, {sizes[-1]} hidden units"] = found
        figures.append(
            told("MLP: RMSE, 128 units", errors[-1])
            if name == "MLP"
            else at_most(f"{name}: RMSE, 128 units", errors[-1], {"ELM": 0.04}.get(name, 0.025))
        )
        figures.append(told(f"{name}: seconds", times[name]))
    few = sizes.index(16)
    ratio = curves["MLP"][1][few] / curves["ELM"][1][few]
    figures.append(at_most("16 units: RMSE of MLP / ELM", ratio, 0.75))
    picture = {"surfaces": surfaces, "curves": curves, "times": times} | shown
    return Result(tuple(figures), picture)
