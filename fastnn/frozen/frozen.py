"""freeze: a network for inference, its kernels called without the Python that finds them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .. import backend
from ..grad_mode import no_grad
from ..nn.module import Module
from ..tensor import Tensor, check_array, contiguous, wrap
from .program import Caller, Recorded
from .structure import join, split
from .traced import FreezeError, Recorder, Traced

_MOST = 64  # forms of the input that are kept


class Frozen(Caller):
    """What `freeze` returns: called as the network is, with Tensors or ndarrays.

    Tensors in, Tensors out; ndarrays in, ndarrays out.  `inputs` tells how many forms of the input
    (shapes, dtypes, other arguments) are recorded.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._recorded: dict[Any, Recorded] = {}
        self._backend = backend.name()

    def _first(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """A call of another form than the last one."""
        given: list[Any] = []
        arrays: list[np.ndarray] = []

        def is_array(value: Any) -> bool:
            if isinstance(value, Tensor):
                arrays.append(contiguous(value._data))
            elif isinstance(value, np.ndarray):
                arrays.append(contiguous(check_array(value, "input")))
            else:
                return False
            given.append(value)
            return True

        form = split((args, kwargs), is_array)
        key = form, *[(a.shape, a.dtype) for a in arrays]
        try:
            hash(key)
        except TypeError:
            raise TypeError("freeze: arguments must be Tensors, ndarrays or hashable") from None
        if backend.name() != self._backend:
            self._recorded, self._backend = {}, backend.name()
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._record(key, form, arrays)
        self._last, self._kernels = recorded, backend.kernels
        return recorded.give(arrays, bool(given) and not any(isinstance(g, Tensor) for g in given))

    @property
    def inputs(self) -> int:
        """How many forms of the input are recorded."""
        return len(self._recorded)

    def __repr__(self) -> str:
        return f"Frozen({type(self._module).__name__}, {self.inputs} recorded)"

    def _record(self, key: Any, form: Any, arrays: list[np.ndarray]) -> Recorded:
        before = self._versions()
        with Recorder([array.copy() for array in arrays]) as recorder:
            result, results = self._run(form, [a.view(Traced) for a in recorder.arrays])
            program = recorder.program(results)
        for others in zip(*map(_others, arrays), strict=True):
            expected = self._run(form, [array.copy() for array in others])[1]
            found = program.run([array.copy() for array in others])
            if not all(map(_same_bits, found, expected)):
                raise FreezeError(
                    "freeze: for other values of the input the network gives another result than "
                    "its recorded kernels: it draws random numbers, branches on values, or "
                    "computes outside of fastnn"
                )
        if self._versions() != before:
            raise FreezeError("freeze: the forward changes the network's parameters or buffers")
        if len(self._recorded) >= _MOST:
            del self._recorded[next(iter(self._recorded))]
        self._recorded[key] = Recorded(program, form, result, arrays)
        return self._recorded[key]

    def _run(self, form: Any, arrays: list[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
        """The form of the network's result, and its arrays."""
        found: list[np.ndarray] = []

        def is_tensor(value: Any) -> bool:
            if isinstance(value, Tensor):
                found.append(value._data)
            elif isinstance(value, np.ndarray):
                raise FreezeError("freeze: the network returns an ndarray, expected Tensors")
            return isinstance(value, Tensor)

        args, kwargs = join(form, map(wrap, arrays))
        with no_grad():
            result = self._module(*args, **kwargs)
        return split(result, is_tensor), found

    def _versions(self) -> list[int]:
        return [t._version for t in [*self._module.parameters(), *self._module.buffers()]]


def _others(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs like this one with other values: noise and its negative; of integers and bools
    the same numbers in reverse order, and the first of them alone."""
    if array.dtype.kind == "f":
        size = float(np.abs(array).max(initial=0.0)) or 1.0
        noise = np.random.default_rng(0).uniform(-size, size, array.shape).astype(array.dtype)
        return noise, -noise
    flat = array.reshape(-1)
    return flat[::-1].copy().reshape(array.shape), np.full_like(array, flat[0] if flat.size else 0)


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def freeze(module: Module) -> Frozen:
    """A copy of a network, in evaluation mode, that does nothing but call its kernels.

    The first call with inputs of a form (shapes, dtypes, other arguments) runs the network, records
    its kernels, and checks them with other values of the input; later calls run the kernels in a
    row: the same bits, without the tensors, checks and layers between them.  That saves a third of
    the time where kernels take microseconds, a few percent where they take milliseconds.  Weights
    are those of this moment: what happens to `module` later changes nothing.

    Raises ValueError for a network in training mode, TypeError for what is no Module.  A call
    raises FreezeError for a network whose steps depend on the values of the input, which draws
    random numbers, or which changes its own state.
    """
    if not isinstance(module, Module):
        raise TypeError(f"freeze: module must be a Module, got {type(module).__name__}")
    for name, part in module.named_modules():
        if part.training:
            raise ValueError(
                f"freeze: {name or type(part).__name__} is in training mode; use .eval()"
            )
    return Frozen(copy.deepcopy(module))
