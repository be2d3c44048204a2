"""Rows 73 and 117: each kernel looks for its own edge direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, functional, nn, no_grad, viz
from ..models import LeNet5
from ._registry import Result, at_least, demo, exactly
from ._steps import accuracy, fit, some_digits

_N = 8
_ANGLES = [180 * k / _N for k in range(_N)]


def _draw(figure: Any, *, gabors: np.ndarray, responses: np.ndarray, learned: np.ndarray,
          image: np.ndarray, maps: np.ndarray) -> None:  # fmt: skip
    left, right = figure.subfigures(1, 2)
    top, bottom = left.subfigures(2, 1, height_ratios=(1, 3))
    top.suptitle("Gabor kernels set by hand", fontsize=10)
    viz.kernels(gabors, columns=_N, figure=top)
    axes = bottom.subplots()
    axes.imshow(responses, cmap="viridis")
    axes.set_xticks(range(_N), [f"{a:g}°" for a in _ANGLES], fontsize=8)
    axes.set_yticks(range(_N), [f"{a:g}°" for a in _ANGLES], fontsize=8)
    axes.set_xlabel("direction of the stripes in the image")
    axes.set_ylabel("direction of the kernel")
    axes.set_title("response: strongest on the diagonal", fontsize=10)
    top, middle, bottom = right.subfigures(3, 1, height_ratios=(1, 1.5, 1))
    top.suptitle("first-layer kernels that LeNet-5 learned: red positive, blue negative",
                 fontsize=10)  # fmt: skip
    viz.kernels(learned, columns=6, figure=top)
    axes = middle.subplots()
    axes.imshow(image, cmap="gray")
    axes.set_title("a test digit", fontsize=10)
    axes.axis("off")
    bottom.suptitle("what each kernel finds in it", fontsize=10)
    viz.feature_maps(maps, columns=6, figure=bottom)


@demo(
    73, 117,
    name="edge-kernels",
    title="Each kernel looks for its own edge direction",
    bar="each of 8 Gabor kernels and 4 Sobel kernels responds most to its own direction; LeNet-5, "
    "whose learned kernels are drawn, reads at least 0.90 of the test digits (they were trained)",
    draw=_draw,
    size=(12, 6),
    seconds=(2, 1),
    source="Gabor 1946, doi:10.1049/ji-3-2.1946.0074; Hubel and Wiesel 1962, "
    "doi:10.1113/jphysiol.1962.sp006837; Sobel and Feldman 1968; "
    "LeCun et al. 1998, doi:10.1109/5.726791",
)  # fmt: skip
def edge_kernels(quick: bool, seed: int) -> Result:
    """A layer has several kernels, and each finds something else in an image: kernels set by hand
    answer edges of one direction each, as cells of the visual cortex do. Trained on digits, kernels
    turn into detectors of strokes and edges by themselves.

    Each kernel makes its own feature map. Nobody tells kernel 3 to look for diagonals.
    """
    gabors = np.stack([_gabor(math.radians(a)) for a in _ANGLES])[:, None]
    stripes = np.stack([_stripes(math.radians(a)) for a in _ANGLES])[:, None]
    responses = _energy(stripes, gabors)
    sobels = np.array(
        [
            [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]],
            [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], [[2, 1, 0], [1, 0, -1], [0, -1, -2]],
        ],
        np.float32,
    )[:, None]  # fmt: skip
    edges = np.stack([_edge(math.radians(45 * k)) for k in range(4)])[:, None]
    sobel = _energy(edges, sobels)

    d = some_digits(4000 if quick else 8500)
    model = LeNet5()
    fit(model, d.x_train, d.y_train, epochs=2 if quick else 5, seed=seed)
    first = model.features[0]
    image = d.x_test[:1]
    with no_grad():
        maps = nn.ReLU()(first(from_numpy(image))).numpy()[0]
    own = int((responses.argmax(axis=1) == np.arange(_N)).sum())
    return Result(
        (
            exactly("Gabor kernels that prefer their own direction", own, _N),
            exactly(
                "Sobel kernels that prefer their own direction",
                int((sobel.argmax(axis=1) == np.arange(4)).sum()),
                4,
            ),
            at_least("test accuracy of LeNet-5", accuracy(model, d.x_test, d.y_test), 0.90),
        ),
        {
            "gabors": gabors,
            "responses": responses,
            "learned": first.weight.detach().numpy(),
            "image": image[0, 0],
            "maps": maps,
        },
    )


def _energy(images: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """[kernel, image]: mean square of each kernel's map of each image."""
    maps = functional.conv2d(from_numpy(images), from_numpy(kernels)).numpy()
    return (maps.astype(np.float64) ** 2).mean(axis=(2, 3)).T


def _across(size: int, angle: float) -> np.ndarray:
    """Distance of each pixel from the centre, along the direction `angle` (0: to the right,
    anticlockwise)."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    return columns * math.cos(angle) - rows * math.sin(angle)


def _gabor(angle: float, size: int = 11, wavelength: float = 5) -> np.ndarray:
    along = _across(size, angle + math.pi / 2)
    across = _across(size, angle)
    wave = np.cos(2 * math.pi * across / wavelength) * np.exp(-(along**2 + across**2) / 12.5)
    return (wave - wave.mean()).astype(np.float32)


def _stripes(angle: float, size: int = 40, wavelength: float = 5) -> np.ndarray:
    return np.cos(2 * math.pi * _across(size, angle) / wavelength).astype(np.float32)


def _edge(angle: float, size: int = 15) -> np.ndarray:
    """Dark to bright across the middle; one pixel of slope."""
    return np.clip(_across(size, angle), -0.5, 0.5).astype(np.float32)
