"""Row 75: an output pixel sees but a window of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lab, nn
from ..models import LeNet5
from ._registry import Result, demo, exactly
from ._steps import some_digits


def _draw(figure: Any, *, image: np.ndarray, boxes: dict, mask: np.ndarray, box: tuple) -> None:
    left, right = figure.subplots(1, 2)
    left.imshow(image, cmap="gray")
    for k, (name, (top, bottom, first, last)) in enumerate(boxes.items()):
        left.plot(
            np.array([first, last, last, first, first]) - 0.5,
            np.array([top, top, bottom, bottom, top]) - 0.5,
            color=f"C{k}", lw=2, label=f"{name}: {bottom - top}x{last - first}",
        )  # fmt: skip
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize=9)
    left.set_title("what one unit of each layer of LeNet-5 sees", fontsize=10)
    right.imshow(mask, cmap="Blues", vmax=1.4)
    top, bottom, first, last = box
    right.plot(
        np.array([first, last, last, first, first]) - 0.5,
        np.array([top, top, bottom, bottom, top]) - 0.5,
        color="red", lw=2,
    )  # fmt: skip
    right.set_title("blue: pixels with a derivative, measured; red: computed", fontsize=10)
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])


@demo(
    75,
    name="receptive-field",
    title="An output pixel sees but a window of the image",
    bar="derivatives outside the computed receptive field: none, at any of the places tried; the "
    "measured field equals the computed one to the pixel in four networks",
    draw=_draw,
    size=(11, 6),
    seconds=(2, 1),
    source="Hubel and Wiesel 1962, doi:10.1113/jphysiol.1962.sp006837; "
    "Araujo, Norris, Sim 2019, doi:10.23915/distill.00021",
)
def receptive_field(quick: bool, seed: int) -> Result:
    """A unit of a convolutional network sees a window of the image only, its receptive field, which
    grows from layer to layer. Its size is computed from kernels, strides and paddings and then
    measured by asking which pixels change the output; both agree to the pixel.

    Differentiating an output by the image is what measures it. (A network trained in practice uses
    the middle of its field most: the effective field is smaller than this bound.)
    """
    lenet = LeNet5()
    networks = {
        "LeNet-5": lenet.features,
        "seven 3x3": nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(7)]),
        "strides": nn.Sequential(
            nn.Conv2d(1, 2, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(2, 2, 3, stride=2)
        ),
        "dilated": nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=d) for d in (1, 2, 4)]),
    }
    outside = different = 0
    for model in networks.values():
        field = lab.receptive_field(model)
        side = int(lab.measured_receptive_field(model, (1, 28, 28), (0, 0)).shape[0])
        for position in ((0, 0), (1, 2), (2, 1), (3, 3)):
            top, bottom, left, right = field.box(position, (side, side))
            computed = np.zeros((side, side), bool)
            computed[top:bottom, left:right] = True
            settings = {"trials": 64 if quick else 256, "seed": seed}
            own = lab.measured_receptive_field(
                model, (1, side, side), position, positive=False, **settings
            )
            outside += int((own & ~computed).sum())
            seen = lab.measured_receptive_field(model, (1, side, side), position, seed=seed)
            different += int((seen != computed).sum())
    layers = list(lenet.features.children())
    boxes = {}
    for n, (name, position) in {1: ("conv 1", (14, 14)), 3: ("pool 1", (7, 7)),
                                4: ("conv 2", (5, 5)), 6: ("pool 2", (2, 2))}.items():  # fmt: skip
        part = nn.Sequential(*layers[:n])
        boxes[name] = lab.receptive_field(part).box(position, (28, 28))
    size = lab.receptive_field(lenet.features).size
    return Result(
        (
            exactly("derivatives outside the computed field", outside, 0),
            exactly("pixels where measured and computed differ", different, 0),
            exactly("field of LeNet-5's last feature maps", size[0], 16),
            exactly(
                "field of seven 3x3 layers", lab.receptive_field(networks["seven 3x3"]).size[0], 15
            ),
        ),
        {
            "image": some_digits(1, 1).x_test[0, 0],
            "boxes": boxes,
            "mask": lab.measured_receptive_field(lenet.features, (1, 28, 28), (2, 2), seed=seed),
            "box": boxes["pool 2"],
        },
    )
