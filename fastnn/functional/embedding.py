"""Rows of a table by number, and sums, means and maxima of bags of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, contiguous
from . import _checks


def _flat(index: np.ndarray) -> np.ndarray:
    """One axis of int64."""
    return index.reshape(-1) if index.dtype.char == "l" else index.reshape(-1).astype(np.int64)


def _index(value: Any, function: str, name: str) -> Tensor:
    t = _checks.tensor(value, function, name)
    if t._data.dtype.char not in "li":
        raise TypeError(f"{function}: {name} has dtype {t.dtype}, expected int64 or int32")
    return t


def _bad_index(index: np.ndarray, rows: int, function: str) -> IndexError:
    """The first number that names no row, with its place."""
    at = int(np.flatnonzero((index.reshape(-1) < 0) | (index.reshape(-1) >= rows))[0])
    where = ", ".join(str(i) for i in np.unravel_index(at, index.shape)) or "()"
    value = index.reshape(-1)[at]
    return IndexError(f"{function}: input[{where}] is {value}, expected 0 <= index < {rows}")


class _Embedding(Function):
    @staticmethod
    def forward(
        ctx: Any, weight: np.ndarray, index: np.ndarray, padding_idx: int, by_frequency: bool
    ) -> np.ndarray:
        char = weight.dtype.char
        k = backend.kernels if char == "f" else _checks.kernels(weight, "embedding", "weight")
        try:
            y = k.gather_rows(weight, _flat(index))
        except IndexError:
            raise _bad_index(index, weight.shape[0], "embedding") from None
        ctx.kernels = k
        ctx.settings = weight.shape[0], padding_idx, by_frequency
        ctx.save(index)
        return y.reshape(*index.shape, weight.shape[1])

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        (index,) = ctx.saved
        rows = dy.reshape(index.size, dy.shape[-1])
        return ctx.kernels.embedding_backward(rows, _flat(index), *ctx.settings)


class _EmbeddingBag(Function):
    """Sums and means; per_sample_weights have a gradient in sums."""

    @staticmethod
    def forward(
        ctx: Any, weight: np.ndarray, scale: Any, index: np.ndarray, offsets: np.ndarray,
        mode: str, padding_idx: int, by_frequency: bool,
    ) -> np.ndarray:  # fmt: skip
        k = ctx.kernels = _checks.kernels(
            weight, "embedding_bag", "weight", scale, "per_sample_weights"
        )
        flat = None if scale is None else scale.reshape(-1)
        y = k.embedding_bag_forward(_flat(index), offsets, weight, flat, mode, padding_idx)
        ctx.settings = offsets, mode, padding_idx, by_frequency
        ctx.n_rows = weight.shape[0]
        ctx.save(index, scale, weight if ctx.needs_input_grad[1] else None)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> Any:
        index, scale, weight = ctx.saved
        offsets, mode, padding_idx, by_frequency = ctx.settings
        flat = _flat(index)
        dweight = dscale = None
        if ctx.needs_input_grad[0]:
            factors = None if scale is None else scale.reshape(-1)
            dweight = ctx.kernels.embedding_bag_backward(
                dy, flat, offsets, ctx.n_rows, factors, mode, padding_idx, by_frequency
            )
        if ctx.needs_input_grad[1]:
            dscale = ctx.kernels.embedding_bag_backward_scale(
                dy, flat, offsets, weight, padding_idx
            ).reshape(scale.shape)
        return dweight, dscale


class _EmbeddingBagMax(Function):
    @staticmethod
    def forward(
        ctx: Any, weight: np.ndarray, index: np.ndarray, offsets: np.ndarray, padding_idx: int
    ) -> np.ndarray:
        k = ctx.kernels = _checks.kernels(weight, "embedding_bag", "weight")
        y, where = k.embedding_bag_max_forward(_flat(index), offsets, weight, padding_idx)
        ctx.n_rows = weight.shape[0]
        ctx.save(index, where)
        return y

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray) -> np.ndarray:
        index, where = ctx.saved
        return ctx.kernels.embedding_bag_max_backward(dy, where, _flat(index), ctx.n_rows)


def padding_row(padding_idx: Any, rows: int, function: str) -> int:
    """The row that padding_idx names, counted from the end if below 0; -1 for None."""
    if padding_idx is None:
        return -1
    row = _checks.integer(padding_idx, function, "padding_idx", -(1 << 63))
    if not -rows <= row < rows:
        raise ValueError(
            f"{function}: padding_idx is {row}, expected {-rows} <= padding_idx < {rows}"
        )
    return row % rows


def refuse_sparse(sparse: Any, function: str) -> None:
    """ValueError for sparse=True."""
    if sparse:
        raise ValueError(f"{function}: sparse=True is not supported, gradients are dense")


def norm_limits(max_norm: Any, norm_type: Any, function: str) -> tuple[float, float]:
    """max_norm >= 0 and norm_type > 0 as floats; TypeError or ValueError otherwise."""
    limit = _checks.number(max_norm, function, "max_norm")
    p = _checks.number(norm_type, function, "norm_type")
    if not max_norm >= 0:
        raise ValueError(f"{function}: max_norm is {max_norm}, expected at least 0")
    if not norm_type > 0:
        raise ValueError(f"{function}: norm_type is {norm_type}, expected above 0")
    return limit, p


def _table(weight: Any, function: str) -> Tensor:
    t = _checks.tensor(weight, function, "weight")
    if t._data.ndim != 2:
        raise ValueError(
            f"{function}: weight has shape {t.shape}, expected (num_embeddings, embedding_dim)"
        )
    return t


def _renorm(weight: Tensor, index: Tensor, max_norm: Any, norm_type: Any, function: str) -> None:
    """The rows that index names get a norm of at most max_norm, in place and unrecorded."""
    limits = norm_limits(max_norm, norm_type, function)
    k = _checks.kernels(weight._data, function, "weight")
    if not weight._data.flags.writeable:
        raise ValueError(f"{function}: max_norm changes weight, which is read-only")
    rows = contiguous(weight._data)
    try:
        k.renorm_rows(rows, _flat(index._data), *limits)
    except IndexError:
        raise _bad_index(index._data, rows.shape[0], function) from None
    if rows is not weight._data:
        weight._data[...] = rows
    weight._changed()


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """y = weight[input]: input (*), int64 or int32, weight (V, D) -> (*, D).

    The gradient of a row is the sum over the places that name it, added in their order; weight may
    be any tensor.  padding_idx: a row without gradient, from the end if below 0.  max_norm: rows
    that input names are first scaled, in place, to a norm (p = norm_type > 0, or infinity) of at
    most this.  scale_grad_by_freq: a row's gradient is divided by how often input names it.

    Raises TypeError for dtypes, ValueError for shapes, settings and sparse=True, IndexError for a
    number that names no row, with its place.
    """
    x = _index(input, "embedding", "input")
    table = _table(weight, "embedding")
    row = padding_row(padding_idx, table.shape[0], "embedding")
    refuse_sparse(sparse, "embedding")
    if max_norm is not None:
        _renorm(table, x, max_norm, norm_type, "embedding")
    return _Embedding.apply(table, x, row, bool(scale_grad_by_freq))


MODES = ("sum", "mean", "max")


def bag_mode(mode: Any, scale_grad_by_freq: Any, function: str) -> str:
    """ "sum", "mean" or "max"; ValueError otherwise."""
    if mode not in MODES:
        raise ValueError(f"{function}: mode is {mode!r}, expected 'sum', 'mean' or 'max'")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError(f"{function}: scale_grad_by_freq does not go with mode 'max'")
    return mode


def _bags(x: Tensor, offsets: Any, include_last_offset: bool) -> np.ndarray:
    """Where each bag begins, and the end: (B + 1,) int64."""
    n, shape = x._data.size, x.shape
    if len(shape) == 2:
        if offsets is not None:
            raise ValueError(
                f"embedding_bag: input has shape {shape}, so each row is a bag and offsets must be "
                "None"
            )
        return np.arange(shape[0] + 1, dtype=np.int64) * shape[1]
    if len(shape) != 1:
        raise ValueError(f"embedding_bag: input has shape {shape}, expected (N,) or (B, L)")
    if offsets is None:
        raise ValueError(f"embedding_bag: offsets is None, but input has shape {shape}")
    starts = _index(offsets, "embedding_bag", "offsets")._data
    if starts.ndim != 1:
        raise ValueError(f"embedding_bag: offsets has shape {starts.shape}, expected one axis")
    if include_last_offset:
        return starts.astype(np.int64)
    bags = np.empty(starts.size + 1, np.int64)
    bags[:-1], bags[-1] = starts, n
    return bags


def _check_bags(bags: np.ndarray, n: int, include_last_offset: bool) -> None:
    """ValueError unless the offsets rise from 0 to n."""
    function = "embedding_bag"
    if not bags.size:
        raise ValueError(f"{function}: offsets is empty, but include_last_offset is True")
    if bags[0] != 0:
        if bags.size == 1 and not include_last_offset:
            raise ValueError(f"{function}: offsets is empty, but input has {n} elements")
        raise ValueError(f"{function}: offsets[0] is {bags[0]}, expected 0")
    last = bags.size - (1 if include_last_offset else 2)
    if bags[last] > n or include_last_offset and bags[last] != n:
        raise ValueError(f"{function}: offsets[{last}] is {bags[last]}, but input has {n} elements")
    for at in np.flatnonzero(bags[1:] < bags[:-1])[:1] + 1:
        raise ValueError(
            f"{function}: offsets[{at}] is {bags[at]}, expected at least the offset before, "
            f"{bags[at - 1]}"
        )


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """y_b = the sum, mean or maximum of weight[input] over bag b: weight (V, D) -> (B, D).

    input (B, L): each row is a bag; (N,): bag b begins at offsets[b] (B,), and with
    include_last_offset the last offset is N and no bag of its own.  An empty bag gives 0.
    padding_idx: a row that is left out of the bags.  per_sample_weights, of input's shape: factors
    of the rows in a sum, with a gradient.  weight may be any tensor.  max_norm, norm_type,
    scale_grad_by_freq: see embedding.  Of equal maxima the first has the gradient.

    Raises TypeError for dtypes, ValueError for shapes, settings and sparse=True, IndexError for a
    number that names no row, with its place.
    """
    x = _index(input, "embedding_bag", "input")
    table = _table(weight, "embedding_bag")
    bag_mode(mode, scale_grad_by_freq, "embedding_bag")
    refuse_sparse(sparse, "embedding_bag")
    bags = _bags(x, offsets, include_last_offset)
    row = padding_row(padding_idx, table.shape[0], "embedding_bag")
    scale = per_sample_weights
    if scale is not None:
        if mode != "sum":
            raise ValueError(
                f"embedding_bag: per_sample_weights needs mode 'sum', got mode {mode!r}"
            )
        if _checks.tensor(scale, "embedding_bag", "per_sample_weights").shape != x.shape:
            raise ValueError(
                f"embedding_bag: per_sample_weights has shape {scale.shape}, but input has "
                f"{x.shape}"
            )
        _checks.kernels(table._data, "embedding_bag", "weight", scale._data, "per_sample_weights")
    if max_norm is not None:
        _check_bags(bags, x._data.size, include_last_offset)
        _renorm(table, x, max_norm, norm_type, "embedding_bag")
    try:
        if mode == "max":
            return _EmbeddingBagMax.apply(table, x, bags, row)
        return _EmbeddingBag.apply(table, scale, x, bags, mode, row, bool(scale_grad_by_freq))
    except IndexError:
        raise _bad_index(x._data, table.shape[0], "embedding_bag") from None
    except ValueError:  # the kernel's own check costs nothing, these words would
        _check_bags(bags, x._data.size, include_last_offset)
        raise
