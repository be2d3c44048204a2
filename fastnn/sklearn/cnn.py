"""CNNClassifier and CNNRegressor: convolutions, pooling and dense layers."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from .. import nn
from ..random import Generator
from ._layers import ACTIVATIONS, INITS, dense_layer, hidden_layer, initialise
from ._shape import ShapedEstimator
from ._solver import SolverEstimator, store, whole_sizes
from ._targets import NetworkClassifier, NetworkRegressor

# By the number of a sample's axes: convolution, batch normalisation, pooling.
_LAYERS: dict[int, tuple[Any, Any, Any]] = {
    2: (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d),
    3: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d),
}


class _CNN(ShapedEstimator, SolverEstimator):
    """What the two have in common."""

    _parameter_constraints = {
        **ShapedEstimator._parameter_constraints,
        **SolverEstimator._parameter_constraints,
        "channels": ["array-like", Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pool": [Interval(Integral, 1, None, closed="left")],
        "dense": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_norm": ["boolean"],
        "init": [StrOptions({"auto", *INITS})],
    }
    _axes = (2, 3)
    _axis_names = "(channels, length) or (channels, height, width)"

    def _shape_of_row(self, n_features: int) -> tuple[int, ...]:
        side = math.isqrt(n_features)
        n_pools = len(whole_sizes(self.channels, "channels"))
        is_image = side * side == n_features and side >= max(self.pool**n_pools, 2)
        return (1, side, side) if is_image else (1, n_features)

    def _make_module(self, init_seed: int, train_seed: int) -> nn.Sequential:
        self._check_dropout()
        n, *sizes = self.input_shape_
        convolution, norm, pooling = _LAYERS[len(self.input_shape_)]
        masks = Generator(train_seed)
        layers: list[nn.Module] = []
        if self._given_shape != self.input_shape_:
            layers += [nn.Flatten(), nn.Unflatten(1, self.input_shape_)]
        for c in whole_sizes(self.channels, "channels"):
            layers += hidden_layer(
                convolution(n, c, self.kernel_size, padding="same"),
                norm(c) if self.batch_norm else None, self.activation, 0.0, masks,
            )  # fmt: skip
            n = c
            if min(sizes) >= self.pool > 1:
                layers.append(pooling(self.pool))
                sizes = [size // self.pool for size in sizes]
        layers.append(nn.Flatten())
        n *= math.prod(sizes)
        for width in whole_sizes(self.dense, "dense"):
            layers += dense_layer(n, width, self.batch_norm, self.activation, self.dropout, masks)
            n = width
        module = nn.Sequential(*layers, nn.Linear(n, self.n_outputs_))
        initialise(module, self.init, self.activation, Generator(init_seed))
        return module


class CNNClassifier(NetworkClassifier, _CNN):
    """Convolutional network for images or signals of one label of two or more, or several labels.

    For each of `channels` a convolution of `kernel_size` with zeros around, so that sizes stay,
    the activation, and maxima of `pool` by `pool` pixels; where fewer are left the maximum is left
    out. Then hidden layers of `dense` units, and a linear one.

    X: (n_samples, channels, height, width), (n_samples, channels, length), or rows of features,
    dense or CSR, whose shape is `input_shape`, channels first. None: a row is a square image of one
    channel if its length is a square number and leaves room for every pooling, else a signal of
    one channel. init="auto" is MLPClassifier's law, the fans counted over the kernel; dropout
    follows dense layers, batch_norm precedes each activation. The other parameters, the numerics
    and the attributes are MLPClassifier's, and `input_shape_`. Raises ValueError for an input_shape
    that is not X's. LeCun et al. 1998, doi:10.1109/5.726791.
    """

    _parameter_constraints = {
        **_CNN._parameter_constraints,
        **NetworkClassifier._parameter_constraints,
    }

    def __init__(
        self,
        channels: Any = (32, 64),
        kernel_size: int = 3,
        pool: int = 2,
        dense: Any = (128,),
        input_shape: Any = None,
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
        l1: float = 0.0,
        init: str = "auto",
        loss: Any = "auto",
        class_weight: Any = None,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())


class CNNRegressor(NetworkRegressor, _CNN):
    """Convolutional network for one or several real targets of images or signals.

    The network and its options are CNNClassifier's, loss is MLPRegressor's.
    """

    _parameter_constraints = {
        **_CNN._parameter_constraints,
        **NetworkRegressor._parameter_constraints,
    }

    def __init__(
        self,
        channels: Any = (32, 64),
        kernel_size: int = 3,
        pool: int = 2,
        dense: Any = (128,),
        input_shape: Any = None,
        activation: str = "relu",
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
        batch_norm: bool = False,
        l1: float = 0.0,
        init: str = "auto",
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())
