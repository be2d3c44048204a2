"""Rows of tests/op_table.py for pooling and resampling."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import op_case as ops
import op_images as images
from op_case import OpCase, Sample, call
from op_inputs import distinct, normal

FORWARD, BOTH = ("forward",), ("forward", "backward")


def window_flops(s: Sample) -> int:
    """About one operation for each element that a window looks at."""
    return s["x"].size * prod(s["kernel_size"]) // prod(s["stride"])


def max_row(activation: str | None, keep: str, windows: tuple, large: tuple, wide: str) -> OpCase:
    edges = (0, 1, 2, 14, 16, 18, 30, 33, 35, 67)
    return OpCase(
        f"max_pool2d {activation} {keep}{wide}",
        call("max_pool2d_forward"),
        images.max_windows(activation, windows, keep),
        images.max_windows(activation, large, keep),
        flops=window_flops,
        reduced=lambda s: prod(s["kernel_size"]),
        backward=ops.max_pool_backward,
        batched=("x",),
        exact=BOTH,
        edges=(0, 1, 16, 20, 33) if wide else edges,
    )


def avg_row(count: bool, divisor: int | None) -> OpCase:
    windows = images.MAX_WINDOWS + images.MORE_WINDOWS + images.WIDE_WINDOWS
    return OpCase(
        f"avg_pool2d count_include_pad={count} divisor_override={divisor}",
        call("avg_pool2d_forward"),
        images.mean_windows(count, windows, divisor),
        images.mean_windows(count, images.MAX_LARGE, divisor),
        flops=window_flops,
        reduced=lambda s: prod(s["kernel_size"]),
        backward=ops.avg_pool_backward,
        batched=("x",),
        exact=FORWARD,
        edges=(0, 1, 2, 14, 16, 18, 30, 33, 35, 67),
    )


def rows() -> list[OpCase]:
    windows = images.MAX_WINDOWS + images.MORE_WINDOWS
    maxima = [
        max_row(activation, keep, windows, images.MAX_LARGE, "")
        for activation in (None, "relu")
        for keep in ("index", "tap")
    ]
    wide = [
        max_row(activation, "index", images.WIDE_WINDOWS, images.WIDE_LARGE, " wide")
        for activation in (None, "relu")
    ]
    means = [avg_row(True, None), avg_row(False, None), avg_row(True, -3)]
    return [*maxima, *wide, *means, *adaptive_rows(), unpool_row(), *resample_rows()]


# (N, C), (H, W), (OH, OW): windows that overlap, that tile, one of all, more outputs than pixels.
EVEN = (
    ((0, 2), (4, 5), (2, 2)),
    ((2, 3), (7, 17), (1, 1)),
    ((1, 2), (9, 8), (4, 8)),
    ((3, 1), (1, 33), (1, 9)),
    ((1, 2), (15, 16), (5, 4)),
    ((2, 1), (3, 4), (5, 9)),
    ((1, 1), (1, 1), (1, 1)),
)
EVEN_LARGE = (((60, 8), (33, 35), (6, 7)), ((80, 16), (28, 28), (1, 1)))


def even_windows(cases: tuple, draw: Any) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, out in cases:
            yield {"x": draw(rng, *planes, *size), "output_size": out}

    return inputs


def adaptive_max_backward(k: Any, s: Sample, out: Any, dy: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": k.max_pool2d_backward(dy, out[1], s["x"].shape, None, None)}


def adaptive_rows() -> list[OpCase]:
    edges = (0, 1, 4, 8, 9, 15, 16, 17, 33)
    largest = OpCase(
        "adaptive_max_pool2d",
        call("adaptive_max_pool2d_forward"),
        even_windows(EVEN, distinct),
        even_windows(EVEN_LARGE, distinct),
        flops=ops.elements,
        reduced=lambda s: max(1, s["x"].size),
        backward=adaptive_max_backward,
        batched=("x",),
        exact=BOTH,
        edges=edges,
    )
    mean = OpCase(
        "adaptive_avg_pool2d",
        call("adaptive_avg_pool2d_forward"),
        even_windows(EVEN, normal),
        even_windows(EVEN_LARGE, normal),
        flops=ops.elements,
        reduced=lambda s: prod(s["x"].shape[2:]),
        backward=lambda k, s, out, dy: {
            "x": k.adaptive_avg_pool2d_backward(dy, s["x"].shape),
        },
        batched=("x",),
        edges=edges,
    )
    return [largest, mean]


def unpooled(cases: tuple) -> Any:
    """Places that differ within a plane: of two values at one place only the last would count."""

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, out in cases:
            count = prod(planes)
            places = [rng.permutation(prod(out))[: prod(size)] for _ in range(count)]
            shape = (*planes, *size)
            index = np.array(places, np.int64).reshape(shape)
            yield {"x": normal(rng, *shape), "indices": index, "output_size": out}

    return inputs


def unpool_row() -> OpCase:
    cases = (
        ((0, 2), (2, 2), (4, 4)),
        ((2, 3), (7, 8), (15, 16)),
        ((3, 1), (1, 9), (1, 33)),
        ((1, 2), (3, 17), (9, 17)),
        ((1, 1), (1, 1), (1, 1)),
    )
    return OpCase(
        "max_unpool2d",
        call("max_unpool2d_forward"),
        unpooled(cases),
        unpooled((((60, 16), (14, 14), (28, 28)),)),
        flops=lambda s: prod(s["x"].shape[:2]) * prod(s["output_size"]),
        backward=lambda k, s, out, dy: {"x": k.max_unpool2d_backward(dy, s["indices"])},
        batched=("x", "indices"),
        exact=BOTH,
        edges=(0, 1, 7, 8, 9, 17),
    )


# (N, C), (H, W), (OH, OW), terms; 0 terms: the axes of that kind stay as they are.
TABLES = (
    ((0, 2), (4, 5), (2, 3), (2, 2)),
    ((2, 3), (7, 9), (16, 17), (2, 2)),
    ((1, 2), (9, 8), (33, 15), (4, 4)),
    ((3, 1), (1, 16), (1, 33), (0, 1)),
    ((1, 2), (8, 7), (3, 7), (3, 0)),
    ((2, 2), (3, 4), (3, 4), (0, 0)),
    ((2, 1), (5, 16), (1, 1), (1, 2)),
    ((1, 1), (1, 1), (1, 1), (1, 1)),
)
TABLES_LARGE = (((20, 8), (28, 28), (56, 56), (2, 2)), ((40, 4), (30, 31), (45, 33), (4, 4)))


def table(rng: np.random.Generator, size: int, out: int, terms: int) -> tuple[Any, Any]:
    if not terms:
        return None, None
    return rng.integers(0, size, (out, terms)).astype(np.int32), normal(rng, out, terms)


def resampled(cases: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, out, terms in cases:
            sample: Sample = {"x": normal(rng, *planes, *size)}
            for axis, name in enumerate(("row", "column")):
                index, weight = table(rng, size[axis], out[axis], terms[axis])
                sample |= {f"{name}_index": index, f"{name}_weight": weight}
            yield sample

    return inputs


def resample_backward(k: Any, s: Sample, out: Any, dy: np.ndarray) -> dict[str, np.ndarray]:
    tables = {name: value for name, value in s.items() if name != "x"}
    return {"x": k.resample2d_backward(dy, s["x"].shape, **tables)}


def resample_rows() -> list[OpCase]:
    return [
        OpCase(
            "resample2d",
            call("resample2d_forward"),
            resampled(TABLES),
            resampled(TABLES_LARGE),
            flops=lambda s: 10 * ops.elements(s),
            reduced=lambda s: 16 * prod(s["x"].shape[2:]),
            backward=resample_backward,
            batched=("x",),
            exact=BOTH,
            edges=(0, 1, 2, 7, 8, 9, 15, 16, 17, 33),
        )
    ]
