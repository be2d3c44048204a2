"""Rows of tests/op_table.py: normalisation, arithmetic, leaky ReLU, binary cross-entropy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
import op_inputs as make
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

from fastnn import reference

FORWARD, BOTH = ("forward",), ("forward", "backward")

# (N, C, S): planes below 16 elements are transposed, 16 channels at a time.
PLANES = (
    (0, 3, 4),
    (3, 0, 4),
    (3, 2, 0),
    (3, 1, 1),
    (7, 2, 1),
    (9, 17, 1),
    (33, 35, 1),
    (600, 3, 1),  # more rows than one piece
    (5, 70, 1),
    (5, 16, 8),
    (4, 31, 15),
    (3, 2, 16),
    (1, 3, 17),
    (2, 5, 31),
    (2, 7, 32),
    (5, 4, 33),
    (3, 3, 49),
    (9, 2, 64),
    (2, 1, 4097),  # more than one piece in a plane
    (90, 2, 100),  # more than one piece of several planes
    (2, 1, 33_000),  # a channel by itself
    (5, 37, 49),  # more channels than a task has
)
# Channels larger than L2: chunks of several planes, chunks of a part of a plane, transposed.
PLANES_LARGE = (
    (140, 2, 1000),
    (2, 2, 70_001),
    (3, 64, 400),
    (4000, 33, 2),
    (900, 300, 1),
)


def batch_norms(training: bool, activation: str | None, shapes: tuple = PLANES) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (n, c, s) in enumerate(shapes):
            scale = (0.1 + np.arange(c) % 5).astype(np.float32)[:, None]
            signs = np.where(np.arange(c) % 2, 1, -1)[:, None] if c > 1 else np.zeros((1, 1))
            x = normal(rng, n, c, s) * scale + signs * np.abs(normal(rng, c, 1, scale=3))
            yield {
                "x": np.ascontiguousarray(x, np.float32),
                "weight": None if i % 5 == 4 else normal(rng, c) + np.float32(0.1),
                "bias": None if i % 7 == 6 else normal(rng, c),
                "mean": None if training else normal(rng, c),
                "var": None if training else (0.1 + rng.random(c)).astype(np.float32),
                "eps": (1e-5, 1e-3, 0.5)[i % 3],
                "activation": activation,
            }

    return inputs


def evaluated(k: Any, **s: Any) -> Arrays:
    return k.batch_norm_forward(**s)[:1]


def batch_norm_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    affine = s["weight"], s["bias"]
    statistics = out[1:] or (s["mean"], s["var"])
    grads = k.batch_norm_backward(
        dy, s["x"], *affine, *statistics, s["eps"], s["mean"] is None, s["activation"],
        (True, affine[0] is not None, affine[1] is not None),
    )  # fmt: skip
    names = ("x", "weight", "bias")
    return {name: g for name, g in zip(names, grads, strict=True) if g is not None}


def near_kink(s: Sample, step: float) -> bool:
    """An output before the ReLU within reach of zero: a step in x is multiplied by the scale."""
    if s["activation"] is None:
        return False
    z = reference.batch_norm_forward(**(s | {"activation": None}))[0]
    return bool(np.any(np.abs(z) < 100 * step))


def batch_norm_rows() -> list[OpCase]:
    return [
        OpCase(
            f"batch_norm training={training} {activation}",
            call("batch_norm_forward") if training else evaluated,
            batch_norms(training, activation),
            batch_norms(training, activation, PLANES_LARGE),
            flops=lambda s: 10 * ops.elements(s),
            reduced=lambda s: max(1, s["x"].shape[0] * s["x"].shape[2]),
            backward=batch_norm_backward,
            batched=() if training else ("x",),
            edges=(0, 1, 8, 15, 16, 17, 31, 32, 33),
            avoid=near_kink,
        )
        for training in (True, False)
        for activation in (None, "relu")
    ]


# (N, C, S), size, alpha, beta, k
RESPONSES = (
    ((0, 3, 4), 5, 1e-4, 0.75, 1.0),
    ((2, 0, 4), 5, 1e-4, 0.75, 1.0),
    ((1, 1, 1), 3, 0.5, 0.75, 1.0),
    ((2, 7, 8), 5, 0.3, 0.75, 2.0),
    ((1, 9, 15), 1, 0.3, 0.5, 1.0),
    ((2, 5, 16), 2, 0.7, 1.0, 1.0),
    ((3, 8, 17), 4, 0.7, 0.6, 1.5),
    ((1, 16, 31), 40, 2.0, 1.5, 0.5),
    ((2, 6, 33), 5, 0.2, 0.0, 1.0),
    ((1, 3, 513), 3, 1.0, -0.5, 1.0),
)
RESPONSES_LARGE = (((2, 64, 1_025), 5, 1e-2, 0.75, 2.0), ((2, 40, 1_500), 3, 0.5, 0.9, 1.0))


def responses(cases: tuple = RESPONSES) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for shape, size, alpha, beta, k in cases:
            numbers = {"size": size, "alpha": alpha, "beta": beta, "offset": k}
            yield {"x": normal(rng, *shape)} | numbers

    return inputs


def response(k: Any, x: np.ndarray, offset: float, **numbers: Any) -> Arrays:
    return k.local_response_norm_forward(x, **numbers, k=offset)


def response_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    numbers = s["size"], s["alpha"], s["beta"]
    return {"x": k.local_response_norm_backward(dy, s["x"], *out, *numbers)}


def pairs(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in make.elementwise(rng):
        a = sample["x"]
        yield {"a": a, "b": np.asarray(normal(rng, *a.shape) * np.abs(a).max(initial=1))}


def pairs_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"a": normal(rng, 500_001), "b": normal(rng, 500_001)}


def operands(op: str, number: str, large: bool = False) -> Any:
    """number: which of the two is one, or none.  No divisor is near 0."""

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for sample in (pairs_large if large else pairs)(rng):
            if op in ("mul", "div"):
                b = normal(rng, *sample["b"].shape)
                sample["b"] = np.asarray(b + np.copysign(np.float32(0.5), b))
            if number:
                other = "b" if number == "a" else "a"
                sample = {other: sample["b"], number: -3.0}
            yield sample | {"op": op}

    return inputs


def arithmetic_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    a, b, f = s["a"], s["b"], k.arithmetic_forward
    found = {}
    if not isinstance(a, float):
        found["a"] = f(s["op"], dy, b) if s["op"] in ("mul", "div") else dy
    if not isinstance(b, float):
        if s["op"] == "div":
            found["b"] = f("mul", f("div", f("mul", dy, f("div", a, b)), b), -1.0)
        else:
            found["b"] = f("mul", dy, {"add": 1.0, "sub": -1.0, "mul": a}[s["op"]])
    return found


def arithmetic_row(op: str, number: str) -> OpCase:
    return OpCase(
        f"{op} {number and f'{number} a number'}".rstrip(),
        call("arithmetic_forward"),
        operands(op, number),
        operands(op, number, True),
        flops=lambda s: next(iter(s.values())).size,
        backward=arithmetic_backward,
        exact=() if op == "div" else BOTH,
    )


def sum_relu_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    dx = k.relu_backward(dy, out[0])
    return {"a": dx, "b": dx}


def sum_near_kink(s: Sample, step: float) -> bool:
    size = np.abs(s["a"]) + np.abs(s["b"])
    return bool(np.any(np.abs(s["a"] + s["b"]) < step * size))


def leaky(slope: float, large: bool = False) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for sample in (make.elementwise_large if large else make.elementwise)(rng):
            yield sample | {"negative_slope": slope}

    return inputs


def leaky_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.leaky_relu_backward(dy, s["x"], s["negative_slope"])}


def elementwise_rows() -> list[OpCase]:
    flops = {"flops": lambda s: s["a"].size}
    return [
        *(arithmetic_row(op, n) for op in ("add", "sub", "mul", "div") for n in ("", "a", "b")),
        OpCase("add_relu", call("add_relu_forward"), pairs, pairs_large,
               backward=sum_relu_backward, exact=BOTH, avoid=sum_near_kink, **flops),
        *(
            OpCase(
                f"leaky_relu {slope}",
                call("leaky_relu_forward"),
                leaky(slope),
                leaky(slope, True),
                flops=ops.elements,
                backward=leaky_backward,
                exact=BOTH if slope == 2.0 else (),
            )
            for slope in (0.2, 2.0, -0.5)
        ),
    ]  # fmt: skip


SHAPES = (*((n,) for n in make.WIDTHS if n), (), (3, 5), (2, 3, 4, 5), (33_001,))


def entropies(logits: bool, weighted: bool, reduction: str, shapes: tuple = SHAPES) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, shape in enumerate(shapes):
            z = normal(rng, *shape, scale=(1, 3, 20)[i % 3])
            p = np.asarray(0.001 + 0.998 * rng.random(shape), np.float32)
            t = np.asarray(rng.random(shape), np.float32)
            sample = {"x": z if logits else p, "target": np.asarray(np.round(t) if i % 2 else t)}
            some = np.asarray(0.5 + rng.random(shape), np.float32)
            sample["weight"] = some if weighted else None
            if logits:
                more = np.asarray(3 * rng.random(shape), np.float32)
                sample["pos_weight"] = more if weighted else None
            yield sample | {"reduction": reduction}

    return inputs


def entropy_backward(name: str) -> ops.Backward:
    return lambda k, s, out, dy: {"x": getattr(k, f"{name}_backward")(dy, **s)}


def entropy_rows() -> list[OpCase]:
    return [
        OpCase(
            f"{name} {reduction} weight={weighted}",
            call(f"{name}_forward"),
            entropies(logits, weighted, reduction),
            entropies(logits, weighted, reduction, ((200_001,),)),
            flops=lambda s: 40 * ops.elements(s),
            reduced=lambda s: max(1, ops.elements(s)),
            backward=entropy_backward(name),
            signed=logits,
            edges=(1, 7, 8, 9, 15, 16, 17),
        )
        for name, logits in (("bce_with_logits", True), ("bce", False))
        for reduction, weighted in (("mean", False), ("sum", True), ("none", True))
    ]


NORM_OPS: list[OpCase] = [
    *batch_norm_rows(),
    OpCase(
        "local_response_norm",
        response,
        responses(),
        responses(RESPONSES_LARGE),
        flops=lambda s: 40 * ops.elements(s),
        reduced=lambda s: max(1, s["size"]),
        backward=response_backward,
        batched=("x",),
        edges=(0, 1, 8, 15, 16, 17),
    ),
    *elementwise_rows(),
    *entropy_rows(),
]
