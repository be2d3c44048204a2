"""Rows of embeddings, bags of them and clipping for tests/op_table.py."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
from op_case import Arrays, OpCase, call
from op_inputs import SHAPES, SHAPES_LARGE, Sample, distinct, normal

FORWARD, BOTH = ("forward",), ("forward", "backward")

# V, D, N
TABLES: tuple = (
    (5, 0, 3),
    (1, 1, 1),
    (3, 7, 0),
    (2, 8, 9),
    (9, 9, 15),
    (16, 15, 16),
    (40, 16, 17),
    (7, 17, 40),
    (33, 31, 8),
    (8, 32, 33),
    (17, 33, 100),
    (5, 130, 31),
    (100, 200, 7),
)
TABLES_LARGE: tuple = ((96, 128, 2049), (9001, 70, 500), (31, 500, 1000))


def tables(cases: tuple, by_frequency: bool) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (v, d, n) in enumerate(cases):
            yield {
                "weight": normal(rng, v, d),
                "index": rng.integers(0, v, n),
                "padding_idx": (-1, 0, v - 1)[i % 3],
                "by_frequency": by_frequency,
            }

    return inputs


def rows_forward(k: Any, weight: np.ndarray, index: np.ndarray, **_: Any) -> Arrays:
    return (k.gather_rows(weight, index),)


def undo_frequency(dweight: np.ndarray, s: Sample) -> np.ndarray:
    """scale_grad_by_freq gives a derivative divided by how often a row occurs."""
    if not s["by_frequency"]:
        return dweight
    often = np.bincount(s["index"], minlength=dweight.shape[0])[:, None]
    return dweight * often.astype(dweight.dtype)


def rows_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    """The row padding_idx has no gradient; here its part of the derivative is added."""
    index, pad = s["index"], s["padding_idx"]
    dweight = k.embedding_backward(dy, index, s["weight"].shape[0], pad, s["by_frequency"])
    dweight = undo_frequency(dweight, s)
    for i in np.flatnonzero(index == pad):
        dweight[pad] += dy[i]
    return {"weight": dweight}


def embedding_row(by_frequency: bool) -> OpCase:
    return OpCase(
        f"embedding by_frequency={by_frequency}",
        rows_forward,
        tables(TABLES, by_frequency),
        tables(TABLES_LARGE, by_frequency),
        flops=lambda s: s["index"].size * s["weight"].shape[1] + s["weight"].size,
        reduced=lambda s: max(1, s["index"].size),
        backward=rows_backward,
        batched=("index",),
        exact=FORWARD if by_frequency else BOTH,
        edges=(0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33),
    )


def bag_offsets(rng: np.random.Generator, n: int, bags: int) -> np.ndarray:
    """Rising from 0 to n: some bags are empty."""
    inner = np.sort(rng.integers(0, n + 1, max(bags - 1, 0)))
    return np.array([0, *inner, n][: bags + 1], np.int64)


# V, D, N, bags
BAGS: tuple = (
    (5, 0, 3, 2),
    (3, 4, 0, 0),
    (1, 1, 1, 1),
    (4, 7, 0, 3),
    (5, 8, 9, 4),
    (9, 9, 16, 1),
    (16, 15, 15, 9),
    (20, 16, 40, 7),
    (7, 17, 33, 70),
    (33, 33, 64, 8),
    (6, 63, 17, 16),
    (6, 65, 50, 5),
    (40, 130, 31, 80),
)
BAGS_LARGE: tuple = ((96, 130, 3000, 400), (50, 300, 3000, 3), (3000, 33, 9000, 2000))


def bags(cases: tuple, weighted: bool, **settings: Any) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (v, d, n, b) in enumerate(cases):
            sample = {
                "weight": distinct(rng, v, d) / np.float32(1 + 0.02 * v * d),
                "index": rng.integers(0, v, n),
                "offsets": bag_offsets(rng, n, b),
                "padding_idx": (-1, 0, v - 1)[i % 3],
            }
            if "mode" in settings:
                sample["per_sample_weights"] = normal(rng, n) if weighted else None
            yield sample | settings

    return inputs


def bag_forward(k: Any, by_frequency: bool = False, **arguments: Any) -> Arrays:
    return (k.embedding_bag_forward(**arguments),)


def bag_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    index, offsets, v, pad = s["index"], s["offsets"], s["weight"].shape[0], s["padding_idx"]
    scale, freq = s["per_sample_weights"], s["by_frequency"]
    dweight = k.embedding_bag_backward(dy, index, offsets, v, scale, s["mode"], pad, freq)
    grads = {"weight": undo_frequency(dweight, s)}
    if scale is not None:
        grads["per_sample_weights"] = k.embedding_bag_backward_scale(
            dy, index, offsets, s["weight"], pad
        )
    return grads


def max_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    rows = s["weight"].shape[0]
    return {"weight": k.embedding_bag_max_backward(dy, out[1], s["index"], rows)}


def bag_row(name: str, forward: Any, backward: Any, exact: tuple, **settings: Any) -> OpCase:
    weighted = settings.pop("weighted", False)
    return OpCase(
        f"embedding_bag {name}",
        forward,
        bags(BAGS, weighted, **settings),
        bags(BAGS_LARGE, weighted, **settings),
        flops=lambda s: (s["index"].size + s["weight"].shape[0]) * s["weight"].shape[1],
        reduced=lambda s: max(1, s["index"].size, s["weight"].shape[1]),
        backward=backward,
        exact=exact,
        edges=(0, 1, 7, 8, 9, 15, 16, 17, 33, 63, 65),
    )


def sum_row(name: str, exact: tuple = BOTH, **settings: Any) -> OpCase:
    plain = {"mode": "sum", "by_frequency": False}
    return bag_row(name, bag_forward, bag_backward, exact, **(plain | settings))


# max_norm, norm_type
RENORMS = ((1.0, 2.0), (0.5, math.inf), (3.0, 1.0), (2.0, 3.5), (0.0, 2.0), (1e3, 2.0))


def renorms(cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for (v, d, n), (max_norm, norm_type) in zip(cases * 2, RENORMS * 5, strict=False):
            yield {
                "weight": normal(rng, v, d) * np.geomspace(0.1, 9, v, dtype=np.float32)[:, None],
                "index": rng.integers(0, v, n),
                "max_norm": max_norm,
                "norm_type": norm_type,
            }

    return inputs


def renorm(k: Any, weight: np.ndarray, **settings: Any) -> Arrays:
    out = weight.copy()
    k.renorm_rows(out, **settings)
    return (out,)


def clips(setting: str, values: tuple, sizes: tuple = SHAPES) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for value in values:
            arrays = [normal(rng, *np.atleast_1d(n), scale=3.0) for n in sizes]
            yield {"arrays": arrays, setting: value}
        if sizes is SHAPES:
            yield {"arrays": [], setting: values[0]}

    return inputs


def grad_norm(k: Any, arrays: list[np.ndarray], norm_type: float) -> Arrays:
    """Rounded to the arrays' dtype."""
    dtype = arrays[0].dtype if arrays else np.float32
    return (np.asarray(k.grad_norm(arrays, norm_type), dtype),)


def clip_row(name: str, forward: Any, setting: str, values: tuple, exact: tuple) -> OpCase:
    return OpCase(
        name,
        forward,
        clips(setting, values),
        clips(setting, values, SHAPES_LARGE),
        flops=lambda s: 2 * sum(a.size for a in s["arrays"]),
        reduced=lambda s: max(1, *(a.size for a in s["arrays"]), 1),
        exact=exact,
    )


EMBEDDINGS = [
    embedding_row(False),
    embedding_row(True),
    sum_row("sum"),
    sum_row("sum weighted", weighted=True),
    sum_row("sum by_frequency", FORWARD, by_frequency=True, weighted=True),
    sum_row("mean", (), mode="mean"),
    sum_row("mean by_frequency", (), mode="mean", by_frequency=True),
    bag_row("max", call("embedding_bag_max_forward"), max_backward, BOTH),
    OpCase(
        "renorm_rows",
        renorm,
        renorms(TABLES[1:]),
        renorms(TABLES_LARGE),
        flops=lambda s: s["index"].size * s["weight"].shape[1],
        reduced=lambda s: max(1, s["weight"].shape[1]),
    ),
    clip_row("grad_norm", grad_norm, "norm_type", (2.0, math.inf, 1.0, 3.0, 0.5), ()),
    clip_row("scale_grads", ops.stepped("scale_grads"), "scale", (0.37, 0.0), ()),
    clip_row("clamp_grads", ops.stepped("clamp_grads"), "limit", (0.5, 0.0, 100.0), FORWARD),
]
