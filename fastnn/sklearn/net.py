"""NetClassifier and NetRegressor: any Module as an estimator."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from sklearn.utils._param_validation import StrOptions

from .. import nn, optim
from ._base import NetworkEstimator
from ._targets import NetworkClassifier, NetworkRegressor

_OPTIMIZERS = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "nadam": optim.NAdam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}
_PREFIXES = ("module__", "optimizer__")


class _Net(NetworkEstimator):
    """What the two have in common: arguments of the module and the optimizer as parameters."""

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "module": [callable],
        "optimizer": [StrOptions(set(_OPTIMIZERS)), callable],
    }
    _allow_nd = True
    _draws_from_default_generator = True

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Those of __init__, and what else it was given: module__* and optimizer__*."""
        given = (k for k in self.__dict__ if not (k.startswith("_") or k.endswith("_")))
        return super().get_params(deep=False) | {k: self.__dict__[k] for k in given}

    def set_params(self, **params: Any) -> Any:
        """Also module__* and optimizer__*; returns self.  ValueError for other unknown names."""
        own = {k: v for k, v in params.items() if k.startswith(_PREFIXES)}
        super().set_params(**{k: v for k, v in params.items() if k not in own})
        self.__dict__.update(own)
        return self

    def _arguments(self, prefix: str) -> dict[str, Any]:
        items = self.__dict__.items()
        return {k.removeprefix(prefix): v for k, v in items if k.startswith(prefix)}

    def _check_names(self) -> None:
        known = self._get_param_names()
        for name in self.get_params():
            if name not in known and not name.startswith(_PREFIXES):
                raise TypeError(
                    f"{type(self).__name__}: no parameter {name!r}; those of the module begin with "
                    "module__, those of the optimizer with optimizer__"
                )

    def _make_module(self, init_seed: int, train_seed: int) -> nn.Module:
        self._check_names()
        arguments = self._arguments("module__")
        if isinstance(self.module, nn.Module):
            if arguments:
                raise ValueError(
                    f"module is a Module already, so module__{min(arguments)} has no place; give "
                    "its class"
                )
            return copy.deepcopy(self.module)
        known = inspect.signature(self.module).parameters
        sizes = {"in_features": self.n_features_in_, "out_features": self.n_outputs_}
        return self.module(**{k: v for k, v in sizes.items() if k in known} | arguments)

    def _make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        kind = self.optimizer
        make = _OPTIMIZERS[kind] if isinstance(kind, str) else kind
        return make(groups, lr=self.learning_rate_init, **self._arguments("optimizer__"))


class NetClassifier(NetworkClassifier, _Net):
    """A Module as a classifier of scikit-learn, in skorch's manner.

    module: a class or function that makes the network, called with the arguments `module__*` and,
    where it has parameters of these names that are not given, `in_features` (columns of X) and
    `out_features`; or a Module, of which each fit trains a copy. It maps float32 X (N, ...), of
    two or more axes, to logits (N, n_outputs_): one for two classes, else one per class or label.
    optimizer: "adam", "adamw", "nadam", "rmsprop", "sgd", or a class of `optim`, with the
    arguments lr=learning_rate_init and `optimizer__*`. Both kinds can be searched over, as in
    GridSearchCV(net, {"module__hidden": [(8,), (64,)]}).

    alpha and l1 act on parameters of two or more axes. The other parameters and the attributes are
    MLPClassifier's. While it is trained the default generator is seeded, and given back after.
    """

    _parameter_constraints = {
        **_Net._parameter_constraints,
        **NetworkClassifier._parameter_constraints,
    }

    def __init__(
        self,
        module: Any,
        *,
        loss: Any = "auto",
        optimizer: Any = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        class_weight: Any = None,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.alpha = alpha
        self.l1 = l1
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.scheduler = scheduler
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.__dict__.update(kwargs)  # fit looks at their names, as scikit-learn's do at values


class NetRegressor(NetworkRegressor, _Net):
    """A Module as a regressor of scikit-learn: it maps X (N, ...) to (N, targets).

    loss: as MLPRegressor's. All else as NetClassifier.
    """

    _parameter_constraints = {
        **_Net._parameter_constraints,
        **NetworkRegressor._parameter_constraints,
    }

    def __init__(
        self,
        module: Any,
        *,
        loss: Any = "squared_error",
        optimizer: Any = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.alpha = alpha
        self.l1 = l1
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scheduler = scheduler
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.__dict__.update(kwargs)  # fit looks at their names, as scikit-learn's do at values
