"""MLPClassifier and MLPRegressor: scikit-learn's, with more options."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .. import nn, optim
from ..nn import init as initialisers
from ..random import Generator
from ._base import NetworkEstimator
from ._targets import NetworkClassifier, NetworkRegressor

_ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    "identity": None,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
}
_INITS = ("kaiming_normal", "kaiming_uniform", "lecun_normal", "lecun_uniform", "orthogonal",
          "xavier_normal", "xavier_uniform")  # fmt: skip


class _MLP(NetworkEstimator):
    """What the two have in common."""

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(_ACTIVATIONS))],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "residual": ["boolean"],
        "init": [StrOptions({"auto", *_INITS})],
    }

    def _uses_lbfgs(self) -> bool:
        return self.solver == "lbfgs"

    def _learning_rate_schedule(self) -> str:
        return self.learning_rate if self.solver == "sgd" else "constant"

    def _make_module(self, init_seed: int, train_seed: int) -> nn.Sequential:
        hidden = [int(n) for n in np.ravel(self.hidden_layer_sizes)]
        if any(n < 1 for n in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        if self.dropout and self._uses_lbfgs():
            raise ValueError(
                f"dropout is {self.dropout}, expected 0 with solver='lbfgs': a line search needs "
                "a loss that does not change by chance"
            )
        sizes = [self.n_features_in_, *hidden]
        masks = Generator(train_seed)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            block = self._block(n_in, n_out, masks)
            layers += [nn.Residual(*block)] if self.residual and n_in == n_out else block
        module = nn.Sequential(*layers, nn.Linear(sizes[-1], self.n_outputs_))
        self._initialise(module, Generator(init_seed))
        return module

    def _block(self, n_in: int, n_out: int, masks: Generator) -> list[nn.Module]:
        """One hidden layer."""
        block: list[nn.Module] = [nn.Linear(n_in, n_out)]
        if self.batch_norm:
            block.append(nn.BatchNorm1d(n_out))
        activation = _ACTIVATIONS[self.activation]
        if activation is not None:
            block.append(activation())
        if self.dropout:
            block.append(nn.Dropout(self.dropout, generator=masks))
        return block

    def _initialise(self, module: nn.Module, generator: Generator) -> None:
        """auto: uniform in +-sqrt(6 / (fan_in + fan_out)), 2 in place of 6 for the logistic
        function, biases too (Glorot & Bengio 2010, as in scikit-learn); otherwise biases 0."""
        factor = 2.0 if self.activation == "logistic" else 6.0
        for layer in _dense(module):
            if self.init == "auto":
                bound = (factor / (layer.in_features + layer.out_features)) ** 0.5
                initialisers.uniform_(layer.weight, -bound, bound, generator=generator)
                initialisers.uniform_(layer.bias, -bound, bound, generator=generator)
            else:
                getattr(initialisers, f"{self.init}_")(layer.weight, generator=generator)
                initialisers.zeros_(layer.bias)

    def _make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        if self.solver == "adam":
            return optim.Adam(
                groups,
                lr=self.learning_rate_init,
                betas=(self.beta_1, self.beta_2),
                eps=self.epsilon,
            )
        is_nesterov = self.nesterovs_momentum and self.momentum > 0
        return optim.SGD(
            groups, lr=self.learning_rate_init, momentum=self.momentum, nesterov=is_nesterov
        )

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights per layer, (fan_in, fan_out): views into `module_`."""
        return [layer.weight.detach().numpy().T for layer in _dense(self.module_)]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases per layer."""
        return [layer.bias.detach().numpy() for layer in _dense(self.module_)]

    @property
    def n_layers_(self) -> int:
        """Layers, input and output among them."""
        return len(self.coefs_) + 1


def _dense(module: nn.Module) -> Iterator[nn.Linear]:
    return (layer for layer in module.modules() if isinstance(layer, nn.Linear))


class MLPClassifier(NetworkClassifier, _MLP):
    """Multilayer perceptron for one label of two or more, or for several labels.

    scikit-learn's MLPClassifier: its parameters, defaults, attributes, law of the initial weights,
    stopping rules. It minimises the mean log-loss + (alpha |w|^2 / 2 + l1 |w|_1) / (samples per
    step), w the weights without the biases. Computes in float32. With the same random_state the
    result has the same bits for any number of threads; it is not scikit-learn's, whose random
    numbers are others.

    Beyond scikit-learn: activation may be "leaky_relu"; dropout after each
    hidden layer; batch_norm before its activation; residual: hidden layers as wide as their input
    add to it; l1; init: "auto" or the name of an initialiser of `nn.init`, without "_"; loss:
    "auto", "log_loss", or a loss of `nn` that takes logits (N, classes) and labels int64;
    class_weight: {label: weight} or "balanced"; scheduler: a function of the optimizer that makes
    an `optim.lr_scheduler`; callbacks: of `train`; n_jobs: threads, None for fastnn's number.

    Attributes: classes_, coefs_, intercepts_, module_ (the network), loss_, loss_curve_,
    validation_loss_curve_, best_loss_, validation_scores_, best_validation_score_, n_iter_, t_,
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_. Rumelhart, Hinton &
    Williams 1986, doi:10.1038/323533a0.
    """

    _parameter_constraints = {
        **_MLP._parameter_constraints,
        **NetworkClassifier._parameter_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
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
        batch_norm: bool = False,
        residual: bool = False,
        l1: float = 0.0,
        init: str = "auto",
        loss: Any = "auto",
        class_weight: Any = None,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.residual = residual
        self.l1 = l1
        self.init = init
        self.loss = loss
        self.class_weight = class_weight
        self.scheduler = scheduler
        self.callbacks = callbacks
        self.n_jobs = n_jobs


class MLPRegressor(NetworkRegressor, _MLP):
    """Multilayer perceptron for one or several real targets.

    scikit-learn's MLPRegressor, as MLPClassifier is its classifier; the options are the same ones.
    loss: "squared_error" (half of it, summed over the targets), "poisson" (the output is the
    logarithm of the mean), "absolute_error", "huber", or a loss of `nn` for (N, targets).
    """

    _parameter_constraints = {
        **_MLP._parameter_constraints,
        **NetworkRegressor._parameter_constraints,
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
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
        batch_norm: bool = False,
        residual: bool = False,
        l1: float = 0.0,
        init: str = "auto",
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.residual = residual
        self.l1 = l1
        self.init = init
        self.scheduler = scheduler
        self.callbacks = callbacks
        self.n_jobs = n_jobs
