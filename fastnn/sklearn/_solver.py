"""How the networks with scikit-learn's own parameters are trained: solvers and learning rates."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .. import optim
from ._base import NetworkEstimator


def store(estimator: Any, arguments: dict[str, Any]) -> None:
    """Keep the arguments of __init__, its locals(), as they are, as scikit-learn asks."""
    vars(estimator).update((k, v) for k, v in arguments.items() if k != "self")


def whole_sizes(values: Any, name: str) -> list[int]:
    """A number or several as a list.  Raises ValueError for one below 1 or no integer."""
    sizes = np.ravel(values).tolist()
    if any(isinstance(n, bool) or n != int(n) or n < 1 for n in sizes):
        raise ValueError(f"{name} must be > 0, got {sizes}.")
    return [int(n) for n in sizes]


class SolverEstimator(NetworkEstimator):
    """lbfgs, sgd and adam, with the parameters of scikit-learn's MLP; dropout."""

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
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
    }

    def _uses_lbfgs(self) -> bool:
        return self.solver == "lbfgs"

    def _learning_rate_schedule(self) -> str:
        return self.learning_rate if self.solver == "sgd" else "constant"

    def _check_dropout(self) -> None:
        if self.dropout and self._uses_lbfgs():
            raise ValueError(
                f"dropout is {self.dropout}, expected 0 with solver='lbfgs': a line search needs "
                "a loss that does not change by chance"
            )

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
