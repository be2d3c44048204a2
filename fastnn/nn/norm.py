"""Normalisation layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.norm import eps_of, fused_activation
from ..tensor import Parameter, Tensor, wrap
from . import init
from .module import Module


class _BatchNorm(Module):
    """weight, bias, running_mean, running_var (C,) and num_batches_tracked (), each may be None."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    ranks: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = _checks.integer(num_features, name, "num_features", 0)
        self.eps = eps_of(eps, name)
        if momentum is not None and (
            isinstance(momentum, bool) or not isinstance(momentum, (int, float, np.number))
        ):
            raise TypeError(f"{name}: momentum must be a number or None, got {momentum!r}")
        self.momentum = momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.activation = fused_activation(activation, name)
        n = self.num_features
        self.register_parameter("weight", Parameter(empty(n)) if affine else None)
        self.register_parameter("bias", Parameter(empty(n)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", empty(n) if tracked else None)
        self.register_buffer("running_var", empty(n) if tracked else None)
        zero = wrap(np.zeros((), np.int64)) if tracked else None
        self.register_buffer("num_batches_tracked", zero)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches."""
        if self.track_running_stats:
            for name, value in (("mean", 0), ("var", 1)):
                running = self._buffers[f"running_{name}"]
                init.constant_(running, value)
            self._buffers["num_batches_tracked"]._data[...] = 0
            self._buffers["num_batches_tracked"]._changed()

    def reset_parameters(self) -> None:
        """The first values: weight 1, bias 0, and the running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def check_input(self, input: Tensor) -> None:
        """ValueError for a rank that this layer does not take."""
        ndim = _checks.tensor(input, type(self).__name__, "input").ndim
        if ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(
                f"{type(self).__name__}: expected {wanted} input, got {ndim}D of shape "
                f"{input.shape}"
            )

    def forward(self, input: Tensor) -> Tensor:
        return self.forward_with(input, self.activation)

    def forward_with(self, input: Tensor, activation: str | None) -> Tensor:
        """forward with another activation; for Sequential."""
        self.check_input(input)
        p, buffers = self._parameters, self._buffers
        mean, var = buffers["running_mean"], buffers["running_var"]
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            count = buffers["num_batches_tracked"]
            if count is not None:
                count._data[...] += 1
                count._changed()
                if self.momentum is None:
                    share = 1.0 / float(count._data)
        batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(
            input, mean, var, p["weight"], p["bias"], batch, share, self.eps, activation=activation
        )

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
        text += f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        return text if self.activation is None else f"{text}, activation={self.activation!r}"


class BatchNorm1d(_BatchNorm):
    """y = act((x - mean) / sqrt(var + eps) weight + bias) per channel of (N, C) or (N, C, L).

    In training mean and var are the batch's; running_mean and running_var follow them by the share
    momentum, or with momentum None become the plain average over all batches.  In evaluation the
    running ones are used, or with track_running_stats=False the batch's.  affine: with weight
    (from 1) and bias (from 0; none with bias=False).  activation: None or "relu", in the same pass.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.

    Raises TypeError and ValueError for settings, ValueError for input of another rank or number of
    channels and, in training, for one value per channel.
    """

    ranks = 2, 3


class BatchNorm2d(_BatchNorm):
    """BatchNorm1d for images (N, C, H, W)."""

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """BatchNorm1d for volumes (N, C, D, H, W)."""

    ranks = (5,)


class LocalResponseNorm(Module):
    """y_c = x_c (k + alpha / size sum x_j^2)^-beta; see functional.local_response_norm.

    Raises TypeError and ValueError for a size below 1.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = _checks.integer(size, "LocalResponseNorm", "size", 1)
        self.alpha, self.beta, self.k = alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def is_batch_norm(module: Any) -> bool:
    """Whether it is one of the three layers itself, not a subclass."""
    return type(module) in (BatchNorm1d, BatchNorm2d, BatchNorm3d)
