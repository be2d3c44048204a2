"""PyTorch says the same: indexing, order, elementwise functions; values and gradients."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402


def ints(lib, *values):
    return lib.tensor(np.array(values, np.int64))


TALL = [[0, 2, 2], [1, 0, 1]]
OPERATIONS = {
    "gather": (lambda lib, F, a: [lib.gather(a, 0, ints(lib, *TALL)),
                                  a.gather(-1, ints(lib, *TALL))], (4, 5)),
    "gather view": (lambda lib, F, a: a.transpose(0, 1).gather(1, ints(lib, *TALL)), (4, 5)),
    "gather empty": (lambda lib, F, a: a.gather(0, ints(lib).reshape(0, 5)), (4, 5)),
    "scatter": (lambda lib, F, a, b: a.scatter(1, ints(lib, [0, 4, 2], [3, 1, 0]), b),
                (4, 5), (2, 3)),
    "scatter number": (lambda lib, F, a: a.scatter(0, ints(lib, *TALL), 2.5), (4, 5)),
    "scatter_add": (lambda lib, F, a, b: lib.scatter_add(a, -2, ints(lib, *TALL), b),
                    (4, 5), (2, 3)),
    "index_select": (lambda lib, F, a: [a.index_select(0, ints(lib, 2, 0, 2)),
                                        lib.index_select(a, -1, ints(lib, 1))], (3, 4, 5)),
    "index_add": (lambda lib, F, a, b: a.index_add(1, ints(lib, 2, 0, 2), b, alpha=1.5),
                  (3, 4), (3, 3)),
    "where": (lambda lib, F, a, b: lib.where(a > 0, a, b), (3, 1, 4), (5, 1)),
    "where number": (lambda lib, F, a: [lib.where(a > 0, a, 0.5), a.where(a < 0, a * 2)], (3, 7)),
    "masked_fill": (lambda lib, F, a, b: [a.masked_fill(b[0] > 0, -1.5), a.masked_fill(a > 0, 1)],
                    (3, 4), (2, 4)),
    "masked_fill tensor": (lambda lib, F, a, b: a.masked_fill(a > 0, b), (3, 4), ()),
    "masked_select": (lambda lib, F, a, b: lib.masked_select(a, b > 0), (3, 1), (3, 4)),
    "nonzero": (lambda lib, F, a: [(a > 0).nonzero(), *lib.nonzero(a > 0, as_tuple=True),
                                   *lib.where(a < 0)], (3, 4)),
    "sort": (lambda lib, F, a: [*a.sort(), *lib.sort(a, 0, descending=True),
                                a.argsort(1)], (5, 4)),
    "sort stable": (lambda lib, F, a: [
        *lib.sort((a * 2).round() if lib is torch else lib.from_numpy(
            np.round(a.detach().numpy() * 2)), dim=0, stable=True)][1], (20, 2)),
    "topk": (lambda lib, F, a: [*a.topk(3), *lib.topk(a, 2, 0, largest=False)], (5, 4)),
    "cumsum": (lambda lib, F, a: [a.cumsum(0), lib.cumsum(a, -1)], (3, 4, 5)),
    "cumsum empty": (lambda lib, F, a: [a.cumsum(0), a.sum().cumsum(0)], (0, 3)),
    "maximum": (lambda lib, F, a, b: [lib.maximum(a, b), a.minimum(b)], (3, 1, 4), (5, 1)),
    "maximum ties": (lambda lib, F, a: [lib.maximum(a, a.clone()), lib.minimum(a, a * 1)], (3, 4)),
    "mm": (lambda lib, F, a, b: [a.mm(b), a.mv(b[:, 0]), a[0].dot(b[:, 1])], (3, 4), (4, 5)),
    "bmm": (lambda lib, F, a, b: lib.bmm(a, b), (2, 3, 4), (2, 4, 5)),
    "unbind": (lambda lib, F, a: [*a.unbind(-1), *lib.unbind(a)], (3, 4)),
    "narrow": (lambda lib, F, a: [a.narrow(1, 1, 2), lib.narrow(a, 0, -2, 1)], (3, 4)),
    "movedim": (lambda lib, F, a: [a.movedim(0, -1), lib.movedim(a, (0, 2), (1, 0)),
                                   a.swapaxes(0, 2)], (2, 3, 4)),
    "expand_as": (lambda lib, F, a, b: a.expand_as(b), (3, 1), (2, 3, 4)),
    "hstack": (lambda lib, F, a, b: [lib.hstack([a, a]), lib.hstack([a[0], b[0]]),
                                     lib.vstack([a[0], b]), lib.vstack((a, b))], (2, 3), (2, 3)),
    "outer": (lambda lib, F, a, b: lib.outer(a, b), (3,), (4,)),
    "addmm": (lambda lib, F, a, b, c: [a.addmm(b, c), lib.addmm(a, b, c, beta=0.5, alpha=2)],
              (5,), (3, 4), (4, 5)),
    "baddbmm": (lambda lib, F, a, b, c: a.baddbmm(b, c, alpha=0.5),
                (2, 3, 5), (2, 3, 4), (2, 4, 5)),
    "tril": (lambda lib, F, a: [a.tril(), a.tril(-1), lib.triu(a), a.triu(2)], (2, 3, 4)),
    "index integer apart": (lambda lib, F, a: [
        a[1, :, [0, 2, 2]], a[[0, 1], :, 2], a[..., [1, 0], 2], a[1, None, [0, 1]],
        a[0, a[0] > 0]], (2, 3, 4)),
    "test values": (lambda lib, F, a: [(a / 0).isnan(), lib.isinf(a / 0), (a / 0).isfinite()],
                    (5, 6)),
}  # fmt: skip
for _name in ("sin", "cos", "tan", "atan", "sinh", "cosh", "expm1", "square", "reciprocal"):
    OPERATIONS[_name] = (lambda lib, F, a, n=_name: getattr(lib, n)(a * 0.9 + 0.01), (5, 3))
for _name in ("log1p", "log2", "log10", "rsqrt"):
    OPERATIONS[_name] = (lambda lib, F, a, n=_name: getattr(a.abs() + 0.2, n)(), (5, 3))


def put(*steps):
    """x[index] = value for each step, on a recorded result; then use it."""

    def run(lib, F, a, b):
        h = a * 2
        for index, value in steps:
            h[index(lib)] = value(b)
        return h * h

    return run


OPERATIONS |= {
    "put row": (put((lambda lib: 0, lambda b: b)), (3, 4), (4,)),
    "put broadcast": (put((lambda lib: slice(1, 3), lambda b: b * b)), (3, 4), (1, 1, 4)),
    "put number": (put((lambda lib: (..., 1), lambda b: 1.5)), (3, 4), ()),
    "put by list": (put((lambda lib: ints(lib, 2, 0), lambda b: b)), (3, 4), (2, 4)),
    "put by mask": (put((lambda lib: lib.tensor([True, False, True]), lambda b: b)), (3, 4), (4,)),
    "put twice": (put((lambda lib: 0, lambda b: b), (lambda lib: 1, lambda b: b * 3)),
                  (3, 4), (4,)),
    "put into zeros": (lambda lib, F, a: (lambda z: [z.__setitem__(1, a * 2), z * 3][1])(
        lib.zeros(3, 4, dtype=lib.float64)), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


def test_nan_sorts_last_and_leads_topk():
    a = np.array([[1, np.nan, 3, -np.inf], [np.inf, 0, np.nan, 2]], np.float32)

    def run(lib, F, a):
        a = a.detach()
        return [*a.sort(1), *a.sort(1, descending=True), *a.topk(2)]

    compare(run, [a])


def test_integers():
    a = np.array([[3, 1, 2], [7, 0, 7]], np.int32)
    compare(
        lambda lib, F, a: [a.cumsum(1), a.masked_fill(a > 2, 9), a.sort(1)[0], a.topk(1)[0]], [a]
    )


def test_equal_and_allclose():
    a = fastnn.ones(2, 3)
    assert a.equal(fastnn.ones(2, 3)) and not a.equal(fastnn.ones(3)) and not a.equal(a * 2)
    assert a.allclose(a * (1 + 1e-6)) and not a.allclose(a * 1.01)


X = fastnn.ones(3, 4)
BAD = [
    (lambda: X.gather(0, fastnn.tensor([[3]])), IndexError, "gather: index goes from 3 to 3"),
    (lambda: X.gather(0, fastnn.tensor([[-1]])), IndexError, "expected 0 <= index < 3"),
    (lambda: X.gather(0, fastnn.tensor([0])), ValueError, "gather: index of shape"),
    (lambda: X.gather(0, fastnn.ones(1, 1)), TypeError, "gather: index has dtype float32"),
    (lambda: X.scatter(0, fastnn.tensor([[0, 1]]), fastnn.ones(1, 1)), ValueError, "src of shape"),
    (lambda: X.scatter(0, fastnn.tensor([[0]]), fastnn.ones(1)), ValueError, "src of shape"),
    (lambda: X.index_select(1, fastnn.tensor([4])), IndexError, "index_select: index goes"),
    (lambda: X.index_add(0, fastnn.tensor([0]), X), ValueError, "index_add: source has shape"),
    (lambda: X.masked_fill(X, 1.0), TypeError, "masked_fill: mask has dtype float32"),
    (lambda: fastnn.where(X > 0, X, fastnn.ones(5)), ValueError, "where: shapes"),
    (lambda: X.topk(5), ValueError, "topk: k is 5"),
    (lambda: X.bmm(X), ValueError, "bmm: shapes"),
    (lambda: X.sort(2), IndexError, "sort: dim is 2"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
