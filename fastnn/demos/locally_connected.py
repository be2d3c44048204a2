"""Row 76: a kernel of its own for every place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad
from ._registry import Result, above, at_least, at_most, demo, told
from ._steps import accuracy, count_parameters, fit, relative_error

_SIDE, _CELLS = 12, 4  # 4x4 cells of 3x3 pixels


def _draw(figure: Any, *, key: np.ndarray, strokes: np.ndarray, labels: np.ndarray,
          histories: dict) -> None:  # fmt: skip
    left, right = figure.subfigures(1, 2, width_ratios=(1.4, 1))
    left.suptitle("each cell has its right stroke; class 1: most strokes of the image are right",
                  fontsize=10)  # fmt: skip
    grid = left.subplots(2, 3)
    examples = [("the right strokes", key), *zip(labels, strokes, strict=True)]
    for axes, (name, image) in zip(grid.flat, examples, strict=True):
        for (i, j), stroke in np.ndenumerate(image):
            slope = np.array([-0.3, 0.3]) * (1 if stroke else -1)
            colour = "black" if image is key else "C2" if stroke == key[i, j] else "red"
            axes.plot([j - 0.3, j + 0.3], i - slope, color=colour, lw=3)
        n = "" if image is key else f": {int((image == key).sum())} of {key.size} right"
        axes.set_title(name if image is key else f"class {name}{n}", fontsize=9)
        axes.set(xlim=(-0.6, 3.6), ylim=(3.6, -0.6), xticks=[], yticks=[], aspect="equal")
    axes = right.subplots()
    for name, values in histories.items():
        axes.plot(range(1, len(values) + 1), values, "o-", ms=3, label=name)
    axes.axhline(0.5, color="black", lw=1, ls=":", label="chance")
    axes.set_ylim(0.4, 1.02)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("test accuracy")
    axes.grid(alpha=0.3)
    axes.legend(loc="center right")


@demo(
    76,
    name="locally-connected",
    title="Locally connected: a kernel of its own for every place",
    bar="with all kernels equal the layer gives Conv2d's output within 1e-6; where position "
    "decides what a pattern means it reaches 0.95 and is at least 10 points above Conv2d, both "
    "followed by the same mean over places",
    draw=_draw,
    size=(12, 4.8),
    seconds=(5, 3),
    source="LeCun 1989, Generalization and network design strategies (CRG-TR-89-4); Taigman et al. "
    "2014 (DeepFace), doi:10.1109/CVPR.2014.220",
)
def locally_connected(quick: bool, seed: int) -> Result:
    """A locally connected layer looks at small windows like a convolution, but with another kernel
    at every place. Where the place decides what a pattern means it learns the task and a
    convolution, which asks the same question everywhere, cannot.

    That suits aligned images such as faces, where the eyes are always at the same place. Here each
    cell of the image holds one of two strokes, and which of them counts depends on the cell.
    """
    rng = np.random.default_rng(seed)
    layer = nn.LocallyConnected2d(3, 5, (9, 8), 3, stride=2, padding=1)
    conv = nn.Conv2d(3, 5, 3, stride=2, padding=1)
    x = rng.standard_normal((2, 3, 9, 8)).astype(np.float32)
    with no_grad():
        _make_equal(layer, conv)
        shared = conv(from_numpy(x)).numpy()
        same = relative_error(layer(from_numpy(x)).numpy(), shared.astype(np.float64))

    key = rng.permutation(np.arange(_CELLS**2) % 2)  # balanced: counting strokes tells nothing
    *train, _ = _aligned(2000 if quick else 4000, key, rng)
    *test, drawn = _aligned(1000, key, rng)
    scores, histories, sizes = {}, {}, {}
    for name, first in (
        ("locally connected", nn.LocallyConnected2d(1, 4, _SIDE, 3, stride=3)),
        ("convolution", nn.Conv2d(1, 4, 3, stride=3)),
    ):
        model = nn.Sequential(first, nn.ReLU(), nn.AvgPool2d(_CELLS), nn.Flatten(), nn.Linear(4, 2))
        history = fit(
            model, train[0], train[1], epochs=15, seed=seed, lr=1e-2, val=(test[0], test[1])
        )
        scores[name], sizes[name] = accuracy(model, test[0], test[1]), count_parameters(first)
        histories[name] = history["val_accuracy"]
    local, shared_score = scores.values()
    shown = [*np.flatnonzero(test[1] == 0)[:2], *np.flatnonzero(test[1] == 1)[:3]]
    return Result(
        (
            at_most("all kernels equal: relative error to Conv2d", same, 1e-6),
            at_least("test accuracy, locally connected", local, 0.95),
            above("above Conv2d, points", 100 * (local - shared_score), 10),
            told("test accuracy, convolution", shared_score),
            told("parameters, locally connected", sizes["locally connected"]),
            told("parameters, convolution", sizes["convolution"]),
        ),
        {
            "key": key.reshape(_CELLS, _CELLS),
            "strokes": drawn[shown],
            "labels": test[1][shown],
            "histories": histories,
        },
    )


def _make_equal(layer: nn.Module, conv: nn.Conv2d) -> None:
    """Give every place of `layer` the kernel and the bias of `conv`."""
    weight = conv.weight.detach().numpy()
    shape = tuple(layer.weight.shape)  # (OH, OW, C_out, C_in, KH, KW)
    layer.weight.copy_(from_numpy(np.broadcast_to(weight, shape).copy()))
    bias = conv.bias.detach().numpy()[:, None, None]
    layer.bias.copy_(from_numpy(np.broadcast_to(bias, tuple(layer.bias.shape)).copy()))


def _aligned(n: int, key: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """x (n, 1, _SIDE, _SIDE), y (n,), strokes (n, _CELLS, _CELLS): 0 for a \\, 1 for a / in each
    cell; y says whether more than half of them are those that `key` names for their cells; no image
    is a tie."""
    strokes = np.stack([np.eye(3), np.eye(3)[::-1]])
    y = rng.integers(0, 2, n)
    agree = np.empty((n, _CELLS**2), np.int64)
    for i, label in enumerate(y):
        n_right = int(rng.integers(10, 15)) if label else int(rng.integers(2, 7))
        agree[i] = rng.permutation(np.arange(_CELLS**2) < n_right)
    drawn = np.where(agree, key, 1 - key).reshape(n, _CELLS, _CELLS)
    x = strokes[drawn].transpose(0, 1, 3, 2, 4).reshape(n, 1, _SIDE, _SIDE)
    return (x + 0.1 * rng.standard_normal(x.shape)).astype(np.float32), y, drawn
