"""Row 114: the next value of a chaotic series, and of the sunspots if there is a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import datasets, from_numpy, nn, optim
from ..classic import AutoRegressive
from ..data import DataLoader, TensorDataset
from ..models import SequenceForecaster
from ..random import Generator
from ..train import Trainer
from ._registry import Figure, Result, below, demo, told
from ._steps import linear_decay, outputs

_LAG = 20


def _rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def _train(x: np.ndarray, epochs: int, seed: int, hidden: int, lr: float) -> SequenceForecaster:
    """A GRU on all windows of `_LAG` values of x, whose target is the series one step on."""
    both = datasets.windows(x.astype(np.float32), _LAG + 1)[0][..., None]
    loader = DataLoader(
        TensorDataset(np.ascontiguousarray(both[:, :-1]), np.ascontiguousarray(both[:, 1:])),
        32, shuffle=True, generator=Generator(seed),
    )  # fmt: skip
    model = SequenceForecaster(1, hidden, cell="gru", batch_first=True)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    n = epochs * -(-len(both) // 32)
    schedule = linear_decay(optimizer, n)
    trainer = Trainer(model, nn.MSELoss(), optimizer, scheduler=schedule, scheduler_step="batch",
                      clip_grad_norm=1.0, progress=False)  # fmt: skip
    trainer.fit(loader, epochs=epochs)
    return model


def _compare(
    name: str, series: np.ndarray, n_train: int, steps: int, model_of: Any
) -> tuple[list[Figure], dict]:
    """One-step errors on what follows the first n_train values, and a free-running forecast."""
    mean, sd = series[:n_train].mean(), series[:n_train].std()
    x = (series - mean) / sd
    ar = AutoRegressive(_LAG).fit(x[:n_train])
    model = model_of(x[:n_train])
    past, future = datasets.windows(x[n_train - _LAG :], _LAG)
    one_step = outputs(model, past[..., None].astype(np.float32))[:, -1, 0]
    error = _rmse(one_step, future[:, 0])
    persistence = _rmse(past[:, -1], future[:, 0])
    linear = _rmse(ar.predict(x[n_train - _LAG : -1]), future[:, 0])
    figures = [
        below(f"{name}: RMSE of GRU / persistence", error / persistence, 1),
        below(f"{name}: RMSE of GRU / AR({_LAG})", error / linear, 1),
        told(f"{name}: RMSE of GRU, standard deviations", error),
    ]
    known = x[:n_train].astype(np.float32)[None, -_LAG:, None]
    free = model.forecast(from_numpy(np.ascontiguousarray(known)), steps).numpy()[0, :, 0]
    free_ar, happened = ar.forecast(x[:n_train], steps), x[n_train:][:steps]
    of_ar = _rmse(free_ar, happened)
    figures.append(below(f"{name}: RMSE of {steps} free steps", _rmse(free, happened), of_ar))
    return figures, {
        "name": name,
        "past": series[n_train - 60 : n_train],
        "true": series[n_train : n_train + steps],
        "forecasts": {"GRU": free * sd + mean, f"AR({_LAG})": free_ar * sd + mean},
        "errors": {"persistence": persistence, f"AR({_LAG})": linear, "GRU": error},
    }  # fmt: skip


def _sunspots() -> np.ndarray | None:
    """Yearly sunspot numbers of a file in FASTNN_DATA."""
    folder = os.environ.get("FASTNN_DATA")
    for name, column in (("sunspots.csv", -1), ("SN_y_tot_V2.0.csv", 1)):
        if folder and (Path(folder) / name).is_file():
            return datasets.series_file(Path(folder) / name, column)
    return None


def _draw(figure: Any, *, parts: list) -> None:
    grid = figure.subplots(len(parts), 2, squeeze=False, width_ratios=(3, 1))
    for (left, right), part in zip(grid, parts, strict=True):
        n_past, n = len(part["past"]), len(part["true"])
        left.plot(range(-n_past, 0), part["past"], color="grey")
        left.plot(range(n), part["true"], color="black", label="what happened")
        for (name, values), color in zip(part["forecasts"].items(), ("C3", "C0"), strict=True):
            left.plot(range(n), values, "--", color=color, label=f"forecast of {name}")
        left.axvline(-0.5, color="grey", linestyle=":")
        left.set_title(f"{part['name']}: {n} steps, forecasts fed by forecasts", fontsize=10)
        left.set_xlabel("steps after the last known value")
        left.legend(fontsize=8, loc="upper left")
        bars = right.bar(list(part["errors"]), list(part["errors"].values()))
        right.bar_label(bars, fmt="%.3g", fontsize=8)
        right.set_yscale("log")
        right.set_title("RMSE one step ahead\n(standard deviations)", fontsize=10)


@demo(
    114,
    name="mackey-glass",
    title="Chaotic time series: a GRU beats persistence and AR(p)",
    bar="one-step RMSE on later values below that of persistence and of a linear autoregression "
    "that sees as many values; of 50 steps fed by forecasts below the autoregression's",
    draw=_draw,
    size=(12, 5),
    seconds=(10, 2),
    source="Mackey and Glass 1977, doi:10.1126/science.267326",
)
def mackey_glass(quick: bool, seed: int) -> Result:
    """The Mackey-Glass series looks like noise and follows an exact rule; a recurrent network (GRU)
    learns to predict its next value better than a linear model that sees as many values. Let run
    freely, each forecast made from those before, it stays near the series for fifty steps, where
    the linear model soon loses it.

    What looks like noise to a linear model can be learned, for the equation is deterministic and
    nonlinear. The GRU sees the last 20 values, three time units apart. Chaos sets the limit: small
    errors grow, so that no model forecasts far. The yearly sunspots, noisy and few, are forecast
    too if FASTNN_DATA holds sunspots.csv or SN_y_tot_V2.0.csv; there persistence must be beaten,
    too, but the gain over AR is told, not judged.
    """
    n_train = 1000 if quick else 2000
    series = datasets.mackey_glass(n_train + 500, step=3.0, substeps=30, discard=100)
    epochs = 30 if quick else 60
    figures, part = _compare("Mackey-Glass", series, n_train, 50,
                             lambda x: _train(x, epochs, seed, 32, 1e-2))  # fmt: skip
    parts = [part]
    spots = _sunspots()
    if spots is not None:
        more, part = _compare("sunspots", spots, len(spots) * 3 // 4, 20,
                              lambda x: _train(x, 20, seed, 8, 5e-3))  # fmt: skip
        figures += [more[0], *(told(figure.name, figure.value) for figure in more[1:])]
        parts.append(part)
    return Result(tuple(figures), {"parts": parts})
