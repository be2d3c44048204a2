"""Slices written by index, and elements that meet at an index reduced to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Function, Tensor, wrap
from . import _checks
from .indexing import _index, _line, _places, _Scatter, _source
from .shape import expand, reshape, to

_REDUCE = {
    "sum": np.add,
    "mean": np.add,
    "prod": np.multiply,
    "amax": np.maximum,
    "amin": np.minimum,
}


def _identity(dtype: np.dtype, reduce: str) -> Any:
    """What changes nothing when it is reduced with an element."""
    if reduce in ("sum", "mean", "prod"):
        return dtype.type(reduce == "prod")
    if dtype.kind == "b":
        return np.bool_(reduce == "amin")
    if dtype.kind == "f":
        return dtype.type(-np.inf if reduce == "amax" else np.inf)
    ends = np.iinfo(dtype)
    return dtype.type(ends.min if reduce == "amax" else ends.max)


def _counts(x: np.ndarray, places: Any, include_self: bool) -> np.ndarray:
    """How many elements meet at each place, at least 1."""
    n = np.full(x.shape, int(include_self), x.dtype)
    np.add.at(n, places, x.dtype.type(1))
    return np.maximum(n, x.dtype.type(1))


@np.errstate(all="ignore")
def _reduced(
    x: np.ndarray, src: np.ndarray, places: Any, reduce: str, include_self: bool
) -> np.ndarray:
    y = np.copy(x, order="C")
    if not include_self:
        y[places] = _identity(x.dtype, reduce)
    _REDUCE[reduce].at(y, places, src)
    if reduce == "mean":
        n = _counts(y, places, include_self)
        return y / n if y.dtype.kind == "f" else y // n
    return y


class _ScatterReduce(Function):
    """Of equal extremes each gets a share of the gradient; an input that has the extreme counts as
    one of them with include_self=False as well, though it gets nothing: so does PyTorch.
    """

    strided = True

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, src: np.ndarray, places: Any, reduce: str, include_self: bool
    ) -> Any:
        y = _reduced(x, src, places, reduce, include_self)
        ctx.places, ctx.reduce, ctx.include_self = places, reduce, include_self
        ctx.save(x, src, y)
        return y

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        x, src, y = ctx.saved
        places, reduce = ctx.places, ctx.reduce
        if reduce == "prod":
            dx, dsrc = _slopes_of_product(dy, x, src, y, places, ctx.include_self)
        elif reduce in ("sum", "mean"):
            n = _counts(dy, places, ctx.include_self) if reduce == "mean" else dy.dtype.type(1)
            dx = np.asanyarray(dy / n)
            dsrc = dx[places]
        else:
            has = np.asanyarray(x == y, dy.dtype)
            src_has = np.asanyarray(src == y[places], dy.dtype)
            n = has.copy()
            np.add.at(n, places, src_has)
            share = np.asanyarray(dy / n)
            dx, dsrc = np.asanyarray(has * share), src_has * share[places]
        if not ctx.include_self:
            dx[places] = 0
        return dx, np.copy(dsrc, order="C")


def _slopes_of_product(
    dy: np.ndarray, x: np.ndarray, src: np.ndarray, y: np.ndarray, places: Any, include_self: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A factor's slope is the product over it; where it is 0, the product with 1 in its place."""
    one, zero = dy.dtype.type(1), dy.dtype.type(0)
    x1 = np.where(x == 0, one, x)
    dx = dy * _reduced(x1, src, places, "prod", include_self) / x1
    zeros = np.zeros_like(y)
    np.add.at(zeros, places, np.asanyarray(src == 0, dy.dtype))
    only = (src == 0) & (zeros[places] == 1)
    others = _reduced(x, np.where(only, one, src), places, "prod", include_self)
    dsrc = np.asanyarray(dy * y)[places] / np.where(src == 0, one, src)
    dsrc = np.where(only, np.asanyarray(dy * others)[places], np.where(src == 0, zero, dsrc))
    return np.asanyarray(dx), dsrc


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of input with y[i][j] = the src[k][j] whose index[k][j] is i, reduced to one, for dim
    0; places that index does not name keep input's element.

    reduce: "sum", "prod", "mean" (of integers rounded down), "amax" or "amin".  include_self:
    whether input's element is one of those reduced.  Raises as `gather`.
    """
    x = _checks.tensor(input, "scatter_reduce", "input")
    source = _checks.tensor(src, "scatter_reduce", "src")
    if reduce not in _REDUCE:
        raise ValueError(
            f"scatter_reduce: reduce is {reduce!r}, expected one of {', '.join(_REDUCE)}"
        )
    if reduce == "mean" and x.dtype.kind == "b":
        raise TypeError("scatter_reduce: input has dtype bool, which has no mean")
    _, found, places = _places(x, dim, index, "scatter_reduce")
    x, source = _source(x, source, found, "scatter_reduce")
    return _ScatterReduce.apply(x, source, places, reduce, include_self)


def multiplied(x: Tensor, source: Tensor, places: Any) -> Tensor:
    """`scatter` with reduce="multiply", its arguments checked."""
    return _ScatterReduce.apply(x, source, places, "prod", True)


def _vector(input: Any, function: str) -> tuple[Tensor, Tensor]:
    """input, and as a vector if it has no axes."""
    x = _checks.tensor(input, function, "input")
    return x, x if x.ndim else reshape(x, (1,))


def number_as(value: Any, dtype: np.dtype, function: str) -> np.ndarray:
    """A number in dtype, for integers without what follows the point; ValueError if it is too
    large."""
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise ValueError(f"{function}: {value} does not fit into {dtype}")
    with np.errstate(over="ignore"):  # beyond float32: infinity
        return np.asarray(value).astype(dtype)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of input whose slices along `dim`, named by index (n,), are source's.

    source: input's shape with n along `dim`.  Where an index repeats the last one stays.  Raises as
    `gather`.
    """
    whole, x = _vector(input, "index_copy")
    given = _checks.tensor(source, "index_copy", "source")
    if given.dtype != x.dtype:
        raise TypeError(f"index_copy: source has dtype {given.dtype}, but input has {x.dtype}")
    d, found = _line(x, dim, index, "index_copy")
    wanted = (*x.shape[:d], found.size, *x.shape[d + 1 :])
    if not given.ndim and wanted == (1,):
        given = reshape(given, (1,))
    if given.shape != wanted:
        raise ValueError(f"index_copy: source has shape {given.shape}, expected {wanted}")
    y = _Scatter.apply(x, given, (*(slice(None),) * d, found), False)
    return y if whole.ndim else reshape(y, ())


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of input whose slices along `dim`, named by index (n,), are filled with value: a
    number, or a Tensor of no axes, converted to input's dtype.

    Negative indices count from the end.  Raises as `gather`.
    """
    whole, x = _vector(input, "index_fill")
    found = _index(index, "index_fill")
    n = x.shape[_checks.axis(dim, x.ndim, "index_fill")]
    d, line = _line(x, dim, wrap(np.where(found < 0, found + n, found)), "index_fill")
    if isinstance(value, Tensor):
        if value.ndim:
            raise ValueError(f"index_fill: value has shape {value.shape}, expected no axes")
        filler = to(value, x.dtype)
    elif isinstance(value, (bool, np.bool_, int, float, np.number)):
        filler = wrap(number_as(value, x.dtype, "index_fill"))
    else:
        raise TypeError(f"index_fill: value must be a number or a Tensor, got {value!r}")
    line = np.unique(line)  # each slice counts once in the gradient of value
    wanted = (*x.shape[:d], line.size, *x.shape[d + 1 :])
    y = _Scatter.apply(x, expand(filler, wanted), (*(slice(None),) * d, line), False)
    return y if whole.ndim else reshape(y, ())
