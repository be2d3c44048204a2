"""A table of the states of nodes of trees, written and read level by level."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor, wrap

# Every version of a table has one user, the next _Write or _Read: the gradient of all rows is one
# array that goes back through them all and is changed in place.  So a tree of n nodes costs n rows
# once, whatever its height; a sum of gradients for each level would cost n rows a level.


class _Write(Function):
    """Rows first, first + 1, ... of a table become `rows`; the memory is the same."""

    @staticmethod
    def forward(ctx: Any, table: np.ndarray, rows: np.ndarray, first: int) -> np.ndarray:
        ctx.part = slice(first, first + len(rows))
        table[ctx.part] = rows
        return table[:]

    @staticmethod
    def backward(ctx: Any, dtable: np.ndarray) -> Any:
        return dtable, dtable[ctx.part].copy()


class _Read(Function):
    """Rows of a table by number, none of them twice but row 0, which is a constant; and the table
    for the next user."""

    @staticmethod
    def forward(ctx: Any, table: np.ndarray, index: np.ndarray) -> Any:
        ctx.save(index)
        return backend.of(table).gather_rows(table, index), table[:]

    @staticmethod
    def backward(ctx: Any, drows: np.ndarray, dtable: np.ndarray) -> Any:
        (index,) = ctx.saved
        found = index > 0
        if not found.all():
            index, drows = index[found], drows[found]
        dtable[index] += drows
        return dtable


class NodeTable:
    """n rows of width numbers behind a row 0 of zeros.  write(rows) appends rows, (m, width);
    read(index), int64 (m,), gives those rows, (m, width), with their gradients; an index names no
    row twice but row 0, and only rows that were written."""

    def __init__(self, n: int, width: int, dtype: Any) -> None:
        self._table: Tensor = wrap(np.zeros((n + 1, width), dtype))
        self._filled = 1

    def write(self, rows: Tensor) -> None:
        """The next rows."""
        self._table = _Write.apply(self._table, rows, self._filled)
        self._filled += rows.shape[0]

    def read(self, index: np.ndarray) -> Tensor:
        """Rows by number."""
        rows, self._table = _Read.apply(self._table, index)
        return rows


class _Parts(Function):
    """Rows of x in parts of the given sizes: one gradient for all of them."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, sizes: list[int]) -> Any:
        ends = np.cumsum([0, *sizes]).tolist()
        return tuple(x[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True))

    @staticmethod
    def backward(ctx: Any, *dys: np.ndarray) -> np.ndarray:
        return np.concatenate(dys)


def rows_in_parts(x: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    """x (n, *) cut into rows of sizes that add up to n, as `split` does, whose gradient would be an
    array of n rows for each part."""
    return _Parts.apply(x, sizes) if sizes else ()
