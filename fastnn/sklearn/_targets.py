"""What classifiers and regressors do with y and with a network's outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
)

from .. import functional
from ..creation import from_numpy
from ..grad_mode import no_grad
from ._base import NetworkEstimator
from ._losses import Objective


def _can_go_on(estimator: Any) -> bool:
    if estimator._uses_lbfgs():
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """Labels in, probabilities out.

    Two classes: one output, the logit of the second; more: an output each, softmax; a label
    indicator matrix (n_samples, n_labels): an output each, sigmoid. A loss other than "auto" and
    "log_loss" gets as many outputs as there are classes (also of two) and the labels as int64.
    """

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "loss": [StrOptions({"auto", "log_loss"}), callable],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }
    _y_is_numeric = False

    def _has_own_loss(self) -> bool:
        return self.loss not in ("auto", "log_loss")

    def _objective(self) -> Objective:
        if self._has_own_loss():
            return Objective(self.loss)
        return Objective("log_loss" if self.out_activation_ == "softmax" else "binary_log_loss")

    def _encode(self, y: np.ndarray, classes: Any, is_first: bool) -> np.ndarray:
        check_classification_targets(y)
        is_multilabel = type_of_target(y).startswith("multilabel")
        if not is_multilabel:
            y = column_or_1d(y, warn=True)
        if is_first:
            self._is_multilabel = is_multilabel
            if classes is not None:
                self.__dict__.pop("classes_", None)  # a first call may follow another fit
                _check_partial_fit_first_call(self, classes)
            else:
                self.classes_ = np.arange(y.shape[1]) if is_multilabel else np.unique(y)
            n = len(self.classes_)
            is_single = not is_multilabel and n <= 2 and not self._has_own_loss()
            self.n_outputs_ = 1 if is_single else n
            self.out_activation_ = "logistic" if is_single or is_multilabel else "softmax"
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={np.unique(classes)} is not the same as on last call to partial_fit, "
                f"was: {self.classes_}"
            )
        if is_multilabel != self._is_multilabel or (
            is_multilabel and y.shape[1] != len(self.classes_)
        ):
            raise ValueError(
                f"y has shape {y.shape} and is of type {type_of_target(y)}, which does not fit "
                f"the earlier calls with {len(self.classes_)} classes"
            )
        if is_multilabel:
            return np.ascontiguousarray(y, np.float32)
        index = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = self.classes_[index] != y
        if unknown.any():
            raise ValueError(
                f"`y` has classes not in `self.classes_`: {self.classes_} has no "
                f"{np.unique(y[unknown])}"
            )
        if self.n_outputs_ == 1:
            return index.astype(np.float32)[:, None]
        return index.astype(np.int64)

    def _weights_of(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return weight
        factor = compute_sample_weight(self.class_weight, y)
        return factor if weight is None else factor * weight

    def _stratify(self, targets: np.ndarray) -> np.ndarray | None:
        # scikit-learn does not stratify several labels either.
        return None if self._is_multilabel else targets

    def _said(self, outputs: np.ndarray) -> np.ndarray:
        """Index of the class, or the indicator matrix."""
        if self._is_multilabel:
            return (outputs > 0).astype(np.int64)
        if self.n_outputs_ == 1:
            return (outputs[:, 0] > 0).astype(np.int64).clip(max=len(self.classes_) - 1)
        return outputs.argmax(axis=1)

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, weight: Any) -> float:
        if self.n_outputs_ == 1 and not self._is_multilabel:
            y = y[:, 0]
        return float(accuracy_score(y, self._said(outputs), sample_weight=weight))

    @available_if(_can_go_on)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One epoch more over X and y, with the optimizer's state kept; returns self.

        classes: all labels, needed at the first call. Raises ValueError without them, for labels
        not among them, or with early_stopping.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if classes is None and not hasattr(self, "module_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X: Any) -> np.ndarray:
        """Labels (n_samples,), or an indicator matrix (n_samples, n_labels)."""
        said = self._said(self._outputs(X))
        return said if self._is_multilabel else self.classes_[said]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n_samples, n_classes), float32, in the order of `classes_`."""
        outputs = from_numpy(self._outputs(X))
        with no_grad():
            if self.out_activation_ == "softmax":
                return functional.softmax(outputs, 1).numpy()
            p = functional.sigmoid(outputs).numpy()
            others = functional.sigmoid(-outputs).numpy()  # 1 - p would lose what is below 1e-7
        if self._is_multilabel:
            return p
        return np.ones_like(p) if len(self.classes_) == 1 else np.concatenate([others, p], axis=1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the probabilities, -inf for those that are 0 in float32."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """Real targets, one or several."""

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "loss": [
            StrOptions({"squared_error", "poisson", "absolute_error", "huber", "auto"}),
            callable,
        ],
    }
    _y_is_numeric = True

    def _objective(self) -> Objective:
        return Objective("squared_error" if self.loss == "auto" else self.loss)

    def _encode(self, y: np.ndarray, classes: Any, is_first: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = np.ascontiguousarray(y.reshape(len(y), -1), np.float32)
        if is_first:
            self.n_outputs_ = targets.shape[1]
            self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {targets.shape[1]} outputs, expected {self.n_outputs_} as before"
            )
        if self.loss == "poisson" and (targets < 0).any():
            raise ValueError(f"y has {targets.min()}: loss='poisson' needs targets >= 0")
        return targets

    def _predicted(self, outputs: np.ndarray) -> np.ndarray:
        if self.out_activation_ == "exp":
            with no_grad():
                return functional.exp(from_numpy(outputs)).numpy()
        return outputs

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, weight: Any) -> float:
        predicted = self._predicted(outputs)
        if not np.isfinite(predicted).all():
            return float("nan")
        return float(r2_score(y, predicted, sample_weight=weight))

    @available_if(_can_go_on)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch more over X and y, with the optimizer's state kept; returns self.

        Raises ValueError with early_stopping.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """(n_samples,), or (n_samples, n_outputs) for several targets.

        float32 if X is, else float64, which is what scikit-learn's regressors give.
        """
        predicted = self._predicted(self._outputs(X))
        if getattr(X, "dtype", None) != np.float32:
            predicted = predicted.astype(np.float64)
        return predicted[:, 0] if self.n_outputs_ == 1 else predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
