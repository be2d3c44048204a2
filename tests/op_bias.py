"""The row of bias and activation in place for tests/op_table.py."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
from op_case import Arrays, OpCase
from op_inputs import Sample, normal

SHAPES = ((0, 3, 2, 2), (1, 1, 1, 1), (2, 3, 1, 7), (1, 9, 2, 4), (3, 2, 3, 3), (2, 8, 3, 5),
          (1, 2, 4, 4), (5, 1, 1, 17), (1, 2, 130, 131))  # fmt: skip
LARGE = ((3, 5, 130, 131), (40, 33, 16, 17))


def planes(shapes: tuple, activation: str | None, has_bias: bool = True) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for shape in shapes:
            yield {
                "x": normal(rng, *shape),
                "bias": normal(rng, shape[1]) if has_bias else None,
                "activation": activation,
            }

    return inputs


def forward(k: Any, x: np.ndarray, **rest: Any) -> Arrays:
    """On a copy, which is the output: the kernel works in place."""
    y = np.copy(x)
    assert k.bias_activation(y, **rest) is y
    return (y,)


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    dz = np.copy(ops.activation_grad(k, s["activation"], dy, out[0]))
    grads = {"x": dz}
    return grads if s["bias"] is None else grads | {"bias": k.conv2d_backward_bias(dz)}


def near_kink(s: Sample, step: float) -> bool:
    if s["activation"] != "relu":
        return False
    z = s["x"] + (0 if s["bias"] is None else s["bias"][:, None, None])
    return bool(np.any(np.abs(z) < step))


def row(activation: str | None, has_bias: bool = True) -> OpCase:
    exact = ("forward", "backward") if activation in (None, "relu") else ()
    return OpCase(
        f"bias_activation {activation}{'' if has_bias else ' without bias'}",
        forward,
        planes(SHAPES, activation, has_bias),
        planes(LARGE, activation, has_bias),
        flops=lambda s: 40 * ops.elements(s),
        reduced=lambda s: max(1, s["x"].size),
        backward=backward,
        batched=("x",),
        exact=exact,
        edges=(0, 1, 7, 9, 17, 131),
        avoid=near_kink,
    )


BIASES = [row(None), row("relu"), row("tanh"), row("sigmoid", False)]
