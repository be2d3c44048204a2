"""Rows and samples of convolution over volumes for tests/op_table.py."""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
import op_case as ops
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

ONE, ZERO = (1, 1, 1), (0, 0, 0)


class Volume(NamedTuple):
    """N volumes of C_in channels and (D, H, W) voxels, C_out filters of (KD, KH, KW)."""

    n: int
    c_in: int
    size: tuple[int, int, int]
    c_out: int
    kernel: tuple[int, int, int]
    stride: tuple[int, int, int] = ONE
    padding: tuple[int, int, int] = ZERO
    dilation: tuple[int, int, int] = ONE
    groups: int = 1
    activation: str | None = None
    has_bias: bool = True


PLAIN = (
    Volume(0, 1, (3, 3, 3), 2, (2, 2, 2)),
    Volume(1, 1, (1, 1, 1), 1, ONE),
    Volume(2, 3, (4, 5, 9), 6, (3, 3, 3), padding=ONE),
    Volume(1, 2, (5, 4, 17), 9, (2, 3, 2), has_bias=False),
    Volume(2, 2, (3, 4, 5), 33, (3, 4, 5)),  # kernel == volume
    Volume(3, 4, (2, 3, 8), 17, ONE),
    Volume(2, 1, (9, 4, 4), 3, (5, 1, 1), padding=(2, 0, 0)),  # depth only
    Volume(1, 2, (2, 3, 2), 3, (2, 2, 2), padding=(3, 2, 4)),  # windows that see only padding
    Volume(1, 30, (4, 3, 5), 7, (3, 3, 3), padding=ONE),
)
MORE = (
    Volume(2, 3, (7, 6, 9), 5, (3, 3, 3), stride=(2, 2, 2), padding=ONE),
    Volume(1, 2, (9, 8, 7), 4, (2, 2, 2), stride=(3, 4, 3)),  # stride > kernel
    Volume(1, 2, (9, 7, 8), 3, (3, 2, 3), padding=(1, 0, 2), dilation=(2, 3, 2)),
    Volume(1, 2, (8, 7, 8), 3, (2, 2, 2), stride=(3, 2, 1), dilation=(4, 1, 2), has_bias=False),
    Volume(2, 4, (4, 4, 5), 6, (3, 2, 2), padding=(1, 1, 0), groups=2),
    Volume(1, 6, (4, 5, 8), 6, (3, 3, 3), padding=ONE, groups=6),  # depthwise
)
LARGE = (
    Volume(2, 8, (15, 40, 40), 6, (3, 3, 3), padding=ONE),  # several blocks, one with two volumes
    Volume(1, 5, (9, 18, 20), 20, (3, 3, 3), stride=(2, 1, 1), activation="relu"),
    Volume(2, 16, (6, 14, 12), 32, (3, 3, 3), padding=ONE, groups=4, activation="tanh"),
)


def sample(rng: np.random.Generator, case: Volume) -> Sample:
    shape = (case.c_out, case.c_in // case.groups, *case.kernel)
    return {
        "x": normal(rng, case.n, case.c_in, *case.size),
        "weight": normal(rng, *shape, scale=prod(shape[1:]) ** -0.5),
        "bias": normal(rng, case.c_out) if case.has_bias else None,
        "stride": case.stride,
        "padding": case.padding,
        "dilation": case.dilation,
        "groups": case.groups,
        "activation": case.activation,
    }


def volumes(cases: tuple[Volume, ...]) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for case in cases:
            yield sample(rng, case)

    return inputs


def voxels(s: Sample) -> int:
    """Of an output volume."""
    found = 1
    for axis in range(3):
        reach = s["dilation"][axis] * (s["weight"].shape[2 + axis] - 1) + 1
        room = s["x"].shape[2 + axis] + 2 * s["padding"][axis] - reach
        found *= room // s["stride"][axis] + 1
    return found


def flops(s: Sample) -> int:
    return 2 * s["x"].shape[0] * voxels(s) * s["weight"].size


def reduced(s: Sample) -> int:
    """Terms of y, dx and dweight."""
    weight = s["weight"]
    back = weight.shape[0] * prod(weight.shape[2:])
    return max(prod(weight.shape[1:]), back, s["x"].shape[0] * voxels(s))


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    dz = ops.activation_grad(k, s["activation"], dy, out[0])
    window = s["stride"], s["padding"], s["dilation"], s["groups"]
    return {
        "x": k.conv3d_backward_input(dz, s["weight"], s["x"].shape, *window),
        "weight": k.conv3d_backward_weight(dz, s["x"], s["weight"].shape[2:], *window),
    }


def row(name: str, cases: tuple[Volume, ...], large: tuple[Volume, ...], **more: Any) -> OpCase:
    return OpCase(
        f"conv3d {name}",
        call("conv3d_forward"),
        volumes(cases),
        volumes(large),
        flops=flops,
        reduced=reduced,
        backward=backward,
        batched=("x",),
        avoid=ops.relu_near_kink("conv3d_forward"),
        **more,
    )


BOTH = ("forward", "backward")
VOLUMES = [
    row("plain", PLAIN, LARGE[:1], exact=BOTH, edges=(0, 1, 3, 5, 8, 9, 17, 33)),
    row("strided, dilated, grouped", MORE, LARGE[1:], exact=BOTH, edges=(1, 2, 4, 7, 8, 9)),
    row("with a thin gradient", PLAIN[2:] + MORE, LARGE[:1], edges=(1, 3, 9), dy_share=0.2),
    row(
        "sigmoid",
        tuple(case._replace(activation="sigmoid") for case in PLAIN[2:4]),
        LARGE[2:],
        edges=(2, 3, 17),
    ),
]
