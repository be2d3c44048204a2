"""Multilayer perceptron."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import nn
from ..tensor import Tensor

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def listed(value: Any, owner: str, name: str) -> list[int]:
    """`value` as a list; TypeError, naming the argument, if it is no sequence."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{owner}: {name} is {value!r}, expected a sequence of integers")
    return list(value)


def check_sizes(sizes: Sequence[int], owner: str) -> None:
    """ValueError, naming the owner, for a layer without units; TypeError for no integers."""
    if not all(isinstance(n, (int, np.integer)) for n in sizes):
        raise TypeError(f"{owner}: layer sizes are {list(sizes)}, expected integers")
    if min(sizes) < 1:
        raise ValueError(f"{owner}: layer sizes are {list(sizes)}, expected all at least 1")


def dense_layers(
    sizes: Sequence[int], activation: str, owner: str, dropout: float = 0.0
) -> list[nn.Module]:
    """Dense layers sizes[0] -> sizes[1] -> ..., an activation after each, and dropout if wanted.
    Raises ValueError, naming the owner, for another activation or sizes below 1.
    """
    if activation not in _ACTIVATIONS:
        known = ", ".join(map(repr, _ACTIVATIONS))
        raise ValueError(f"{owner}: activation is {activation!r}, expected one of {known}")
    check_sizes(sizes, owner)
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), _ACTIVATIONS[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers


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
        sizes = [in_features, *listed(hidden, "MLP", "hidden"), out_features]
        check_sizes(sizes, "MLP")
        layers = dense_layers(sizes[:-1], activation, "MLP", dropout)
        self.layers = nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-2], sizes[-1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
