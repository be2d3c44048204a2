"""Row 98: a deep autoencoder beside principal components, on clean and on noisy digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, optim
from ..models import Autoencoder
from ._registry import Result, above, at_most, demo, told
from ._steps import fit, some_digits

CODE, NOISE = 32, 0.5


def _draw(figure: Any, *, rows: dict, errors: dict, noisy_errors: dict) -> None:
    images, charts = figure.subfigures(1, 2, width_ratios=(1.9, 1))
    grid = images.subplots(len(rows), 10)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(picture.reshape(28, 28), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    both = (errors, "clean digits"), (noisy_errors, "noisy digits")
    for axes, (values, title) in zip(charts.subplots(2, 1), both, strict=True):
        bars = axes.barh(list(values), list(values.values()), color=["C7", "C1", "C0"])
        axes.bar_label(bars, [f" {v:.4f}" for v in values.values()], fontsize=9)
        axes.set_xlim(0, 1.25 * max(values.values()))
        axes.invert_yaxis()
        axes.set_title(f"{title}: mean squared error", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)


@demo(
    98,
    name="autoencoder",
    title="A deep autoencoder beats principal components",
    bar="test error of 784-256-32-256-784 below that of 32 principal components, by 5 % or more; "
    "trained on noisy inputs it cleans noisy test digits to less than a fifth of the noise, and "
    "better than the principal components do",
    draw=_draw,
    size=(13, 5),
    seconds=(15, 3),
    source="Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647; Vincent, Larochelle, "
    "Bengio, Manzagol 2008, doi:10.1145/1390156.1390294",
)
def autoencoder(quick: bool, seed: int) -> Result:
    """A network that must repeat its input through a narrow code of 32 numbers finds what digits
    have in common, and repeats them better than principal components of the same size. Asked for a
    clean digit from a noisy one, it learns to clean.

    That it compresses is not the point: with linear layers alone it can do no better than principal
    components, which need no training; the bend of the hidden units is what gains. And repeating is
    no goal in itself: asked to repeat a clean digit from a noisy one, the same network learns what
    a digit looks like, and cleans better than the network that never saw noise.
    """
    d = some_digits(4000 if quick else 8500)
    epochs = 6 if quick else 20
    train, test = d.x_train.reshape(-1, 784), d.x_test.reshape(-1, 784)
    noise = np.random.default_rng(seed).standard_normal(test.shape)
    noisy = (test + NOISE * noise).astype(np.float32)

    components = _components(train)
    plain, denoising = Autoencoder(784, (256,), CODE), Autoencoder(784, (256,), CODE, noise=NOISE)
    for model in (plain, denoising):
        optimizer = optim.Adam(model.parameters(), lr=3e-3)
        fit(model, train, train, epochs=epochs, seed=seed, batch_size=32, optimizer=optimizer,
            loss=model.loss)  # fmt: skip
    found = {"32 components": components(test), "autoencoder": _repeat(plain, test)}
    cleaned = {
        "32 components": components(noisy),
        "autoencoder": _repeat(plain, noisy),
        "denoising": _repeat(denoising, noisy),
    }
    errors = {name: _error(y, test) for name, y in found.items()}
    noisy_errors = {name: _error(y, test) for name, y in cleaned.items()}
    first = [int(np.flatnonzero(d.y_test == digit)[0]) for digit in range(10)]
    return Result(
        (
            at_most("error / error of 32 components",
                    errors["autoencoder"] / errors["32 components"], 0.95),
            told("error of the autoencoder", errors["autoencoder"]),
            told("error of 32 components", errors["32 components"]),
            at_most("denoising: error left, of the noise's",
                    noisy_errors["denoising"] / _error(noisy, test), 0.2),
            above("noise that components leave / that denoising leaves",
                  noisy_errors["32 components"] / noisy_errors["denoising"], 1),
            above("noise that the plain one leaves / that denoising leaves",
                  noisy_errors["autoencoder"] / noisy_errors["denoising"], 1),
        ),
        {
            "rows": {
                "digit": test[first],
                **{name: y[first] for name, y in found.items()},
                "noisy digit": noisy[first],
                **{f"cleaned by\n{name}": y[first] for name, y in cleaned.items()},
            },
            "errors": errors,
            "noisy_errors": noisy_errors,
        },
    )  # fmt: skip


def _components(train: np.ndarray) -> Any:
    """The projection on the principal components of `train`."""
    mean = train.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(np.cov((train - mean).T))[1][:, -CODE:]
    return lambda x: mean + (x - mean) @ axes @ axes.T


def _repeat(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    return model.reconstruct(from_numpy(x)).numpy()


def _error(found: np.ndarray, x: np.ndarray) -> float:
    return float(((found - x) ** 2).mean())
