"""freeze: a network for inference, its kernels called without the Python that finds them."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Collection
from typing import Any

import numpy as np

from .. import backend
from ..grad_mode import no_grad
from ..nn.module import Module
from ..tensor import Tensor, check_array, contiguous, wrap
from .prepare import Cache
from .program import Caller, Recorded
from .structure import join, key_of, split, taker
from .traced import FreezeError, Recorder, Traced, recording

_MOST = 64  # forms of the input that are kept
_TURNS = 5  # other values of an input
_DIFFERS = (
    "freeze: for other values of the input the network gives another result than its recorded "
    "kernels: it draws random numbers, branches on values, or computes outside of fastnn"
)


class Frozen(Caller):
    """What `freeze` returns: called as the network is, with Tensors or ndarrays.

    Tensors in, Tensors out; ndarrays in, ndarrays out.  `inputs` tells how many forms of the input
    (shapes, dtypes, other arguments) are recorded.  Copies and pickles are of the network, and
    record anew.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._recorded: dict[Any, Recorded] = {}
        self._prepared: Cache = weakref.WeakValueDictionary()

    def __deepcopy__(self, memo: dict[int, Any]) -> Frozen:
        return Frozen(copy.deepcopy(self._module, memo))

    def __reduce__(self) -> Any:
        return Frozen, (self._module,)

    def _first(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """A call of another form than the last one."""
        if recording():  # within another network
            with no_grad():
                return self._module(*args, **kwargs)
        given: list[Any] = []
        form = split((args, kwargs), taker(given, (Tensor, np.ndarray)))
        tensors = [isinstance(value, Tensor) for value in given]
        arrays = [
            contiguous(value._data if is_tensor else check_array(value, "input"))
            for value, is_tensor in zip(given, tensors, strict=True)
        ]
        try:
            key = key_of(form), *[(a.shape, a.dtype) for a in arrays]
        except TypeError as error:
            raise TypeError(
                f"freeze: an argument is {error}, expected Tensors, ndarrays, numbers, strings or "
                "None, or tuples, lists and dicts of these"
            ) from None
        recorded = self._recorded.get((backend.name(), *key))
        if recorded is None:
            with backend.switching:  # one backend for the recording, the comparison and the key
                recorded = self._record(form, arrays)
                if len(self._recorded) >= _MOST:
                    self._recorded.pop(next(iter(self._recorded)), None)
                self._recorded[backend.name(), *key] = recorded
        self._last = recorded
        return recorded.give(arrays, bool(tensors) and not any(tensors))

    @property
    def inputs(self) -> int:
        """How many forms of the input are recorded."""
        return len(self._recorded)

    def __repr__(self) -> str:
        return f"Frozen({type(self._module).__name__}, {self.inputs} recorded)"

    def _record(self, form: Any, arrays: list[np.ndarray]) -> Recorded:
        before = self._versions()
        with Recorder([array.copy() for array in arrays], self._prepared) as recorder:
            result, results = self._run(form, [a.view(Traced) for a in recorder.arrays])
            program = recorder.program(results)
        recorded = Recorded(program, form, result, arrays, recorder.kernels)
        self._check(recorded, form, result, arrays)
        if self._versions() != before:
            raise FreezeError("freeze: the forward changes the network's parameters or buffers")
        return recorded

    def _check(self, recorded: Recorded, form: Any, result: Any, arrays: list[np.ndarray]) -> None:
        """FreezeError unless the network gives the same bits for other values of each input."""
        left = {i for i, array in enumerate(arrays) if array.size}

        def check(turn: int, chosen: Collection[int]) -> None:
            others = [other_values(a, turn, i) if i in chosen else a for i, a in enumerate(arrays)]
            try:
                wanted, expected = self._run(form, [array.copy() for array in others])
            except FreezeError:
                raise
            except Exception:  # values that the network does not take
                return
            try:
                found = recorded.program.run([array.copy() for array in others])
            except FreezeError:
                raise
            except Exception as error:
                raise FreezeError(_DIFFERS) from error
            if key_of(wanted) != key_of(result) or not all(map(_agree, found, expected)):
                raise FreezeError(_DIFFERS)
            left.difference_update([i for i in left if not same_bits(others[i], arrays[i])])

        for turn in range(_TURNS):
            check(turn, range(len(arrays)))
        for i in sorted(left):
            for turn in range(_TURNS):
                check(turn, (i,))
        if left:
            raise FreezeError(
                f"freeze: input {min(left)} was to be checked with other values, but the network "
                "takes none of those that were tried"
            )

    def _run(self, form: Any, arrays: list[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
        """The form of the network's result, and its arrays."""
        found: list[Any] = []
        args, kwargs = join(form, map(wrap, arrays))
        with no_grad():
            result = split(self._module(*args, **kwargs), taker(found, Tensor))
        try:
            key_of(result)
        except TypeError as error:
            raise FreezeError(
                f"freeze: the network returns something {error}, expected Tensors, or tuples, "
                "lists and dicts of them"
            ) from None
        return result, [t._data for t in found]

    def _versions(self) -> list[int]:
        return [t._version for t in [*self._module.parameters(), *self._module.buffers()]]


def other_values(array: np.ndarray, turn: int, seed: int) -> np.ndarray:
    """An input like this one: noise, its negative, strong noise, half of it, noise with infinities
    and NaN; of integers one more, one less, the same in reverse order, zeros, large ones; of bools
    the others, the same in reverse order, none."""
    if array.dtype.kind == "f":
        if turn == 3:
            return np.asarray(array / 2)
        finite = np.abs(array[np.isfinite(array)]).max(initial=0.0)
        size = min(float(finite) or 1.0, 1e30) * (1, -1, 1000, 1, 1)[turn]
        noise = np.random.default_rng(seed).uniform(-1, 1, array.shape)
        noise = np.asarray(noise * size, array.dtype)
        if turn == 4:
            noise.reshape(-1)[::3], noise.reshape(-1)[1::3] = np.nan, np.inf
        return noise
    if turn == 2 or (turn == 1 and array.dtype.kind == "b"):
        return array.reshape(-1)[::-1].copy().reshape(array.shape)
    if turn == 3:
        return np.zeros_like(array)
    if array.dtype.kind == "b":
        return np.asarray(~array)
    one = np.ones_like(array)
    if turn == 4:
        one *= min(1000, np.iinfo(array.dtype).max)
    return np.asarray(array - one if turn == 1 else array + one)


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    """The same bits, but for those of NaN, whose sign depends on the order of operands."""
    if a.dtype.kind == "f" and same_bits(nans := np.isnan(a), np.isnan(b)):
        a, b = np.where(nans, 0, a).astype(a.dtype), np.where(nans, 0, b).astype(b.dtype)
    return same_bits(a, b)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are the same, bit by bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def freeze(module: Module) -> Frozen:
    """A copy of a network, in evaluation mode, that does nothing but call its kernels.

    The first call with inputs of a form (shapes, dtypes, other arguments) runs the network, records
    its kernels, packs their weights, and compares them with the network for other values of the
    inputs; later calls run the kernels in a row: the same bits, without the tensors, checks and
    layers between them.  That saves half of the time where kernels take microseconds, a tenth where
    they take milliseconds.  Weights are those of this moment: what happens to `module` later
    changes nothing.  Hooks and whatever else a forward does beside its result happen while it is
    recorded and compared, and not in later calls.  Lengths of recurrent layers are a tuple, not an
    array.

    Raises ValueError for a network in training mode, TypeError for what is no Module.  A call
    raises FreezeError for a network whose steps depend on the values of the input, which draws
    random numbers, or which changes its parameters or buffers.
    """
    if not isinstance(module, Module):
        raise TypeError(f"freeze: module must be a Module, got {type(module).__name__}")
    for name, part in module.named_modules():
        if part.training:
            raise ValueError(
                f"freeze: {name or type(part).__name__} is in training mode; use .eval()"
            )
    return Frozen(copy.deepcopy(module))
