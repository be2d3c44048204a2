"""Rows 19, 20, 21, 23: sigmoid, tanh, ReLU and softmax, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, functional, nn, no_grad, randn
from ._registry import Result, at_least, at_most, demo, exactly

_Z = np.linspace(-6, 6, 241).astype(np.float32)
_HUGE = np.array([-1e4, 0.0, 1e4], np.float32)


def _draw(figure: Any, *, curves: dict, logits: np.ndarray, soft: np.ndarray) -> None:
    all_axes = figure.subplots(1, 4)
    for axes, (name, (f, slope)) in zip(all_axes, curves.items(), strict=False):
        axes.plot(_Z, f, label=name)
        axes.plot(_Z, slope, "--", label="its derivative")
        axes.set_ylim((-1.2, 1.3) if name != "ReLU" else (-0.5, 4))
        axes.axhline(0, color="gray", lw=0.5)
        axes.axvline(0, color="gray", lw=0.5)
        axes.set_title(f"{name}: slope up to {slope.max():.3g}", fontsize=10)
        axes.legend(fontsize=8, loc="upper left")
    last = all_axes[3]
    places = np.arange(len(logits))
    last.bar(places - 0.2, logits, 0.4, color="lightgray", label="logit")
    bars = last.bar(places + 0.2, soft, 0.4, label="softmax")
    last.bar_label(bars, fmt="%.2f", fontsize=8)
    last.axhline(0, color="gray", lw=0.5)
    last.set_xticks(places)
    last.set_xlabel("class")
    last.set_title("softmax: shares of 1", fontsize=10)
    last.legend(fontsize=8)


def _value_and_slope(f: Any, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = from_numpy(z.copy())
    x.requires_grad_()
    y = f(x)
    y.sum().backward()
    return y.detach().numpy(), x.grad.numpy()


def _error(found: np.ndarray, expected: Any) -> float:
    return float(np.abs(found.astype(np.float64) - expected).max())


def _share_of_zeros() -> float:
    """Of the outputs of each of three ReLU layers with Kaiming initialisation, on average."""
    x = randn(256, 64)
    shares = []
    with no_grad():
        for n_in in (64, 512, 512):
            layer = nn.Linear(n_in, 512)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            x = functional.relu(layer(x))
            shares.append(float((x.numpy() == 0).mean()))
    return float(np.mean(shares))


@demo(
    19,
    20,
    21,
    23,
    name="activations",
    title="Sigmoid, tanh, ReLU and softmax",
    bar="values and derivatives within 1e-6 of float64; the sigmoid's derivative is at most 0.25, "
    "at 0, tanh's at most 1, ReLU's 0 or 1; 0.45 to 0.55 of ReLU units are 0 at the start; "
    "softmax rows sum to 1 (1e-6) and ignore an added constant (1e-6); nothing overflows at +-1e4",
    draw=_draw,
    size=(15, 3.8),
    seconds=(1, 1),
    source="Nair and Hinton 2010 (ReLU); Glorot, Bordes, Bengio 2011 (sparsity); Bridle 1990, "
    "doi:10.1007/978-3-642-76153-9_28 (softmax)",
)
def activations(quick: bool, seed: int) -> Result:
    """An activation function bends what a layer puts out; the curves of the four most used ones,
    and their slopes, are shown and checked against float64. The slope is what learning goes by: the
    sigmoid's is never above 1/4 and dies out on both sides, ReLU's is 1 for positive input and 0
    for the rest.

    The sigmoid's slope is f (1 - f), tanh's is 1 - f^2 and at most 1. That ReLU's slope is 1 holds
    for positive input only: popular accounts forget the half of the units that is 0. Softmax turns
    any scores into shares of 1; it subtracts the largest first, so that exp cannot overflow.
    """
    z = _Z.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-z))
    exact = {
        "sigmoid": (functional.sigmoid, sigmoid, sigmoid * (1 - sigmoid)),
        "tanh": (functional.tanh, np.tanh(z), 1 - np.tanh(z) ** 2),
        "ReLU": (functional.relu, np.maximum(z, 0), (z > 0) * 1.0),
    }
    curves = {name: _value_and_slope(f, _Z) for name, (f, _, _) in exact.items()}
    figures = []
    for name, (f, value, slope) in exact.items():
        figures += [
            at_most(f"{name}: error of the values", _error(curves[name][0], value), 1e-6),
            at_most(f"{name}: error of the derivative", _error(curves[name][1], slope), 1e-6),
            exactly(f"{name}: all finite at +-1e4",
                    float(np.isfinite(_value_and_slope(f, _HUGE)).all()), 1),
        ]  # fmt: skip
    slopes = {name: slope for name, (_, slope) in curves.items()}
    steepest = float(_Z[slopes["sigmoid"].argmax()])
    other = np.setdiff1d(slopes["ReLU"], [0, 1]).size
    share = _share_of_zeros()

    rng = np.random.default_rng(seed)
    rows = rng.integers(-12, 13, (200, 10)).astype(np.float32)  # whole: adding 100 does not round
    soft = functional.softmax(from_numpy(rows), -1).numpy()
    moved = functional.softmax(from_numpy(rows + 100), -1).numpy()
    e = np.exp(rows.astype(np.float64))
    huge = functional.softmax(from_numpy(_HUGE[None]), -1).numpy()
    logits = np.array([2.0, 1.0, -1.0, 0.5, 3.0], np.float32)
    return Result(
        (
            *figures,
            exactly("sigmoid: largest derivative", float(slopes["sigmoid"].max()), 0.25),
            exactly("sigmoid: where it is", steepest, 0),
            at_most("tanh: largest derivative", float(slopes["tanh"].max()), 1),
            exactly("ReLU: derivatives other than 0 and 1", other, 0),
            at_least("ReLU: share of zero units at the start", share, 0.45),
            at_most("ReLU: the same", share, 0.55),
            at_most("softmax: error of the values",
                    _error(soft, e / e.sum(axis=1, keepdims=True)), 1e-6),
            at_most("softmax: row sums from 1", _error(soft.astype(np.float64).sum(1), 1.0), 1e-6),
            at_most("softmax: change by a constant", _error(soft, moved), 1e-6),
            at_most("softmax at -1e4, 0, 1e4: error", _error(huge, [0, 0, 1]), 1e-6),
        ),
        {
            "curves": curves,
            "logits": logits,
            "soft": functional.softmax(from_numpy(logits), -1).numpy(),
        },
    )  # fmt: skip
