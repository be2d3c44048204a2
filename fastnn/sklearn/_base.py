"""The estimators' trunk: checks, training, outputs."""

from __future__ import annotations

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..config import threads
from ..creation import from_numpy
from ..grad_mode import no_grad
from ..nn import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..nn.utils import evaluating, l1_penalty, l2_penalty
from ..optim import LBFGS
from ..tensor import Tensor
from ..train import Trainer
from ._data import Batches, data_set, dense, row_blocks
from ._epochs import Epochs
from ._losses import Objective
from ._random import seeded


class NetworkEstimator(BaseEstimator, ABC):
    """fit, partial_fit and the network's outputs, for a subclass that says what the network is.

    All is computed in float32; X may be dense or CSR, of which one batch at a time becomes dense.
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "l1": [Interval(Real, 0, None, closed="left")],
        "scheduler": [callable, None],
        "callbacks": ["array-like", None],
        "n_jobs": [Integral, None],
    }
    _allow_nd = False
    # Modules of the user's may draw from the default generator while they are trained.
    _draws_from_default_generator = False

    @abstractmethod
    def _make_module(self, init_seed: int, train_seed: int) -> Any:
        """A new network from `n_features_in_` to `n_outputs_`; the default generator is lent and
        begins with init_seed."""

    @abstractmethod
    def _make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        """The optimizer of these parameter groups."""

    @abstractmethod
    def _objective(self) -> Objective:
        """What is minimised, apart from penalties."""

    @abstractmethod
    def _encode(self, y: np.ndarray, classes: Any, is_first: bool) -> np.ndarray:
        """Targets of the loss; sets what is known of y, n_outputs_ among it."""

    @abstractmethod
    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, weight: Any) -> float:
        """Accuracy or R2, of outputs against targets."""

    def _weights_of(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        return weight

    def _stratify(self, targets: np.ndarray) -> np.ndarray | None:
        return None

    def _learning_rate_schedule(self) -> str:
        return "constant"

    def _uses_lbfgs(self) -> bool:
        return False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Any:
        """Train on X (n_samples, n_features), dense or CSR, and y; returns self.

        sample_weight (n_samples,): >= 0; samples of weight 0 are left out. validation_data: (X, y)
        for `validation_loss_curve_` and for early_stopping, which otherwise takes
        `validation_fraction` of the samples. Raises ValueError for data that do not fit, or a
        training that ends in infinite weights.
        """
        return self._fit(X, y, sample_weight, validation_data)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        incremental: bool = False,
        classes: Any = None,
    ) -> Any:
        is_first = not hasattr(self, "module_") or not (self.warm_start or incremental)
        X, y = self._validated(X, y, reset=is_first)
        targets = self._encode(y, classes, is_first)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        weight = self._weights_of(y, weight)
        if weight is not None:
            rows = np.flatnonzero(weight)
            if not len(rows):
                raise ValueError("sample_weight is 0 for all samples, expected some above 0")
            X, targets, weight = X[rows], targets[rows], weight[rows]
        validation = None
        if validation_data is not None:
            X_val, y_val = validation_data
            X_val, y_val = self._validated(X_val, y_val, reset=False)
            validation = X_val, self._encode(y_val, None, False), None

        random_state = check_random_state(self.random_state)
        draw = [int(seed) for seed in random_state.randint(2**31 - 1, size=3)]
        if is_first:
            self._begin()
        if is_first or not incremental:
            self._seeds = draw
        init_seed, train_seed, order_seed = self._seeds
        with self._threads():
            if is_first:
                with seeded(init_seed):
                    self.module_ = self._make_module(init_seed, train_seed)
            if self._uses_lbfgs():
                self._fit_lbfgs(X, targets, weight)
            else:
                if self.early_stopping and validation is None:
                    X, targets, weight, validation = self._split(X, targets, weight, random_state)
                lend = (
                    seeded(train_seed + self._epoch)
                    if self._draws_from_default_generator
                    else _nothing()
                )
                with lend:
                    self._fit_epochs(X, targets, weight, validation, order_seed, incremental)
        self.module_.eval()
        if not all(np.isfinite(p.detach().numpy()).all() for p in self.module_.parameters()):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        return self

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float32,
            multi_output=True,
            allow_nd=self._allow_nd,
            y_numeric=self._y_is_numeric,
            reset=reset,
        )
        return X, y.toarray() if hasattr(y, "toarray") else y

    def _validated_rows(self, X: Any) -> Any:
        """X of a prediction."""
        return validate_data(
            self, X, accept_sparse="csr", dtype=np.float32, allow_nd=self._allow_nd, reset=False
        )

    def _begin(self) -> None:
        """Forget what an earlier fit found."""
        self.t_ = self._epoch = self._no_improvement_count = 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        is_early = self.early_stopping
        self.best_loss_ = None if is_early else float("inf")
        self.validation_scores_: list[float] | None = [] if is_early else None
        self.best_validation_score_ = -float("inf") if is_early else None
        for name in ("_optimizer", "module_", "loss_"):
            self.__dict__.pop(name, None)

    def _held_out(self, targets: np.ndarray, random_state: Any) -> Any:
        """Rows to train with, and rows to watch."""
        return train_test_split(
            np.arange(len(targets)),
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=self._stratify(targets),
        )

    def _split(self, X: Any, targets: Any, weight: Any, random_state: Any) -> Any:
        rows, held = self._held_out(targets, random_state)
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        of = lambda index: (X[index], targets[index], None if weight is None else weight[index])  # noqa: E731
        return *of(rows), of(held)

    def _decayed(self) -> tuple[list[Any], list[Any]]:
        """Parameters that are decayed (weights), and the others (biases, norms)."""
        all_of_them = [p for p in self.module_.parameters() if p.requires_grad]
        return [p for p in all_of_them if p.ndim > 1], [p for p in all_of_them if p.ndim < 2]

    def _penalty(self, per: float) -> Tensor | None:
        """(alpha |w|^2 / 2 + l1 |w|_1) / per, `per` the samples of a step; None for none."""
        weights = self._decayed()[0]
        terms = []
        if self.alpha and weights:
            terms.append(l2_penalty(weights) * (self.alpha / per))
        if self.l1 and weights:
            terms.append(l1_penalty(weights) * (self.l1 / per))
        return sum(terms[1:], terms[0]) if terms else None

    def _fit_epochs(
        self, X: Any, targets: Any, weight: Any, validation: Any, seed: int, incremental: bool
    ) -> None:
        n = X.shape[0]
        batch_size = min(200, n) if self.batch_size == "auto" else self.batch_size
        if batch_size > n:
            _warn("Got `batch_size` larger than sample size. It is going to be clipped")
            batch_size = n
        # The sum of weights of a batch, on average: scikit-learn divides each step's penalty by it.
        per = batch_size * (1.0 if weight is None else float(np.mean(weight)))
        arrays = [targets] if weight is None else [targets, weight.astype(np.float32)]
        if not (incremental and hasattr(self, "_optimizer")):
            weights, others = self._decayed()
            groups = [
                {"params": weights, "weight_decay": self.alpha / per, "l1_decay": self.l1 / per},
                {"params": others},
            ]
            self._optimizer = self._make_optimizer([g for g in groups if g["params"]])
        objective = self._objective()

        def penalty() -> float:
            with no_grad():
                value = self._penalty(per)
            return 0.0 if value is None else value.item()

        def validate() -> tuple[float, float]:
            X_val, y_val, w_val = validation
            outputs = self._raw(X_val)
            target = [from_numpy(y_val)]
            if w_val is not None:
                target.append(from_numpy(w_val.astype(np.float32)))
            with no_grad():
                loss = objective(from_numpy(outputs), target if w_val is not None else target[0])
            return loss.item(), self._score_outputs(outputs, y_val, w_val)

        batches = Batches(
            data_set(X, *arrays),
            batch_size,
            shuffle=self.shuffle,
            seed=seed,
            epoch=self._epoch,
            drop_single=any(
                isinstance(m, (BatchNorm1d, BatchNorm2d, BatchNorm3d))
                for m in self.module_.modules()
            ),
        )
        self.n_iter_ = 0
        self._best_state = None
        epochs = Epochs(self, penalty, None if validation is None else validate, n)
        trainer = Trainer(
            self.module_,
            objective,
            self._optimizer,
            scheduler=None if self.scheduler is None else self.scheduler(self._optimizer),
            callbacks=[epochs, *(self.callbacks or ())],
            progress=False,
        )
        n_epochs = 1 if incremental else self.max_iter
        try:
            trainer.fit(batches, epochs=n_epochs)
        except KeyboardInterrupt:
            _warn("Training interrupted by user.")
        if not incremental and not trainer.stop_training and self.n_iter_ == self.max_iter:
            _warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        best, self._best_state = self._best_state, None
        if self.early_stopping and best is not None:
            self.module_.load_state_dict(best)

    def _fit_lbfgs(self, X: Any, targets: Any, weight: Any) -> None:
        x, target = from_numpy(dense(X)), from_numpy(targets)
        total = float(X.shape[0] if weight is None else weight.sum())
        goal = target if weight is None else [target, from_numpy(weight.astype(np.float32))]
        parameters = list(self.module_.parameters())
        optimizer = LBFGS(
            parameters,
            max_iter=self.max_iter,
            max_eval=self.max_fun,
            tolerance_grad=self.tol,
            history_size=10,
            line_search_fn="strong_wolfe",
        )
        objective = self._objective()
        values: list[float] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = objective(self.module_(x), goal)
            penalty = self._penalty(total)
            loss = loss if penalty is None else loss + penalty
            loss.backward()
            values.append(loss.item())
            return loss

        self.module_.train()
        optimizer.step(closure)
        self.n_iter_ = optimizer.state[parameters[0]]["n_iter"]
        self.t_ += self.n_iter_ * X.shape[0]
        with no_grad():
            self.loss_ = objective(self.module_(x), goal).item()
            penalty = self._penalty(total)
        self.loss_ += 0.0 if penalty is None else penalty.item()
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if self.n_iter_ >= self.max_iter or len(values) >= self.max_fun:
            _warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): increase max_iter "
                "or max_fun, or scale the data.",
                ConvergenceWarning,
            )

    def _raw(self, X: Any) -> np.ndarray:
        """The network's outputs (N, n_outputs_), float32."""
        with evaluating(self.module_):
            return np.concatenate([self.module_(x).numpy() for x in row_blocks(X)])

    def _outputs(self, X: Any) -> np.ndarray:
        """The same for a user's X."""
        check_is_fitted(self)
        X = self._validated_rows(X)
        with self._threads():
            return self._raw(X)

    def _threads(self) -> Any:
        """As many threads as n_jobs says, as joblib counts; the result does not depend on it."""
        return _nothing() if self.n_jobs is None else threads(effective_n_jobs(self.n_jobs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = self._allow_nd
        return tags


def _warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the caller of fit: _warn, the training, _fit, fit, scikit-learn's wrapper."""
    warnings.warn(text, category, stacklevel=6)


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield
