"""Rows of locally connected layers, unfold and fold for tests/op_table.py."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import op_case as ops
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

BOTH = ("forward", "backward")

# N, C_in, (H, W), C_out, kernel, stride, padding, bias or not
LOCAL: tuple = (
    (0, 1, (3, 3), 2, (2, 2), (1, 1), (0, 0), True),
    (1, 1, (1, 1), 1, (1, 1), (1, 1), (0, 0), True),
    (2, 3, (6, 7), 5, (3, 3), (1, 1), (1, 1), True),
    (9, 2, (5, 9), 8, (3, 2), (2, 1), (0, 1), True),
    (17, 1, (4, 5), 7, (2, 2), (1, 3), (0, 0), False),  # stride > kernel
    (3, 4, (1, 19), 17, (1, 5), (1, 2), (0, 2), True),  # a sequence
    (33, 2, (3, 4), 33, (3, 4), (1, 1), (0, 0), True),  # kernel == image
    (8, 5, (2, 3), 9, (2, 2), (1, 1), (3, 2), True),  # windows that see only padding
    (16, 3, (9, 8), 2, (2, 3), (2, 2), (1, 1), False),
)
LOCAL_LARGE: tuple = (
    (20, 6, (13, 14), 12, (3, 3), (1, 1), (1, 1), True),
    (40, 9, (1, 90), 20, (1, 7), (1, 2), (0, 3), True),
)


def local_samples(cases: tuple, activation: str | None) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for n, c, size, c_out, kernel, stride, padding, has_bias in cases:
            out = tuple(
                (s + 2 * p - k) // step + 1
                for s, p, k, step in zip(size, padding, kernel, stride, strict=True)
            )
            yield {
                "x": normal(rng, n, c, *size),
                "weight": normal(rng, *out, c_out, c, *kernel, scale=(c * prod(kernel)) ** -0.5),
                "bias": normal(rng, c_out, *out) if has_bias else None,
                "stride": stride,
                "padding": padding,
                "activation": activation,
            }

    return inputs


def local_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    dz = ops.activation_grad(k, s["activation"], dy, out[0])
    window = s["stride"], s["padding"]
    name = "locally_connected2d_backward_"
    return {
        "x": getattr(k, name + "input")(dz, s["weight"], s["x"].shape, *window),
        "weight": getattr(k, name + "weight")(dz, s["x"], s["weight"].shape[4:], *window),
    }


def local_reduced(s: Sample) -> int:
    """Terms of y, dx and dweight."""
    c_out, c_in, *kernel = s["weight"].shape[2:]
    return max(c_in * prod(kernel), c_out * prod(kernel), s["x"].shape[0])


def local_row(activation: str | None, small: tuple = LOCAL, large: tuple = LOCAL_LARGE) -> OpCase:
    return OpCase(
        f"locally_connected2d {activation}",
        call("locally_connected2d_forward"),
        local_samples(small, activation),
        local_samples(large, activation),
        flops=lambda s: 2 * s["x"].shape[0] * s["weight"].size,
        reduced=local_reduced,
        backward=local_backward,
        batched=("x",),
        exact=BOTH if activation in (None, "relu") else (),
        edges=(0, 1, 7, 8, 9, 16, 17, 33) if small is LOCAL else (2, 3, 5),
        avoid=ops.relu_near_kink("locally_connected2d_forward"),
    )


# (N, C), (H, W), kernel, dilation, padding, stride
WINDOWS: tuple = (
    ((0, 2), (3, 3), (2, 2), (1, 1), (0, 0), (1, 1)),
    ((1, 1), (1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((2, 3), (7, 9), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 2), (8, 17), (3, 2), (1, 1), (0, 1), (2, 3)),
    ((2, 1), (9, 8), (2, 3), (3, 2), (2, 1), (1, 2)),
    ((1, 2), (9, 7), (2, 2), (1, 1), (0, 0), (4, 3)),  # stride > kernel
    ((1, 1), (2, 1), (2, 2), (1, 1), (3, 4), (1, 1)),  # windows of padding only
    ((1, 3), (4, 33), (1, 16), (1, 1), (0, 5), (1, 1)),
    ((1, 1), (3, 15), (3, 7), (1, 2), (1, 8), (2, 1)),
)
WINDOWS_LARGE: tuple = (
    ((8, 6), (34, 33), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((8, 8), (40, 41), (4, 3), (2, 1), (1, 2), (1, 2)),
)


def windows(cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, kernel, dilation, padding, stride in cases:
            yield {
                "x": normal(rng, *planes, *size),
                "kernel_size": kernel,
                "dilation": dilation,
                "padding": padding,
                "stride": stride,
            }

    return inputs


def columns(cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for (n, c), size, kernel, dilation, padding, stride in cases:
            pixels = prod(
                (s + 2 * p - d * (k - 1) - 1) // step + 1
                for s, k, d, p, step in zip(size, kernel, dilation, padding, stride, strict=True)
            )
            yield {
                "cols": normal(rng, n, c * prod(kernel), pixels),
                "output_size": size,
                "kernel_size": kernel,
                "dilation": dilation,
                "padding": padding,
                "stride": stride,
            }

    return inputs


def settings(s: Sample) -> tuple:
    return s["kernel_size"], s["dilation"], s["padding"], s["stride"]


def unfold_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.fold(dy, s["x"].shape[2:], *settings(s))}


def fold_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"cols": k.unfold(dy, *settings(s))}


LOCALS = [
    local_row(None),
    local_row("relu"),
    local_row("tanh", LOCAL[2:4], LOCAL_LARGE[:1]),
    OpCase(
        "unfold",
        call("unfold"),
        windows(WINDOWS),
        windows(WINDOWS_LARGE),
        flops=lambda s: s["x"].size * prod(s["kernel_size"]),
        reduced=lambda s: prod(s["kernel_size"]),
        backward=unfold_backward,
        batched=("x",),
        exact=BOTH,
        edges=(0, 1, 7, 8, 9, 15, 17, 33),
    ),
    OpCase(
        "fold",
        call("fold"),
        columns(WINDOWS),
        columns(WINDOWS_LARGE),
        flops=lambda s: s["cols"].size,
        reduced=lambda s: prod(s["kernel_size"]),
        backward=fold_backward,
        batched=("cols",),
        exact=BOTH,
        edges=(0, 1, 4, 8, 27, 63),
    ),
]
