"""Time series: two chaotic systems, integrated; numbers read from a file; windows of a series."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def mackey_glass(
    n: int,
    tau: float = 17.0,
    *,
    beta: float = 0.2,
    gamma: float = 0.1,
    power: float = 10.0,
    x0: float = 1.2,
    step: float = 1.0,
    substeps: int = 10,
    discard: int = 0,
) -> np.ndarray:
    """`n` values of x' = beta x(t - tau) / (1 + x(t - tau)^power) - gamma x, x(t) = x0 for t <= 0;
    chaotic at the default tau of 17.

    step: time between two values; the first is that at t = discard * step.  The equation is
    integrated by the classical Runge-Kutta method with `substeps` steps per value; the delayed
    value in the middle of a step is a cubic Hermite interpolation, so the error is O(h^4).
    Returns float64 (n,).  Raises ValueError if tau is no whole number of steps of integration, for
    negative counts, and for x0 < 0 (the power would not be real).
    Source: Mackey and Glass 1977, doi:10.1126/science.267326.
    """
    _counts("mackey_glass", n, discard, substeps)
    if not (tau > 0 and step > 0 and x0 >= 0):
        raise ValueError(
            f"mackey_glass: tau is {tau}, step {step}, x0 {x0}, expected tau, step > 0 and x0 >= 0"
        )
    h = step / substeps
    lag = round(tau / h)
    if lag < 1 or not math.isclose(lag * h, tau, rel_tol=1e-9):
        raise ValueError(
            f"mackey_glass: tau is {tau}, expected a multiple of step / substeps = {h:g}"
        )

    def slope(x: float, delayed: float) -> float:
        return beta * delayed / (1.0 + delayed**power) - gamma * x

    # Position i + lag holds time i h.  The slope at 0 is that of the equation, right of the kink.
    xs = [x0] * (lag + 1)
    slopes = [0.0] * lag + [slope(x0, x0)]
    for i in range(max(n + discard - 1, 0) * substeps):
        x, old, new = xs[-1], xs[i], xs[i + 1]
        middle = x0 if i < lag else (old + new) / 2 + h * (slopes[i] - slopes[i + 1]) / 8
        k1 = slopes[-1]
        k2 = slope(x + h / 2 * k1, middle)
        k3 = slope(x + h / 2 * k2, middle)
        k4 = slope(x + h * k3, new)
        x += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        xs.append(x)
        slopes.append(slope(x, new))
    return np.array(xs[lag::substeps][discard : discard + n], np.float64)


def lorenz(
    n: int,
    *,
    sigma: float = 10.0,
    rho: float = 28.0,
    beta: float = 8.0 / 3.0,
    start: Sequence[float] = (1.0, 1.0, 1.0),
    step: float = 0.02,
    substeps: int = 4,
    discard: int = 0,
) -> np.ndarray:
    """`n` states of x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z, from `start` on.

    step: time between two states; the first is that at t = discard * step.  Integrated by the
    classical Runge-Kutta method, `substeps` steps per state.
    Returns float64 (n, 3): x, y, z.  Raises ValueError for negative counts, a step that is not
    positive, and a start of other than three numbers.
    Source: Lorenz 1963, doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2.
    """
    _counts("lorenz", n, discard, substeps)
    if len(start) != 3 or not step > 0:
        raise ValueError(f"lorenz: start is {start}, step {step}, expected 3 numbers, step > 0")

    def slope(s: np.ndarray) -> np.ndarray:
        x, y, z = s
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    h = step / substeps
    state = np.array(start, np.float64)
    states = [state]
    for _ in range(n + discard - 1):
        for _ in range(substeps):
            k1 = slope(state)
            k2 = slope(state + h / 2 * k1)
            k3 = slope(state + h / 2 * k2)
            k4 = slope(state + h * k3)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(state)
    return np.array(states[discard : discard + n]).reshape(-1, 3)


def series_file(path: str | os.PathLike[str], column: str | int | None = None) -> np.ndarray:
    """The numbers of one column of a text file, in its order.

    Columns are separated by ";" (SILSO's SN_y_tot_V2.0.csv), "," (statsmodels' sunspots.csv) or
    blanks: the first of these that the first line has.  A first line without a number is a header;
    one with some numbers is data, its bad cells are refused.  Empty lines and lines that begin with
    # are left out.
    column: a name in the header or a position from 0, negative from the end; None: the only column,
    or the second of several, after the time.
    Returns float64 (n,).  Raises ValueError, naming file and line, for what is no finite number, a
    missing column or a file without numbers; OSError if it cannot be read.
    """
    name = Path(path)
    lines = [
        (i, line.strip())
        for i, line in enumerate(name.read_text("utf-8-sig").splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError(f"{name}: holds no numbers")
    mark = next((mark for mark in ";," if mark in lines[0][1]), None)
    rows = [(i, _cells(line, mark)) for i, line in lines]
    first_line, first = rows[0]
    header = None if any(map(_is_float, first)) else first
    if isinstance(column, str):
        if header is None or column not in header:
            known = "no header" if header is None else f"columns {', '.join(header)}"
            raise ValueError(f"{name}: line {first_line}: no column {column!r}; there are {known}")
        position = header.index(column)
    else:
        position = min(len(first) - 1, 1) if column is None else column
    values = []
    for i, cells in rows[header is not None :]:
        if not -len(cells) <= position < len(cells):
            raise ValueError(f"{name}: line {i}: {len(cells)} columns, none at {position}")
        if not _is_number(cells[position]):
            raise ValueError(f"{name}: line {i}: {cells[position]!r} is not a finite number")
        values.append(float(cells[position]))
    if not values:
        raise ValueError(f"{name}: line {first_line}: a header and no numbers")
    return np.array(values, np.float64)


def windows(series: np.ndarray, length: int, horizon: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a series and what follows each: x[i] = series[i : i + length] and
    y[i] = series[i + length : i + length + horizon].

    series (T,) or (T, I).  Returns x (n, length, ...), y (n, horizon, ...), n = T - length -
    horizon + 1, copies.  Raises ValueError for length or horizon < 1 and a series too short.
    """
    series = np.asarray(series)
    if series.ndim not in (1, 2) or length < 1 or horizon < 1:
        raise ValueError(
            f"windows: series has shape {series.shape}, length is {length}, horizon {horizon}, "
            "expected (T,) or (T, I) and both at least 1"
        )
    n = len(series) - length - horizon + 1
    if n < 1:
        raise ValueError(
            f"windows: series has {len(series)} steps, expected at least {length + horizon}"
        )
    at = np.arange(n)[:, None]
    return series[at + np.arange(length)], series[at + length + np.arange(horizon)]


def _counts(name: str, n: int, discard: int, substeps: int) -> None:
    if n < 0 or discard < 0 or substeps < 1:
        raise ValueError(
            f"{name}: n is {n}, discard {discard}, substeps {substeps}, "
            "expected at least 0, 0 and 1"
        )


def _cells(line: str, mark: str | None) -> list[str]:
    if mark is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]


def _is_float(text: str) -> bool:
    """Whether it is a number, "nan" and "inf" included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    return _is_float(text) and math.isfinite(float(text))
