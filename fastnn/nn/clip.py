"""Clipping of gradients: all parameters in one kernel call."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import backend
from ..functional import _checks
from ..tensor import Tensor, contiguous


def _tensors(parameters: Tensor | Iterable[Tensor], function: str) -> list[Tensor]:
    found = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for p in found:
        if not isinstance(p, Tensor):
            _checks.tensor(p, function, "parameters")
    return found


def _grads(parameters: Tensor | Iterable[Tensor], function: str) -> list[Tensor]:
    return [p._grad for p in _tensors(parameters, function) if p._grad is not None]


def _by_dtype(tensors: list[Tensor], function: str) -> Iterable[tuple[Any, list[Tensor]]]:
    """The backend and the tensors of each dtype."""
    groups: dict[str, list[Tensor]] = {}
    for t in tensors:
        groups.setdefault(t._data.dtype.char, []).append(t)
    for same in groups.values():
        yield _checks.kernels(same[0]._data, function, "gradient"), same


def _norm(tensors: list[Tensor], norm_type: Any, function: str, must_be_finite: bool) -> float:
    p = _checks.number(norm_type, function, "norm_type")
    if not norm_type > 0:
        raise ValueError(f"{function}: norm_type is {norm_type}, expected above 0 or infinity")
    parts = [
        k.grad_norm([contiguous(t._data) for t in same], p)
        for k, same in _by_dtype(tensors, function)
    ]
    if len(parts) > 1:
        parts = [backend.of(np.empty(0)).grad_norm([np.array(parts)], p)]
    total = parts[0] if parts else 0.0
    if must_be_finite and not math.isfinite(total):
        raise RuntimeError(f"{function}: the norm of the gradients is {total}")
    return total


def _in_place(tensors: list[Tensor], kernel: str, value: float, function: str) -> None:
    for t in tensors:
        if not t._data.flags.writeable:
            raise ValueError(f"{function}: a gradient is read-only")
    for k, same in _by_dtype(tensors, function):
        arrays = [contiguous(t._data) for t in same]
        getattr(k, kernel)(arrays, value)
        for t, array in zip(same, arrays, strict=True):
            if array is not t._data:
                t._data[...] = array
            t._changed()


def _limit(value: Any, name: str, function: str) -> float:
    limit = _checks.number(value, function, name)
    if not value >= 0:
        raise ValueError(f"{function}: {name} is {value}, expected at least 0")
    return limit


def _scale_to(grads: list[Tensor], max_norm: float, total: float, function: str) -> None:
    factor = max_norm / (total + 1e-6)
    if factor < 1.0 or math.isnan(factor):
        _in_place(grads, "scale_grads", factor, function)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> float:
    """(sum |x|^p)^(1/p) over all elements of all tensors, p = norm_type; infinity: the largest |x|.

    Sums have a fixed order and are float64 but for the squares of 2048 elements.  foreach: taken as
    PyTorch does, without effect.  Raises ValueError for norm_type <= 0, RuntimeError for a norm
    that is not finite, if error_if_nonfinite.
    """
    function = "get_total_norm"
    return _norm(_tensors(tensors, function), norm_type, function, error_if_nonfinite)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: float | Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by max_norm / (total_norm + 1e-6) if that is below 1.

    Raises ValueError for max_norm below 0.
    """
    function = "clip_grads_with_norm_"
    total = total_norm.item() if isinstance(total_norm, Tensor) else total_norm
    limit = _limit(max_norm, "max_norm", function)
    _scale_to(_grads(parameters, function), limit, float(total), function)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> float:
    """Scale all gradients so that their norm together is at most max_norm; returns the norm before.

    norm_type, foreach: see get_total_norm.  Raises ValueError for max_norm below 0 or norm_type
    <= 0, RuntimeError for a norm that is not finite, if error_if_nonfinite; then nothing has
    changed.  Source: Pascanu et al. 2013, arXiv:1211.5063.
    """
    function = "clip_grad_norm_"
    limit = _limit(max_norm, "max_norm", function)
    grads = _grads(parameters, function)
    total = _norm(grads, norm_type, function, error_if_nonfinite)
    _scale_to(grads, limit, total, function)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Every gradient element into [-clip_value, clip_value].  Raises ValueError below 0."""
    function = "clip_grad_value_"
    limit = _limit(clip_value, "clip_value", function)
    _in_place(_grads(parameters, function), "clamp_grads", limit, function)
