"""Arguments and results taken apart: the leaves on one side, what holds them on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class _Leaf:
    def __repr__(self) -> str:
        return "LEAF"


LEAF = _Leaf()


def split(value: Any, take: Callable[[Any], bool]) -> Any:
    """The form of a value: LEAF for what `take` takes, (type, items ...) for tuples, lists and
    dicts, and anything else as it is."""
    if take(value):
        return LEAF
    kind = type(value)
    if isinstance(value, (tuple, list)):
        return kind, *[split(item, take) for item in value]
    if kind is dict:
        return kind, tuple(value), *[split(item, take) for item in value.values()]
    return value


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
