"""Rendered shapes whose pose is known: rotation, position, scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import backend, random

SHAPE_FACTORS = ("shape", "rotation", "x", "y", "scale")
SHAPE_NAMES = ("triangle", "ell", "arrow", "half disc")

_NUMBER = (int, float, np.integer, np.floating)

# Convex pieces of each shape as corners (x, y), counter-clockwise with y up, within a circle of
# radius 1.  None of them looks the same after a turn of less than a whole one.
_PIECES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "triangle": (((-0.5, -0.8), (0.5, -0.8), (0.0, 1.0)),),
    "ell": (
        ((-0.5, -0.8), (-0.1, -0.8), (-0.1, 0.8), (-0.5, 0.8)),
        ((-0.5, -0.8), (0.6, -0.8), (0.6, -0.4), (-0.5, -0.4)),
    ),
    "arrow": (
        ((-0.2, -0.9), (0.2, -0.9), (0.2, 0.3), (-0.2, 0.3)),
        ((-0.6, 0.2), (0.6, 0.2), (0.0, 1.0)),
    ),
    # A polygon of 13 corners is within 0.01 of the arc.
    "half disc": (
        tuple(
            (0.8 * math.cos(math.pi * i / 12), 0.8 * math.sin(math.pi * i / 12) - 0.3)
            for i in range(13)
        ),
    ),
}


class ShapeSamples(NamedTuple):
    """Images float32 (n, 1, size, size) in [0, 1]; y int64 (n,): position in `SHAPE_NAMES`; factors
    float32 (n, 4): rotation in degrees, x and y in half widths of the image, scale as a share of
    half its width."""

    x: np.ndarray
    y: np.ndarray
    factors: np.ndarray


def shapes(
    n: int = 1000,
    *,
    size: int = 32,
    vary: Sequence[str] = SHAPE_FACTORS,
    kinds: Sequence[str] = SHAPE_NAMES,
    rotation: tuple[float, float] = (-90.0, 90.0),
    position: float = 0.3,
    scale: tuple[float, float] = (0.4, 0.65),
    generator: random.Generator | None = None,
) -> ShapeSamples:
    """n white shapes on black, each with a pose drawn at random, edges smooth over one pixel.

    vary: which of `SHAPE_FACTORS` differ from image to image; each other one is drawn once and is
    the same for all n (the mini-batches of a DCIGN).  "shape" is one of `kinds` with equal
    probability; the rest are uniform: rotation counter-clockwise in `rotation` (degrees), x to the
    right and y upwards in -position..position (half widths of the image), scale in `scale` (the
    shape's circumscribed radius in half widths).  generator: source of all draws; the default
    generator if None.

    Raises ValueError for n < 0, size < 1, an unknown name in vary or kinds, limits that are not
    finite or not in order, position < 0 or scale <= 0; TypeError for other than integers, numbers,
    pairs of them, sequences of names, a generator.  Source: after the pose factors of dSprites,
    Matthey et al. 2017, https://github.com/google-deepmind/dsprites-dataset, with shapes that show
    their rotation.
    """
    for name, value, low in (("n", n, 0), ("size", size, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"shapes: {name} is {value!r}, expected an integer")
        if value < low:
            raise ValueError(f"shapes: {name} is {value}, expected at least {low}")
    n, size = int(n), int(size)  # a NumPy integer would overflow in the generator's arithmetic
    _check_names("vary", vary, SHAPE_FACTORS)
    _check_names("kinds", kinds, SHAPE_NAMES)
    if not kinds:
        raise ValueError("shapes: kinds is empty, expected at least one name")
    if not isinstance(position, _NUMBER):
        raise TypeError(f"shapes: position is {position!r}, expected a number")
    if not (math.isfinite(position) and position >= 0):
        raise ValueError(f"shapes: position is {position}, expected a finite number >= 0")
    bounds = {"rotation": rotation, "scale": scale}
    for name, limits in bounds.items():
        if (
            not isinstance(limits, Sequence | np.ndarray)
            or [isinstance(v, _NUMBER) for v in limits] != [True] * 2
        ):
            raise TypeError(f"shapes: {name} is {limits!r}, expected two numbers (low, high)")
        low_end, high_end = limits
        if not (math.isfinite(low_end) and math.isfinite(high_end) and low_end <= high_end):
            raise ValueError(f"shapes: {name} is {bounds[name]}, expected (low, high), finite")
    if scale[0] <= 0:
        raise ValueError(f"shapes: scale is {scale}, expected limits above 0")
    drawn = (n + 1, len(SHAPE_FACTORS))
    key, offset = random.resolve(generator).reserve(math.prod(drawn))
    u = backend.kernels.random_uniform(drawn, key, offset, 0.0, 1.0).astype(np.float64)
    for column, name in enumerate(SHAPE_FACTORS):
        if name not in vary:
            u[:, column] = u[0, column]
    u = u[1:]
    y = np.array([SHAPE_NAMES.index(name) for name in kinds])[(u[:, 0] * len(kinds)).astype(int)]
    ranges = (rotation, (-position, position), (-position, position), scale)
    factors = np.stack(
        [low + (high - low) * u[:, 1 + i] for i, (low, high) in enumerate(ranges)], axis=1
    )
    x = np.empty((n, 1, size, size), np.float32)
    for kind in range(len(SHAPE_NAMES)):
        rows = np.flatnonzero(y == kind)
        for start in range(0, len(rows), 64):  # bounds the memory of the distances
            part = rows[start : start + 64]
            x[part, 0] = _render(SHAPE_NAMES[kind], size, factors[part])
    return ShapeSamples(x, y.astype(np.int64), factors.astype(np.float32))


def _check_names(argument: str, given: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(given, str):
        raise TypeError(
            f"shapes: {argument} is {given!r}, expected a sequence, such as ({given!r},)"
        )
    for name in given:
        if name not in known:
            raise ValueError(
                f"shapes: {argument} names {name!r}, expected some of {', '.join(known)}"
            )


def _render(shape: str, size: int, factors: np.ndarray) -> np.ndarray:
    """factors (n, 4) -> (n, size, size): how far inside the nearest edge the middle of each pixel
    is, in pixels, plus one half, cut to 0..1."""
    rotation, x, y, scale = factors.T
    # math's functions: NumPy's differ with the CPU.
    angles = [math.radians(degrees) for degrees in rotation]
    c = np.array([math.cos(angle) for angle in angles])
    s = np.array([math.sin(angle) for angle in angles])
    middle = (np.arange(size) + 0.5) * (2 / size) - 1
    across, up = middle[None, :] - x[:, None], -middle[None, :] - y[:, None]
    inside = np.full((len(factors), size, size), -np.inf)
    for corners in _PIECES[shape]:
        depth = np.full_like(inside, np.inf)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            # The edge's inward normal, turned with the shape, and its distance from the middle.
            length = math.hypot(x1 - x0, y1 - y0)
            normal_x, normal_y = (y0 - y1) / length, (x1 - x0) / length
            turned_x, turned_y = c * normal_x - s * normal_y, s * normal_x + c * normal_y
            offset = scale * (x0 * normal_x + y0 * normal_y)
            along = turned_x[:, None] * across - offset[:, None]
            rise = turned_y[:, None] * up
            np.minimum(depth, along[:, None, :] + rise[:, :, None], out=depth)
        np.maximum(inside, depth, out=inside)
    return np.clip(0.5 + inside * (size / 2), 0, 1)
