"""Kohonen's online rule (1982, doi:10.1007/BF00337288), one sample after the other."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["som_online"]


def som_online(
    weights: np.ndarray,
    x: np.ndarray,
    grid: np.ndarray,
    rates: np.ndarray,
    sigmas: np.ndarray,
    neighborhood: str,
) -> np.ndarray:
    """For each sample x_t (N, n) in turn: b = argmin_u |x_t - w_u|, of equal ones the first;
    w_u += rates_t h_u (x_t - w_u) for all units u.  d is the distance of u and b on the grid
    (units, 2): h = exp(-d^2 / 2 sigmas_t^2) if neighborhood is "gaussian"; "bubble": 1 where
    d^2 <= 1.0001 sigmas_t^2, otherwise 0.  rates and sigmas (N,), sigmas > 0.

    Returns the new weights (units, n).  ValueError for wrong shapes, no units, other names.
    """
    expect_same_dtype(weights=weights, x=x, grid=grid, rates=rates, sigmas=sigmas)
    expect_rank(2, weights=weights, x=x)
    if neighborhood not in ("gaussian", "bubble"):
        raise ValueError(f"neighborhood is {neighborhood!r}, expected 'gaussian' or 'bubble'")
    if not len(weights):
        raise ValueError(f"weights has shape {weights.shape}, expected one unit or more")
    expect_shape((len(x), weights.shape[1]), x=x)
    expect_shape((len(weights), 2), grid=grid)
    expect_shape((len(x),), rates=rates, sigmas=sigmas)
    for t in np.flatnonzero(~(sigmas > 0))[:1]:
        raise ValueError(f"sigmas[{t}] is {sigmas[t]}, expected above 0")
    w = weights.copy()
    with np.errstate(all="ignore"):
        for sample, rate, sigma in zip(x, rates, sigmas, strict=True):
            best = np.argmin(((sample - w) ** 2).sum(axis=1))
            d2 = ((grid - grid[best]) ** 2).sum(axis=1)
            if neighborhood == "bubble":
                h = (d2 <= 1.0001 * float(sigma) ** 2).astype(w.dtype)
            else:
                h = np.exp(-d2 * min(0.5 / float(sigma) ** 2, 1e30)).astype(w.dtype)
            w += (rate * h)[:, None] * (sample - w)
    return w
