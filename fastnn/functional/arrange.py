"""Axes moved, parts taken, tensors put side by side: compositions of shape.py's functions."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from . import _checks
from .arithmetic import add, matmul, mul, sub
from .rounding import logical_xor
from .shape import cat, clone, expand, getitem, permute, reshape, transpose, view


def _along(x: Tensor, dim: Any, part: Any, function: str) -> Tensor:
    return getitem(x, (*(slice(None),) * _checks.axis(dim, x.ndim, function), part))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the slices along `dim`, which is gone.  Raises IndexError for dim."""
    x = _checks.tensor(input, "unbind", "input")
    if not x.ndim:
        raise ValueError("unbind: input has no axes")
    n = x.shape[_checks.axis(dim, x.ndim, "unbind")]
    return tuple(_along(x, dim, i, "unbind") for i in range(n))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Axis `dim` becomes the axes `sizes`, one of which may be -1; a view where memory allows.

    Raises IndexError for dim, TypeError and ValueError for sizes that do not fit.
    """
    x = _checks.tensor(input, "unflatten", "input")
    if not x.ndim:
        raise ValueError("unflatten: input has no axes")
    d = _checks.axis(dim, x.ndim, "unflatten")
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise TypeError(f"unflatten: sizes must be a tuple of one integer or more, got {sizes!r}")
    listed = [_checks.integer(n, "unflatten", "sizes", -1) for n in sizes]
    n, rest = x.shape[d], math.prod(v for v in listed if v != -1)
    if listed.count(-1) == 1 and rest and not n % rest:
        listed[listed.index(-1)] = n // rest
    if -1 in listed or math.prod(listed) != n:
        raise ValueError(f"unflatten: sizes {tuple(sizes)} do not fit an axis of {n} elements")
    return reshape(x, (*x.shape[:d], *listed, *x.shape[d + 1 :]))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of `length` slices along `dim` from `start`.  Raises ValueError if there are fewer."""
    x = _checks.tensor(input, "narrow", "input")
    if not x.ndim:
        raise ValueError("narrow: input has no axes")
    n = x.shape[_checks.axis(dim, x.ndim, "narrow")]
    first = start + n if start < 0 else start
    if not 0 <= first <= first + length <= n:
        raise ValueError(f"narrow: start {start} and length {length} leave an axis of {n} elements")
    return _along(x, dim, slice(first, first + length), "narrow")


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with the axes `source` at the places `destination`, the others in their order."""
    x = _checks.tensor(input, "movedim", "input")
    pair = [[a] if isinstance(a, int) else list(a) for a in (source, destination)]
    old, new = [[_checks.axis(d, x.ndim, "movedim") for d in dims] for dims in pair]
    if len(old) != len(new) or len(set(old)) != len(old) or len(set(new)) != len(new):
        raise ValueError(f"movedim: source {source} and destination {destination} do not match")
    order = [d for d in range(x.ndim) if d not in old]
    for place, d in sorted(zip(new, old, strict=True)):
        order.insert(place, d)
    return permute(x, order)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two axes change places, a view; transpose under NumPy's name."""
    return transpose(input, axis0, axis1)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """expand to other's shape."""
    return expand(input, _checks.tensor(other, "expand_as", "other").shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """view in other's shape."""
    return view(input, _checks.tensor(other, "view_as", "other").shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """reshape to other's shape."""
    return reshape(input, _checks.tensor(other, "reshape_as", "other").shape)


def ravel(input: Tensor) -> Tensor:
    """All elements in one axis, a view where memory allows."""
    return reshape(_checks.tensor(input, "ravel", "input"), (-1,))


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """expand, by NumPy's name."""
    return expand(_checks.tensor(input, "broadcast_to", "input"), size)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one slice along `dim`, which is gone.  Raises IndexError for dim and index."""
    x = _checks.tensor(input, "select", "input")
    if not x.ndim:
        raise IndexError("select: input has no axes")
    n = x.shape[_checks.axis(dim, x.ndim, "select")]
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise TypeError(f"select: index must be an integer, got {index!r}")
    if not -n <= operator.index(index) < n:
        raise IndexError(f"select: index is {index}, expected {-n} <= index < {n}")
    return _along(x, dim, operator.index(index), "select")


def unfold(input: Tensor, dimension: int, size: int, step: int = 1) -> Tensor:
    """The windows of `size` slices, `step` apart, along an axis, which then has one place for each
    window; what is in them is a new last axis.  A copy.

    A method of Tensor; functional.unfold is the one of images.  Raises ValueError for windows that
    do not fit.
    """
    x = _checks.tensor(input, "unfold", "input")
    if not x.ndim:  # one element, the first window of one axis
        return select(unfold(reshape(x, (1,)), dimension, size, step), 0, 0)
    d = _checks.axis(dimension, x.ndim, "unfold")
    width = _checks.integer(size, "unfold", "size", 0)
    apart = _checks.integer(step, "unfold", "step", 1)
    if width > x.shape[d]:
        raise ValueError(f"unfold: size is {size}, but axis {d} of shape {x.shape} is shorter")
    starts = np.arange(0, x.shape[d] - width + 1, apart)
    return movedim(_along(x, d, starts[:, None] + np.arange(width), "unfold"), d + 1, -1)


def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor has dtype float32 or float64."""
    return _checks.tensor(input, "is_floating_point", "input").dtype.kind == "f"


def numel(input: Tensor) -> int:
    """How many elements a tensor has."""
    return _checks.tensor(input, "numel", "input")._data.size


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """x[i + 1] - x[i] along `dim`, n times over; of bools, whether they differ.

    prepend, append: put before and after input first.  Raises IndexError for dim, ValueError for
    shapes, TypeError for dtypes.
    """
    x = _checks.tensor(input, "diff", "input")
    if not x.ndim:
        raise ValueError("diff: input has no axes")
    d = _checks.axis(dim, x.ndim, "diff")
    times = _checks.integer(n, "diff", "n", 0)
    parts = [x]
    for name, part in (("prepend", prepend), ("append", append)):
        if part is None:
            continue
        shape = _checks.tensor(part, "diff", name).shape
        if len(shape) != x.ndim or any(
            a != b for i, (a, b) in enumerate(zip(shape, x.shape, strict=True)) if i != d
        ):
            raise ValueError(f"diff: {name} has shape {shape}, expected {x.shape} but for axis {d}")
        parts = [part, *parts] if name == "prepend" else [*parts, part]
    if not times:
        return clone(x)
    y = cat(parts, d) if len(parts) > 1 else x
    for _ in range(min(times, y.shape[d])):
        later, earlier = narrow(y, d, 1, y.shape[d] - 1), narrow(y, d, 0, y.shape[d] - 1)
        y = logical_xor(later, earlier) if y.dtype.kind == "b" else sub(later, earlier)
    return y


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along axis 1, or along the only one."""
    xs = [t if t.ndim else reshape(t, (1,)) for t in tensors]
    return cat(xs, 1 if xs and xs[0].ndim > 1 else 0)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along axis 0, vectors as rows."""
    return cat([t if t.ndim > 1 else reshape(t, (1, -1)) for t in tensors], 0)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """y[i, j] = input[i] vec2[j] of two vectors.  Raises ValueError for other shapes."""
    a, b = _checks.tensor(input, "outer", "input"), _checks.tensor(vec2, "outer", "vec2")
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(f"outer: shapes {a.shape} and {b.shape}, expected vectors")
    return mul(reshape(a, (-1, 1)), b)


def _added(name: str, input: Tensor, a: Tensor, b: Tensor, axes: int, beta: Any, alpha: Any) -> Any:
    if not a.ndim == b.ndim == axes:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape}, expected {axes} axes")
    product = matmul(a, b)
    product = product if alpha == 1 else mul(product, alpha)
    return add(input if beta == 1 else mul(input, beta), product)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta input + alpha mat1 @ mat2, input broadcast.  Raises ValueError for shapes."""
    return _added("addmm", input, mat1, mat2, 2, beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta input + alpha batch1 @ batch2, a product per batch.  Raises ValueError for shapes."""
    return _added("baddbmm", input, batch1, batch2, 3, beta, alpha)


def _triangle(input: Tensor, diagonal: int, lower: bool, function: str) -> Tensor:
    from .indexing import where

    x = _checks.tensor(input, function, "input")
    if x.ndim < 2:
        raise ValueError(f"{function}: input has shape {x.shape}, expected two axes or more")
    mask = np.tri(x.shape[-2], x.shape[-1], k=diagonal if lower else diagonal - 1, dtype=bool)
    return where(wrap(mask if lower else ~mask), x, 0)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with 0 above the given diagonal."""
    return _triangle(input, diagonal, True, "tril")


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with 0 below the given diagonal."""
    return _triangle(input, diagonal, False, "triu")
