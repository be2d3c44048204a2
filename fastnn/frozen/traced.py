"""Recording: what happens to a network's input on its way to the result.

Kernels are recorded where `backend.kernels` is looked up, NumPy's functions by a subclass of
ndarray.  Which array is which is told by its memory, all of which stays alive meanwhile: a view of
a known array is a part of it, and no step.  All others are constants: weights, tables, masks.
"""

from __future__ import annotations

import functools
import operator
import os
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from .prepare import Cache, address, prepared
from .program import Place, Program, Step
from .structure import join, split, taker


class FreezeError(RuntimeError):
    """The network does something that cannot be recorded."""


_active: Recorder | None = None  # of the thread that holds backend.switching


def _after_fork() -> None:
    """A child does not go on with what another thread was recording."""
    global _active
    if _active is not None:
        seam: Any = backend
        seam.kernels, _active = _active.kernels, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _bounds(array: np.ndarray) -> tuple[int, int]:
    """First byte of an array that has elements, and the one after the last."""
    spans = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    low = address(array) + sum(span for span in spans if span < 0)
    return low, low + sum(map(abs, spans)) + array.itemsize


def _digest(array: np.ndarray) -> int:
    data: Any = array if array.flags.c_contiguous else array.tobytes()
    return zlib.crc32(data)


def _plain(array: np.ndarray) -> np.ndarray:
    return array.view(np.ndarray) if isinstance(array, Traced) else array


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


class _Quiet:
    """A function of NumPy: without warnings, arrays in place of its scalars, shapes as recorded."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.__name__ = function, _name(function)
        self.shapes: list[Any] | None = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        with np.errstate(all="ignore"):
            found = self.function(*args, **options)
        if isinstance(found, (tuple, list)):
            found = tuple(map(_array, found))
            shapes = [getattr(part, "shape", None) for part in found]
        else:
            found = _array(found)
            shapes = [getattr(found, "shape", None)]
        if self.shapes is None:
            self.shapes = shapes
        elif self.shapes != shapes:
            raise FreezeError(f"{self.__name__} gives shapes that depend on the input's values")
        return found


def _array(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, np.generic) else value


class _Joined:
    """A function whose arrays lie in lists or have names."""

    def __init__(self, function: Callable[..., Any], form: Any) -> None:
        self.function, self.form = function, form

    def __call__(self, *arrays: Any) -> Any:
        args, options = join(self.form, iter(arrays))
        return self.function(*args, **options)


@dataclass
class _Made:
    """A call and what it gave: `arrays` of the arguments, in `form`, and where they lie."""

    function: Callable[..., Any]
    args: Any
    options: dict[str, Any]
    form: Any
    arrays: list[np.ndarray]
    places: list[Place | None]
    parts: tuple[Any, ...]
    single: bool


class Recorder:
    """The program so far; records within `with Recorder(inputs, cache) as recorder:`.

    cache: see `prepared`.
    """

    def __init__(self, inputs: list[np.ndarray], cache: Cache) -> None:
        self.n_inputs, self.cache = len(inputs), cache
        self.arrays: list[np.ndarray] = []  # by slot
        self.bounds: list[tuple[int, int]] = []
        self.digests: list[int] = []
        self.steps: list[Step] = []
        self.thread = threading.get_ident()
        for array in inputs:
            self._slot(array)

    def __enter__(self) -> Recorder:
        global _active
        backend.switching.acquire()
        seam: Any = backend
        self.kernels = seam.kernels
        seam.kernels, _active = _Kernels(self.kernels), self
        return self

    def __exit__(self, *args: Any) -> None:
        global _active
        seam: Any = backend
        seam.kernels, _active = self.kernels, None
        backend.switching.release()

    def _slot(self, array: np.ndarray) -> int:
        self.arrays.append(array)
        self.bounds.append(_bounds(array) if array.size else (0, 0))
        self.digests.append(_digest(array))
        return len(self.arrays) - 1

    def place(self, array: np.ndarray | None) -> Place | None:
        """Where an array lies; None for a constant, as one without elements is."""
        if array is None or not array.size:
            return None
        low, high = _bounds(array)
        for slot in range(len(self.arrays) - 1, -1, -1):
            start, end = self.bounds[slot]
            if start <= low and high <= end:
                base = self.arrays[slot]
                alike = array.shape == base.shape and array.strides == base.strides
                if alike and array.dtype == base.dtype:
                    array = base
                return Place(slot, array, base, address(array) - address(base))
        return None

    def program(self, results: list[np.ndarray]) -> Program:
        """From the inputs to these arrays."""
        self._expect_unchanged(range(len(self.arrays)))
        ends = [self.place(array) or array.copy() for array in map(_plain, results)]
        return Program(self.n_inputs, len(self.arrays), self.steps, ends)

    def _expect_unchanged(self, slots: Iterable[int]) -> None:
        for slot in slots:
            if _digest(self.arrays[slot]) != self.digests[slot]:
                raise FreezeError("the forward changes an array in a way that is not recorded")

    def _changed(self, slots: Iterable[int]) -> None:
        """A recorded call may have written where these lie."""
        for low, high in {self.bounds[slot] for slot in slots}:
            for slot, (start, end) in enumerate(self.bounds):
                if start < high and low < end:
                    self.digests[slot] = _digest(self.arrays[slot])

    def call(
        self, function: Callable[..., Any], args: Any, options: dict[str, Any], writes: bool = False
    ) -> Any:
        """function(*args, **options) of plain arrays, recorded where one depends on the input.

        writes: it changes its first argument, or `out`.
        """
        form, arrays = _split_call(args, options)
        places = [self.place(array) for array in arrays]
        touched = [place.slot for place in places if place is not None]
        self._expect_unchanged(touched)
        result = _Joined(function, form)(*arrays)
        if not touched:
            return result
        if writes and self.place(_target(args, options)) is None:
            raise FreezeError(
                f"{_name(function)} writes the input's values into an array of its own"
            )
        single = not isinstance(result, tuple)
        parts: tuple[Any, ...] = (result,) if single else result
        for part in parts:
            if part is not None and not isinstance(part, np.ndarray):
                raise FreezeError(f"{_name(function)} gives a {type(part).__name__}, not an array")
        by_numpy = type(function) is _Quiet
        if writes or not by_numpy:
            self._changed(touched)
        if writes or not by_numpy or not all(map(self.place, parts)):
            self._record(_Made(function, args, options, form, arrays, places, parts, single))
        traced = [None if part is None else part.view(Traced) for part in parts]
        return traced[0] if single else tuple(traced)

    def _record(self, made: _Made) -> None:
        function, args, given = made.function, made.args, made.arrays
        holes = [(i, place) for i, place in enumerate(made.places) if place is not None]
        top = {i: self.place(_plain(a)) for i, a in enumerate(args) if isinstance(a, np.ndarray)}
        direct = [(i, place) for i, place in top.items() if place is not None]
        outs = [-1 if part is None else self._slot(part) for part in made.parts]
        if len(direct) == len(holes):  # the others are constants: no list to be made at each run
            if made.options:
                function = functools.partial(function, **made.options)
            given, holes = [_plain(a) if i in top else a for i, a in enumerate(args)], direct
            fast = prepared(self.kernels, function, given, dict(holes), self.cache)
            if fast is not None:
                function, given, kept = fast
                holes = [(kept.index(i), place) for i, place in holes]
        else:
            function = _Joined(function, made.form)
        self.steps.append(Step(function, given, holes, outs, made.single))


def recording() -> Recorder | None:
    """What records in this thread."""
    if _active is not None and _active.thread == threading.get_ident():
        return _active
    return None


def _split_call(args: Any, options: dict[str, Any]) -> tuple[Any, list[np.ndarray]]:
    """The form of a call's arguments, and the arrays in them, plain."""
    arrays: list[np.ndarray] = []
    form = split((tuple(args), options), taker(arrays, np.ndarray))
    return form, list(map(_plain, arrays))


def _target(args: Any, options: dict[str, Any]) -> Any:
    out = options.get("out")
    if isinstance(out, tuple):
        out = next((one for one in out if one is not None), None)
    return _plain(args[0] if out is None else out)


def _call(function: Any, args: Any, options: dict[str, Any], writes: bool = False) -> Any:
    """Recorded, in the thread that records; otherwise a call on plain arrays."""
    recorder = recording()
    if recorder is not None:
        return recorder.call(function, args, options, writes)
    form, arrays = _split_call(args, options)
    return _Joined(function, form)(*arrays)


class _Kernels:
    """The backend, its calls recorded."""

    def __init__(self, kernels: Any) -> None:
        self._kernels, self.__name__ = kernels, kernels.__name__

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._kernels, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            return _call(found, args, options)

        setattr(self, name, call)
        return call


_ABOUT = frozenset(
    {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj}
    | {np.shares_memory, np.may_share_memory, np.common_type, np.min_scalar_type}
)
_WRITERS = frozenset({np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis})


class Traced(np.ndarray):
    """An array that depends on the input."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        writes = method == "at" or any(out is not None for out in options.get("out", ()))
        return _call(_Quiet(function), inputs, options, writes)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _ABOUT:
            return super().__array_function__(func, types, args, kwargs)
        in_place = func is np.nan_to_num and kwargs.get("copy") is False
        writes = func in _WRITERS or in_place or kwargs.get("out") is not None
        return _call(_Quiet(func), args, kwargs, writes)

    def __getitem__(self, key: Any) -> Any:
        return self.taken(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _call(_Quiet(operator.setitem), (self, key, value), {}, True)

    @staticmethod
    def taken(x: np.ndarray, index: Any) -> Any:
        """x[index] with such an array in the index; see functional.shape."""
        return _call(_Quiet(operator.getitem), (x, index), {})

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<array {self.shape} of {self.dtype}, recorded>"

    __str__ = __repr__


def _method(name: str, writes: bool = False) -> Any:
    function = getattr(np.ndarray, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        out = options.get("out") is not None
        return _call(_Quiet(function), (self, *args), options, writes or out)

    return method


def _refused(name: str) -> Any:
    plain = getattr(np.ndarray, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        if recording() is None:
            return plain(_plain(self), *args, **options)
        raise FreezeError(
            f"the forward asks for a value that depends on the input ({name}); what it does with "
            "it cannot be recorded"
        )

    return method


for _word in (
    "reshape ravel flatten astype copy take repeat clip round argmax argmin argsort argpartition "
    "cumsum cumprod sum prod mean std var max min any all nonzero choose compress searchsorted "
    "diagonal dot trace"
).split():
    setattr(Traced, _word, _method(_word))
for _word in ("fill", "sort", "put", "partition"):
    setattr(Traced, _word, _method(_word, True))
for _word in (
    "__bool__ __int__ __float__ __complex__ __index__ __contains__ item tolist tobytes"
).split():
    setattr(Traced, _word, _refused(_word))
