"""Hidden layers by the names of the parameters, and their first weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .. import nn
from ..nn import init as initialisers
from ..random import Generator

ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    "identity": None,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
INITS = ("kaiming_normal", "kaiming_uniform", "lecun_normal", "lecun_uniform", "orthogonal",
         "xavier_normal", "xavier_uniform")  # fmt: skip


def hidden_layer(
    layer: nn.Module, norm: nn.Module | None, activation: str, dropout: float, masks: Generator
) -> list[nn.Module]:
    """The layer, its batch normalisation, activation and dropout, as far as there are any."""
    kind = ACTIVATIONS[activation]
    return [
        layer,
        *([] if norm is None else [norm]),
        *([] if kind is None else [kind()]),
        *([nn.Dropout(dropout, generator=masks)] if dropout else []),
    ]


def dense_layer(
    n_in: int, n_out: int, batch_norm: bool, activation: str, dropout: float, masks: Generator
) -> list[nn.Module]:
    """The same of a Linear."""
    norm = nn.BatchNorm1d(n_out) if batch_norm else None
    return hidden_layer(nn.Linear(n_in, n_out), norm, activation, dropout, masks)


def weighted(module: nn.Module) -> Iterator[Any]:
    """Its dense and convolutional layers."""
    kinds = nn.Linear, nn.Conv1d, nn.Conv2d
    return (layer for layer in module.modules() if isinstance(layer, kinds))


def initialise(module: nn.Module, init: str, activation: str, generator: Generator) -> None:
    """auto: uniform in +-sqrt(6 / (fan_in + fan_out)), 2 in place of 6 for the logistic function,
    biases too (Glorot & Bengio 2010, as in scikit-learn); otherwise biases 0."""
    factor = 2.0 if activation == "logistic" else 6.0
    for layer in weighted(module):
        if init == "auto":
            n_out, n_in, *window = layer.weight.shape
            bound = (factor / ((n_in + n_out) * math.prod(window))) ** 0.5
            initialisers.uniform_(layer.weight, -bound, bound, generator=generator)
            initialisers.uniform_(layer.bias, -bound, bound, generator=generator)
        else:
            getattr(initialisers, f"{init}_")(layer.weight, generator=generator)
            initialisers.zeros_(layer.bias)
