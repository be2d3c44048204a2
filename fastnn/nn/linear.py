"""Dense layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class Identity(Module):
    """y = x.  Arguments are ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = act(x @ weight.T + bias): x (..., in_features) -> y (..., out_features).

    weight (out_features, in_features) and bias (out_features,) begin uniform in
    +-1 / sqrt(in_features).  activation: None, "relu", "tanh" or "sigmoid", computed while y is in
    registers.  Raises TypeError and ValueError for sizes below 0 or another activation.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.in_features = _checks.integer(in_features, "Linear", "in_features", 0)
        self.out_features = _checks.integer(out_features, "Linear", "out_features", 0)
        self.activation = _checks.activation(activation, "Linear")
        self.weight = Parameter(empty(self.out_features, self.in_features))
        self.register_parameter("bias", Parameter(empty(self.out_features)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        init.default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        p = self._parameters  # without the detour over __getattr__
        return F.linear(input, p["weight"], p["bias"], activation=self.activation)

    def forward_with(self, input: Tensor, activation: str) -> Tensor:
        """forward with another activation; for Sequential."""
        p = self._parameters
        return F.linear(input, p["weight"], p["bias"], activation=activation)

    def extra_repr(self) -> str:
        text = f"in_features={self.in_features}, out_features={self.out_features}"
        text += f", bias={self.bias is not None}"
        return text if self.activation is None else f"{text}, activation={self.activation!r}"
