"""Group and instance normalisation as layers."""

from __future__ import annotations

import warnings

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.norm import eps_of
from ..tensor import Parameter, Tensor
from . import init
from .module import Module
from .norm import _BatchNorm


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) weight + bias, x (N, C, ...).

    mean and var (over the number of elements) are those of num_channels / num_groups neighbouring
    channels of one example.  affine: with weight (C,), from 1, and bias (C,), from 0 (none with
    bias=False).  Source: Wu & He 2018, arXiv:1803.08494.

    Raises TypeError and ValueError for settings, ValueError for input of other channels and for one
    value per group.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = _checks.integer(num_groups, "GroupNorm", "num_groups", 1)
        self.num_channels = _checks.integer(num_channels, "GroupNorm", "num_channels", 0)
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"GroupNorm: num_groups={self.num_groups} does not divide "
                f"num_channels={self.num_channels}"
            )
        self.eps = eps_of(eps, "GroupNorm")
        self.affine = affine
        n = self.num_channels
        self.register_parameter("weight", Parameter(empty(n)) if affine else None)
        self.register_parameter("bias", Parameter(empty(n)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The first values: weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        p = self._parameters  # without the detour over __getattr__
        return F.group_norm(input, self.num_groups, p["weight"], p["bias"], self.eps)

    def extra_repr(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return f"{text}, affine={self.affine}"


class _InstanceNorm(_BatchNorm):
    """ranks: without the batch axis, and with it."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self.check_input(input)
        alone = input.ndim == self.ranks[0]
        channels = input.shape[0 if alone else 1]
        if channels != self.num_features:
            text = (
                f"{type(self).__name__}: input of shape {input.shape} has {channels} channels, "
                f"expected num_features={self.num_features}"
            )
            if self.affine or self.track_running_stats:
                raise ValueError(text)
            warnings.warn(f"{text}; not used, as affine=False", stacklevel=3)
        x = F.unsqueeze(input, 0) if alone else input
        p, buffers = self._parameters, self._buffers
        y = F.instance_norm(
            x, buffers["running_mean"], buffers["running_var"], p["weight"], p["bias"],
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return F.squeeze(y, 0) if alone else y


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) weight + bias per channel of each example, (N, C, L) or
    (C, L).

    mean and var are those of the example's channel.  affine: with weight (from 1) and bias (from 0;
    none with bias=False).  track_running_stats: running_mean and running_var follow the mean over
    the batch by the share momentum, and are used in evaluation.
    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.

    Raises TypeError and ValueError for settings, ValueError for input of another rank, for one
    element in a channel and, if affine or tracked, for another number of channels.
    """

    ranks = 2, 3


class InstanceNorm2d(_InstanceNorm):
    """InstanceNorm1d for images, (N, C, H, W) or (C, H, W)."""

    ranks = 3, 4


class InstanceNorm3d(_InstanceNorm):
    """InstanceNorm1d for volumes, (N, C, D, H, W) or (C, D, H, W)."""

    ranks = 4, 5
