"""PyTorch says the same: flips, repeats, diagonals, products, one-hot codes."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402


def counts(lib):
    return lib.tensor(np.array([2, 0, 1], np.int64))


OPERATIONS = {
    "flip": lambda lib, F, a: [a.flip(0), a.flip(-1, 1), lib.flip(a, [0, 2])],
    "roll": lambda lib, F, a: [a.roll(2), lib.roll(a, -1, 1), a.roll((1, 2), (0, -1))],
    "repeat": lambda lib, F, a: [a.repeat(2, 1, 3), a[0, 0].repeat(2, 2), a[0].repeat([1, 2])],
    "tile": lambda lib, F, a: [a.tile(2), lib.tile(a, (2, 1, 2)), a[0].tile((2, 1, 1))],
    "repeat_interleave": lambda lib, F, a: [
        a.repeat_interleave(2), lib.repeat_interleave(a, 3, 1),
        a.repeat_interleave(counts(lib), 0)],
    "diagonal": lambda lib, F, a: [a.diagonal(), a.diagonal(1, 2, 0), a.diagonal(-2, 0, -1)],
    "diag": lambda lib, F, a: [lib.diag(a[0, 0]), a[0, 0].diag(1), a[0, 0].diag(-2),
                               a[0].diag(), a[:, 0].diag(2), a[0].diag(-1)],
    "prod": lambda lib, F, a: [lib.prod(a), (a.abs() * 0.5 + 0.7).prod(), a.prod(1),
                               a.prod(-1, keepdim=True)],
    "prod of integers": lambda lib, F, a: (a * 3).int().prod(0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    compare(OPERATIONS[name], [random_array(np.random.default_rng(7), (3, 4, 5), dtype)])


def test_one_hot():
    classes = np.array([[0, 2], [1, 1]], np.int64)
    compare(lambda lib, F, c: [F.one_hot(c), F.one_hot(c, 5)], [classes])


X = fastnn.ones(3, 4)
BAD = [
    (lambda: X.flip(2), IndexError, "flip: dim is 2"),
    (lambda: X.roll((1, 2), 0), ValueError, "roll: shifts"),
    (lambda: X.repeat(2), ValueError, "repeat: repeats"),
    (lambda: X.repeat_interleave(-1), ValueError, "repeat_interleave: repeats is -1"),
    (lambda: X.diagonal(0, 1, 1), ValueError, "diagonal: dim1 1"),
    (lambda: fastnn.functional.one_hot(X), TypeError, "one_hot: tensor has dtype float32"),
    (lambda: fastnn.functional.one_hot(fastnn.tensor([3]), 3), ValueError, "one_hot: classes"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
