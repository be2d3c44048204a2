"""A dense layer of two inputs."""

from __future__ import annotations

import math

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class Bilinear(Module):
    """y[k] = input1 . weight[k] . input2 + bias[k]: (*, in1) and (*, in2) -> (*, out).

    weight (out_features, in1_features, in2_features) and bias (out_features,) begin uniform in
    +-1 / sqrt(in1_features).  Raises TypeError and ValueError for sizes: inputs have at least one
    feature.
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True
    ) -> None:
        super().__init__()
        self.in1_features = _checks.integer(in1_features, "Bilinear", "in1_features", 1)
        self.in2_features = _checks.integer(in2_features, "Bilinear", "in2_features", 0)
        self.out_features = _checks.integer(out_features, "Bilinear", "out_features", 0)
        self.weight = Parameter(empty(self.out_features, self.in1_features, self.in2_features))
        self.register_parameter("bias", Parameter(empty(self.out_features)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        bound = 1.0 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
