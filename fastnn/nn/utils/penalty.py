"""Penalties on the size of weights, as terms of the objective."""

from __future__ import annotations

from collections.abc import Iterable

from ...tensor import Tensor


def l1_penalty(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """sum |w| over all entries of all parameters, of any shapes; a tensor of shape ().

    Its gradient is sign(w), 0 at 0: `lam * l1_penalty(p)` in the objective acts like
    `l1_decay=lam` in SGD. Raises ValueError if there are no parameters. Source: Tibshirani 1996,
    doi:10.1111/j.2517-6161.1996.tb02080.x.
    """
    return _total([p.abs().sum() for p in _listed(parameters, "l1_penalty")])


def l2_penalty(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """sum w^2 / 2 over all entries of all parameters, of any shapes; a tensor of shape ().

    Its gradient is w: `lam * l2_penalty(p)` in the objective acts like `weight_decay=lam` in SGD.
    Raises ValueError if there are no parameters. Source: Krogh and Hertz 1992.
    """
    return _total([(p * p).sum() for p in _listed(parameters, "l2_penalty")]) * 0.5


def _listed(parameters: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    found = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not found:
        raise ValueError(f"{name}: parameters is empty, expected at least one tensor")
    for p in found:
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}: parameters holds {type(p).__name__}, expected Tensors")
    return found


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
