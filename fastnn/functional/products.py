"""Products over chosen axes, of blocks and of grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import _checks
from .arithmetic import matmul, mul
from .binary import operands
from .shape import expand, permute, reshape


def _contracted(dims: Any, a: Tensor, b: Tensor) -> tuple[list[int], list[int]]:
    if isinstance(dims, (int, np.integer)) and not isinstance(dims, bool):
        n = _checks.integer(dims, "tensordot", "dims", 0)
        if n > min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: dims is {n}, but shapes are {a.shape} and {b.shape}")
        return list(range(a.ndim - n, a.ndim)), list(range(n))
    if not isinstance(dims, (tuple, list)) or len(dims) != 2:
        raise TypeError(f"tensordot: dims is {dims!r}, expected an int or two lists of axes")
    lists = [[d] if isinstance(d, int) else list(d) for d in dims]
    found = [
        [_checks.axis(d, x.ndim, "tensordot") for d in part]
        for part, x in zip(lists, (a, b), strict=True)
    ]
    if len(found[0]) != len(found[1]) or any(len(set(part)) != len(part) for part in found):
        raise ValueError(f"tensordot: dims {dims!r} do not pair axes, each once")
    return found[0], found[1]


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over pairs of axes: one matrix product.

    dims: how many, the last of a with the first of b, or two lists of axes.  The result has the
    other axes of a, then those of b.  Raises ValueError for sizes, TypeError for dtypes.
    """
    x, y = _checks.tensor(a, "tensordot", "a"), _checks.tensor(b, "tensordot", "b")
    _checks.kernels(x._data, "tensordot", "a", y._data, "b")
    left, right = _contracted(dims, x, y)
    if any(x.shape[i] != y.shape[j] for i, j in zip(left, right, strict=True)):
        raise ValueError(
            f"tensordot: axes {left} of shape {x.shape} and {right} of shape {y.shape} differ"
        )
    rows = [i for i in range(x.ndim) if i not in left]
    columns = [j for j in range(y.ndim) if j not in right]
    inner = math.prod(x.shape[i] for i in left)
    m, n = math.prod(x.shape[i] for i in rows), math.prod(y.shape[j] for j in columns)
    x2 = reshape(permute(x, [*rows, *left]), (m, inner))
    y2 = reshape(permute(y, [*right, *columns]), (inner, n))
    shape = [*(x.shape[i] for i in rows), *(y.shape[j] for j in columns)]
    return reshape(matmul(x2, y2), shape)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last axes of both; with a Tensor of no axes the product.

    The result has the other axes of input, then those of other.  Raises ValueError for sizes,
    TypeError for dtypes.
    """
    a, b = _checks.tensor(input, "inner", "input"), _checks.tensor(other, "inner", "other")
    if not a.ndim or not b.ndim:
        return mul(a, b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"inner: last axes of shapes {a.shape} and {b.shape} differ")
    return tensordot(a, b, ([-1], [-1]))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: each element of input times the whole of other, as blocks.

    Sizes multiply axis by axis; the one with fewer axes gets leading ones.
    """
    a, b = _checks.tensor(input, "kron", "input"), _checks.tensor(other, "kron", "other")
    a, b = operands(a, b, "kron")
    n = max(a.ndim, b.ndim)
    s, t = ((1,) * (n - x.ndim) + x.shape for x in (a, b))
    y = mul(
        reshape(a, [k for i in range(n) for k in (s[i], 1)]),
        reshape(b, [k for i in range(n) for k in (1, t[i])]),
    )
    return reshape(y, [p * q for p, q in zip(s, t, strict=True)])


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """For vectors of lengths n_0, n_1, ... one (n_0, n_1, ...) each, which varies along its axis.

    indexing: "ij" (also None), or "xy", which swaps the first two axes.  Views.  Raises ValueError
    for more than one axis, TypeError for dtypes that differ.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise ValueError(f"meshgrid: indexing is {indexing!r}, expected 'ij' or 'xy'")
    if not tensors:
        raise ValueError("meshgrid: no tensors")
    xs = [_checks.tensor(t, "meshgrid", f"tensors[{i}]") for i, t in enumerate(tensors)]
    for i, x in enumerate(xs):
        if x.ndim > 1:
            raise ValueError(f"meshgrid: tensors[{i}] has shape {x.shape}, expected one axis")
        if x.dtype != xs[0].dtype:
            raise TypeError(f"meshgrid: dtypes {xs[0].dtype} and {x.dtype} differ")
    axes = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        axes[:2] = [1, 0]
    shape = [0] * len(xs)
    for axis, x in zip(axes, xs, strict=True):
        shape[axis] = x._data.size
    ones = [1] * len(xs)
    return tuple(
        expand(reshape(x, [*ones[:axis], x._data.size, *ones[axis + 1 :]]), shape)
        for axis, x in zip(axes, xs, strict=True)
    )
