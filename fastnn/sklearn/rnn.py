"""RNNClassifier and RNNRegressor: recurrent layers over sequences."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from .. import functional, nn
from ..random import Generator
from ..tensor import Tensor
from ._shape import ShapedEstimator
from ._solver import SolverEstimator, store
from ._targets import NetworkClassifier, NetworkRegressor

_CELLS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class RecurrentNet(nn.Module):
    """The last state of recurrent layers, of both directions if there are two, and a linear layer.

    x (N, ...) of steps * features values a sample -> (N, out_features). copies: the last step, so
    many times over, is added to the outputs, which are then changes from it. Dropout precedes every
    layer but the first.
    """

    def __init__(
        self,
        cell: str,
        input_shape: tuple[int, int],
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        out_features: int,
        dropout: float,
        masks: Generator,
        copies: int = 0,
    ) -> None:
        super().__init__()
        self.input_shape, self.copies = input_shape, copies
        # Remembering at first is easier to learn from (Jozefowicz et al. 2015).
        more = {"forget_bias": 1.0} if cell == "lstm" else {}
        n_states = hidden_size * (2 if bidirectional else 1)
        self.layers = nn.ModuleList(
            # One by one, as their own dropout would draw from the default generator.
            _CELLS[cell](
                n_states if k else input_shape[1], hidden_size, batch_first=True,
                bidirectional=bidirectional, **more,
            )
            for k in range(num_layers)
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout, generator=masks)
        self.output = nn.Linear(n_states, out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = states = x.reshape(len(x), *self.input_shape)
        for k, layer in enumerate(self.layers):
            states, last = layer(self.dropout(states) if k else states)
        h = last[0] if isinstance(last, tuple) else last
        y = self.output(self.dropout(functional.cat(list(h), 1) if len(h) > 1 else h[0]))
        return y + functional.cat([x[:, -1]] * self.copies, 1) if self.copies else y


class RecurrentEstimator(SolverEstimator):
    """A RecurrentNet of `input_shape_`, and its parameters."""

    _parameter_constraints = {
        **SolverEstimator._parameter_constraints,
        "cell": [StrOptions(set(_CELLS))],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
    }
    bidirectional = False

    def _copies(self) -> int:
        return 0

    def _make_module(self, init_seed: int, train_seed: int) -> nn.Module:
        self._check_dropout()
        return RecurrentNet(
            self.cell, self.input_shape_, self.hidden_size, self.num_layers, self.bidirectional,
            self.n_outputs_, self.dropout, Generator(train_seed), self._copies(),
        )  # fmt: skip


class _RNN(ShapedEstimator, RecurrentEstimator):
    """What the two have in common."""

    _parameter_constraints = {
        **ShapedEstimator._parameter_constraints,
        **RecurrentEstimator._parameter_constraints,
    }
    _axes = (2,)
    _axis_names = "(steps, features)"

    def _shape_of_row(self, n_features: int) -> tuple[int, ...]:
        return n_features, 1


class RNNClassifier(NetworkClassifier, _RNN):
    """Recurrent network for sequences of one label of two or more, or of several labels.

    num_layers layers of `cell`: "lstm" (its forget bias begins at 1), "gru" or "rnn" (tanh), with
    hidden_size units, in both directions if bidirectional; a linear layer takes their last state.

    X: (n_samples, steps, features), or rows of features, dense or CSR, whose shape is
    `input_shape`, steps first; None: every feature of a row is a step. The first weights are
    `nn`'s; dropout precedes every layer but the first. The other parameters, the numerics and the
    attributes are MLPClassifier's, and `input_shape_`. Raises ValueError for an input_shape that is
    not X's. Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Cho et al. 2014,
    arXiv:1406.1078; Elman 1990, doi:10.1207/s15516709cog1402_1.
    """

    _parameter_constraints = {
        **_RNN._parameter_constraints,
        **NetworkClassifier._parameter_constraints,
    }

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        input_shape: Any = None,
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
        l1: float = 0.0,
        loss: Any = "auto",
        class_weight: Any = None,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())


class RNNRegressor(NetworkRegressor, _RNN):
    """Recurrent network for one or several real targets of sequences.

    The network and its options are RNNClassifier's, loss is MLPRegressor's.
    """

    _parameter_constraints = {
        **_RNN._parameter_constraints,
        **NetworkRegressor._parameter_constraints,
    }

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        input_shape: Any = None,
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
