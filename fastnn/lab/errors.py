"""Where a model's error comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BiasVariance:
    """Parts of the expected squared error: error = bias + variance + noise, each a mean over the
    test points; `bias` is the square of the mean fit's distance from the truth.

    error is measured with targets of their own, so the sum agrees with it only up to chance.
    mean (M,): the mean fit; spread (M,): the fits' standard deviation.
    """

    bias: float
    variance: float
    noise: float
    error: float
    mean: np.ndarray
    spread: np.ndarray


def bias_variance(
    fit: Callable[[np.ndarray, np.ndarray, int], Callable[[np.ndarray], np.ndarray]],
    truth: Callable[[np.ndarray], np.ndarray],
    sample: Callable[[np.random.Generator], np.ndarray],
    test: np.ndarray,
    *,
    noise: float,
    fits: int = 200,
    seed: int = 0,
) -> BiasVariance:
    """Fit `fits` models, each to noisy targets of its own, and take their errors apart.

    fit(x, y, i): trains the i-th model on x, y and returns a function that predicts.  truth(x): the
    targets without noise.  sample(rng): the inputs of one training set.  test: the inputs at which
    errors are measured, first axis M.  noise: standard deviation of the targets' normal noise.
    Raises ValueError for fewer than two fits or a negative noise.
    Source: Geman, Bienenstock, Doursat 1992, doi:10.1162/neco.1992.4.1.1.
    """
    if fits < 2:
        raise ValueError(f"bias_variance: fits is {fits}, expected at least 2")
    if not noise >= 0:
        raise ValueError(f"bias_variance: noise is {noise}, expected at least 0")
    rng = np.random.default_rng(seed)
    clean = np.asarray(truth(test), np.float64)
    found, errors = [], []
    for i in range(fits):
        x = sample(rng)
        y = truth(x) + noise * rng.standard_normal(len(x))
        found.append(np.asarray(fit(x, y, i)(test), np.float64))
        errors.append(np.square(found[-1] - clean - noise * rng.standard_normal(clean.shape)))
    predictions = np.stack(found)
    mean = predictions.mean(axis=0)
    return BiasVariance(
        float(np.square(mean - clean).mean()),
        float(predictions.var(axis=0).mean()),
        noise**2,
        float(np.mean(errors)),
        mean,
        predictions.std(axis=0),
    )
