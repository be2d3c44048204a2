"""Row 62: full connection of an image needs 10^12 weights; a convolution 40,000."""

from __future__ import annotations

import resource
from typing import Any

from .. import nn, summary
from ._registry import Result, at_most, demo, exactly, told


def _draw(figure: Any, *, counts: dict[str, int]) -> None:
    axes = figure.subplots()
    names = list(counts)
    bars = axes.barh(names, list(counts.values()), color=["C3", "C1", "C0"])
    labels = [f"{n:,} ({4 * n / 1e6:,.2f} MB)" for n in counts.values()]
    axes.bar_label(bars, labels, padding=4)
    axes.set_xscale("log")
    axes.set_xlim(1e3, 1e17)
    axes.invert_yaxis()
    axes.set_xlabel("weights (log scale), and their memory in float32")
    axes.set_title("a picture of 1,000 x 1,000 to one layer", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


@demo(
    62,
    name="parameter-explosion",
    title="Full connection explodes, convolution does not",
    bar="from 10^6 pixels to 10^6 units: exactly 10^12 weights when fully connected, 10^8 with one "
    "10x10 field for each unit, 40,000 weights and 100 biases for 100 kernels of 10x10 over 4 "
    "channels; counted with less than 16 MB of memory",
    draw=_draw,
    size=(11, 3.4),
    seconds=(1, 1),
    source="LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541; LeCun et al. 1998, "
    "doi:10.1109/5.726791",
)
def parameter_explosion(quick: bool, seed: int) -> Result:
    """A unit for each pixel of a small photograph, connected with each pixel, needs a million times
    a million weights: 4 terabytes. Looking at 10x10 pixels only brings it down ten-thousandfold,
    and using the same weights everywhere, as a convolution does, leaves 40,000.

    Shared over all positions the weights are one field a kernel, whatever the size of the picture.
    """
    before = _peak()
    full = summary(lambda: nn.Linear(10**6, 10**6, bias=False), meta=True)
    grown = _peak() - before
    conv = summary(lambda: nn.Conv2d(4, 100, 10), meta=True)
    bare = summary(lambda: nn.Conv2d(4, 100, 10, bias=False), meta=True)
    local = summary(lambda: nn.Linear(100, 10**6, bias=False), meta=True)  # 100 weights a unit
    return Result(
        (
            exactly("fully connected: weights", full.parameters, 10**12),
            exactly("a 10x10 field a unit: weights", local.parameters, 10**8),
            exactly("convolution: weights", bare.parameters, 40_000),
            exactly("convolution: weights and biases", conv.parameters, 40_100),
            at_most("memory that counting 10^12 took, MB", grown, 16),
            told("memory that the weights would take, MB", 4 * full.parameters / 1e6),
        ),
        {
            "counts": {
                "fully connected": full.parameters,
                "a 10x10 field for each unit": local.parameters,
                "100 shared kernels\nof 10x10, 4 channels": bare.parameters,
            }
        },
    )


def _peak() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
