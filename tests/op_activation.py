"""Rows of tests/op_table.py: rectifiers, whose gradients start from the input."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
import op_inputs as make
from op_case import Arrays, OpCase, call
from op_inputs import Sample


def with_numbers(numbers: dict, large: bool = False) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for sample in (make.elementwise_large if large else make.elementwise)(rng):
            yield sample | numbers

    return inputs


def from_input(name: str) -> ops.Backward:
    def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": getattr(k, f"{name}_backward")(dy, **s)}

    return backward


def near(*kinks: float) -> Any:
    """avoid: an element within step of a point where the derivative jumps."""

    def avoid(sample: Sample, step: float) -> bool:
        x = np.abs(sample["x"])
        return any(bool(np.any(np.abs(x - kink) < step * np.maximum(1, x))) for kink in kinks)

    return avoid


def row(name: str, numbers: dict, cost: int = 20, kinks: tuple = ()) -> OpCase:
    told = " ".join(str(v) for v in numbers.values())
    return OpCase(
        f"{name} {told}".strip(),
        call(f"{name}_forward"),
        with_numbers(numbers),
        with_numbers(numbers, True),
        flops=lambda s: cost * ops.elements(s),
        backward=from_input(name),
        avoid=near(*kinks),
    )


RECTIFIERS: list[OpCase] = [
    row("gelu", {}),
    row("gelu_tanh", {}),
    row("silu", {}),
    row("mish", {}),
    row("hardsigmoid", {}, 3, (3.0,)),
    row("hardswish", {}, 4, (3.0,)),
    row("elu", {"a": 1.0, "scale": 1.0, "rate": 1.0}),
    row("elu", {"a": 1.7580993408473766, "scale": 1.0507009873554805, "rate": 1.0}, kinks=(0.0,)),
    row("elu", {"a": 2.5, "scale": 1.0, "rate": 0.4}),
    row("elu", {"a": 0.3, "scale": 1.0, "rate": 1.0}, kinks=(0.0,)),
    row("softplus", {"beta": 1.0, "threshold": 20.0}),
    row("softplus", {"beta": 2.5, "threshold": 20.0}),
    row("softplus", {"beta": 0.5, "threshold": 30.0}),
]
