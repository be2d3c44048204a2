"""Row 24: what an activation should be, measured of every one that there is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, nn
from ._registry import Result, at_least, at_most, demo, exactly, told

_STEP = 1e-3
_Z = (np.arange(-8000, 8000) + 0.5) * _STEP  # no kink lies on the grid, all between two points
# Elementwise ones and the places where the slope jumps, by their formulas.
_KINKS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "Sigmoid": (nn.Sigmoid, ()),
    "Tanh": (nn.Tanh, ()),
    "Softsign": (nn.Softsign, ()),
    "LogSigmoid": (nn.LogSigmoid, ()),
    "Tanhshrink": (nn.Tanhshrink, ()),
    "Softplus": (nn.Softplus, ()),
    "ELU": (nn.ELU, ()),
    "CELU": (nn.CELU, ()),
    "SELU": (nn.SELU, (0,)),
    "GELU": (nn.GELU, ()),
    "GELU by tanh": (lambda: nn.GELU("tanh"), ()),
    "SiLU": (nn.SiLU, ()),
    "Mish": (nn.Mish, ()),
    "Hardswish": (nn.Hardswish, (-3, 3)),
    "ReLU": (nn.ReLU, (0,)),
    "ReLU6": (nn.ReLU6, (0, 6)),
    "LeakyReLU": (nn.LeakyReLU, (0,)),
    "PReLU": (nn.PReLU, (0,)),
    "RReLU": (lambda: nn.RReLU().eval(), (0,)),
    "Hardtanh": (nn.Hardtanh, (-1, 1)),
    "Hardsigmoid": (nn.Hardsigmoid, (-3, 3)),
    "Softshrink": (nn.Softshrink, (-0.5, 0.5)),
    "Hardshrink": (nn.Hardshrink, (-0.5, 0.5)),
    "Threshold": (lambda: nn.Threshold(1.0, 0.0), (1,)),
    "Step": (lambda: nn.Step("triangle"), ()),
}
_JUMPING = {"Hardshrink", "Threshold", "Step"}
_NOT_MONOTONE = {"GELU", "GELU by tanh", "SiLU", "Mish", "Hardswish"}
# Of several inputs each: these have no curve.
_MIXING = (nn.GLU, lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(-1), lambda: nn.Softmin(-1))


def _draw(figure: Any, *, curves: dict) -> None:
    all_axes = figure.subplots(5, 5, sharex=True)
    for axes, (name, (value, slope, kinks)) in zip(all_axes.flat, curves.items(), strict=True):
        inner = np.abs(_Z) < 5
        axes.plot(_Z[inner], value[inner], lw=1.5)
        axes.plot(_Z[inner], slope[inner], "--", lw=1)
        for kink in kinks:
            axes.axvline(kink, color="C3", lw=0.7, ls=":")
        axes.set_ylim(-1.9, 2.4)
        axes.axhline(0, color="gray", lw=0.5)
        text = "surrogate slope" if name == "Step" else f"slope {_range(slope)}"
        marks = [text, *(["not monotone"] if name in _NOT_MONOTONE else [])]
        marks += ["jumps"] if name in _JUMPING else []
        axes.set_title(name, fontsize=10)
        axes.text(0.03, 0.95, "\n".join(marks), transform=axes.transAxes, va="top", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.supxlabel("net value. Solid: the activation; dashed: its slope; dotted: a kink", size=10)


def _range(slope: np.ndarray) -> str:
    low, high = (f"{round(float(v), 2) + 0.0:g}" for v in (slope.min(), slope.max()))  # no -0
    return f"{low} to {high}"


def _value_and_slope(layer: Any, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = from_numpy(z.copy())
    x.requires_grad_()
    y = layer(x)
    y.sum().backward()
    return y.detach().numpy(), x.grad.numpy()


def _places(a: np.ndarray, least: float) -> list[float]:
    """Where `a` changes by more than `least` from one point of the grid to the next."""
    at = np.flatnonzero(np.abs(np.diff(a)) > least)
    return [round(float(z), 6) for z in (_Z[at] + _Z[at + 1]) / 2]


def _mixing_error(make: Any, rng: np.random.Generator) -> float:
    """Backward against central differences, of an activation of rows."""
    layer, z, weight = make(), rng.standard_normal((3, 6)), rng.standard_normal(18)

    def value(a: np.ndarray) -> float:
        y = layer(from_numpy(a)).numpy().ravel()
        return float(y @ weight[: y.size])

    x = from_numpy(z.copy())
    x.requires_grad_()
    y = layer(x)
    n = math.prod(y.shape)
    (y * from_numpy(weight[:n].reshape(y.shape))).sum().backward()
    found, error = x.grad.numpy(), 0.0
    for place in np.ndindex(z.shape):
        h = np.zeros_like(z)
        h[place] = 1e-5
        error = max(error, abs(found[place] - (value(z + h) - value(z - h)) / 2e-5))
    return error


@demo(
    24,
    name="activation-properties",
    title="What an activation should be, and what each of them is",
    bar="the slope of each agrees with central differences to 1e-6 where it has one; 22 of the 25 "
    "elementwise ones are continuous; none has a kink that its formula does not have, or more than "
    "two; all slopes lie between -0.5 and 1.7581, the sigmoid's reach 0.25, GELU's 1.1289; those "
    "not monotone are the five of which it is known; float32 slopes agree with float64 to 2e-6",
    draw=_draw,
    size=(14, 10),
    seconds=(1, 1),
    source="Goodfellow, Bengio, Courville 2016, ISBN 978-0262035613, section 6.3; Dubey, Singh, "
    "Chaudhuri 2022, arXiv:2109.14545; Hendrycks and Gimpel 2016, arXiv:1606.08415 (GELU); "
    "Elfwing, Uchibe, Doya 2018, arXiv:1702.03118 (SiLU)",
)
def activation_properties(quick: bool, seed: int) -> Result:
    """Textbooks ask of an activation function that it be continuous, smooth but for a few points,
    simple, and of a slope neither near 0 nor far above 1. Here each of the library's is measured:
    where it jumps, where its slope jumps (a kink), and between which bounds the slope lies.

    Lists often ask for more than networks need. ReLU has no derivative at 0 (the library says 0
    there), and GELU, SiLU and Mish are not monotone: they fall a little before they rise. A step is
    neither continuous nor of any slope: what is shown of it is the slope that stands in.
    """
    curves: dict[str, tuple] = {}
    found: dict[str, list[float]] = {}
    jumping, errors, single = set(), [], []
    for name, (make, kinks) in _KINKS.items():
        layer = make().to("float64")
        value, slope = _value_and_slope(layer, _Z)
        curves[name] = (value, slope, kinks)
        if _places(value, 0.05):
            jumping.add(name)
        if name == "Step":
            continue  # the rest is about true slopes
        found[name] = _places(slope, 0.02)
        h = 1e-5
        ends = [_value_and_slope(layer, _Z + d)[0] for d in (h, -h)]
        errors.append(float(np.abs(slope - (ends[0] - ends[1]) / (2 * h)).max()))
        other = _value_and_slope(make(), _Z.astype(np.float32))[1]
        single.append(float(np.abs(other - slope).max()))
    rng = np.random.default_rng(seed)
    errors += [_mixing_error(make, rng) for make in _MIXING]
    slopes = {name: slope for name, (_, slope, _) in curves.items() if name != "Step"}
    falling = {name for name, slope in slopes.items() if slope.min() < -1e-3}
    wrong = sum(places != list(_KINKS[name][1]) for name, places in found.items())
    root = math.sqrt(2)
    gelu = 0.5 * (1 + math.erf(1)) + root * math.exp(-1) / math.sqrt(2 * math.pi)  # at sqrt(2)
    return Result(
        (
            told("elementwise activations", len(curves)),
            told("those that jump", len(jumping)),
            exactly("jumping or not, unlike the formula", len(jumping ^ _JUMPING), 0),
            exactly("with other kinks than the formula's", wrong, 0),
            at_most("most kinks of one", max(map(len, found.values())), 2),
            at_most("slope against differences, float64", max(errors), 1e-6),
            at_most("float32 slope against float64", max(single), 2e-6),
            at_least("smallest slope (Hardswish)", min(s.min() for s in slopes.values()), -0.5),
            at_most("largest slope (SELU)", max(s.max() for s in slopes.values()), 1.7581),
            at_most("sigmoid: largest slope from 0.25", abs(slopes["Sigmoid"].max() - 0.25), 1e-6),
            at_most("GELU: largest slope from 1.1289", abs(slopes["GELU"].max() - gelu), 1e-6),
            told("not monotone", len(falling)),
            exactly("monotone or not, unlike the formula", len(falling ^ _NOT_MONOTONE), 0),
        ),
        {"curves": curves},
    )
