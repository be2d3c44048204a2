"""Recursive networks over trees, batched by height: TreeRNN, TreeLSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..creation import empty, from_numpy
from ..functional import _checks
from ..functional.tree import NodeTable, rows_in_parts
from ..tensor import Parameter, Tensor
from .rnn import Recurrent
from .trees import Trees

CHILD_SUM = "child_sum"


def _sum(x: Tensor, offsets: np.ndarray) -> Tensor:
    """Sums of rows of x, bag after bag, each in its order."""
    index = from_numpy(np.arange(x.shape[0]))
    return F.embedding_bag(index, x, from_numpy(offsets), mode="sum", include_last_offset=True)


class _Tree(Recurrent):
    """Checks, parameters and the way up through the levels.

    The states of all lower levels stand in one table, a row of zeros first, so that a child may be
    of any level and a missing one is row 0.  Each level writes its own rows: time and memory grow
    with the number of nodes, not of levels.
    """

    def __init__(self, input_size: int, hidden_size: int, arity: int | str, bias: bool) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = _checks.integer(input_size, name, "input_size", 1)
        self.hidden_size = _checks.integer(hidden_size, name, "hidden_size", 1)
        if isinstance(arity, str):
            if arity != CHILD_SUM:
                raise ValueError(f"{name}: arity is {arity!r}, expected an int or 'child_sum'")
            self.arity: int | str = arity
        else:
            self.arity = _checks.integer(arity, name, "arity", 1)
        self.bias = bool(bias)

    def _add(self, name: str, *shape: int) -> None:
        self.register_parameter(name, Parameter(empty(*shape)))

    def _inputs(self, trees: Trees) -> Tensor:
        """W x + b of all nodes, level by level; checks the trees."""
        name = type(self).__name__
        if not isinstance(trees, Trees):
            raise TypeError(f"{name}: trees must be nn.Trees, got {type(trees).__name__}")
        x = trees.x
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ValueError(
                f"{name}: trees.x has shape {x.shape}, expected (n_nodes, {self.input_size})"
            )
        _checks.kernels(x._data, name, "trees.x", self._parameters["weight_ih"]._data, "weight_ih")
        if isinstance(self.arity, int):
            wrong = np.flatnonzero(trees.n_children > self.arity)
            if wrong.size:
                raise ValueError(
                    f"{name}: node {wrong[0]} has {trees.n_children[wrong[0]]} children, expected "
                    f"at most arity {self.arity}"
                )
        bias = self._parameters["bias"]
        ordered = F.embedding(from_numpy(trees.order), x)
        return F.linear(ordered, self._parameters["weight_ih"], bias)

    def _side_by_side(self, table: NodeTable, trees: Trees, level: int) -> Tensor:
        """(m, arity H): the states of each node's children, zeros for missing ones."""
        index = trees.padded_children(level, int(self.arity))
        return F.reshape(table.read(index.reshape(-1)), (len(index), -1))

    def extra_repr(self) -> str:
        end = "" if self.bias else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}, arity={self.arity!r}{end}"


def _parts(ordered: Tensor, trees: Trees) -> list[Tensor]:
    """The rows of each level."""
    return list(rows_in_parts(ordered, [len(level.nodes) for level in trees.levels]))


class TreeRNN(_Tree):
    """h_j = tanh(W x_j + sum_l U_l h_jl + b) over the children l of node j (Goller and Kuechler
    1996, doi:10.1109/ICNN.1996.548916; Socher et al. 2011), leaves first.

    arity N: child l, in its order, has its own U_l, at most N children, missing ones count as 0.
    arity "child_sum": one U for the sum of any number of children.  Parameters weight_ih (H, I),
    weight_hh (H, N H) or (H, H), bias (H,), uniform in +-1 / sqrt(H) at first.

    forward(trees), trees.x (n_nodes, I) -> h (n_nodes, H) in the order of the nodes;
    trees.at_roots(h) are the roots' rows.  One matrix product per height.  Raises TypeError for
    other arguments and dtypes, ValueError for other sizes or a node of more than N children.
    """

    def __init__(
        self, input_size: int, hidden_size: int, arity: int | str = 2, *, bias: bool = True
    ) -> None:
        super().__init__(input_size, hidden_size, arity, bias)
        n = self.arity if isinstance(self.arity, int) else 1
        self._add("weight_ih", self.hidden_size, self.input_size)
        self._add("weight_hh", self.hidden_size, n * self.hidden_size)
        self.register_parameter("bias", Parameter(empty(self.hidden_size)) if bias else None)
        self.reset_parameters()

    def forward(self, trees: Trees) -> Tensor:
        inputs = self._inputs(trees)
        table = NodeTable(len(trees.order), self.hidden_size, inputs.dtype)
        for k, x in enumerate(_parts(inputs, trees)):
            if k:
                x = x + F.linear(self._children(table, trees, k), self._parameters["weight_hh"])
            table.write(F.tanh(x))
        return table.read(trees.place + 1)

    def _children(self, table: NodeTable, trees: Trees, k: int) -> Tensor:
        if isinstance(self.arity, int):
            return self._side_by_side(table, trees, k)
        _, children, offsets = trees.levels[k]
        return _sum(table.read(children + 1), offsets)


class TreeLSTM(_Tree):
    """Tree-structured LSTM (Tai, Socher and Manning 2015, arXiv:1503.00075), leaves first.

    arity "child_sum", equations 2 to 8, over all children k of node j, s the logistic function:
    h~ = sum_k h_k; i, o = s(W x_j + U h~ + b), u = tanh(W x_j + U h~ + b), each with its own
    matrices; f_jk = s(W_f x_j + U_f h_k + b_f); c_j = i u + sum_k f_jk c_k; h_j = o tanh(c_j).
    arity N, equations 9 to 14: at most N children in order; sum_l U_l h_jl, each place l with its
    own matrix, instead of U h~; f_jk = s(W_f x_j + sum_l U_f,kl h_jl + b_f); missing children
    count as 0.

    Parameters weight_ih (4 H, I), bias (4 H,), stacked i f g o (g: the paper's u).  weight_hh:
    arity N: ((3 + N) H, N H), stacked i f_1 ... f_N g o, columns by child; child_sum: (3 H, H),
    stacked i g o, and weight_fh (H, H) for f.  All begin uniform in +-1 / sqrt(H).  forget_bias:
    the forget gates' bias at first; None: drawn as all others.

    forward(trees), trees.x (n_nodes, I) -> h, c, each (n_nodes, H) in the order of the nodes;
    trees.at_roots(h) are the roots' rows.  One matrix product per height, child_sum: two.  Errors
    as for TreeRNN.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        arity: int | str = 2,
        *,
        bias: bool = True,
        forget_bias: float | None = None,
    ) -> None:
        if forget_bias is not None and not bias:
            raise ValueError("TreeLSTM: forget_bias needs bias=True")
        super().__init__(input_size, hidden_size, arity, bias)
        n, self.forget_bias = self.hidden_size, forget_bias
        self._add("weight_ih", 4 * n, self.input_size)
        if isinstance(self.arity, int):
            self._add("weight_hh", (3 + self.arity) * n, self.arity * n)
        else:
            self._add("weight_hh", 3 * n, n)
            self._add("weight_fh", n, n)
        self.register_parameter("bias", Parameter(empty(4 * n)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.forget_bias is not None:
            bias: Any = self._parameters["bias"]
            bias._data[self.hidden_size : 2 * self.hidden_size] = self.forget_bias
            bias._changed()

    def forward(self, trees: Trees) -> tuple[Tensor, Tensor]:
        inputs = self._inputs(trees)
        level = self._n_ary if isinstance(self.arity, int) else self._child_sum
        tables = [NodeTable(len(trees.order), self.hidden_size, inputs.dtype) for _ in "hc"]
        for k, x in enumerate(_parts(inputs, trees)):
            i, f, g, o = F.split(x, self.hidden_size, 1)
            below = None
            if k:
                (i, g, o), below = level(trees, k, (i, f, g, o), *tables)
            c = F.sigmoid(i) * F.tanh(g)
            c = c if below is None else c + below
            tables[0].write(F.sigmoid(o) * F.tanh(c))
            tables[1].write(c)
        h, c = (table.read(trees.place + 1) for table in tables)
        return h, c

    def _n_ary(
        self, trees: Trees, k: int, gates: Any, h_table: NodeTable, c_table: NodeTable
    ) -> Any:
        """i, g, o before their functions, and sum_l f_l c_l."""
        n = self.hidden_size
        h = F.linear(self._side_by_side(h_table, trees, k), self._parameters["weight_hh"])
        c = self._side_by_side(c_table, trees, k)
        i, f, g, o = gates
        hi, *hf, hg, ho = F.split(h, n, 1)
        parts = F.split(c, n, 1)
        below = F.sigmoid(f + hf[0]) * parts[0]
        for one, part in zip(hf[1:], parts[1:], strict=True):
            below = below + F.sigmoid(f + one) * part
        return (i + hi, g + hg, o + ho), below

    def _child_sum(
        self, trees: Trees, k: int, gates: Any, h_table: NodeTable, c_table: NodeTable
    ) -> Any:
        """i, g, o before their functions, and sum_k f_k c_k."""
        _, children, offsets = trees.levels[k]
        i, f, g, o = gates
        below = h_table.read(children + 1)
        h = F.linear(_sum(below, offsets), self._parameters["weight_hh"])
        hi, hg, ho = F.split(h, self.hidden_size, 1)
        own = from_numpy(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))
        hf = F.linear(below, self._parameters["weight_fh"])
        f = F.sigmoid(F.embedding(own, f) + hf) * c_table.read(children + 1)
        return (i + hi, g + hg, o + ho), _sum(f, offsets)
