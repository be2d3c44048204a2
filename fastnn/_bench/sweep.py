"""Convolutions of many shapes: does any take much more time per FLOP than its neighbours?

Channels in = channels out = 1 ... 130, images of 5 ... 60 pixels, kernels 3x3 (padding 1) and 5x5
(padding 2), all three passes: many sizes at some channels, then all channels at three sizes.  The
batch is chosen so that a call has some work in it (2 MFLOP), so that it is the kernel and not the
call that is timed.
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
GRIDS: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "many sizes": (CHANNELS, SIZES),
    "all channels": (range(1, 131), (7, 16, 33)),
}
WORK = 2e6  # FLOP a call at least
BAR = 3.0
NEAR = 1.5  # sizes further apart are no neighbours: 7 pixels fill fewer tiles than 16
WIDTH = 112  # of the report's lines
Shape = tuple[str, int, int, int]


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

    @property
    def shape(self) -> Shape:
        """What was timed."""
        return self.which, self.r, self.c, self.size

    def __str__(self) -> str:
        return f"{self.which} {self.r}x{self.r}, {self.c} channels, {self.size} pixels"


def sweep(
    channels: Sequence[int] = CHANNELS,
    sizes: Sequence[int] = SIZES,
    kernels: Sequence[int] = (3, 5),
    rounds: int = 3,
    again: int = 6,
) -> list[Point]:
    """All points, each the least of `rounds` turns; the turns of one point lie far apart, so that
    a disturbance does not meet all of them.  Those above the bar get `again` more turns, with their
    neighbours, before they count.  The threads are the caller's matter (`limited`)."""
    shapes = [
        (which, r, c, size) for r in kernels for which in PASSES for c in channels for size in sizes
    ]
    points = {shape: Point(*shape, math.inf) for shape in shapes}
    _turns(points, shapes, rounds)
    found = list(points.values())
    compare(found, channels, sizes)
    retimed: set[Shape] = set()
    while doubtful := _doubtful(found, channels, sizes) - retimed:
        _turns(points, sorted(doubtful), again)
        compare(found, channels, sizes)
        retimed |= doubtful
    return found


def _doubtful(points: list[Point], channels: Sequence[int], sizes: Sequence[int]) -> set[Shape]:
    """Those above the bar and their neighbours."""
    above = missed(points)
    return {shape for p in above for shape in (p.shape, *neighbours(p, channels, sizes))}


def _turns(points: dict[Shape, Point], shapes: list[Shape], rounds: int) -> None:
    """Time each of the shapes in each round, and keep its least."""
    for _ in range(rounds):
        for shape in shapes:
            which, r, c, size = shape
            one = Conv(which, 1, c, size, c, r, 1, r // 2).flops
            op = Conv(which, max(1, math.ceil(WORK / one)), c, size, c, r, 1, r // 2)
            run = fastnn_conv(op)
            run()
            seconds = min(duration(run, 1) for _ in range(3))
            points[shape].cost = min(points[shape].cost, 1e15 * seconds / op.flops)


def neighbours(p: Point, channels: Sequence[int], sizes: Sequence[int]) -> list[Shape]:
    """With the next smaller and larger channels, and with such sizes if they are near."""
    i, j = channels.index(p.c), sizes.index(p.size)
    found = [(p.which, p.r, channels[a], p.size) for a in (i - 1, i + 1) if 0 <= a < len(channels)]
    for b in (j - 1, j + 1):
        if 0 <= b < len(sizes) and max(p.size, sizes[b]) <= NEAR * min(p.size, sizes[b]):
            found.append((p.which, p.r, p.c, sizes[b]))
    return found


def compare(points: list[Point], channels: Sequence[int], sizes: Sequence[int]) -> None:
    """Fill in the ratios: cost over that of the cheapest neighbour."""
    at = {p.shape: p for p in points}
    for p in points:
        p.ratio, p.beside = 0.0, ""
        for shape in neighbours(p, channels, sizes):
            other = at[shape]
            if p.cost / other.cost > p.ratio:
                p.ratio = p.cost / other.cost
                p.beside = f"{other.c} channels, {other.size} pixels"


def missed(points: list[Point]) -> list[Point]:
    """Those above the bar, the worst first."""
    return sorted((p for p in points if p.ratio > BAR), key=lambda p: -p.ratio)


def report(points: list[Point], threads: int) -> str:
    """GFLOP/s by channels (down) and pixels (right) of each pass, and the worst ratios; with few
    sizes, the channels go on to the right."""
    lines = []
    sizes = sorted({p.size for p in points})
    for which, r in dict.fromkeys((p.which, p.r) for p in points):
        lines.append(f"{which} {r}x{r}, {threads} threads: GFLOP/s by channels and pixels")
        head = "    " + "".join(f"{size:>5}" for size in sizes)
        rows = []
        for c in sorted({p.c for p in points}):
            row = {p.size: p for p in points if (p.which, p.r, p.c) == (which, r, c)}
            rows.append(f"{c:>4}" + "".join(f"{1e6 / row[size].cost:>5.0f}" for size in sizes))
        n = math.ceil(len(rows) / max(1, WIDTH // (len(head) + 2)))  # lines
        lines.append("  ".join([head] * math.ceil(len(rows) / n)))
        lines += ["  ".join(rows[i::n]) for i in range(n)]
    worst = sorted(points, key=lambda p: -p.ratio)[:10]
    above = len(missed(points))
    bar = f"bar {BAR}, {above} points above"
    lines.append(f"time per FLOP against a neighbour's, {threads} threads ({bar}):")
    lines += [f"{p.ratio:>7.2f}  {p}, beside {p.beside}" for p in worst]
    return "\n".join(lines)
