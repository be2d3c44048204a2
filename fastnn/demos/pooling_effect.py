"""Row 82: the same network with and without pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lab, nn
from ._registry import Result, above, at_most, demo, told
from ._steps import accuracy, count_parameters, fit, some_digits


def _draw(figure: Any, *, rows: dict) -> None:
    grid = figure.subplots(1, 4)
    titles = ("parameters", "test accuracy", "lost by moving 2 pixels,\npoints",
              "training above test,\npoints")  # fmt: skip
    forms = ("{:,.0f}", "{:.3f}", "{:.1f}", "{:.1f}")
    for k, (axes, title, form) in enumerate(zip(grid, titles, forms, strict=True)):
        values = [row[k] for row in rows.values()]
        bars = axes.bar(list(rows), values, color=["C0", "C1"])
        axes.bar_label(bars, [form.format(v) for v in values])
        axes.set_title(title, fontsize=10)
        axes.set_yticks([])
        axes.set_ylim(0, 1.15 * max(values))
        axes.spines[["top", "right", "left"]].set_visible(False)


@demo(
    82,
    name="pooling-effect",
    title="What pooling does: position, resolution, parameters, overfitting",
    bar="with pooling: fewer than a tenth of the parameters, a smaller loss of accuracy under "
    "moves of up to 2 pixels, a smaller gap between training and test",
    draw=_draw,
    size=(11, 4),
    seconds=(20, 5),
    source="LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791; Scherer, Mueller, Behnke "
    "2010, doi:10.1007/978-3-642-15825-4_10",
)
def pooling_effect(quick: bool, seed: int) -> Result:
    """Two networks have the same convolutions, and one of them also halves its maps by max-pooling.
    It needs less than a tenth of the parameters, minds less where a digit stands and overfits less,
    and pays for it in resolution.

    Pooling makes the exact position matter less and the dense layers smaller, and with few samples
    the smaller network generalises better: both learn their training samples (nearly) by heart. The
    price: where a thing is can no longer be told to the pixel.
    """
    n, runs = (200, 1) if quick else (300, 3)
    d = some_digits(n)
    rows = {}
    for name in ("with pooling", "without"):
        measured = []
        for run in range(runs):
            model = _net(name == "with pooling")
            fit(model, d.x_train, d.y_train, epochs=30, seed=seed + run, batch_size=16, lr=1e-3)
            moved = lab.shift_test(model, d.x_test[:600], d.y_test[:600], max_shift=2)
            test = accuracy(model, d.x_test, d.y_test)
            gap = accuracy(model, d.x_train, d.y_train) - test
            measured.append((test, 100 * moved.drop, 100 * gap))
        rows[name] = count_parameters(model), *np.mean(measured, axis=0).tolist()
    pooled, plain = rows.values()
    return Result(
        (
            at_most("parameters, with / without", pooled[0] / plain[0], 0.1),
            above("loss under moves, without - with, points", plain[2] - pooled[2], 0),
            above("training - test, without - with, points", plain[3] - pooled[3], 0),
            told("parameters with pooling", pooled[0]),
            told("parameters without", plain[0]),
            told("test accuracy with pooling", pooled[1]),
            told("test accuracy without", plain[1]),
            told("training samples", n),
            told("runs, of which the means are given", runs),
        ),
        {"rows": rows},
    )


def _net(pool: bool) -> nn.Sequential:
    """Convolutions of 6 and 16 maps, 5x5, then 120 units; 28x28 -> 7x7 or 28x28."""
    layers: list[nn.Module] = []
    for n_in, n_out in ((1, 6), (6, 16)):
        layers += [nn.Conv2d(n_in, n_out, 5, padding=2), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pool else []
    side = 7 if pool else 28
    head = nn.Linear(16 * side * side, 120), nn.ReLU(), nn.Linear(120, 10)
    return nn.Sequential(*layers, nn.Flatten(), *head)
