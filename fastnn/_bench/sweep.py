"""Convolutions of many shapes: does any take much more time per FLOP than its neighbours?

Channels in = channels out = 1 ... 130, images of 5 ... 60 pixels, kernels 3x3 (padding 1) and 5x5
(padding 2), all three passes.  The batch is chosen so that a call has some work in it (2 MFLOP),
so that it is the kernel and not the call that is timed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .op_cases import PASSES, Conv, fastnn_conv
from .timing import duration

CHANNELS = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 20, 24, 28, 31, 32, 33, 40, 47, 48, 49, 56),
    *(63, 64, 65, 72, 80, 95, 96, 97, 112, 127, 128, 129, 130),
)
SIZES = (5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17, 20, 24, 28, 31, 32, 33, 40, 48, 56, 60)
WORK = 2e6  # FLOP a call at least
BAR = 3.0


@dataclass
class Point:
    """One shape of one pass: nanoseconds per MFLOP, and the worst ratio to a neighbour."""

    which: str
    r: int
    c: int
    size: int
    cost: float
    ratio: float = 0.0
    beside: str = ""

    def __str__(self) -> str:
        return f"{self.which} {self.r}x{self.r}, {self.c} channels, {self.size} pixels"


def sweep(
    threads: int,
    channels: Sequence[int] = CHANNELS,
    sizes: Sequence[int] = SIZES,
    kernels: Sequence[int] = (3, 5),
    rounds: int = 3,
) -> list[Point]:
    """All points, each the least of `rounds` turns; the turns of one point lie far apart, so that
    a disturbance does not meet all of them.  The threads are the caller's matter (`limited`)."""
    shapes = [
        (which, r, c, size) for r in kernels for which in PASSES for c in channels for size in sizes
    ]
    least = dict.fromkeys(shapes, math.inf)
    for _ in range(rounds):
        for shape in shapes:
            which, r, c, size = shape
            one = Conv(which, 1, c, size, c, r, 1, r // 2).flops
            op = Conv(which, max(1, math.ceil(WORK / one)), c, size, c, r, 1, r // 2)
            run = fastnn_conv(op)
            run()
            seconds = min(duration(run, 1) for _ in range(3))
            least[shape] = min(least[shape], 1e15 * seconds / op.flops)
    points = [Point(*shape, cost) for shape, cost in least.items()]
    compare(points, channels, sizes)
    return points


def compare(points: list[Point], channels: Sequence[int], sizes: Sequence[int]) -> None:
    """Fill in the ratios: cost over that of the next smaller and larger channels and sizes."""
    at = {(p.which, p.r, p.c, p.size): p for p in points}
    for p in points:
        i, j = channels.index(p.c), sizes.index(p.size)
        steps = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
        for a, b in steps:
            if 0 <= a < len(channels) and 0 <= b < len(sizes):
                other = at[p.which, p.r, channels[a], sizes[b]]
                if p.cost / other.cost > p.ratio:
                    p.ratio = p.cost / other.cost
                    p.beside = f"{other.c} channels, {other.size} pixels"


def report(points: list[Point], threads: int) -> str:
    """GFLOP/s by channels (down) and pixels (right) of each pass, and the worst ratios."""
    lines = []
    sizes = sorted({p.size for p in points})
    for which, r in dict.fromkeys((p.which, p.r) for p in points):
        lines.append(f"{which} {r}x{r}, {threads} threads: GFLOP/s by channels and pixels")
        lines.append("    " + "".join(f"{size:>5}" for size in sizes))
        for c in sorted({p.c for p in points}):
            row = {p.size: p for p in points if (p.which, p.r, p.c) == (which, r, c)}
            lines.append(f"{c:>4}" + "".join(f"{1e6 / row[size].cost:>5.0f}" for size in sizes))
    worst = sorted(points, key=lambda p: -p.ratio)[:10]
    lines.append(f"time per FLOP against a neighbour's, {threads} threads (bar {BAR}):")
    lines += [f"{p.ratio:>7.2f}  {p}, beside {p.beside}" for p in worst]
    return "\n".join(lines)
