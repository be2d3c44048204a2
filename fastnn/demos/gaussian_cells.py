"""Row 100: mean and standard-deviation cells, and a gradient that passes through a draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, ones, randn, tensor
from ..random import Generator
from ._registry import Result, at_most, demo, told
from ._steps import relative_error

MEAN, SD = 0.5, 0.2


def _draw(figure: Any, *, values: np.ndarray, estimates: dict) -> None:
    left, right = figure.subplots(1, 2)
    edges = np.linspace(-0.3, 1.3, 81)
    counts, _ = np.histogram(values, edges)
    density = counts / len(values) / np.diff(edges)
    inside = (edges[:-1] > 0.399) & (edges[:-1] < 0.599)
    left.bar(edges[:-1], density, np.diff(edges), align="edge", color="0.8")
    left.bar(edges[:-1][inside], density[inside], np.diff(edges)[inside], align="edge", color="C0")
    t = np.linspace(-0.3, 1.3, 300)
    left.plot(t, np.exp(-(((t - MEAN) / SD) ** 2) / 2) / (SD * np.sqrt(2 * np.pi)), color="black")
    share = ((values >= 0.4) & (values <= 0.6)).mean()
    left.annotate(f"{100 * share:.1f} %\nfrom\n0.4 to\n0.6", (0.5, 0.8), ha="center", color="white")
    left.annotate(f"{100 - 100 * share:.1f} %\nelsewhere", (0.78, 0.75), (0.95, 1.3), ha="center",
                  arrowprops={"arrowstyle": "->"})  # fmt: skip
    left.set_title("draws of a cell with mean 0.5 and deviation 0.2", fontsize=10)
    left.set_ylabel("density")
    low, high = np.percentile(estimates["from the density alone (score function)"], (0.5, 99.5))
    for (name, found), color in zip(estimates.items(), ("C1", "C0"), strict=True):
        right.hist(found, np.linspace(low, high, 80), color=color, alpha=0.8, label=name)
    right.axvline(2 * SD, color="black", ls="--", lw=1, label="exact: 0.4")
    right.set_title("slope of the mean of y² along the deviation, from 100 draws", fontsize=10)
    right.set_xlabel("estimate")
    right.set_yticks([])
    right.legend(fontsize=9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)


@demo(
    100,
    name="gaussian-cells",
    title="Mean and standard-deviation cells",
    bar="a million draws of N(0.5, 0.2): mean and deviation within 1 %, 38.3 +- 0.2 % of them in "
    "[0.4, 0.6]; gradients through the draw equal eps and 1 within 1e-5, and the mean gradient of "
    "y^2 is 2 mean and 2 deviation within 1 %",
    draw=_draw,
    size=(11, 4.5),
    seconds=(1, 1),
    source="Kingma and Welling 2014, arXiv:1312.6114",
)
def gaussian_cells(quick: bool, seed: int) -> Result:
    """A pair of cells holds a mean and a standard deviation and draws a number from that normal
    distribution. Chance does not stop learning: the draw is written as mean plus deviation times
    noise, and then both have plain gradients.

    The pair has no bias. With 0.5 and 0.2, popular accounts call values from 0.4 to 0.6 quite
    likely: they are half a deviation away at most, and three draws in five fall outside. The
    derivatives of y = mean + deviation eps, with eps an input, scatter far less than an estimate
    that uses the density alone.
    """
    n = 1_000_000
    cell = _cell()
    y, _, _ = cell(ones(n, 1), generator=Generator(seed))
    values = y.detach().numpy()[:, 0].astype(np.float64)
    eps = randn(n, 1, generator=Generator(seed)).numpy()[:, 0].astype(np.float64)  # the same draws

    # The gradient of every single draw: each has a mean and a log-variance of its own.
    given = [tensor(np.full((n, 1), v, np.float32), requires_grad=True) for v in (MEAN, _log_var())]
    drawn = cell.rsample(*given, generator=Generator(seed))
    drawn.sum().backward()
    by_mean, by_log_var = (p.grad.numpy()[:, 0].astype(np.float64) for p in given)
    by_sd = by_log_var * 2 / SD  # d log_var / d sd

    # The gradient of the mean of y^2, whose expected value is mean^2 + sd^2.
    (y * y).mean().backward()
    of_mean, of_log_var = (float(p.grad.numpy()[0, 0]) for p in cell.parameters())
    of_sd = of_log_var * 2 / SD

    share = float(((values >= 0.4) & (values <= 0.6)).mean())
    through = (2 * values * eps).reshape(-1, 100).mean(axis=1)
    score = (values**2 * (eps**2 - 1) / SD).reshape(-1, 100).mean(axis=1)
    return Result(
        (
            at_most("sample mean: error, %", 100 * abs(values.mean() / MEAN - 1), 1),
            at_most("sample deviation: error, %", 100 * abs(values.std() / SD - 1), 1),
            at_most(
                "share in [0.4, 0.6]: distance from 38.3 %, points", abs(100 * share - 38.3), 0.2
            ),
            told("share in [0.4, 0.6], %", 100 * share),
            at_most("dy/dmean: error", relative_error(by_mean, np.ones(n)), 1e-5),
            at_most("dy/ddeviation = eps: relative error", relative_error(by_sd, eps), 1e-5),
            at_most("mean of y^2 by mean: error, %", 100 * abs(of_mean / (2 * MEAN) - 1), 1),
            at_most("mean of y^2 by deviation: error, %", 100 * abs(of_sd / (2 * SD) - 1), 1),
            told("scatter of the score-function estimate, times", score.std() / through.std()),
        ),
        {
            "values": values,
            "estimates": {
                "from the density alone (score function)": score,
                "through the draw": through,
            },
        },
    )


def _log_var() -> float:
    return 2 * float(np.log(SD))


def _cell() -> nn.GaussianCell:
    """One that draws from N(0.5, 0.2) if its input is 1."""
    cell = nn.GaussianCell(1, 1)
    weights = {"mean.weight": MEAN, "log_var.weight": _log_var()}
    cell.load_state_dict(
        {k: from_numpy(np.full((1, 1), v, np.float32)) for k, v in weights.items()}
    )
    return cell
