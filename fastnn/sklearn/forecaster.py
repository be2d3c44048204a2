"""SequenceForecaster: what follows in a time series."""

from __future__ import annotations

import math
from numbers import Integral, Number
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._solver import store
from ._targets import NetworkRegressor, _can_go_on
from ._windows import Windows, next_steps
from .rnn import RecurrentEstimator


class SequenceForecaster(NetworkRegressor, RecurrentEstimator):
    """Recurrent network that forecasts a series, direct for each of the next `horizon` steps.

    X: a series (T,) or (T, features), whose rows are steps in the order of time. A sample is a step
    t with the window x_{t-window+1} .. x_t (before the series begins, its first step again); its
    target is x_{t+1} .. x_{t+horizon}, and the network learns the changes from x_t. With y, of
    fit(X, y), the target of step t is y_t, whatever it is, and horizon is not used; X then has two
    axes.

    The network is RNNRegressor's, with the same options; loss is MLPRegressor's. Scale series to
    about unit variance. early_stopping holds out the end of the series. fit(X, y=None), predict
    (one forecast per step), forecast (the steps after the end), score (R2). The attributes are
    MLPRegressor's, and `input_shape_`: (window, features). Elman 1990,
    doi:10.1207/s15516709cog1402_1 (prediction of the next element).
    """

    _parameter_constraints = {
        **RecurrentEstimator._parameter_constraints,
        **NetworkRegressor._parameter_constraints,
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Integral, 1, None, closed="left")],
    }

    _is_own_target: bool

    def __init__(
        self,
        cell: str = "lstm",
        horizon: int = 1,
        window: int = 20,
        hidden_size: int = 64,
        num_layers: int = 1,
        *,
        loss: Any = "squared_error",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        l1: float = 0.0,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None
    ) -> Any:
        """Train on the series X; returns self.

        sample_weight (T,): >= 0, of the steps. validation_data: (X, y) of another series, y None
        without y here. Raises ValueError for a series that is not longer than horizon, or data that
        do not fit.
        """
        return self._fit(X, y, self._with_targets(sample_weight, y), validation_data)

    @available_if(_can_go_on)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """One epoch more over the series X, with the optimizer's state kept; returns self.

        Raises ValueError with early_stopping.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, self._with_targets(sample_weight, y), incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """At each step of the series X the forecast of what follows it.

        (T, horizon, features), without axes of horizon or features that are 1; with y, as
        RNNRegressor's. float32 if X is, else float64.
        """
        return self._by_step(super().predict(X))

    def forecast(self, X: Any, steps: int = 1) -> np.ndarray:
        """The `steps` steps after the end of the series X, forecasts being what the next ones see.

        (steps,) for a series of one feature, else (steps, features). Raises ValueError for
        steps < 1 or a network that was trained with y.
        """
        check_is_fitted(self)
        if not self._is_own_target or not isinstance(steps, Integral) or steps < 1:
            raise ValueError(
                f"forecast: steps is {steps}, expected an integer >= 1 and a fit without y"
            )
        series = self._series(X, reset=False)
        n = len(series)
        with self._threads():
            while len(series) < n + steps:
                last = Windows(series, np.array([len(series) - 1]), self.input_shape_[0])
                following = self._predicted(self._raw(last)).reshape(-1, series.shape[1])
                series = np.concatenate([series, following])
        found = series[n : n + steps]
        if getattr(X, "dtype", None) != np.float32:
            found = found.astype(np.float64)
        return found[:, 0] if found.shape[1] == 1 else found

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R2 of the forecasts of the steps of X that are followed by `horizon` more, or against
        y."""
        if y is not None:
            return super().score(X, y, sample_weight)
        check_is_fitted(self)
        windows, targets = self._validated(X, None, reset=False)
        with self._threads():
            found = self._predicted(self._raw(windows))
        return float(r2_score(targets, found, sample_weight=self._with_targets(sample_weight, y)))

    def _series(self, X: Any, *, reset: bool) -> np.ndarray:
        """X without y as (T, features)."""
        if (reset or self.n_features_in_ == 1) and np.ndim(X) == 1:
            X = np.asarray(X)[:, None]
        return validate_data(self, X, dtype=np.float32, reset=reset)

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        is_own = y is None
        if not (reset or is_own == self._is_own_target):
            raise ValueError(f"y is {'None' if is_own else 'given'}, unlike in the first fit")
        if not is_own:
            series, y = validate_data(
                self, X, y, dtype=np.float32, multi_output=True, y_numeric=True, reset=reset
            )
        else:
            series = self._series(X, reset=reset)
            if len(series) <= self.horizon:
                raise ValueError(
                    f"the series has {len(series)} steps, expected more than horizon={self.horizon}"
                )
            y = next_steps(series, self.horizon)
        if reset:
            self._is_own_target = is_own
            self.input_shape_ = self.window, series.shape[1]
        return Windows(series, np.arange(len(y)), self.input_shape_[0]), y

    def _validated_rows(self, X: Any) -> Windows:
        series = self._series(X, reset=False)
        return Windows(series, np.arange(len(series)), self.input_shape_[0])

    def _with_targets(self, weight: Any, y: Any) -> Any:
        """Weights of the steps that have a target."""
        if y is not None or weight is None or isinstance(weight, Number):
            return weight
        return np.asarray(weight)[: -self.horizon]

    def _held_out(self, targets: np.ndarray, random_state: Any) -> Any:
        # Neighbours in time share most of their windows: chosen at random, they would tell.
        n = len(targets) - math.ceil(self.validation_fraction * len(targets))
        return np.arange(n), np.arange(n, len(targets))

    def _copies(self) -> int:
        adds_last = self._is_own_target and self.out_activation_ == "identity"
        return self.n_outputs_ // self.input_shape_[1] if adds_last else 0

    def _by_step(self, predicted: np.ndarray) -> np.ndarray:
        n_features = self.input_shape_[1]
        if not self._is_own_target or n_features in (1, self.n_outputs_):
            return predicted
        return predicted.reshape(len(predicted), -1, n_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.sparse = False
        return tags
