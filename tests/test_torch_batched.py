"""PyTorch says the same: products of many matrices, whose operands lie in memory anyhow."""

import numpy as np
import pytest

pytest.importorskip("torch")

from torch_compare import compare, random_array

import fastnn
from fastnn import _kernels as kernels

CASES = {
    "bmm": (lambda lib, F, a, b: lib.bmm(a, b), (5, 7, 9), (5, 9, 4)),
    "bmm transposed": (
        lambda lib, F, a, b: lib.bmm(a.transpose(1, 2), b.transpose(1, 2)),
        (5, 9, 7),
        (5, 4, 9),
    ),
    "expanded": (lambda lib, F, a, b: a.expand(4, 3, 5) @ b, (1, 3, 5), (4, 5, 2)),
    "expanded rows": (lambda lib, F, a, b: a.expand(4, 3, 5) @ b, (4, 1, 5), (5, 2)),
    "backwards": (lambda lib, F, a, b: a.flip(0) @ b.flip((1, 2)), (4, 3, 5), (4, 5, 2)),
    "every other": (lambda lib, F, a, b: a[::2, :, ::2] @ b[:, 1::2], (4, 3, 8), (2, 8, 9)),
    "heads": (
        lambda lib, F, a, b: a.permute(1, 2, 0, 3) @ b.permute(1, 2, 3, 0),
        (6, 2, 3, 4),
        (5, 2, 3, 4),
    ),
    "broadcast both": (lambda lib, F, a, b: lib.matmul(a, b), (2, 1, 3, 7, 5), (4, 1, 5, 6)),
    "one matrix": (lambda lib, F, a, b: a @ b, (3, 4, 6, 5), (5, 7)),
    "one matrix first": (lambda lib, F, a, b: a @ b, (6, 5), (3, 4, 5, 7)),
    "rows": (lambda lib, F, a, b: a @ b.transpose(-1, -2), (8, 1, 5), (7, 5)),
    "no batch": (lambda lib, F, a, b: a @ b, (0, 2, 3), (3, 4)),
    "einsum of separate axes": (
        lambda lib, F, a, b: lib.einsum("iajb,bkaj->jkia", a, b),
        (3, 2, 4, 5),
        (5, 6, 2, 4),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_products(name, dtype):
    function, *shapes = CASES[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


def layouts(a):
    """The same numbers, laid out otherwise."""
    yield a
    yield np.asfortranarray(a)
    yield a[::-1].copy()[::-1]
    wide = np.full((*a.shape[:-1], 3 * a.shape[-1]), np.nan, np.float32)
    wide[..., 1::3] = a
    yield wide[..., 1::3]


@pytest.mark.parametrize("shape", [(4, 7, 9, 5), (3, 1, 40, 33), (2, 50, 1, 17), (6, 13, 600, 3)])
def test_layout_does_not_show(shape):
    count, m, k, n = shape
    rng = np.random.default_rng(5)
    a = rng.standard_normal((count, m, k)).astype(np.float32)
    b = rng.standard_normal((count, k, n)).astype(np.float32)
    want = kernels.batched_matmul(a, b, (count,))
    total = kernels.batched_matmul(a, b, ())
    for x in layouts(a):
        for y in layouts(b):
            assert np.array_equal(kernels.batched_matmul(x, y, (count,)), want)
            assert np.array_equal(kernels.batched_matmul(x, y, ()), total)
    for i in range(count):
        assert np.array_equal(kernels.matmul(a[i], b[i]), want[i])


@pytest.mark.parametrize(
    ("a", "b", "lead", "error", "words"),
    [
        ((2, 3, 4), (2, 5, 6), (2,), ValueError, "a has 4 columns, b has 5 rows"),
        ((2, 3, 4), (3, 4, 6), (2,), ValueError, "do not broadcast"),
        ((2, 3, 4), (2, 4, 6), (3,), ValueError, "do not broadcast to"),
        ((2, 3, 4), (4, 6), (1, 2), ValueError, "expected 1 axes or fewer"),
        ((4,), (4, 6), (), ValueError, "a has 1 axes"),
    ],
)
def test_wrong_shapes(a, b, lead, error, words):
    with pytest.raises(error, match=words):
        kernels.batched_matmul(np.zeros(a, np.float32), np.zeros(b, np.float32), lead)


def test_wrong_arrays():
    good = np.zeros((2, 3, 3), np.float32)
    with pytest.raises(TypeError, match="b has dtype float64"):
        kernels.batched_matmul(good, good.astype(np.float64), (2,))
    with pytest.raises(TypeError, match="a must be an ndarray, got list"):
        kernels.batched_matmul([[1.0]], good, (2,))


def test_operands_are_not_copied():
    """A transposed operand is saved as it is, so that a change of it is seen."""
    x = fastnn.ones(2, 3, 4, requires_grad=True)
    h = (x * 1).transpose(1, 2)
    y = h @ fastnn.ones(2, 3, 5, requires_grad=True)
    assert any(np.shares_memory(a, h.detach().numpy()) for a in y.grad_fn.saved)
