"""MLPClassifier and MLPRegressor: scikit-learn's, with more options."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .. import nn
from ..random import Generator
from ._layers import ACTIVATIONS, INITS, dense_layer, initialise, weighted
from ._solver import SolverEstimator, store, whole_sizes
from ._targets import NetworkClassifier, NetworkRegressor


class _MLP(SolverEstimator):
    """What the two have in common."""

    _parameter_constraints = {
        **SolverEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_norm": ["boolean"],
        "residual": ["boolean"],
        "init": [StrOptions({"auto", *INITS})],
    }

    def _make_module(self, init_seed: int, train_seed: int) -> nn.Sequential:
        self._check_dropout()
        hidden = whole_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        sizes = [self.n_features_in_, *hidden]
        masks = Generator(train_seed)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            block = dense_layer(n_in, n_out, self.batch_norm, self.activation, self.dropout, masks)
            layers += [nn.Residual(*block)] if self.residual and n_in == n_out else block
        module = nn.Sequential(*layers, nn.Linear(sizes[-1], self.n_outputs_))
        initialise(module, self.init, self.activation, Generator(init_seed))
        return module

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights per layer, (fan_in, fan_out): views into `module_`."""
        return [layer.weight.detach().numpy().T for layer in weighted(self.module_)]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases per layer."""
        return [layer.bias.detach().numpy() for layer in weighted(self.module_)]

    @property
    def n_layers_(self) -> int:
        """Layers, input and output among them."""
        return len(self.coefs_) + 1


class MLPClassifier(NetworkClassifier, _MLP):
    """Multilayer perceptron for one label of two or more, or for several labels.

    scikit-learn's MLPClassifier: its parameters, defaults, attributes, law of the initial weights,
    stopping rules. It minimises the mean log-loss + (alpha |w|^2 / 2 + l1 |w|_1) / (samples per
    step), w the weights without the biases. Computes in float32. With the same random_state the
    result has the same bits for any number of threads; it is not scikit-learn's, whose random
    numbers are others.

    Beyond scikit-learn: activation may be "leaky_relu", "elu", "gelu" or "silu"; dropout after
    each hidden layer; batch_norm before its activation; residual: hidden layers as wide as their
    input add to it; l1; init: "auto" or the name of an initialiser of `nn.init`, without "_"; loss:
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
        store(self, locals())


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
        store(self, locals())
