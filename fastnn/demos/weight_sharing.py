"""Row 74: one small kernel serves the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad, zeros
from ._registry import Result, at_most, demo, exactly, told
from ._steps import count_parameters, relative_error, some_digits


def _draw(figure: Any, *, places: np.ndarray, shared: np.ndarray, counts: dict) -> None:
    grid = figure.subplots(1, 3, width_ratios=(1.2, 1, 1.3))
    limit = np.abs(places).max()
    grid[0].imshow(places, cmap="RdBu_r", vmin=-limit, vmax=limit)
    grid[0].set_title("gradient of the middle weight\nof each place's own kernel", fontsize=10)
    grid[0].axis("off")
    limit = np.abs(shared).max()
    grid[1].imshow(shared, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for (i, j), value in np.ndenumerate(shared):
        grid[1].text(j, i, f"{value:.1f}", ha="center", va="center",
                     color="white" if abs(value) > 0.6 * limit else "black")  # fmt: skip
    grid[1].set_title("gradient of the shared kernel:\nthe sum over all places", fontsize=10)
    grid[1].axis("off")
    bars = grid[2].barh(list(counts), list(counts.values()), color=["C0", "C1", "C2"])
    grid[2].set_xscale("log")
    grid[2].set_xlim(1, 2e7)
    grid[2].bar_label(bars, [f"{v:,}" for v in counts.values()], padding=4)
    grid[2].set_title("weights from 28x28 pixels\nto a map of 26x26", fontsize=10)
    grid[2].spines[["top", "right"]].set_visible(False)


@demo(
    74,
    name="weight-sharing",
    title="Weight sharing: 9 weights serve the whole image",
    bar="a 3x3 kernel on one channel has 9 parameters, 10 with bias, for any image; its gradient "
    "is the sum of those of the 676 kernels of a locally connected layer, within 1e-5",
    draw=_draw,
    size=(11, 4),
    seconds=(1, 1),
    source="Fukushima 1980, doi:10.1007/BF00344251; Rumelhart, Hinton, Williams 1986, "
    "Parallel Distributed Processing, chapter 8, ISBN 978-0262680530; LeCun et al. 1989, "
    "doi:10.1162/neco.1989.1.4.541",
)
def weight_sharing(quick: bool, seed: int) -> Result:
    """A kernel of 3x3 pixels serves an image of any size with 9 weights, where a kernel of its own
    for each place would take thousands. It is learned from all places at once: its gradient is the
    sum of what each place would give a kernel of its own.

    Popular accounts credit LeNet-5 (1998) with weight sharing. It is older: the neocognitron (1980)
    shares weights, Rumelhart, Hinton and Williams (1986) trained shared weights by back-propagation
    in the T-C problem, and LeCun (1989) did so for digits.
    """
    rng = np.random.default_rng(seed)
    image = some_digits(1, 1).x_train
    layer = nn.Conv2d(1, 1, 3, bias=False)
    y = layer(from_numpy(image))
    dy = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(from_numpy(dy))
    shared = layer.weight.grad.numpy()[0, 0]

    unshared = nn.LocallyConnected2d(1, 1, 28, 3, bias=False)
    with no_grad():  # every place begins with the shared kernel
        unshared.weight.copy_(layer.weight.detach() + zeros(unshared.weight.shape))
    own = unshared(from_numpy(image))
    own.backward(from_numpy(dy))
    by_place = unshared.weight.grad.numpy()[:, :, 0, 0]
    total = by_place.sum(axis=(0, 1), dtype=np.float64)
    same = relative_error(own.detach().numpy(), y.detach().numpy().astype(np.float64))
    places = y.shape[2] * y.shape[3]
    n_shared, n_unshared = count_parameters(layer), count_parameters(unshared)
    return Result(
        (
            exactly("parameters without bias", n_shared, 9),
            exactly("parameters with bias", count_parameters(nn.Conv2d(1, 1, 3)), 10),
            exactly("parameters, a kernel of its own per place", n_unshared, 9 * 676),
            at_most("output, shared against unshared: relative error", same, 1e-5),
            at_most("gradient against the sum over places", relative_error(shared, total), 1e-5),
            told("places", places),
        ),
        {
            "places": by_place[:, :, 1, 1],
            "shared": shared,
            "counts": {
                "one shared\nkernel": n_shared,
                "a kernel\nper place": n_unshared,
                "fully\nconnected": image.size * places,
            },
        },
    )
