"""Cells that draw: a mean and a standard deviation for each feature."""

from __future__ import annotations

from .. import functional as F
from ..creation import randn
from ..functional import _checks
from ..random import Generator
from ..tensor import Tensor
from .linear import Linear
from .module import Module


class GaussianCell(Module):
    """Mean and standard-deviation cells: x (..., in_features) -> (y, mean, log_var), each (...,
    out_features).

        mean = x @ mean.weight.T,  log_var = x @ log_var.weight.T  (+ biases),
        y = mean + exp(log_var / 2) eps,  eps ~ N(0, 1) drawn for each element.

    log_var is the logarithm of the variance, so any real number is allowed.  The noise is an input,
    so gradients pass through the draw: dy/dmean = 1, dy/dlog_var = (y - mean) / 2.  In evaluation
    mode y is the mean.  The cells have no bias unless asked (variational autoencoders ask): then an
    input of 0 draws from N(0, 1).

    `forward(x, generator=)` draws from the default generator if None.  Raises TypeError and
    ValueError for sizes below 1.  Source: Kingma and Welling 2014, Auto-encoding variational Bayes,
    arXiv:1312.6114.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = False) -> None:
        super().__init__()
        self.in_features = _checks.integer(in_features, "GaussianCell", "in_features", 1)
        self.out_features = _checks.integer(out_features, "GaussianCell", "out_features", 1)
        self.mean = Linear(in_features, out_features, bias)
        self.log_var = Linear(in_features, out_features, bias)

    def forward(
        self, input: Tensor, *, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_var = self.mean(input), self.log_var(input)
        if not self.training:
            return mean, mean, log_var
        return self.rsample(mean, log_var, generator=generator), mean, log_var

    @staticmethod
    def rsample(mean: Tensor, log_var: Tensor, *, generator: Generator | None = None) -> Tensor:
        """mean + exp(log_var / 2) eps: one draw for each element, whatever the mode.  Raises
        TypeError for other than Tensors, ValueError if the shapes differ."""
        _same_shape(mean, log_var, "GaussianCell.rsample")
        noise = randn(*mean.shape, generator=generator, dtype=mean.dtype)
        return mean + noise * F.exp(0.5 * log_var)

    @staticmethod
    def kl(mean: Tensor, log_var: Tensor) -> Tensor:
        """Divergence of N(mean, exp(log_var)) from N(0, 1) in nats, summed over the features:
        (..., features) -> (...).

            1/2 sum(mean^2 + exp(log_var) - 1 - log_var)

        Raises TypeError for other than Tensors, ValueError if the shapes differ.
        """
        _same_shape(mean, log_var, "GaussianCell.kl")
        return 0.5 * (mean * mean + F.exp(log_var) - 1.0 - log_var).sum(-1)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _same_shape(mean: Tensor, log_var: Tensor, function: str) -> None:
    _checks.tensor(mean, function, "mean")
    _checks.tensor(log_var, function, "log_var")
    if mean.shape != log_var.shape:
        raise ValueError(
            f"{function}: log_var has shape {log_var.shape}, but mean has shape {mean.shape}"
        )
