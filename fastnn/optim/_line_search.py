"""Line search: a step along a direction that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Point(NamedTuple):
    """At x + t d: t, the value f, the gradient g, and the slope g . d."""

    t: float
    f: float
    g: Any
    slope: float


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic with a's and b's values and slopes has its minimum, within bounds (a.t to
    b.t if None); the middle of them if it has none.  Nocedal & Wright 2006, equation 3.59.
    """
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return (low + high) / 2
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    denominator = b.slope - a.slope + 2 * d2
    if denominator == 0:
        return (low + high) / 2
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / denominator)
    return min(max(t, low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    d_norm: float,
    max_ls: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
) -> tuple[Point, int]:
    """The point and how often evaluate was called: f <= f0 + c1 t slope0, |slope| <= c2 |slope0|.

    start: the point of t = 0; t: the first to be tried; d_norm: largest |d|.  After max_ls
    trials, or in a bracket shorter than tolerance_change, the best point so far.  Nocedal &
    Wright 2006, algorithms 3.5 and 3.6, with the safeguards of minFunc as in PyTorch.
    """
    previous, new = start, evaluate(t)
    calls, trials, done = 1, 0, False
    bracket: list[Point] = [start, new]
    while trials < max_ls:
        too_high = new.f > start.f + c1 * new.t * start.slope
        if too_high or (trials > 1 and new.f >= previous.f):
            bracket = [previous, new]
            break
        if abs(new.slope) <= -c2 * start.slope:
            bracket, done = [new], True
            break
        if new.slope >= 0:
            bracket = [previous, new]
            break
        bounds = new.t + 0.01 * (new.t - previous.t), new.t * 10
        t = cubic_minimum(previous, new, bounds)
        previous, new = new, evaluate(t)
        calls, trials = calls + 1, trials + 1
        bracket = [start, new]
    low = 0 if bracket[0].f <= bracket[-1].f else 1
    stalled = False
    while not done and trials < max_ls:
        ends = sorted(point.t for point in bracket)
        if (ends[1] - ends[0]) * d_norm < tolerance_change:
            break
        t = cubic_minimum(bracket[0], bracket[1])
        t, stalled = _away_from_ends(t, ends, stalled)
        new = evaluate(t)
        calls, trials = calls + 1, trials + 1
        if new.f > start.f + c1 * t * start.slope or new.f >= bracket[low].f:
            bracket[1 - low] = new
            low = 0 if bracket[0].f <= bracket[1].f else 1
            continue
        if abs(new.slope) <= -c2 * start.slope:
            done = True
        elif new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = new
    return bracket[low], calls


def _away_from_ends(t: float, ends: list[float], stalled: bool) -> tuple[float, bool]:
    """t, moved to a tenth of the bracket from its end if it is there or was near it before; and
    whether it is near an end now."""
    margin = 0.1 * (ends[1] - ends[0])
    if min(ends[1] - t, t - ends[0]) >= margin:
        return t, False
    if not (stalled or t >= ends[1] or t <= ends[0]):
        return t, True
    return (ends[1] - margin if ends[1] - t < t - ends[0] else ends[0] + margin), False
