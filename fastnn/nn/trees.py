"""A batch of trees: features of all nodes, and who is whose child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..creation import from_numpy, tensor
from ..functional import _checks
from ..tensor import Tensor


class Level(NamedTuple):
    """The nodes of one height.  nodes (m,): their numbers; children: their children, node after
    node, as places in level order (see Trees.order); offsets (m + 1,): where those of each node
    begin, and the end."""

    nodes: np.ndarray
    children: np.ndarray
    offsets: np.ndarray


def _refuse(message: str) -> ValueError:
    return ValueError(f"Trees: {message}")


def _integers(values: Any, name: str) -> np.ndarray:
    a = values._data if isinstance(values, Tensor) else np.asarray(values)
    if a.ndim != 1 or a.size and a.dtype.kind not in "iu":
        raise TypeError(
            f"Trees: {name} has dtype {a.dtype} and shape {a.shape}, expected integers (n_nodes,)"
        )
    return np.array(a, np.int64)


class Trees:
    """A batch of rooted trees with ordered children, as nn.TreeRNN and nn.TreeLSTM take it.

    x (n_nodes, *): what stands at the nodes of all trees, such as features (n_nodes, I) or symbols
    (n_nodes,).  parents (n_nodes,): each node's parent, -1 for a root.  Nodes have any order;
    a node's children are ordered by number (from_children: as listed).  Nodes without a path to a
    root, that is cycles, raise ValueError.  The levels are computed once: height 0 are the leaves,
    and a node is one higher than its highest child, so all nodes of a level can be computed at
    once when those below are known.

    roots (n_trees,): numbers of the roots, rising.  height, tree (n_nodes,): each node's height,
    and the number of its tree, in the order of roots.  len(trees): how many trees.
    """

    def __init__(self, x: Tensor, parents: Any) -> None:
        rows = _integers(parents, "parents")
        wrong = np.flatnonzero((rows < -1) | (rows >= len(rows)))
        if wrong.size:
            raise _refuse(
                f"parents[{wrong[0]}] is {rows[wrong[0]]}, expected -1 <= parent < {len(rows)}"
            )
        # Stable: a node's children keep the order of their numbers.
        self._build(x, rows, np.argsort(rows, kind="stable"))

    @classmethod
    def from_children(cls, x: Tensor, children: Sequence[Sequence[int]]) -> Trees:
        """Trees from each node's list of children, in their order.  ValueError for a node that is
        named twice or for a cycle."""
        counts = np.array([len(c) for c in children], np.int64)
        flat = _integers([child for row in children for child in row], "children")
        n = len(counts)
        wrong = np.flatnonzero((flat < 0) | (flat >= n))
        if wrong.size:
            raise _refuse(f"children name node {flat[wrong[0]]}, expected 0 <= node < {n}")
        twice = np.flatnonzero(np.bincount(flat, minlength=n) > 1)
        if twice.size:
            raise _refuse(f"node {twice[0]} is named as a child twice")
        parents = np.full(n, -1, np.int64)
        parents[flat] = np.repeat(np.arange(n), counts)
        trees = cls.__new__(cls)
        trees._build(x, parents, np.concatenate([np.flatnonzero(parents < 0), flat]))
        return trees

    @classmethod
    def from_nested(cls, trees: Sequence[Any], dtype: Any = None) -> Trees:
        """Trees from nested tuples: (value, child, child, ...) is a node, what is no tuple a leaf's
        value; all values are numbers, or lists or arrays of one shape.  Nodes are numbered parents
        first, so `[(7, 3, (8, 4, 5))]` is one tree with x = [7, 3, 8, 4, 5].  dtype: of x; None: as
        fastnn.tensor finds it."""
        values: list[Any] = []
        parents: list[int] = []
        waiting = [(tree, -1) for tree in reversed(list(trees))]
        while waiting:  # not by recursion: trees may be deep
            node, parent = waiting.pop()
            if isinstance(node, tuple) and not node:
                raise _refuse("an empty tuple is no node, expected (value, child, ...)")
            value, *children = node if isinstance(node, tuple) else (node,)
            waiting += [(child, len(values)) for child in reversed(children)]
            values.append(value)
            parents.append(parent)
        arrays = any(isinstance(value, (np.ndarray, np.generic)) for value in values)
        x = tensor(np.array(values) if arrays else values, dtype)
        return cls(x, np.array(parents, np.int64))

    def _build(self, x: Tensor, parents: np.ndarray, by_parent: np.ndarray) -> None:
        """by_parent: all nodes, roots first, then the children of node 0, of node 1, ..."""
        n = len(parents)
        self.parents, self._by_parent = parents, by_parent
        self.roots = np.flatnonzero(parents < 0)
        counts = np.bincount(parents + 1, minlength=n + 1)
        self.n_children = counts[1:]
        self._first = np.cumsum(counts)[:-1]  # of each node's children in by_parent
        self.x = self._checked(x)
        self._measure()
        # Level order: leaves first, within a height by number.
        order = np.argsort(self.height, kind="stable")
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        self.order, self.place = order, place
        ends = np.cumsum(np.bincount(self.height))
        self.levels = [self._level(nodes) for nodes in np.split(order, ends[:-1]) if n]

    def _checked(self, x: Tensor) -> Tensor:
        t = _checks.tensor(x, "Trees", "x")
        if not t.ndim or t.shape[0] != len(self.parents):
            raise _refuse(f"x has shape {t.shape}, expected ({len(self.parents)}, *) for as many "
                          "nodes")  # fmt: skip
        return t

    def _measure(self) -> None:
        """height and tree, going down from the roots and up again."""
        n = len(self.parents)
        self.tree = np.full(n, -1, np.int64)
        self.tree[self.roots] = np.arange(len(self.roots))
        layers, nodes = [], self.roots
        while nodes.size:
            layers.append(nodes)
            below, _ = self._children_of(nodes)
            self.tree[below] = self.tree[self.parents[below]]
            nodes = below
        lost = np.flatnonzero(self.tree < 0)
        if lost.size:
            raise _refuse(f"node {lost[0]} has no path to a root: its ancestors form a cycle")
        self.height = np.zeros(n, np.int64)
        for nodes in layers[:0:-1]:
            np.maximum.at(self.height, self.parents[nodes], self.height[nodes] + 1)

    def _children_of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = self.n_children[nodes]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        shift = np.repeat(self._first[nodes] - offsets[:-1], counts)
        return self._by_parent[np.arange(offsets[-1]) + shift], offsets

    def _level(self, nodes: np.ndarray) -> Level:
        children, offsets = self._children_of(nodes)
        return Level(nodes, self.place[children], offsets)

    def __len__(self) -> int:
        return len(self.roots)

    def children(self, node: int) -> list[int]:
        """Numbers of a node's children, in order."""
        return self._children_of(np.array([node]))[0].tolist()

    def with_x(self, x: Tensor) -> Trees:
        """The same trees with other features, such as an embedding of the symbols x."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.x = self._checked(x)
        return other

    def select(self, trees: Any) -> Trees:
        """Some of the trees by number, as a batch in the order of `trees`; nodes of a tree keep
        their order.  IndexError for a number that names no tree, ValueError for one named twice.
        """
        wanted = _integers(trees, "select")
        wrong = wanted[(wanted < 0) | (wanted >= len(self))]
        if wrong.size:
            raise IndexError(f"Trees.select: no tree {wrong[0]}, expected 0 <= tree < {len(self)}")
        rank = np.full(len(self), -1, np.int64)
        rank[wanted] = np.arange(len(wanted))
        if len(np.unique(wanted)) != len(wanted):
            raise _refuse("select: a tree is named twice")
        of_node = rank[self.tree]
        kept = np.flatnonzero(of_node >= 0)
        kept = kept[np.argsort(of_node[kept], kind="stable")]
        number = np.full(len(self.parents) + 1, -1, np.int64)  # the last: no parent
        number[kept] = np.arange(len(kept))
        below, _ = self._children_of(kept)
        by_parent = np.concatenate([number[kept[self.parents[kept] < 0]], number[below]])
        other = object.__new__(type(self))
        other._build(self.x[kept], number[self.parents[kept]], by_parent)
        return other

    def padded_children(self, level: int, arity: int) -> np.ndarray:
        """(m, arity): the children of a level's nodes as 1 + their place in level order, 0 for
        none."""
        _, children, offsets = self.levels[level]
        counts = np.diff(offsets)
        padded = np.zeros((len(counts), arity), np.int64)
        padded[np.arange(arity) < counts[:, None]] = children + 1
        return padded

    def at_roots(self, states: Tensor) -> Tensor:
        """The rows of states (n_nodes, *) that belong to the roots: (n_trees, *)."""
        return states[from_numpy(self.roots)]

    def __repr__(self) -> str:
        heights = f", heights to {len(self.levels) - 1}" if self.levels else ""
        return f"Trees({len(self)} trees, {len(self.parents)} nodes{heights})"
