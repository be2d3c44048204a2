"""What makes an estimator of `classic` one of scikit-learn's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..random import Generator
from ._data import dense


class ClassicEstimator(BaseEstimator):
    """scikit-learn's parameters, checks and tags before those of an estimator of `classic`, which
    comes after it in a subclass's bases.

    X may be dense or CSR, which becomes dense as a whole; it is computed with in float32.
    """

    # An attribute that is there after fit only
    _found_by_fit: str

    def _random(self) -> Generator:
        """As everywhere in scikit-learn random_state is None, an integer or a RandomState."""
        return Generator(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self._found_by_fit)

    def _rows(self, X: Any, reset: bool) -> np.ndarray:
        """X as dense float32 (n, features).  reset: it is that of a first fit."""
        return dense(validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=reset))

    def _fitted_rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._rows(X, reset=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class ClassicTransformer(TransformerMixin, ClassicEstimator):
    """The same of a transformer."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def warn_of_no_probabilities(x: np.ndarray, where: str) -> None:
    """What cannot be states of Bernoulli units is taken, as by scikit-learn, but not silently."""
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        warnings.warn(
            f"{where}: X has values from {x.min()} to {x.max()}; outside 0 to 1 they are no "
            "probabilities of Bernoulli units",
            stacklevel=5,
        )
