"""Tensors from data, constants and random numbers; those like another tensor: creation_like."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import backend
from .dtypes import as_dtype, bool_, float32, int64
from .functional._checks import on_cpu
from .functional.shape import sizes, to
from .grad_mode import mode
from .random import Generator, resolve
from .tensor import Tensor, check_array

_MOST = 1 << 59  # elements: of 8 bytes, within NumPy's limit


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, *, device: Any = None
) -> Tensor:
    """A copy of data: an array, Tensor, number or nested lists.

    dtype: that of an array or Tensor; of lists and numbers bool, int64 or float32.  Raises
    TypeError for other data or another dtype, ValueError for ragged lists.
    """
    on_cpu(device, "tensor")
    wanted = None if dtype is None else as_dtype(dtype, "tensor")
    if isinstance(data, Tensor):
        data = data._data
    is_array = isinstance(data, (np.ndarray, np.generic))
    try:
        array = np.array(data, order="C")
    except ValueError as error:
        raise ValueError(f"tensor: data is not a rectangular array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"tensor: data has dtype {array.dtype}, expected numbers or booleans")
    if wanted is None and not is_array and array.dtype.kind == "f":
        wanted = float32
    if wanted is not None:
        with np.errstate(over="ignore"):  # beyond float32: infinity
            array = array.astype(wanted, copy=False)
    return Tensor(check_array(array, "tensor: data"), requires_grad)


def from_numpy(a: np.ndarray) -> Tensor:
    """A Tensor that shares the array's memory, also where it is read-only or strided.

    An array in foreign byte order is copied.  Raises TypeError for anything but an ndarray of
    float32, float64, int64, int32, uint8 or bool.
    """
    if not isinstance(a, np.ndarray):
        raise TypeError(f"from_numpy: a must be an ndarray, got {type(a).__name__}")
    return Tensor(check_array(a, "from_numpy: a"))


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Shares memory where it can: a Tensor or an ndarray of that dtype; otherwise a copy."""
    on_cpu(device, "as_tensor")
    wanted = None if dtype is None else as_dtype(dtype, "as_tensor")
    if isinstance(data, np.ndarray) and wanted in (None, data.dtype):
        return from_numpy(data)
    if isinstance(data, Tensor):
        return data if wanted is None else to(data, wanted)
    return tensor(data, wanted)


def shape_of(size: Any, function: str) -> tuple[int, ...]:
    """The sizes as a tuple of integers that NumPy can take; TypeError or ValueError otherwise."""
    shape = sizes(size, function) if len(size) else ()
    total = 1
    for n in shape:
        if n < 0:
            raise ValueError(f"{function}: size {shape} has a negative axis")
        total *= max(n, 1)  # NumPy refuses (0, 2**40, 2**40) as well
    if total > _MOST:
        raise ValueError(f"{function}: size {shape} has more than 2**59 elements")
    return shape


def _kind(dtype: Any, function: str, default: np.dtype = float32) -> np.dtype:
    return default if dtype is None else as_dtype(dtype, function)


def one_size(shape: tuple[Any, ...], size: Any, function: str) -> Any:
    """The sizes, from f(2, 3), f((2, 3)) or f(size=(2, 3))."""
    if size is None:
        return shape
    if shape:
        raise TypeError(f"{function}: sizes {shape} as well as size={size!r}")
    return (size,)


def made(
    make: Any, size: Any, dtype: Any, requires_grad: bool, function: str, device: Any = None
) -> Tensor:
    """make(shape, dtype), of which only the shape is kept in mode.shapes_only."""
    on_cpu(device, function)
    shape, kind = shape_of(size, function), _kind(dtype, function)
    if mode.shapes_only:
        return Tensor(np.broadcast_to(make((), kind), shape), requires_grad)
    return Tensor(make(shape, kind), requires_grad)


def full(
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Every element = fill_value; dtype from its kind: bool, int64 or float32."""
    on_cpu(device, "full")
    if dtype is None:
        kind = np.asarray(fill_value).dtype.kind
        dtype = {"b": bool_, "i": int64, "u": int64}.get(kind, float32)
    shape = shape_of((size,), "full")
    return Tensor(np.full(shape, fill_value, as_dtype(dtype, "full")), requires_grad)


def empty(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Not initialised."""
    return made(np.empty, one_size(shape, size, "empty"), dtype, requires_grad, "empty", device)


def zeros(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """All 0."""
    return made(np.zeros, one_size(shape, size, "zeros"), dtype, requires_grad, "zeros", device)


def ones(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """All 1."""
    return made(np.ones, one_size(shape, size, "ones"), dtype, requires_grad, "ones", device)


def eye(
    n: int,
    m: int | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """(n, m) with ones on the diagonal; m = n if None."""
    on_cpu(device, "eye")
    n, m = shape_of((n, n if m is None else m), "eye")
    return Tensor(np.eye(n, m, dtype=_kind(dtype, "eye")), requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """start, start + step, ... below end; arange(end) starts at 0.  int64, or float32 if any
    argument is a float.  Raises ValueError for step 0."""
    on_cpu(device, "arange")
    if end is None:
        start, end = 0, start
    if not step:
        raise ValueError("arange: step is 0")
    if dtype is None:
        floats = (isinstance(v, (float, np.floating)) for v in (start, end, step))
        dtype = float32 if any(floats) else int64
    try:
        array = np.arange(start, end, step).astype(as_dtype(dtype, "arange"))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"arange: start {start}, end {end}, step {step}: {error}") from None
    return Tensor(array, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    dtype: Any = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """`steps` equally spaced values from start to end, both included."""
    on_cpu(device, "linspace")
    (steps,) = shape_of((steps,), "linspace")
    array = np.linspace(start, end, steps, dtype=_kind(dtype, "linspace"))
    return Tensor(array, requires_grad)


def uniform_array(shape: Any, low: float, high: float, generator: Generator | None) -> np.ndarray:
    """float32, uniform in [low, high)."""
    key, offset = resolve(generator).reserve(int(np.prod(shape, dtype=np.int64)))
    return backend.kernels.random_uniform(tuple(shape), key, offset, low, high)


def normal_array(shape: Any, mean: float, std: float, generator: Generator | None) -> np.ndarray:
    """float32, normal."""
    key, offset = resolve(generator).reserve(int(np.prod(shape, dtype=np.int64)))
    return backend.kernels.random_normal(tuple(shape), key, offset, mean, std)


def float_dtype(dtype: Any, function: str) -> np.dtype:
    """float32, if dtype is None, or float64; TypeError otherwise."""
    wanted = _kind(dtype, function)
    if wanted.kind != "f":
        raise TypeError(f"{function}: dtype is {wanted}, expected float32 or float64")
    return wanted


def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform in [0, 1), from float32 draws."""
    on_cpu(device, "rand")
    wanted = float_dtype(dtype, "rand")
    array = uniform_array(shape_of(one_size(shape, size, "rand"), "rand"), 0.0, 1.0, generator)
    return Tensor(array.astype(wanted, copy=False), requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal with mean 0 and variance 1, from float32 draws."""
    on_cpu(device, "randn")
    wanted = float_dtype(dtype, "randn")
    array = normal_array(shape_of(one_size(shape, size, "randn"), "randn"), 0.0, 1.0, generator)
    return Tensor(array.astype(wanted, copy=False), requires_grad)


def _bits(n: int, generator: Generator | None) -> np.ndarray:
    key, offset = resolve(generator).reserve(n)
    return backend.kernels.random_bits(n, key, offset)


def randint(
    low: int,
    high: Any,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers low <= i < high; high - low at most 2**32.  randint(high, size): from 0.

    Raises TypeError or ValueError for bounds, also for those that dtype cannot hold.
    """
    on_cpu(device, "randint")
    if size is None:
        low, high, size = 0, low, high
    shape, kind = shape_of((size,), "randint"), _kind(dtype, "randint", int64)
    try:
        low, high = operator.index(low), operator.index(high)
    except TypeError:
        raise TypeError(f"randint: low is {low!r} and high {high!r}, expected integers") from None
    span = high - low
    if not 0 < span <= 1 << 32:
        raise ValueError(f"randint: low is {low} and high {high}, expected 0 < high - low <= 2**32")
    if kind.kind != "f":
        least, most = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if low < least or high - 1 > most:
            raise ValueError(f"randint: low is {low} and high {high}, which {kind} cannot hold")
    bits = _bits(int(np.prod(shape, dtype=np.int64)), generator).astype(np.uint64)
    drawn = ((bits * np.uint64(span)) >> np.uint64(32)).astype(np.int64).reshape(shape) + low
    return Tensor(drawn.astype(kind, copy=False), requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A random order of 0 .. n - 1."""
    on_cpu(device, "randperm")
    (n,) = shape_of((n,), "randperm")
    kind = _kind(dtype, "randperm", int64)
    if kind.kind != "f" and n - 1 > (1 if kind.kind == "b" else np.iinfo(kind).max):
        raise ValueError(f"randperm: n is {n}, which {kind} cannot hold")
    order = np.argsort(_bits(n, generator), kind="stable")
    return Tensor(order.astype(kind, copy=False), requires_grad)
