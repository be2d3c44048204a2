"""Tensors of the shape or the dtype of another one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .creation import float_dtype, full, made, one_size, rand, randn, tensor
from .dtypes import as_dtype
from .functional import _checks
from .functional._checks import on_cpu
from .functional.placing import number_as
from .random import Generator
from .tensor import Tensor


def _like(input: Any, dtype: Any, function: str) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of input, or the dtype that is asked for."""
    x = _checks.tensor(input, function, "input")
    return x.shape, x.dtype if dtype is None else dtype


def zeros_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, *, device: Any = None
) -> Tensor:
    """All 0, of input's shape and dtype."""
    shape, kind = _like(input, dtype, "zeros_like")
    return made(np.zeros, shape, kind, requires_grad, "zeros_like", device)


def ones_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, *, device: Any = None
) -> Tensor:
    """All 1, of input's shape and dtype."""
    shape, kind = _like(input, dtype, "ones_like")
    return made(np.ones, shape, kind, requires_grad, "ones_like", device)


def empty_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, *, device: Any = None
) -> Tensor:
    """Not initialised, of input's shape and dtype."""
    shape, kind = _like(input, dtype, "empty_like")
    return made(np.empty, shape, kind, requires_grad, "empty_like", device)


def full_like(
    input: Tensor,
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Every element = fill_value, of input's shape and dtype."""
    on_cpu(device, "full_like")
    shape, kind = _like(input, dtype, "full_like")
    if not isinstance(fill_value, (bool, np.bool_, int, float, np.number)):
        raise TypeError(f"full_like: fill_value must be a number, got {fill_value!r}")
    return full(shape, fill_value, as_dtype(kind, "full_like"), requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform in [0, 1), of input's shape and dtype."""
    on_cpu(device, "rand_like")
    shape, kind = _like(input, dtype, "rand_like")
    kind = float_dtype(kind, "rand_like")
    return rand(shape, generator=generator, dtype=kind, requires_grad=requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal with mean 0 and variance 1, of input's shape and dtype."""
    on_cpu(device, "randn_like")
    shape, kind = _like(input, dtype, "randn_like")
    kind = float_dtype(kind, "randn_like")
    return randn(shape, generator=generator, dtype=kind, requires_grad=requires_grad)


def new_empty(
    input: Tensor,
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Not initialised, of input's dtype."""
    kind = _like(input, dtype, "new_empty")[1]
    sizes = one_size(shape, size, "new_empty")
    return made(np.empty, sizes, kind, requires_grad, "new_empty", device)


def new_zeros(
    input: Tensor,
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """All 0, of input's dtype."""
    kind = _like(input, dtype, "new_zeros")[1]
    sizes = one_size(shape, size, "new_zeros")
    return made(np.zeros, sizes, kind, requires_grad, "new_zeros", device)


def new_ones(
    input: Tensor,
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """All 1, of input's dtype."""
    kind = _like(input, dtype, "new_ones")[1]
    sizes = one_size(shape, size, "new_ones")
    return made(np.ones, sizes, kind, requires_grad, "new_ones", device)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Every element = fill_value, a number, of input's dtype.

    Raises ValueError for a number that the dtype cannot hold.
    """
    on_cpu(device, "new_full")
    kind = as_dtype(_like(input, dtype, "new_full")[1], "new_full")
    if not isinstance(fill_value, (bool, np.bool_, int, float, np.number)):
        raise TypeError(f"new_full: fill_value must be a number, got {fill_value!r}")
    value = number_as(fill_value, kind, "new_full")
    return full(size, value, kind, requires_grad)


def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A copy of data, an array, Tensor, number or nested lists, in input's dtype."""
    on_cpu(device, "new_tensor")
    kind = _like(input, dtype, "new_tensor")[1]
    return tensor(data, kind, requires_grad)
