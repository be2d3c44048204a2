"""Row 70: AlexNet, its size, a step on full-size images, a narrow one that learns clothes."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, nn, optim
from ..models import AlexNetOriginal
from ._registry import Result, at_least, demo, exactly, told
from ._steps import accuracy, count_parameters, fit, some_digits

_SIDE = 84  # of the narrow network's images: each pixel three times


def _draw(figure: Any, *, layers: list, history: list, data: str, bar: float) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    names = [name for name, _ in layers]
    sizes = [n for _, n in layers]
    colours = ["C0" if name.startswith("conv") else "C1" for name in names]
    bars = left.barh(names[::-1], sizes[::-1], color=colours[::-1])
    left.bar_label(bars, [f"{n:,}" for n in sizes[::-1]], padding=4)
    left.set_xlim(0, 1.25 * max(sizes))
    left.set_xticks([])
    left.set_title("parameters by layer: the dense ones have 96 %", fontsize=10)
    left.spines[["top", "right", "bottom"]].set_visible(False)
    right.plot(range(1, len(history) + 1), history, "o-", label="narrow AlexNet")
    right.axhline(bar, color="black", ls=":", lw=1, label=f"bar {bar}")
    right.set_ylim(0, 1)
    right.set_xlabel("epoch")
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_ylabel("test accuracy")
    right.set_title(data, fontsize=10)
    right.grid(alpha=0.3)
    right.legend(loc="lower right")


@demo(
    70,
    name="alexnet",
    title="AlexNet: 60,965,224 parameters, and a narrow one that learns",
    bar="60,965,224 parameters in two groups, 62,378,344 in one tower; one training step on "
    "227x227 is finite; a version an eighth as wide reaches 0.70 on clothes (quick: 0.60), or on "
    "digits where Fashion-MNIST is absent",
    draw=_draw,
    size=(12, 4.8),
    seconds=(40, 4),
    source="Krizhevsky, Sutskever, Hinton 2012, doi:10.1145/3065386",
)
def alexnet(quick: bool, seed: int) -> Result:
    """AlexNet, the network that made deep learning famous in 2012, is built with all of its 61
    million parameters and makes one step of training on full-size images. A version an eighth as
    wide then learns to name clothes, or digits where those images are absent.

    Five convolutions, the first two followed by local response normalisation, overlapping
    max-pooling (3x3, stride 2), three dense layers with dropout. The two groups were two GPUs;
    without them the network has 62,378,344 parameters. The paper writes 224 for the image size, but
    its 55x55 maps need 227. The narrow version has the same layers, with Kaiming's initialisation.
    """
    model = AlexNetOriginal()
    total = count_parameters(model)
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    named = [
        (f"{'conv' if isinstance(m, nn.Conv2d) else 'dense'} {i + 1}", count_parameters(m))
        for i, m in enumerate(layers)
    ]
    one_tower = count_parameters(AlexNetOriginal(groups=1))
    kinds = [type(m).__name__ for m in model.modules()]
    overlapping = sum(isinstance(m, nn.MaxPool2d) and m.kernel_size == 3 and m.stride == 2
                      for m in model.modules())  # fmt: skip

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1 if quick else 4, 3, 227, 227)).astype(np.float32)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    start = time.perf_counter()
    loss = functional.cross_entropy(model(from_numpy(x)), from_numpy(np.arange(len(x))))
    loss.backward()
    optimizer.step()
    seconds = time.perf_counter() - start
    finite = math.isfinite(loss.item()) and all(
        np.isfinite(p.detach().numpy()).all() for p in model.parameters()
    )

    d, data = _data()
    n_train, n_test, epochs = (2000, 500, 4) if quick else (8000, 2000, 5)
    small = AlexNetOriginal(10, in_channels=1, size=_SIDE, width=1 / 8)
    for m in small.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)
    x_test = _enlarged(d.x_test[:n_test])
    history = fit(small, _enlarged(d.x_train[:n_train]), d.y_train[:n_train], epochs=epochs,
                  seed=seed, lr=1e-3, val=(x_test, d.y_test[:n_test]))  # fmt: skip
    bar = 0.60 if quick else 0.70
    return Result(
        (
            exactly("parameters, two groups", total, 60_965_224),
            exactly("parameters, one tower", one_tower, 62_378_344),
            exactly("overlapping poolings", overlapping, 3),
            exactly("local response normalisations", kinds.count("LocalResponseNorm"), 2),
            exactly("dropouts", kinds.count("Dropout"), 2),
            exactly("one step on 227x227: all finite", finite, 1),
            at_least(f"narrow version, {data}", accuracy(small, x_test, d.y_test[:n_test]), bar),
            told("seconds for the step", seconds),
            told("images in the step", len(x)),
            told("parameters, narrow", count_parameters(small)),
        ),
        {"layers": named, "history": history["val_accuracy"], "data": data, "bar": bar},
    )


@functools.cache
def _data() -> tuple[datasets.Split, str]:
    try:
        return datasets.fashion_mnist(), "clothes (Fashion-MNIST)"
    except FileNotFoundError:
        return some_digits(8500), "handwritten digits"


def _enlarged(x: np.ndarray) -> np.ndarray:
    """Each pixel three times in both directions, around zero."""
    return np.repeat(np.repeat(x, 3, axis=2), 3, axis=3) - np.float32(0.3)
