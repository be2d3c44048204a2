"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..tensor import Tensor

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


class MLP(nn.Module):
    """Dense layers in_features -> hidden[0] -> ... -> out_features, an activation after each but
    the last.

    x (N, ...) is flattened to (N, in_features); the result (N, out_features) is linear (logits).
    hidden: numbers of units, may be empty (a linear model). activation: "relu", "tanh" or
    "sigmoid". dropout: probability after each hidden layer, 0 for none. Raises ValueError for
    another activation or sizes below 1. Source: Rumelhart, Hinton, Williams 1986,
    doi:10.1038/323533a0.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        out_features: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            known = ", ".join(map(repr, _ACTIVATIONS))
            raise ValueError(f"MLP: activation is {activation!r}, expected one of {known}")
        sizes = [in_features, *hidden, out_features]
        if min(sizes) < 1:
            raise ValueError(f"MLP: layer sizes are {sizes}, expected all at least 1")
        layers: list[nn.Module] = [nn.Flatten()]
        for n_in, n_out in zip(sizes[:-2], sizes[1:-1], strict=True):
            layers += [nn.Linear(n_in, n_out), _ACTIVATIONS[activation]()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
