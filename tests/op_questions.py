"""How tests/test_ops.py calls a row of the table and compares what it gets."""

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from op_case import OpCase, Sample

Results = dict[str, np.ndarray]


def rng_of(case: OpCase, salt: int = 0) -> np.random.Generator:
    """The row's own random numbers: a new row does not change the others' samples."""
    return np.random.default_rng([zlib.crc32(case.name.encode()), salt])


@cache
def small(case: OpCase) -> list[Sample]:
    return list(case.inputs(rng_of(case)))


@cache
def large(case: OpCase) -> list[Sample]:
    return list(case.large(rng_of(case, 1)))


def everything(case: OpCase) -> list[Sample]:
    return small(case) + large(case)


def mapped(value: Any, fn: Any) -> Any:
    """fn of every array in a sample, a list of arrays or an array; the rest as it is."""
    if isinstance(value, np.ndarray):
        return fn(value)
    if isinstance(value, list):
        return [mapped(item, fn) for item in value]
    if isinstance(value, dict):
        return {name: mapped(item, fn) for name, item in value.items()}
    return value


def arrays_of(value: Any) -> Iterator[np.ndarray]:
    found: list[np.ndarray] = []
    mapped(value, found.append)
    return iter(found)


def to64(value: Any) -> Any:
    return mapped(value, lambda a: a.astype(np.float64) if a.dtype == np.float32 else a)


def dy_of(case: OpCase, y: np.ndarray) -> np.ndarray:
    """A gradient of y; the same for every backend, level and number of threads."""
    rng = rng_of(case, 2)
    dy = rng.normal(size=y.shape) * (rng.random(y.shape) < case.dy_share)
    return np.asarray(dy, np.float32)


def forward(k: Any, case: OpCase, sample: Sample) -> Results:
    return {f"output {i}": out for i, out in enumerate(case.forward(k, **sample))}


def backward(k: Any, case: OpCase, sample: Sample, out: Results, dy: np.ndarray) -> Results:
    if case.backward is None:
        return {}
    grads = case.backward(k, sample, tuple(out.values()), dy)
    return {f"gradient of {name}": grad for name, grad in grads.items()}


def both(k: Any, case: OpCase, sample: Sample, dy: np.ndarray | None = None) -> Results:
    out = forward(k, case, sample)
    if case.backward is None:
        return out
    first = next(iter(out.values()))
    return out | backward(k, case, sample, out, dy_of(case, first) if dy is None else dy)


def told(case: OpCase, sample: Sample, what: str) -> str:
    """The sample, small enough for a message."""
    shapes = mapped(sample, lambda a: f"{a.dtype}{list(a.shape)}")
    return f"{case.name}, {what}: {shapes}"


def assert_same_bits(got: Results, want: Results, message: str) -> None:
    assert got.keys() == want.keys(), message
    for name in want:
        a, b = got[name], want[name]
        assert a.dtype == b.dtype and a.shape == b.shape, f"{message}: {name}"
        if a.tobytes() != b.tobytes():
            x, y = (np.ascontiguousarray(v).view(f"u{v.itemsize}") for v in (a, b))
            raise AssertionError(
                f"{message}: {name} differs in {np.sum(x != y)} of {a.size} numbers"
            )


def assert_close(got: Results, want: Results, reduced: int, message: str) -> None:
    """float32 within 8 eps sqrt(reduced) max|want|; infinities, NaN and integers equal."""
    assert got.keys() == want.keys(), message
    for name in want:
        a, b = got[name], want[name]
        assert a.shape == b.shape, f"{message}: {name} has shape {a.shape}, expected {b.shape}"
        if b.dtype != np.float64:
            assert a.dtype == b.dtype and np.array_equal(a, b), f"{message}: {name}"
            continue
        assert a.dtype == np.float32, f"{message}: {name}"
        finite = np.isfinite(b)
        assert np.array_equal(a[~finite], b[~finite], equal_nan=True), f"{message}: {name}"
        error = np.abs(a[finite] - b[finite]).max(initial=0)
        bound = 8 * np.finfo(np.float32).eps * reduced**0.5 * np.abs(b[finite]).max(initial=0)
        assert error <= bound, f"{message}: {name} is off by {error:.3g}, allowed {bound:.3g}"


GUARD = 256  # bytes on each side: more than the widest tile's row of 32 elements


def guarded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A copy between guard bands in a bigger buffer, and the buffer.

    The bands are all ones: NaN as float32, -1 as an integer.  The copy starts one element after a
    64-byte boundary and ends where its guard begins.
    """
    buffer = np.full(2 * GUARD + 64 + array.nbytes, 0xFF, np.uint8)
    start = -(buffer.ctypes.data + GUARD) % 64 + GUARD + array.itemsize
    view = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view, buffer


def guards_intact(view: np.ndarray, buffer: np.ndarray) -> bool:
    start = view.ctypes.data - buffer.ctypes.data
    return bool(np.all(buffer[:start] == 0xFF) and np.all(buffer[start + view.nbytes :] == 0xFF))


def integers(rng: np.random.Generator, sample: Sample) -> Sample:
    """The sample with integers from -4 to 4 for its float32 numbers."""

    def draw(a: np.ndarray) -> np.ndarray:
        return np.asarray(rng.integers(-4, 5, a.shape).astype(a.dtype))

    return mapped(sample, lambda a: draw(a) if a.dtype == np.float32 else a)


def first_rows(case: OpCase, sample: Sample, n: int) -> Sample:
    return {
        name: np.ascontiguousarray(value[:n])
        if name in case.batched and value is not None
        else value
        for name, value in sample.items()
    }


def numeric_and_analytic(
    k: Any, case: OpCase, sample: Sample, rng: np.random.Generator, h: float
) -> Iterator[tuple[str, float, float, float]]:
    """For each argument with a gradient: its name, the derivative of f = sum(dy * y) along a random
    direction by central differences and by backward, and what rounding and curvature may add.

    A step is in proportion to the number that it changes, so that all magnitudes count.
    """
    out = forward(k, case, sample)
    y = next(iter(out.values()))
    dy = np.asarray(rng.normal(size=y.shape))
    sizes = np.where(np.isfinite(y), np.abs(dy * y), 0).sum()
    for name, grad in backward(k, case, sample, out, dy).items():
        argument = name.removeprefix("gradient of ")
        x = sample[argument]
        direction = np.asarray(rng.normal(size=x.shape) * np.where(x == 0, 1, np.abs(x)))
        ends = []
        for sign in (1, -1):
            moved = sample | {argument: np.asarray(x + sign * h * direction)}
            end = next(iter(forward(k, case, moved).values()))
            ends.append(np.where(np.isfinite(end), dy * end, 0))
        numeric = float((ends[0] - ends[1]).sum() / (2 * h))
        slack = 1e-6 * np.abs(grad * direction).sum() + 1e-15 / h * sizes
        yield argument, numeric, float((grad * direction).sum()), float(slack)
