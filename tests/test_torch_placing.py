"""PyTorch says the same: slices and elements placed by index, bounds that are tensors."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

INDEX = np.array([[0, 2, 2, 0], [1, 0, 2, 0], [0, 0, 2, 1]])


def ints(lib, values):
    return lib.tensor(np.array(values, np.int64))


def reduced(how, include_self):
    return lambda lib, F, a, b: [
        lib.scatter_reduce(a, 0, ints(lib, INDEX), b, how, include_self=include_self),
        a.scatter_reduce(-1, ints(lib, INDEX), b, reduce=how, include_self=include_self),
    ]


OPERATIONS = {
    f"scatter_reduce {how}, {include_self}": (reduced(how, include_self), (4, 5), (3, 4))
    for how in ("sum", "prod", "mean", "amax", "amin")
    for include_self in (True, False)
}
OPERATIONS |= {
    "scatter_reduce view": (lambda lib, F, a, b: a.t().scatter_reduce(
        1, ints(lib, INDEX), b.t(), "prod"), (4, 5), (4, 3)),
    "scatter_reduce nothing": (lambda lib, F, a, b: a.scatter_reduce(
        0, ints(lib, INDEX[:0]), b, "mean", include_self=False), (4, 5), (0, 4)),
    "scatter_reduce no axes": (lambda lib, F, a, b: a.scatter_reduce(
        0, ints(lib, 0), b, "amax"), (), ()),
    "scatter_reduce_": (lambda lib, F, a, b: (a * 2).scatter_reduce_(
        0, ints(lib, INDEX), b, "amax"), (4, 5), (3, 4)),
    "index_copy": (lambda lib, F, a, b: [
        lib.index_copy(a, 1, ints(lib, [2, 0]), b), a.index_copy(-1, ints(lib, [1, 4]), b),
        (a * 2).index_copy_(1, ints(lib, [0, 1]), b)], (3, 5), (3, 2)),
    "index_copy repeats": (lambda lib, F, a, b: a.index_copy(0, ints(lib, [1, 1]), b),
                           (3, 5), (2, 5)),
    "index_copy one": (lambda lib, F, a, b: [
        a.index_copy(0, ints(lib, 1), b), b.index_copy(0, ints(lib, [0]), a[0]),
        b.index_copy(0, ints(lib, 0), a[:1])], (3,), ()),
    "index_fill": (lambda lib, F, a: [
        lib.index_fill(a, 1, ints(lib, [2, -1, 2]), 1.5), a.index_fill(0, ints(lib, 1), 2),
        (a * 2).index_fill_(1, ints(lib, []), 3.0)], (3, 5)),
    "index_fill tensor": (lambda lib, F, a, b: [
        a.index_fill(-1, ints(lib, [2, 0]), b), (a * 2).index_fill_(0, ints(lib, [1, 1]), b),
        b.index_fill(0, ints(lib, [0]), a[0, 0])], (3, 5), ()),
    "scatter value": (lambda lib, F, a: [
        a.scatter(0, ints(lib, INDEX), value=2.5), (a * 2).scatter_(1, ints(lib, INDEX), value=1)],
        (3, 5)),
    "clamp tensors": (lambda lib, F, a, b, c: [
        a.clamp(b, c), lib.clamp(a, min=b), lib.clip(a, max=c), a.clamp_min(b), a.clamp_max(c),
        (a * 1).clamp_(b, c)], (5, 6), (6,), (5, 1)),
    "clamp widens": (lambda lib, F, a, b, c: [
        a.clamp(b, c), a.clamp(min=c), lib.clamp(b, max=a)], (5, 1), (5, 6), (5, 6)),
    "clamp widens more": (lambda lib, F, a, b: a.clamp(min=b) + lib.clamp(a, max=b),
                          (5, 1), (3, 1, 6)),
    "clamp by itself": (lambda lib, F, a: [a.clamp(a, a), a.clamp(min=a), a.clamp(max=a)], (5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("how", ["prod", "amax", "amin", "mean"])
def test_ties_and_zeros(how, include_self):
    """Small whole numbers: every extreme is there several times, every product has zeros."""
    rng = np.random.default_rng(5)
    a, b = [rng.integers(-1, 3, s).astype(np.float32) for s in ((4, 5), (3, 4))]
    compare(reduced(how, include_self), [a, b])


def test_nan_and_infinity():
    a = np.array([[1, np.nan, np.inf, -np.inf], [0, -1, 2, np.nan]], np.float32)
    b = np.array([[np.nan, 1, 1, 1], [1, 1, 1, -np.inf]], np.float32)
    compare(lambda lib, F, a, b: [
        a.clamp(b, b + 1), a.clamp(min=b), lib.clamp(a, max=b),
        *(a.scatter_reduce(0, ints(lib, [[0, 1, 0, 1], [1, 1, 0, 0]]), b, how)
          for how in ("sum", "amax", "amin"))], [a.copy(), b])  # fmt: skip


@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers(dtype):
    a = np.array([7, 3, 5, 200], dtype)
    b = np.array([3, 5, 1, 9], dtype)
    index = [0, 0, 3, 1]

    def run(lib, F, a, b):
        found = [
            a.scatter_reduce(0, ints(lib, index), b, how, include_self=include_self)
            for how in ("sum", "prod", "mean", "amax", "amin")
            for include_self in (True, False)
        ]
        return [
            *found,
            a.scatter(0, ints(lib, index), b, reduce="add"),
            a.scatter(0, ints(lib, index), 2, reduce="multiply"),
            a.index_copy(0, ints(lib, [3, 0]), b[:2]),
            a.index_fill(0, ints(lib, [-1, 0]), 9.5),
            a.index_fill(0, ints(lib, [2]), lib.tensor(4.7)),
            a.clamp(b, b + b),
            a.clamp(max=b),
        ]

    compare(run, [a, b])


def test_booleans():
    a = np.array([True, False, False, True])
    b = np.array([False, True, True, True])

    def run(lib, F, a, b):
        found = [
            a.scatter_reduce(0, ints(lib, [0, 0, 3, 1]), b, how, include_self=include_self)
            for how in ("sum", "prod", "amax", "amin")
            for include_self in (True, False)
        ]
        return [
            *found,
            a.index_fill(0, ints(lib, [1]), True),
            a.index_copy(0, ints(lib, [3]), b[:1]),
        ]

    compare(run, [a, b])


def both(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.detach().numpy(), y.detach().numpy())


@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")
def test_scatter_with_reduce():
    """PyTorch has no gradient here: values with it, gradients with the longer words."""
    rng = np.random.default_rng(3)
    a, b = [rng.standard_normal(s).astype(np.float32) for s in ((4, 5), (4, 6))]

    def run(lib):
        x, y = lib.tensor(a), lib.tensor(b)
        return [
            x.scatter(0, ints(lib, INDEX), y, reduce="add"),
            x.scatter(0, ints(lib, INDEX), y, reduce="multiply"),
            lib.scatter(x, 1, ints(lib, INDEX), 1.5, reduce="multiply"),
            x.clone().scatter_(1, ints(lib, INDEX), 0.5, reduce="add"),
        ]

    both(run(fastnn), run(torch))
    for short, long in (("add", "sum"), ("multiply", "prod")):
        x, y, z = [fastnn.tensor(v, requires_grad=True) for v in (a, b, a)]
        weights = fastnn.tensor(a * 3)
        (x.scatter(0, ints(fastnn, INDEX), y, reduce=short) * weights).sum().backward()
        first, y.grad = y.grad, None
        (z.scatter_reduce(0, ints(fastnn, INDEX), y, long) * weights).sum().backward()
        both([x.grad, first], [z.grad, y.grad])


X, V = fastnn.ones(3, 4), fastnn.arange(3)
ONE = fastnn.tensor([0])
BAD = [
    (lambda: X.scatter_reduce(0, ONE[None], X, "max"), ValueError, "reduce is 'max'"),
    (lambda: X.scatter_reduce(0, ONE[None], 1.0, "sum"), TypeError, "src must be a Tensor"),
    (lambda: X.scatter_reduce(0, ONE, X, "sum"), ValueError, "scatter_reduce: index of shape"),
    (lambda: X.scatter_reduce(0, ONE[None] + 3, X, "sum"), IndexError, "index goes from 3 to 3"),
    (lambda: X.scatter_reduce(0, ONE[None], V, "sum"), TypeError, "scatter_reduce: dtypes"),
    (lambda: X.scatter_reduce(0, ONE[None], X[0], "sum"), ValueError, "src of shape"),
    (lambda: X.bool().scatter_reduce(0, ONE[None], X.bool(), "mean"), TypeError, "no mean"),
    (lambda: X.scatter(0, ONE[None], X, reduce="amax"), ValueError, "reduce is 'amax'"),
    (lambda: X.scatter(0, ONE[None]), TypeError, "one of src and value"),
    (lambda: X.scatter(0, ONE[None], X, value=1), TypeError, "one of src and value"),
    (lambda: X.index_copy(0, ONE, X), ValueError, r"source has shape \(3, 4\), expected \(1, 4\)"),
    (lambda: X.index_copy(0, ONE - 1, X[:1]), IndexError, "index goes from -1"),
    (lambda: X.index_copy(0, ONE, X[:1].double()), TypeError, "source has dtype float64"),
    (lambda: X.index_copy(0, ONE[None], X[:1]), ValueError, "index has shape"),
    (lambda: X.index_copy(2, ONE, X[:1]), IndexError, "index_copy: dim is 2"),
    (lambda: X.index_fill(0, ONE + 3, 1), IndexError, "index_fill: index goes from 3"),
    (lambda: X.index_fill(0, ONE - 4, 1), IndexError, "index_fill: index goes from -1"),
    (lambda: X.index_fill(0, ONE, X), ValueError, "value has shape"),
    (lambda: X.index_fill(0, ONE, "1"), TypeError, "value must be a number"),
    (lambda: V.index_fill(0, ONE, float("nan")), ValueError, "nan does not fit into int64"),
    (lambda: V.index_fill(0, ONE, 1e30), ValueError, "does not fit into int64"),
    (lambda: X.index_fill(0, X, 1), TypeError, "index has dtype float32"),
    (lambda: X.clamp(0, X), TypeError, "clamp: min is 0 next to a Tensor"),
    (lambda: X.clamp(X, 0.5), TypeError, "clamp: max is 0.5 next to a Tensor"),
    (lambda: X.clamp(V), TypeError, "clamp: dtypes"),
    (lambda: X.clamp(fastnn.ones(5)), ValueError, "clamp: shapes .* do not broadcast"),
    (lambda: X.clamp_(fastnn.ones(2, 3, 4)), ValueError, "does not fit"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
