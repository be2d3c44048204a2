"""The one seam: `backend.kernels` is the compiled `_kernels` or the NumPy `reference`.

`fastnn.backend("reference")` (this module is callable) switches the process for a `with` block;
FASTNN_BACKEND=reference switches it from the start.  Callers look `backend.kernels` up at each
call.  float64 arrays always run on the reference: `of(array)` picks by dtype.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # the compiled module has the same names and arguments
    from . import reference as kernels

NAMES = ("kernels", "reference")
switching = threading.RLock()  # held while `kernels` is changed, and by who stands in for it


def _after_fork() -> None:
    """In a child there is but one thread, which may not have held the lock."""
    global switching
    switching = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _module(name: str) -> Any:
    if name not in NAMES:
        raise ValueError(f"backend: name is {name!r}, expected one of {', '.join(NAMES)}")
    return importlib.import_module("._kernels" if name == "kernels" else ".reference", __package__)


def name() -> str:
    """ "kernels" or "reference": what runs float32 arrays now."""
    return "reference" if kernels.__name__.endswith("reference") else "kernels"


def of(array: np.ndarray) -> Any:
    """The kernels for an array's dtype: `kernels` for float32, the reference for float64.

    Raises TypeError for another dtype.
    """
    char = array.dtype.char
    if char == "f":
        return kernels
    if char == "d":
        return _module("reference")
    raise TypeError(f"dtype {array.dtype}, expected float32 or float64")


@contextlib.contextmanager
def use(name: str) -> Iterator[None]:
    """Run float32 arrays on "kernels" or "reference" within a `with` block, in all threads.

    Raises ValueError for another name.
    """
    this: Any = sys.modules[__name__]
    chosen = _module(name)
    with switching:
        before, this.kernels = this.kernels, chosen
    try:
        yield
    finally:
        with switching:
            this.kernels = before


class _Callable(types.ModuleType):
    def __call__(self, name: str) -> contextlib.AbstractContextManager[None]:
        return use(name)


sys.modules[__name__].__class__ = _Callable

_wanted = os.environ.get("FASTNN_BACKEND", "") or "kernels"
if _wanted not in NAMES:
    raise ImportError(
        f"environment variable FASTNN_BACKEND={_wanted!r} is not a backend; "
        f"choose one of {', '.join(NAMES)}"
    )
if not TYPE_CHECKING:
    kernels = _module(_wanted)
