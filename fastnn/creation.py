"""Tensors from data, constants and random numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import backend
from .dtypes import as_dtype, bool_, float32, int64
from .functional.shape import sizes, to
from .grad_mode import mode
from .random import Generator, resolve
from .tensor import Tensor, check_array

_MOST = 1 << 59  # elements: of 8 bytes, within NumPy's limit


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A copy of data: an array, Tensor, number or nested lists.

    dtype: that of an array or Tensor; of lists and numbers bool, int64 or float32.  Raises
    TypeError for other data or another dtype, ValueError for ragged lists.
    """
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


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """Shares memory where it can: a Tensor or an ndarray of that dtype; otherwise a copy."""
    wanted = None if dtype is None else as_dtype(dtype, "as_tensor")
    if isinstance(data, np.ndarray) and wanted in (None, data.dtype):
        return from_numpy(data)
    if isinstance(data, Tensor):
        return data if wanted is None else to(data, wanted)
    return tensor(data, wanted)


def _shape(size: Any, function: str) -> tuple[int, ...]:
    shape = sizes(size, function) if len(size) else ()
    total = 1
    for n in shape:
        if n < 0:
            raise ValueError(f"{function}: size {shape} has a negative axis")
        total *= max(n, 1)  # NumPy refuses (0, 2**40, 2**40) as well
    if total > _MOST:
        raise ValueError(f"{function}: size {shape} has more than 2**59 elements")
    return shape


def _made(make: Any, size: Any, dtype: Any, requires_grad: bool, function: str) -> Tensor:
    shape, kind = _shape(size, function), as_dtype(dtype, function)
    if mode.shapes_only:
        return Tensor(np.broadcast_to(make((), kind), shape), requires_grad)
    return Tensor(make(shape, kind), requires_grad)


def full(size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Every element = fill_value; dtype from its kind: bool, int64 or float32."""
    if dtype is None:
        kind = np.asarray(fill_value).dtype.kind
        dtype = {"b": bool_, "i": int64, "u": int64}.get(kind, float32)
    shape = _shape((size,), "full")
    return Tensor(np.full(shape, fill_value, as_dtype(dtype, "full")), requires_grad)


def empty(*size: Any, dtype: Any = float32, requires_grad: bool = False) -> Tensor:
    """Not initialised."""
    return _made(np.empty, size, dtype, requires_grad, "empty")


def zeros(*size: Any, dtype: Any = float32, requires_grad: bool = False) -> Tensor:
    """All 0."""
    return _made(np.zeros, size, dtype, requires_grad, "zeros")


def ones(*size: Any, dtype: Any = float32, requires_grad: bool = False) -> Tensor:
    """All 1."""
    return _made(np.ones, size, dtype, requires_grad, "ones")


def zeros_like(input: Tensor, dtype: Any = None) -> Tensor:
    """All 0, of input's shape and dtype."""
    return zeros(input.shape, dtype=input.dtype if dtype is None else dtype)


def ones_like(input: Tensor, dtype: Any = None) -> Tensor:
    """All 1, of input's shape and dtype."""
    return ones(input.shape, dtype=input.dtype if dtype is None else dtype)


def eye(n: int, m: int | None = None, dtype: Any = float32, requires_grad: bool = False) -> Tensor:
    """(n, m) with ones on the diagonal; m = n if None."""
    n, m = _shape((n, n if m is None else m), "eye")
    return Tensor(np.eye(n, m, dtype=as_dtype(dtype, "eye")), requires_grad)


def arange(
    start: Any, end: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """start, start + step, ... below end; arange(end) starts at 0.  int64, or float32 if any
    argument is a float.  Raises ValueError for step 0."""
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
    start: float, end: float, steps: int, dtype: Any = float32, requires_grad: bool = False
) -> Tensor:
    """`steps` equally spaced values from start to end, both included."""
    (steps,) = _shape((steps,), "linspace")
    array = np.linspace(start, end, steps, dtype=as_dtype(dtype, "linspace"))
    return Tensor(array, requires_grad)


def uniform_array(shape: Any, low: float, high: float, generator: Generator | None) -> np.ndarray:
    """float32, uniform in [low, high)."""
    key, offset = resolve(generator).reserve(int(np.prod(shape, dtype=np.int64)))
    return backend.kernels.random_uniform(tuple(shape), key, offset, low, high)


def normal_array(shape: Any, mean: float, std: float, generator: Generator | None) -> np.ndarray:
    """float32, normal."""
    key, offset = resolve(generator).reserve(int(np.prod(shape, dtype=np.int64)))
    return backend.kernels.random_normal(tuple(shape), key, offset, mean, std)


def _float(dtype: Any, function: str) -> np.dtype:
    wanted = as_dtype(dtype, function)
    if wanted.kind != "f":
        raise TypeError(f"{function}: dtype is {wanted}, expected float32 or float64")
    return wanted


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = float32,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform in [0, 1), from float32 draws."""
    wanted = _float(dtype, "rand")
    array = uniform_array(_shape(size, "rand"), 0.0, 1.0, generator)
    return Tensor(array.astype(wanted, copy=False), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = float32,
    requires_grad: bool = False,
) -> Tensor:
    """Normal with mean 0 and variance 1, from float32 draws."""
    wanted = _float(dtype, "randn")
    array = normal_array(_shape(size, "randn"), 0.0, 1.0, generator)
    return Tensor(array.astype(wanted, copy=False), requires_grad)


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that input has at that place, else 0: input's shape and dtype, without
    a gradient.  Raises TypeError unless float32 or float64, ValueError outside [0, 1]."""
    if not isinstance(input, Tensor):
        raise TypeError(f"bernoulli: input must be a Tensor, got {type(input).__name__}")
    p = input._data
    _float(p.dtype, "bernoulli")
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"bernoulli: input has values from {p.min()} to {p.max()}, expected 0 <= p <= 1"
        )
    key, offset = resolve(generator).reserve(p.size)
    return Tensor(backend.of(p).random_bernoulli(np.ascontiguousarray(p), key, offset))


def _bits(n: int, generator: Generator | None) -> np.ndarray:
    key, offset = resolve(generator).reserve(n)
    return backend.kernels.random_bits(n, key, offset)


def randint(low: int, high: Any, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Integers low <= i < high, int64; high - low at most 2**32.  randint(high, size): from 0."""
    if size is None:
        low, high, size = 0, low, high
    shape = _shape((size,), "randint")
    try:
        low, high = operator.index(low), operator.index(high)
    except TypeError:
        raise TypeError(f"randint: low is {low!r} and high {high!r}, expected integers") from None
    span = high - low
    if not 0 < span <= 1 << 32:
        raise ValueError(f"randint: low is {low} and high {high}, expected 0 < high - low <= 2**32")
    bits = _bits(int(np.prod(shape, dtype=np.int64)), generator).astype(np.uint64)
    return Tensor(((bits * np.uint64(span)) >> np.uint64(32)).astype(np.int64).reshape(shape) + low)


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """A random order of 0 .. n - 1, int64."""
    (n,) = _shape((n,), "randperm")
    return Tensor(np.argsort(_bits(n, generator), kind="stable").astype(np.int64, copy=False))
