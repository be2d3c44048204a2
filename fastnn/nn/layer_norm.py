"""Layer and RMS normalisation as layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..creation import empty
from ..functional.layer_norm import shape_of
from ..functional.norm import eps_of
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) weight + bias over the last axes, normalized_shape.

    mean and var (over the number of elements) are those of each example.  elementwise_affine: with
    weight (from 1) and bias (from 0; none with bias=False), both of shape normalized_shape.
    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.

    normalized_shape: an int or several.  Raises TypeError and ValueError for settings, ValueError
    for input whose last axes are others.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape, "LayerNorm")
        self.eps = eps_of(eps, "LayerNorm")
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        affine = elementwise_affine
        self.register_parameter("weight", Parameter(empty(shape)) if affine else None)
        self.register_parameter("bias", Parameter(empty(shape)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The first values: weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        p = self._parameters  # without the detour over __getattr__
        return F.layer_norm(input, self.normalized_shape, p["weight"], p["bias"], self.eps)

    def extra_repr(self) -> str:
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) weight over the last axes, normalized_shape.

    elementwise_affine: with weight (from 1) of shape normalized_shape.  eps: None means the
    rounding unit of the input's dtype.  Source: Zhang & Sennrich 2019, arXiv:1910.07467.

    normalized_shape: an int or several.  Raises TypeError and ValueError for settings, ValueError
    for input whose last axes are others.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape, "RMSNorm")
        self.eps = None if eps is None else eps_of(eps, "RMSNorm")
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The first value: weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self._parameters["weight"], self.eps)

    def extra_repr(self) -> str:
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"
