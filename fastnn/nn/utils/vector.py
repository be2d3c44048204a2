"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...functional import cat, reshape
from ...grad_mode import no_grad
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Any]) -> Tensor:
    """The elements of all parameters in one axis, in their order; the gradient passes."""
    return cat([reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Any]) -> None:
    """Copy consecutive parts of vec (n,) into the parameters.

    Raises TypeError for no Tensor, ValueError if they have another number of elements.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}")
    targets = list(parameters)
    total = sum(p.numel() for p in targets)
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec has shape {vec.shape}, expected ({total},)")
    start = 0
    with no_grad():
        for p in targets:
            end = start + p.numel()
            p.copy_(reshape(vec[start:end], p.shape))
            start = end
