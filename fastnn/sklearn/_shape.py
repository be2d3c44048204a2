"""Rows of X as images, signals or sequences."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from ._base import NetworkEstimator


class ShapedEstimator(NetworkEstimator):
    """Samples of several axes: given so, X (n_samples, *input_shape), or as rows of features.

    Sets `input_shape_`. fit and predict need the same layout of X.
    """

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "input_shape": ["array-like", None],
    }
    _allow_nd = True
    # Numbers of axes that a sample may have, and their names.
    _axes: tuple[int, ...]
    _axis_names: str
    _given_shape: tuple[int, ...]

    @abstractmethod
    def _shape_of_row(self, n_features: int) -> tuple[int, ...]:
        """The shape that a row of X gets where input_shape is None."""

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = super()._validated(X, y, reset=reset)
        self._take_shape(X.shape[1:], reset)
        return X, y

    def _validated_rows(self, X: Any) -> Any:
        X = super()._validated_rows(X)
        self._take_shape(X.shape[1:], False)
        return X

    def _take_shape(self, given: tuple[int, ...], reset: bool) -> None:
        if not reset:
            if given != self._given_shape:
                raise ValueError(
                    f"X has samples of shape {given}, expected {self._given_shape} as in fit"
                )
            return
        if self.input_shape is not None:
            shape = tuple(self.input_shape)
            fits = all(isinstance(n, (int, np.integer)) and n > 0 for n in shape)
            if not fits or len(shape) not in self._axes or math.prod(shape) != math.prod(given):
                raise ValueError(
                    f"input_shape is {self.input_shape}, expected {self._axis_names}, together "
                    f"the {math.prod(given)} features of a sample"
                )
        else:
            shape = self._shape_of_row(given[0]) if len(given) == 1 else given
            if len(shape) not in self._axes:
                raise ValueError(
                    f"X has samples of shape {given}, expected n_features or {self._axis_names}"
                )
        self._given_shape, self.input_shape_ = given, tuple(int(n) for n in shape)
