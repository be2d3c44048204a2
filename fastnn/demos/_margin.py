"""How far apart two classes are for a threshold unit: the margin of Novikoff's bound."""

from __future__ import annotations

import itertools

import numpy as np


def signed_inputs(x: np.ndarray, y: np.ndarray, *, bias: bool = True) -> np.ndarray:
    """t x for each row, t = 1 where y is 1 and -1 where it is 0, x with the bias's constant 1."""
    inputs = np.concatenate([x, np.ones((len(x), 1))], axis=1) if bias else np.asarray(x)
    return inputs.astype(np.float64) * np.where(y == 1, 1.0, -1.0)[:, None]


def nearest_mixture(rows: np.ndarray) -> tuple[float, np.ndarray]:
    """The shares (>= 0, sum 1) of the rows whose mixture is nearest to the origin, and how near.

    The distance is the largest gamma with rows . w >= gamma for some w of length 1; where it is 0,
    there is none: the shares sum the inequalities rows . w > 0 up to 0 > 0 (Gordan 1873).  Solves
    for each subset of the rows, so it is for a few rows only.
    """
    found = np.inf, np.zeros(len(rows))
    for size in range(1, len(rows) + 1):
        for chosen in itertools.combinations(range(len(rows)), size):
            part = rows[list(chosen)]
            system = np.ones((size + 1, size + 1))  # min |part^T s|^2 with sum s = 1, by Lagrange
            system[:size, :size], system[size, size] = part @ part.T, 0
            answer = np.linalg.lstsq(system, np.eye(size + 1)[size], rcond=None)[0][:size]
            if answer.min() < -1e-12 or abs(answer.sum() - 1) > 1e-9:
                continue
            distance = float(np.linalg.norm(answer @ part))
            if distance < found[0] - 1e-12:
                shares = np.zeros(len(rows))
                shares[list(chosen)] = answer
                found = distance, shares
    return found
