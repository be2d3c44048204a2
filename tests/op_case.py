"""What a row of tests/op_table.py is, and how each operator is called on a backend `k`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from op_inputs import Sample

from fastnn import reference

Arrays = tuple[np.ndarray, ...]
Backward = Callable[[Any, Sample, Arrays, np.ndarray], dict[str, np.ndarray]]


def never(sample: Sample, step: float) -> bool:
    return False


@dataclass(frozen=True)
class OpCase:
    """inputs and large yield arguments of `forward`; only large ones are worth several threads.

    backward(k, sample, outputs, dy) gives the gradients of sum(dy * outputs[0]) by argument name.
    flops and reduced: operations, and terms summed into one output or gradient, of a sample.
    batched: arguments whose first axis is the batch; outputs have it as well.
    exact: integers in give the oracle's integers out, forward and (if "backward" is in it) back.
    signed: samples must have both signs.  edges: sizes that must occur among the samples' axes.
    avoid(sample, step): the derivative jumps within step of the sample.
    dy_share: the share of dy's elements that are not zero, where kernels look at that.
    """

    name: str
    forward: Callable[..., Arrays]
    inputs: Callable[[np.random.Generator], Iterator[Sample]]
    large: Callable[[np.random.Generator], Iterator[Sample]]
    flops: Callable[[Sample], int]
    reduced: Callable[[Sample], int] = lambda sample: 1
    backward: Backward | None = None
    batched: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    signed: bool = True
    edges: tuple[int, ...] = (0, 1, 7, 8, 9, 15, 16, 17)
    avoid: Callable[[Sample, float], bool] = never
    dy_share: float = 1.0


def call(name: str) -> Callable[..., Arrays]:
    """The kernel of this name as a function of (k, **arguments) that gives a tuple."""

    def forward(k: Any, **arguments: Any) -> Arrays:
        out = getattr(k, name)(**arguments)
        return out if isinstance(out, tuple) else (out,)

    return forward


def elements(sample: Sample) -> int:
    return int(sample["x"].size)


def activation_grad(k: Any, name: str | None, dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    return dy if name is None else getattr(k, f"{name}_backward")(dy, y)


def matmul_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    """c = op(a) op(b): d op(a) = dc op(b)^T, transposed back where a was."""
    a, b, ta, tb = s["a"], s["b"], s["transpose_a"], s["transpose_b"]
    da = k.matmul(b, dy, tb, True) if ta else k.matmul(dy, b, False, not tb)
    db = k.matmul(dy, a, True, ta) if tb else k.matmul(a, dy, not ta, False)
    return {"a": da, "b": db}


def linear_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    has_bias = s["bias"] is not None
    grads = k.linear_backward(
        dy, s["x"], s["weight"], out[0], s["activation"], (True, True, has_bias)
    )
    return {
        name: g for name, g in zip(("x", "weight", "bias"), grads, strict=True) if g is not None
    }


def conv_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    dz = activation_grad(k, s["activation"], dy, out[0])
    window = s["stride"], s["padding"], s["dilation"], s["groups"]
    grads = {
        "x": k.conv2d_backward_input(dz, s["weight"], s["x"].shape, *window),
        "weight": k.conv2d_backward_weight(dz, s["x"], s["weight"].shape[2:], *window),
    }
    return grads if s["bias"] is None else grads | {"bias": k.conv2d_backward_bias(dz)}


def max_pool_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    y, where = out
    if s["keep"] == "index":
        return {"x": k.max_pool2d_backward(dy, where, s["x"].shape, y, s["activation"])}
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    window = {name: s[name] for name in names}
    return {"x": k.max_pool2d_backward_tap(dy, where, s["x"].shape, **window)}


def avg_pool_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    window = {name: value for name, value in s.items() if name != "x"}
    return {"x": k.avg_pool2d_backward(dy, s["x"].shape, **window)}


def from_output(name: str) -> Backward:
    """Gradient of an activation, from its output."""
    return lambda k, s, out, dy: {"x": getattr(k, f"{name}_backward")(dy, out[0])}


def cross_entropy_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    rest = {name: value for name, value in s.items() if name != "logits"}
    return {"logits": k.cross_entropy_backward(dy, out[1], **rest)}


def mse_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.mse_backward(dy, s["x"], s["target"], s["reduction"])}


def dropout_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.dropout(dy, s["p"], s["key"], s["offset"])}


def stepped(name: str) -> Callable[..., Arrays]:
    """An optimizer step on copies, which are the outputs: the kernels work in place."""

    def forward(k: Any, **arguments: Any) -> Arrays:
        lists = {
            key: [np.copy(array) for array in value]
            for key, value in arguments.items()
            if isinstance(value, list) and key != "grads"
        }
        number = getattr(k, name)(**(arguments | lists))
        outputs = tuple(array for arrays in lists.values() for array in arrays)
        # NAdam gives a number back: in double, as everything that is computed once a step
        return outputs if number is None else (*outputs, np.asarray(number, np.float32))

    return forward


def product_flops(s: Sample) -> int:
    m, k = s["a"].shape[::-1] if s["transpose_a"] else s["a"].shape
    return 2 * m * k * (s["b"].shape[0] if s["transpose_b"] else s["b"].shape[1])


def image_sizes(s: Sample) -> tuple[int, int]:
    """(output pixels of an image, terms of an output) of a convolution."""
    pixels = 1
    for axis in (0, 1):
        n, k = s["x"].shape[2 + axis], s["weight"].shape[2 + axis]
        reach = s["dilation"][axis] * (k - 1) + 1
        pixels *= (n + 2 * s["padding"][axis] - reach) // s["stride"][axis] + 1
    return pixels, prod(s["weight"].shape[1:])


def conv_flops(s: Sample) -> int:
    pixels, terms = image_sizes(s)
    return 2 * s["x"].shape[0] * s["weight"].shape[0] * pixels * terms


def conv_reduced(s: Sample) -> int:
    """Terms of y, dx and dweight."""
    pixels, terms = image_sizes(s)
    c_out, _, kh, kw = s["weight"].shape
    return max(terms, c_out * kh * kw, s["x"].shape[0] * pixels)


def relu_near_kink(name: str) -> Callable[[Sample, float], bool]:
    """avoid of a layer with a fused ReLU: an output before the ReLU within step of zero."""

    def avoid(sample: Sample, step: float) -> bool:
        if sample["activation"] != "relu":
            return False
        z = call(name)(reference, **(sample | {"activation": None}))[0]
        return bool(np.any(np.abs(z) < step))

    return avoid
