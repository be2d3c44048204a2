"""Random Boolean expressions as trees: true and false under and, or, not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import random

SYMBOLS = ("false", "true", "not", "and", "or")
FALSE, TRUE, NOT, AND, OR = range(5)


class Expressions(NamedTuple):
    """Trees, node after node, parents first, a left operand before the right one.

    symbols (n_nodes,): index into SYMBOLS.  parents (n_nodes,): -1 for a root.  values (n_nodes,):
    each node's truth, 0 or 1.  y (n,): the root's.  depth (n,): operators on the longest path.
    starts (n + 1,): where each tree's nodes begin, and the end.  All int64.
    """

    symbols: np.ndarray
    parents: np.ndarray
    values: np.ndarray
    y: np.ndarray
    depth: np.ndarray
    starts: np.ndarray

    def text(self, tree: int) -> str:
        """One expression as Python writes it, such as "(true and (not false))"."""
        # Children come after their parents, so the last node is whole before it is needed.
        parts: dict[int, list[str]] = {}
        for node in range(self.starts[tree + 1] - 1, self.starts[tree] - 1, -1):
            word, below = SYMBOLS[self.symbols[node]], parts.pop(node, [])
            if len(below) == 2:
                word = f"({below[1]} {word} {below[0]})"
            elif below:
                word = f"({word} {below[0]})"
            parts.setdefault(int(self.parents[node]), []).append(word)
        return parts[-1][0]

    def counts(self) -> np.ndarray:
        """The bag of words: float32 (n, 5), how often each of SYMBOLS occurs in a tree."""
        tree = np.repeat(np.arange(len(self.y)), np.diff(self.starts))
        n = len(self.y) * len(SYMBOLS)
        found = np.bincount(tree * len(SYMBOLS) + self.symbols, minlength=n)
        return found.reshape(-1, len(SYMBOLS)).astype(np.float32)


# An and or an or tells its value to an operand to 2/3 on average, a not tells the opposite: with
# 2 nots to 3 others the two cancel, and leaves say nothing about the root on average.
_NOT_SHARE = 0.4


def boolean_expressions(
    n: int, *, max_depth: int = 8, generator: random.Generator | None = None
) -> Expressions:
    """`n` random expressions, half of them true; depths 1 to max_depth, each as often.

    Trees are drawn downwards from the root's value: not with probability 0.4, and or or with 0.3;
    then operands that give the value, each combination as likely; the first or the second operand,
    by chance, has the whole depth that is left, the other one any depth up to it, uniformly.  So
    operators are drawn regardless of the value, and counts of symbols say little about it.

    generator: source of the randomness; the default generator if None.
    Raises ValueError for n < 0 or max_depth < 1.  Source: the task of Bowman, Potts and Manning
    2015 (arXiv:1406.1827), composition in trees, here without variables.
    """
    if n < 0:
        raise ValueError(f"n is {n}, expected at least 0")
    if max_depth < 1:
        raise ValueError(f"max_depth is {max_depth}, expected at least 1")
    source = generator or random.default_generator
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(source.reserve(1))))
    order = rng.permutation(n)
    y, depth = order % 2, 1 + order // 2 % max_depth
    symbols: list[int] = []
    parents: list[int] = []
    values: list[int] = []
    starts = [0]
    for value, levels in zip(y.tolist(), depth.tolist(), strict=True):
        _draw(rng, value, levels, symbols, parents, values)
        starts.append(len(symbols))
    return Expressions(
        *(np.array(a, np.int64) for a in (symbols, parents, values, y, depth, starts))
    )


def _draw(
    rng: np.random.Generator,
    value: int,
    levels: int,
    symbols: list[int],
    parents: list[int],
    values: list[int],
) -> None:
    """Append a tree of that value and depth."""
    waiting = [(value, levels, -1)]
    while waiting:
        value, levels, parent = waiting.pop()
        node = len(symbols)
        parents.append(parent)
        values.append(value)
        if not levels:
            symbols.append(value)
            continue
        if rng.random() < _NOT_SHARE:
            symbols.append(NOT)
            waiting.append((1 - value, levels - 1, node))
            continue
        conjunction = rng.random() < 0.5
        symbols.append(AND if conjunction else OR)
        if value == conjunction:  # a true and, a false or: both operands are alike
            operands = [value, value]
        else:  # at least one operand decides
            combination = int(rng.integers(1, 4))
            operands = [value if combination & bit else 1 - value for bit in (1, 2)]
        depths = [levels - 1, int(rng.integers(levels))]
        if rng.random() < 0.5:
            depths.reverse()
        # The left operand on top: it is taken next.
        waiting += [(operands[i], depths[i], node) for i in (1, 0)]
