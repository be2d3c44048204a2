"""Awkward samples for tests/op_table.py: what each operator's arguments look like.

Every generator takes a NumPy generator and yields dictionaries of arguments, float32 and C-ordered.
Sizes straddle the vector widths (8, 16) and register tiles (6, 12, 16, 32) of all CPU levels.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

Sample = dict[str, Any]

WIDTHS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100)

# (rows, terms, columns) of a matrix product; 256 terms are one cache block (kc).
PRODUCTS = (
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (1, 1, 1),
    (1, 9, 17),
    (2, 256, 8),
    (5, 7, 15),
    (6, 8, 16),
    (7, 9, 17),
    (11, 16, 31),
    (12, 17, 32),
    (13, 255, 33),
    (25, 3, 7),
    (33, 257, 9),
    (64, 32, 10),
    (30, 31, 129),
    (3, 520, 70),
)


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return np.asarray(scale * rng.normal(size=shape), np.float32)


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs, at least 0.02 apart and at least 0.01 from zero: no ties, no kinks."""
    n = int(np.prod(shape))
    return (0.02 * (rng.permutation(n) - n // 2) + 0.01).reshape(shape).astype(np.float32)


def elementwise(rng: np.random.Generator) -> Iterator[Sample]:
    for n in WIDTHS:
        yield {"x": distinct(rng, n)}
    yield {"x": np.array(-1.5, np.float32)}
    yield {"x": distinct(rng, 3, 1, 5)}
    yield {"x": distinct(rng, 2, 0, 5)}
    yield {"x": normal(rng, 500, scale=30)}
    yield {"x": normal(rng, 65, scale=1e18)}


def elementwise_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"x": normal(rng, 500_001)}


def exponents(rng: np.random.Generator) -> Iterator[Sample]:
    for n in WIDTHS:
        yield {"x": normal(rng, n)}
    yield {"x": np.linspace(-87, 88.7, 1001, dtype=np.float32)}


def positive(rng: np.random.Generator) -> Iterator[Sample]:
    for n in WIDTHS:
        yield {"x": np.abs(normal(rng, n)) + np.float32(1e-3)}
    yield {"x": np.geomspace(2e-38, 3e38, 1001, dtype=np.float32)}


def positive_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"x": np.abs(normal(rng, 300_001)) + np.float32(1e-3)}


def rows(rng: np.random.Generator) -> Iterator[Sample]:
    for c in WIDTHS:
        yield {"x": normal(rng, 3, c)}
    yield {"x": normal(rng, 0, 5)}
    yield {"x": normal(rng, 1, 1000, scale=5)}
    # All magnitudes at once: saturated rows beside smooth ones.
    yield {"x": normal(rng, 40, 10) * np.geomspace(1e-3, 1e4, 40, dtype=np.float32)[:, None]}
    # A shift of a row cancels, whatever its size.
    yield {"x": normal(rng, 4, 10) + np.array([[1e3], [-1e3], [200], [-200]], np.float32)}


def rows_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"x": normal(rng, 8_001, 10)}
    yield {"x": normal(rng, 65, 4_001)}


def products(transpose_a: bool, transpose_b: bool, shapes: tuple = PRODUCTS) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (m, k, n) in enumerate(shapes):
            a, b = normal(rng, m, k, scale=1e6 if i % 5 == 4 else 1), normal(rng, k, n)
            yield {
                "a": np.ascontiguousarray(a.T) if transpose_a else a,
                "b": np.ascontiguousarray(b.T) if transpose_b else b,
                "transpose_a": transpose_a,
                "transpose_b": transpose_b,
            }

    return inputs


# Square; few columns; few rows; more terms than two cache blocks; than the packed A of a transposed
# product.
PRODUCTS_LARGE = (
    (130, 140, 150),
    (4001, 70, 10),
    (10, 70, 4001),
    (37, 1030, 101),
    (24, 8300, 30),
)


DENSE_LARGE = (*PRODUCTS_LARGE, (2501, 1, 401))  # the last shares the sums of the bias gradient


def dense(activation: str | None, shapes: tuple = PRODUCTS) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, (n, c_in, c_out) in enumerate(shapes):
            yield {
                "x": normal(rng, n, c_in),
                "weight": normal(rng, c_out, c_in, scale=(c_in + 1) ** -0.5),
                "bias": None if i % 4 == 3 else normal(rng, c_out),
                "activation": activation,
            }

    return inputs


def sums(rng: np.random.Generator) -> Iterator[Sample]:
    for n in WIDTHS:
        yield {"x": normal(rng, 2, n, 1)}
        yield {"x": normal(rng, 1, 3, n)}
    yield {"x": normal(rng, 0, 3, 4)}
    yield {"x": normal(rng, 3, 0, 1)}
    yield {"x": normal(rng, 5, 1000, 7, scale=1e5)}
    yield {"x": normal(rng, 1, 70_001, 1)}


def sums_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"x": normal(rng, 3, 300_001, 1)}
    yield {"x": normal(rng, 2, 400, 2_101)}


def labelled(rng: np.random.Generator, n: int, c: int, ignore_index: int) -> np.ndarray:
    target = rng.integers(0, max(c, 1), n)
    target[1::4] = ignore_index
    return target


CLASSES = ((0, 3), (1, 1), (1, 2), (2, 7), (3, 8), (4, 9), (15, 15), (16, 16), (33, 17), (70, 10))
CLASSES_LARGE = ((40_001, 10), (129, 3_001))


def cross_entropy(
    weighted: bool, ignore_index: int, reduction: str, smoothing: float, sizes: tuple = CLASSES
) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for n, c in sizes:
            if c == 1 and smoothing:
                continue  # the gradient is a difference of equal numbers: rounding, no scale
            yield {
                "logits": normal(rng, n, c, scale=3),
                "target": labelled(rng, n, c, ignore_index),
                "weight": (0.5 + rng.random(c)).astype(np.float32) if weighted else None,
                "ignore_index": ignore_index,
                "reduction": reduction,
                "label_smoothing": smoothing,
            }

    return inputs


SQUARES = (*((n,) for n in WIDTHS if n), (), (3, 5), (2, 3, 4, 5), (66_001,))


def squares(reduction: str, shapes: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for shape in shapes:
            yield {
                "x": normal(rng, *shape, scale=100),
                "target": normal(rng, *shape, scale=100),
                "reduction": reduction,
            }

    return inputs


def dropped(rng: np.random.Generator) -> Iterator[Sample]:
    for i, n in enumerate((*WIDTHS, 63, 64, 65, 1000)):
        yield {
            "x": normal(rng, n),
            "p": (0.5, 0.1, 0.75)[i % 3],
            "key": 2**40 + i,
            "offset": 16 * i,
        }
    yield {"x": normal(rng, 2, 3, 5), "p": 0.0, "key": 0, "offset": 0}
    yield {"x": normal(rng, 2, 3, 5), "p": 1.0, "key": 0, "offset": 2**32 - 16}


def dropped_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"x": normal(rng, 200_001), "p": 0.3, "key": 5, "offset": 2**32 - 1600}


def gathered(rng: np.random.Generator) -> Iterator[Sample]:
    for shape in ((0,), (5,), (5, 0), (1, 1), (40, 7), (40, 3, 3), (20, 1, 28, 28)):
        for count in (0, 1, 15, 16, 17):
            for dtype in (np.float32, np.uint8, np.int64, np.bool_):
                index = rng.integers(0, max(shape[0], 1), count if shape[0] else 0)
                yield {"source": (50 * rng.normal(size=shape)).astype(dtype), "index": index}


def gathered_large(rng: np.random.Generator) -> Iterator[Sample]:
    yield {"source": normal(rng, 500, 784), "index": rng.integers(0, 500, 700)}


SHAPES = (*WIDTHS, (3, 5), (2, 3, 1, 4))
SHAPES_LARGE = ((300, 401), (90_001,), (3,))
