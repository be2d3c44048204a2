"""Row 14: too narrow, wide enough, too deep: accuracy against width and against depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, datasets, functional, manual_seed, nn
from ..models import MLP
from ._registry import Result, at_least, at_most, demo
from ._steps import accuracy, fit

_WIDTHS = (1, 2, 4, 8, 16, 64, 256)
_DEPTHS = (2, 5, 20)


def _draw(figure: Any, *, by_width: dict, by_depth: dict, chance: float) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for (name, values), marker in zip(by_width.items(), "os", strict=True):
        left.plot(_WIDTHS, values, marker + "-", label=name)
    left.set_xscale("log", base=2)
    left.set_xticks(_WIDTHS, [str(w) for w in _WIDTHS])
    left.set_xlabel("hidden units")
    left.set_ylabel("accuracy on new samples")
    left.set_title("one hidden layer: rises, then saturates", fontsize=10)
    for (name, values), marker in zip(by_depth.items(), "os", strict=True):
        right.plot(_DEPTHS, values, marker + "-", label=name)
    right.axhline(chance, color="black", ls=":", lw=1, label="chance")
    right.set_xticks(_DEPTHS)
    right.set_xlabel("hidden layers of 32 sigmoid units")
    right.set_title("8x8 digits: too deep without a path around", fontsize=10)
    left.set_ylim(0, 1.03)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9, loc="lower right" if axes is left else "center right")


class _Block(nn.Module):
    """sigmoid(W x + b), plus x if residual."""

    def __init__(self, width: int, is_residual: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.is_residual = is_residual

    def forward(self, x: Any) -> Any:
        y = functional.sigmoid(self.layer(x))
        return x + y if self.is_residual else y


def _deep(depth: int, is_residual: bool) -> nn.Sequential:
    blocks = [_Block(32, is_residual) for _ in range(depth - 1)]
    return nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), *blocks, nn.Linear(32, 10))


@demo(
    14,
    name="depth-width",
    title="Too narrow, wide enough, too deep",
    bar="one hidden layer on moons and on 8x8 digits: 64 units gain at least 0.05 and 0.40 "
    "over one unit, and 256 change that by at most 0.03; sigmoid layers on the digits: 2 reach "
    "0.80, 20 plain ones at most 0.20, 20 residual ones 0.80",
    draw=_draw,
    size=(11, 4.4),
    seconds=(6, 2),
    source="Hochreiter 1991; He, Zhang, Ren, Sun 2016, arXiv:1512.03385; Cybenko 1989, "
    "doi:10.1007/BF02551274",
)
def depth_width(quick: bool, seed: int) -> Result:
    """Networks from one hidden unit to hundreds, and from two layers to twenty, are trained on the
    same data. Too few units cannot bend the border enough and many more than needed change nothing,
    while a plain stack of twenty sigmoid layers does not learn at all.

    More layers are not better by themselves: the stack of sigmoids loses the gradient, unless a
    path leads around each layer.
    """
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    digits = (x[:1200], y[:1200]), (x[1200:], y[1200:])
    moons = [datasets.moons(600, noise=0.15, generator=Generator(seed + i)) for i in (1, 2)]
    epochs = 8 if quick else 30
    by_width: dict[str, list[float]] = {}
    for name, (train, test) in {"two moons": moons, "8x8 digits": digits}.items():
        n_in, n_out = train[0].shape[1], 2 if name == "two moons" else 10
        for width in _WIDTHS:
            manual_seed(seed)
            model = MLP(n_in, [width], n_out)
            fit(model, *train, epochs=epochs * (2 if n_out == 2 else 1), seed=seed, lr=2e-2)
            by_width.setdefault(name, []).append(accuracy(model, *test))
    by_depth: dict[str, list[float]] = {}
    for name in ("plain", "residual"):
        for depth in _DEPTHS:
            manual_seed(seed)
            stack = _deep(depth, name == "residual")
            fit(stack, *digits[0], epochs=epochs, seed=seed, lr=1e-2)
            by_depth.setdefault(name, []).append(accuracy(stack, *digits[1]))
    at = _WIDTHS.index(64)
    figures = [
        at_least(f"{name}: 64 units against 1, gain", values[at] - values[0], gain)
        for (name, values), gain in zip(by_width.items(), (0.05, 0.40), strict=True)
    ]
    figures += [
        at_most(f"{name}: 256 units against 64, change", abs(values[-1] - values[at]), 0.03)
        for name, values in by_width.items()
    ]
    plain, residual = by_depth["plain"], by_depth["residual"]
    return Result(
        (
            *figures,
            at_least("2 sigmoid layers", plain[0], 0.80),
            at_most("20 sigmoid layers", plain[-1], 0.20),
            at_least("20 residual sigmoid layers", residual[-1], 0.80),
        ),
        {"by_width": by_width, "by_depth": by_depth, "chance": 0.1},
    )
