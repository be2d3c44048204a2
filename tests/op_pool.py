"""Rows of tests/op_table.py for pooling and resampling."""

from math import prod

import op_case as ops
import op_images as images
from op_case import OpCase, Sample, call

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
    return maxima + wide + [avg_row(True, None), avg_row(False, None), avg_row(True, -3)]
