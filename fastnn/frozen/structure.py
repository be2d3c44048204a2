"""Arguments and results taken apart: the leaves on one side, what holds them on the other."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class _Leaf:
    def __repr__(self) -> str:
        return "LEAF"


LEAF = _Leaf()
# What cannot change behind our back.
CONSTANTS = (
    *(type(None), bool, int, float, complex, str, bytes, type, type(...)),
    *(np.generic, np.dtype, enum.Enum),
)


def split(value: Any, take: Callable[[Any], bool]) -> Any:
    """The form of a value: LEAF for what `take` takes, (type, items ...) for tuples, lists and
    dicts, and anything else as it is."""
    if take(value):
        return LEAF
    kind = type(value)
    if kind is tuple or kind is list or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return kind, *[split(item, take) for item in value]
    if kind is dict:
        return kind, tuple(value), *[split(item, take) for item in value.values()]
    return value


def taker(found: list[Any], kinds: Any) -> Callable[[Any], bool]:
    """For `split`: takes instances of these types, and notes them in a list."""

    def take(value: Any) -> bool:
        if isinstance(value, kinds):
            found.append(value)
            return True
        return False

    return take


def join(form: Any, leaves: Iterator[Any]) -> Any:
    """The value again, with other leaves."""
    if form is LEAF:
        return next(leaves)
    if type(form) is not tuple:
        return form
    kind, *items = form
    if kind is dict:
        keys, *items = items
        return dict(zip(keys, [join(item, leaves) for item in items], strict=True))
    found = [join(item, leaves) for item in items]
    return kind(*found) if hasattr(kind, "_fields") else kind(found)


def key_of(form: Any) -> Any:
    """Equal for equal forms alone: 1, 1.0 and True differ, and so do 0.0 and -0.0.  TypeError for
    a form with something that is none of CONSTANTS."""
    if form is LEAF:
        return form
    if type(form) is tuple:
        kind, *items = form
        keys = (tuple(map(key_of, items.pop(0))),) if kind is dict else ()
        return kind, *keys, *map(key_of, items)
    if not isinstance(form, CONSTANTS):
        kind = np.ndarray if isinstance(form, np.ndarray) else type(form)
        raise TypeError(f"of type {kind.__name__}")
    return type(form), repr(form)
