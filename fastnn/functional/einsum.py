"""Sums of products named by letters, as matrix products two operands at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from . import _checks, reduce
from .arithmetic import matmul
from .shape import expand, getitem, permute, reshape

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _terms(equation: Any, operands: tuple[Tensor, ...]) -> tuple[list[str], str]:
    """A letter per axis for each operand and for the result; `...` has become unused letters."""
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string, got {equation!r}")
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, got {len(operands)}")
    free = [c for c in _LETTERS if c not in equation]
    widest = 0
    for term, x in zip(terms, operands, strict=True):
        letters = term.replace("...", "", 1)
        count = x.ndim - len(letters)
        bad = [c for c in letters if c not in _LETTERS]
        if bad or count < 0 or (count and "..." not in term):
            raise ValueError(f"einsum: {term!r} does not describe an operand of shape {x.shape}")
        if "..." in term:
            widest = max(widest, count)
    dots = "".join(free[:widest])
    full = []
    for term, x in zip(terms, operands, strict=True):
        count = x.ndim - len(term.replace("...", "", 1))
        full.append(term.replace("...", dots[widest - count :]))
    used = "".join(full)
    if not arrow:
        right = dots + "".join(sorted(c for c in set(used) - set(dots) if used.count(c) == 1))
    else:
        right = right.replace("...", dots)
    if len(set(right)) != len(right) or not set(right) <= set(used):
        raise ValueError(f"einsum: the result of {equation!r} has an axis twice or an unknown one")
    return full, right


def _distinct(x: Tensor, term: str) -> tuple[Tensor, str]:
    """The diagonal over every letter that stands twice."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ValueError(f"einsum: {letter!r} has sizes {x.shape[i]} and {x.shape[j]}")
            order = [i, j, *(d for d in range(x.ndim) if d not in (i, j))]
            along = wrap(np.arange(x.shape[i]))
            x = getitem(permute(x, order), (along, along))
            term = letter + "".join(term[d] for d in order[2:])
    return x, term


def _summed(x: Tensor, term: str, keep: set[str]) -> tuple[Tensor, str]:
    gone = [i for i, c in enumerate(term) if c not in keep]
    if gone:
        x = reduce.sum(x, gone)
    return x, "".join(c for c in term if c in keep)


def _pair(a: Tensor, s: str, b: Tensor, t: str, keep: set[str]) -> tuple[Tensor, str]:
    a, s = _summed(a, s, keep | set(t))
    b, t = _summed(b, t, keep | set(s))
    batch = [c for c in s if c in t and c in keep]
    inner = [c for c in s if c in t and c not in keep]
    rows, columns = [c for c in s if c not in t], [c for c in t if c not in s]
    size = {**dict(zip(s, a.shape, strict=True)), **dict(zip(t, b.shape, strict=True))}

    def matrix(x: Tensor, term: str, *groups: list[str]) -> Tensor:
        x = permute(x, [term.index(c) for g in groups for c in g])
        return reshape(x, [math.prod(size[c] for c in g) for g in groups])

    each = [[c] for c in batch]  # batch axes need not lie one behind the other
    y = matmul(matrix(a, s, *each, rows, inner), matrix(b, t, *each, inner, columns))
    found = [*batch, *rows, *columns]
    return reshape(y, [size[c] for c in found]), "".join(found)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum of products over the letters that the result does not name: "bik,bkj->bij".

    Operands (Tensors, or one list of them) are multiplied from left to right, each pair as one
    batched matrix product.  A letter twice in an operand is its diagonal, `...` stands for any
    further axes, axes of size 1 broadcast; without `->` the result has the letters that occur
    once, sorted.  Raises ValueError for an equation or shapes that do not fit.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError("einsum: no operands")
    tensors = tuple(_checks.tensor(x, "einsum", "operand") for x in operands)
    terms, result = _terms(equation, tensors)
    parts = [_distinct(x, term) for x, term in zip(tensors, terms, strict=True)]
    size: dict[str, int] = {}
    for x, term in parts:
        for c, n in zip(term, x.shape, strict=True):
            if n != 1 and size.setdefault(c, n) != n:
                raise ValueError(f"einsum: {c!r} has sizes {size[c]} and {n}")
    for i, (x, term) in enumerate(parts):
        shape = tuple(size.get(c, 1) for c in term)
        parts[i] = (x if shape == x.shape else expand(x, shape), term)
    y, term = parts[0]
    for i, (x, other) in enumerate(parts[1:], 2):
        keep = set(result).union(*(t for _, t in parts[i:]))
        y, term = _pair(y, term, x, other, keep)
    y, term = _summed(y, term, set(result))
    return permute(y, [term.index(c) for c in result])
