"""Whether operations are recorded: a switch of each thread."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


class Mode(threading.local):
    """The switches of one thread."""

    enabled = True
    anomaly = False
    check_nan = True
    shapes_only = False


mode = _mode = Mode()

# How many detect_anomaly() there are in all threads: while 0, an operation need not ask for more.
watchers = [0]
_watchers_lock = threading.Lock()


def _watch(change: int) -> None:
    with _watchers_lock:
        watchers[0] += change


def _runs_under(switch: Callable[[], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, each call within a `with switch():` of its own."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with switch():
            return function(*args, **kwargs)

    return wrapped


class set_grad_enabled:
    """Record operations, or not, from now on in this thread; restores the mode if used with
    `with` or as a decorator.
    """

    def __init__(self, mode: bool) -> None:
        self._wanted = bool(mode)
        self._before = _mode.enabled
        _mode.enabled = self._wanted

    def __enter__(self) -> set_grad_enabled:
        _mode.enabled = self._wanted
        return self

    def __exit__(self, *args: Any) -> None:
        _mode.enabled = self._before

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _mode.enabled = self._before
        return _runs_under(lambda: set_grad_enabled(self._wanted), function)


class _Switch:
    """no_grad and enable_grad: a context manager and decorator, with or without ()."""

    wanted = True
    _before: list[bool]

    def __new__(cls, function: Any = None) -> Any:
        self = object.__new__(cls)
        self._before = []
        return self if function is None else self(function)

    def __enter__(self) -> _Switch:
        self._before.append(mode.enabled)
        mode.enabled = self.wanted
        return self

    def __exit__(self, *args: Any) -> None:
        mode.enabled = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return _runs_under(type(self), function)


class no_grad(_Switch):
    """`with no_grad():` nothing is recorded, in this thread.  Also a decorator."""

    wanted = False


class enable_grad(_Switch):
    """`with enable_grad():` operations are recorded again within `no_grad`.  Also a decorator."""

    wanted = True


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return mode.enabled


class shapes_only:
    """`with shapes_only():` what is made in this thread by `empty`, `zeros`, `ones` and the
    initialisers' first values has a shape and one element of memory; it can be counted, not used.
    """

    def __enter__(self) -> shapes_only:
        self._before = mode.shapes_only
        mode.shapes_only = True
        return self

    def __exit__(self, *args: Any) -> None:
        mode.shapes_only = self._before


class detect_anomaly:
    """`with detect_anomaly():` a backward pass that makes a NaN raises RuntimeError and names the
    operation.  Where forward ran within it, too, this and every error out of a backward carries a
    note (`__notes__`) of the place that recorded the operation.

    check_nan: look for NaN; False leaves the notes.  Costs a look at every gradient, and a walk
    over the stack at every operation; of each thread.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = bool(check_nan)
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> detect_anomaly:
        self._before.append((mode.anomaly, mode.check_nan))
        mode.anomaly, mode.check_nan = True, self._check_nan
        _watch(1)
        return self

    def __exit__(self, *args: Any) -> None:
        mode.anomaly, mode.check_nan = self._before.pop()
        _watch(-1)
