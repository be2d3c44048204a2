"""Row 71: convolution in one dimension, and a classifier that slides over a larger image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad
from ._registry import Result, above, at_least, at_most, demo, told
from ._steps import accuracy, fit, outputs, relative_error, some_digits

_WAVES = ("sine", "square", "sawtooth", "chirp")
_STEPS = 96
_NOISE = 0.5  # standard deviation; the forms reach from -1 to 1
_SIDE, _STRIDE = 28, 4  # the classifier's window; two poolings of 2


def _draw(figure: Any, *, waves: np.ndarray, canvas: np.ndarray, scores: np.ndarray,
          digits: list) -> None:  # fmt: skip
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.6))
    left.suptitle("synthetic series that a Conv1d network tells apart", fontsize=10)
    for axes, wave, name in zip(left.subplots(4, 1), waves, _WAVES, strict=True):
        axes.plot(wave, lw=1.2)
        axes.set_ylabel(name)
        axes.set_xticks([])
        axes.set_yticks([])
    right.suptitle("a classifier of 28x28 images, run on 76x124 in one pass", fontsize=10)
    axes = right.subplots(2, 2).ravel()
    axes[0].imshow(canvas, cmap="gray")
    axes[0].set_title("canvas", fontsize=9)
    for k, digit in enumerate(digits):
        axes[1 + k].imshow(scores[digit], cmap="viridis", vmin=0, vmax=1)
        axes[1 + k].set_title(f"where it sees a {digit}", fontsize=9)
    for a in axes:
        a.axis("off")


@demo(
    71,
    name="fully-convolutional",
    title="1-D convolution, and a classifier that slides over any image",
    bar="synthetic series, four wave forms of any phase and pitch under noise of half their "
    "height: a Conv1d network reaches 0.95 on new ones and is above a linear model; on a larger "
    "canvas the fully convolutional network gives the scores of the sliding-window classifier "
    "within 1e-5",
    draw=_draw,
    size=(12, 6.5),
    seconds=(8, 4),
    source="Waibel et al. 1989 (1-D, time delay), doi:10.1109/29.21701; Matan et al. 1991 (digits "
    "in a field), NIPS 4; Long, Shelhamer, Darrell 2015, arXiv:1411.4038",
)
def fully_convolutional(quick: bool, seed: int) -> Result:
    """A convolution slides along time as well as over images: a network of such layers tells four
    kinds of waves apart under strong noise. And a classifier trained on small images, turned into
    convolutions, runs on a larger one and gives a map of answers, one for each place.

    A dense layer on feature maps is itself a convolution whose kernel is as large as the maps, so a
    trained classifier can run on a larger image: it then gives a map of scores, one per window
    position, without computing what windows share again and again. The series are synthetic (no
    data set of sounds or sunspots travels with the package).
    """
    n = 1500 if quick else 3000
    rng = np.random.default_rng(seed)
    x, y = _series(n, rng)
    x_test, y_test = _series(600, rng)
    model = nn.Sequential(
        nn.Conv1d(1, 16, 9), nn.ReLU(), nn.Conv1d(16, 16, 9, stride=2), nn.ReLU(),
        nn.Conv1d(16, 32, 9, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, 4),
    )  # fmt: skip
    fit(model, x, y, epochs=12, seed=seed)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(_STEPS, 4))
    fit(linear, x, y, epochs=12, seed=seed)
    conv1d, dense = accuracy(model, x_test, y_test), accuracy(linear, x_test, y_test)

    d = some_digits(3000 if quick else 8500)
    features = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    )  # fmt: skip
    head = nn.Sequential(nn.Linear(16 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, 10))
    classifier = nn.Sequential(features, nn.Flatten(), head)
    fit(classifier, d.x_train, d.y_train, epochs=3, seed=seed)
    everywhere = nn.Sequential(features, *_as_convolutions(head, 16, 4))

    canvas = np.zeros((76, 124), np.float32)
    places = ((6, 8), (40, 20), (10, 48), (44, 64), (4, 92), (46, 94))
    for k, (row, column) in enumerate(places):
        canvas[row : row + _SIDE, column : column + _SIDE] = np.maximum(
            canvas[row : row + _SIDE, column : column + _SIDE], d.x_test[k, 0]
        )
    with no_grad():
        scores = everywhere(from_numpy(canvas[None, None])).numpy()[0]
    windows = np.lib.stride_tricks.sliding_window_view(canvas, (_SIDE, _SIDE))
    windows = windows[::_STRIDE, ::_STRIDE]
    one_by_one = outputs(classifier, windows.reshape(-1, 1, _SIDE, _SIDE)).T
    one_by_one = one_by_one.reshape(10, *windows.shape[:2]).astype(np.float64)
    same_shape = scores.shape == one_by_one.shape
    exps = np.exp(scores - scores.max(axis=0))
    return Result(
        (
            at_least("Conv1d: test accuracy", conv1d, 0.95),
            above("Conv1d above a linear model, points", 100 * (conv1d - dense), 0),
            told("linear model on the series", dense),
            at_most(
                "canvas against windows: relative error",
                relative_error(scores, one_by_one) if same_shape else math.nan,
                1e-5,
            ),
            told("windows", windows.shape[0] * windows.shape[1]),
            told(
                "test accuracy of the window classifier", accuracy(classifier, d.x_test, d.y_test)
            ),
        ),
        {
            "waves": np.stack([x[y == k][0, 0] for k in range(4)]),
            "canvas": canvas,
            "scores": exps / exps.sum(axis=0) * (one_by_one.max(axis=0) > 3),
            "digits": sorted({int(v) for v in d.y_test[: len(places)]})[:3],
        },
    )


def _series(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x (n, 1, _STEPS), y (n,): a wave form of random phase, pitch and loudness, with noise."""
    y = rng.integers(0, 4, n)
    turns = (np.arange(_STEPS) / _STEPS)[None] * rng.uniform(3, 6, (n, 1)) + rng.random((n, 1))
    rising = turns + 3 * (np.arange(_STEPS) / _STEPS)[None] ** 2
    forms = np.stack(
        [
            np.sin(2 * np.pi * turns),
            np.sign(np.sin(2 * np.pi * turns)),
            2 * (turns % 1) - 1,
            np.sin(2 * np.pi * rising),
        ]
    )
    x = forms[y, np.arange(n)] * rng.uniform(0.7, 1.3, (n, 1))
    x += _NOISE * rng.standard_normal(x.shape)
    return x[:, None].astype(np.float32), y


def _as_convolutions(head: nn.Module, channels: int, side: int) -> list[nn.Module]:
    """The dense layers of a head on (channels, side, side) maps as convolutions with the same
    weights: the first has kernels of the maps' size, the others of 1x1."""
    layers: list[nn.Module] = []
    n_in, kernel = channels, side
    for layer in head.children():
        if isinstance(layer, nn.Linear):
            n_out = layer.out_features
            conv = nn.Conv2d(n_in, n_out, kernel)
            with no_grad():
                weight = layer.weight.detach().numpy().reshape(n_out, n_in, kernel, kernel)
                conv.weight.copy_(from_numpy(weight))
                conv.bias.copy_(layer.bias.detach())
            layers.append(conv)
            n_in, kernel = n_out, 1
        else:
            layers.append(layer)
    return layers
