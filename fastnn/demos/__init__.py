"""Demonstrations, one file each: a figure that can fail, its bar, a picture."""

from ._registry import (
    Demo,
    Figure,
    Result,
    above,
    at_least,
    at_most,
    below,
    catalogue,
    demo,
    exactly,
    find,
    told,
)

__all__ = [
    "Demo",
    "Figure",
    "Result",
    "above",
    "at_least",
    "at_most",
    "below",
    "catalogue",
    "demo",
    "exactly",
    "find",
    "told",
]
