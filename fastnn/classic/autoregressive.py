"""Linear autoregression, the baseline of forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..functional import _checks
from ._estimator import not_fitted


class AutoRegressive:
    """x_t = c + a_1 x_{t-1} + ... + a_p x_{t-p}, by least squares over a series (Yule 1927,
    doi:10.1098/rsta.1927.0007).

    `fit(series)` sets `coef_` (p,), a_1 first, and `intercept_`.  All in float64.  Series are (T,);
    ValueError for another shape, values that are not finite, or too few of them.
    """

    def __init__(self, p: int) -> None:
        self.p = _checks.integer(p, "AutoRegressive", "p", 1)

    def fit(self, series: Any) -> AutoRegressive:
        """Least squares over all steps after the first p; needs 2 p + 1 values."""
        series = self._series(series, 2 * self.p + 1)
        lags = self._lags(series[:-1])
        design = np.column_stack([np.ones(len(lags)), lags])
        solution = np.linalg.lstsq(design, series[self.p :], rcond=None)[0]
        self.intercept_, self.coef_ = float(solution[0]), solution[1:]
        return self

    def predict(self, series: Any) -> np.ndarray:
        """One step ahead: (T - p + 1,), the predictions of series[p], ..., and of the step after
        the last.  RuntimeError before fit."""
        self._refuse_unfitted("predict")
        return self.intercept_ + self._lags(self._series(series, self.p)) @ self.coef_

    def forecast(self, history: Any, steps: int) -> np.ndarray:
        """(steps,) after the end of `history`, each prediction taken as the next value.

        RuntimeError before fit; TypeError or ValueError for steps that are no integer from 0 on.
        """
        self._refuse_unfitted("forecast")
        steps = _checks.integer(steps, "AutoRegressive.forecast", "steps", 0)
        values = list(self._series(history, self.p))
        for _ in range(steps):
            values.append(self.intercept_ + float(np.dot(values[: -self.p - 1 : -1], self.coef_)))
        return np.array(values[len(values) - steps :])

    def _refuse_unfitted(self, method: str) -> None:
        if not hasattr(self, "coef_"):
            raise not_fitted(self, method)

    def _lags(self, series: np.ndarray) -> np.ndarray:
        """Rows x_{t-1}, ..., x_{t-p}."""
        return np.lib.stride_tricks.sliding_window_view(series, self.p)[:, ::-1]

    def _series(self, series: Any, n: int) -> np.ndarray:
        series = np.asarray(series, np.float64)
        if series.ndim != 1 or len(series) < n or not np.isfinite(series).all():
            raise ValueError(
                f"AutoRegressive: series has shape {series.shape}, expected (T,) of finite "
                f"numbers, T >= {n}"
            )
        return series
