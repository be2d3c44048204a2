"""Padding.  float32 and at most three axes: a kernel.  Else NumPy copies runs of positions, and the
gradient adds them back in a fixed order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ..tensor import Function, Tensor, contiguous
from . import _checks
from .shape import _listed

MODES = ("constant", "reflect", "replicate", "circular")
Pairs = Sequence[tuple[int, int]]


def _runs(n: int, low: int, high: int, mode: str) -> list[tuple[slice, slice]]:
    """(positions in the padded axis, positions of the n elements), in equal steps, or one element
    for all of the run.  A negative width cuts."""
    out = n + low + high
    start, stop = max(0, low), min(out, low + n)  # what the elements themselves fill
    found = [(slice(start, stop), slice(start - low, stop - low))] if stop > start else []
    left, right = slice(0, min(max(low, 0), out)), slice(max(0, low + n), out)
    if low > 0 and mode != "constant":
        source = {
            "reflect": slice(low, low - left.stop, -1),
            "replicate": slice(0, 1),
            "circular": slice(stop - 2 * low, stop - low),
        }[mode]
        found.append((left, source))
    if high > 0 and mode != "constant":
        # position i shows 2 (n - 1) - (i - low) of the elements
        first, last = 2 * (n - 1) + low - right.start, 2 * (n - 1) + low - out
        source = {
            "reflect": slice(first, last if last >= 0 else None, -1),
            "replicate": slice(n - 1, n),
            "circular": slice(start - low, start - low + high),
        }[mode]
        found.append((right, source))
    return found


class _Pad(Function):
    strided = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, widths: Pairs, mode: str, value: float) -> Any:
        ctx.shape, ctx.widths, ctx.mode, ctx.kernels = x.shape, widths, mode, None
        shape = [n + low + high for n, (low, high) in zip(x.shape, widths, strict=True)]
        if x.dtype.char == "f" and not any(low or high for low, high in widths[:-3]):
            ctx.kernels = _checks.kernels(x, "pad", "input")
            volumes = contiguous(x).reshape(_volumes(x.shape))
            return ctx.kernels.pad_forward(volumes, _triple(widths), mode, value).reshape(shape)
        if mode != "constant":
            y = np.empty(shape, x.dtype)
        else:
            y = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
        runs = [
            _runs(n, low, high, mode) if low or high else [(slice(None), slice(None))]
            for n, (low, high) in zip(x.shape, widths, strict=True)
        ]
        for box in product(*runs):
            y[tuple([to for to, _ in box])] = x[tuple([source for _, source in box])]
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        """Without kernels axis after axis, run after run."""
        if ctx.kernels is not None:
            size, dy = _volumes(ctx.shape), contiguous(dy).reshape(_volumes(dy.shape))
            dx = ctx.kernels.pad_backward(dy, size, _triple(ctx.widths), ctx.mode)
            return dx.reshape(ctx.shape)
        for axis, (low, high) in enumerate(ctx.widths):
            n = ctx.shape[axis]
            if not (low or high):
                continue
            before = (slice(None),) * axis
            dx = np.zeros((*dy.shape[:axis], n, *dy.shape[axis + 1 :]), dy.dtype)
            for to, source in _runs(n, low, high, ctx.mode):
                if source.stop is None or source.stop - source.start != 1:
                    dx[(*before, source)] += dy[(*before, to)]
                    continue
                for i in range(to.start, to.stop):  # they share one element
                    dx[(*before, source)] += dy[(*before, slice(i, i + 1))]
            dy = dx
        return dy


def _volumes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(M, D, H, W) of any shape."""
    return (math.prod(shape[:-3]), *(1,) * (3 - len(shape)), *shape[-3:])


def _triple(widths: Pairs) -> Pairs:
    return [*[(0, 0)] * (3 - len(widths)), *widths[-3:]]


def pad_axes(
    x: Tensor, pairs: Sequence[tuple[int, int]], mode: str, value: float, function: str
) -> Tensor:
    """pad with one pair (before, after) for each of the last axes, in their order."""
    lead = x.ndim - len(pairs)
    widths = [(0, 0)] * lead + list(pairs)
    for n, (low, high) in zip(x.shape, widths, strict=True):
        what = f"{function}: padding ({low}, {high}) in mode {mode!r}"
        left = n + low + high
        if mode in ("constant", "circular"):
            left = min(left, n + min(low, 0) + min(high, 0))
        if left < 0:
            raise ValueError(f"{what} leaves nothing of an axis of {n} (input {x.shape})")
        if mode == "constant" or not (low or high):
            continue
        most = {"reflect": n - 1, "replicate": max(low, high) if n else -1, "circular": n}[mode]
        if max(low, high) > most:
            raise ValueError(f"{what} is too large for an axis of {n} (input {x.shape})")
        if mode == "circular" and max(low, high) > n + min(low, 0) + min(high, 0):
            raise ValueError(f"{what} cuts more of an axis of {n} than it leaves to repeat")
    if mode in ("reflect", "replicate") and not any(
        n + low + high for n, (low, high) in zip(x.shape[lead:], pairs, strict=True)
    ):
        raise ValueError(f"{function}: padding {pairs} leaves nothing of input {x.shape}")
    return _Pad.apply(x, widths, mode, value)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Wider axes, the last one first: pad = (left, right) or (left, right, top, bottom) ...

    mode "constant": `value` (0 if None) around any number of axes.  "reflect" (without the edge),
    "replicate" (the edge), "circular": of one to three axes behind one or two others (N, C or C).
    Negative widths cut.  Raises TypeError for widths that are no integers and ValueError for
    another mode, widths that do not fit the axes, and a value beside another mode than "constant".
    """
    x = _checks.tensor(input, "pad", "input")
    if mode not in MODES:
        raise ValueError(f"pad: mode is {mode!r}, expected one of {', '.join(MODES)}")
    if len(_listed(pad, "pad", "pad")) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: pad {tuple(pad)} does not fit a tensor with {x.ndim} axes")
    flat = [_checks.integer(p, "pad", "pad", -(1 << 40)) for p in pad]
    if any(p > 1 << 40 for p in flat):
        raise ValueError(f"pad: pad {tuple(pad)} is too large")
    pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)][::-1]
    if mode != "constant":
        if value:
            raise ValueError(f"pad: value is {value} but mode {mode!r} takes none")
        if not 1 <= len(pairs) <= 3 or x.ndim - len(pairs) not in (1, 2):
            raise ValueError(
                f"pad: pad {tuple(pad)} in mode {mode!r} does not fit a tensor with {x.ndim} "
                "axes, expected 2, 4 or 6 widths and one or two axes before those padded"
            )
    return pad_axes(x, pairs, mode, 0.0 if value is None else value, "pad")
