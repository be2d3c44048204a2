"""PyTorch says the same: everyday words of ported scripts."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

OPERATIONS = {
    "argwhere": (lambda lib, F, a: [lib.argwhere(a > 0), a.argwhere(), a[0, 0].argwhere()], (5, 6)),
    "broadcast_to": (lambda lib, F, a: [
        lib.broadcast_to(a, (2, 3, 4)), a.broadcast_to(3, 4), a.broadcast_to((2, -1, 4))], (3, 1)),
    "ravel": (lambda lib, F, a: [lib.ravel(a), a.t().ravel(), a[0, 0].ravel()], (3, 4)),
    "select": (lambda lib, F, a: [
        lib.select(a, 1, 2), a.select(0, -1), a.select(-1, 0) * 2], (3, 4)),
    "unfold": (lambda lib, F, a: [
        a.unfold(0, 2, 1), a.unfold(-1, 3, 2), a.unfold(1, 7, 1), a.unfold(0, 1, 9),
        a.t().unfold(0, 2, 3), a.unfold(1, 3, 1).unfold(0, 2, 2)], (5, 7)),
    "unfold ends": (lambda lib, F, a: [a.unfold(0, 0, 2), a[0].unfold(0, 1, 1)], (5,)),
    "inner": (lambda lib, F, a, b: [
        lib.inner(a, b), a.inner(b[0]), b[0].inner(b[1]), a.inner(a[0, 0, 0]),
        b[0, 0].inner(b)], (2, 3, 4), (5, 4)),
    "logit": (lambda lib, F, a: [
        lib.logit(a.sigmoid()), a.sigmoid().logit(0.3), a.logit(), a.logit(eps=1e-6)], (5, 6)),
    "mT": (lambda lib, F, a: [a.mT, a[0].mT * 2], (2, 3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


def test_logit_at_its_ends():
    a = np.array([0, 1, 0.25, -0.1, 1.1, np.nan], np.float32)
    for eps in (None, 0.25, 0.0):
        compare(lambda lib, F, a, eps=eps: a.logit(eps), [a])
    ones = np.array([0, 1, 2])
    compare(lambda lib, F, a: lib.logit(a, eps=0.1), [ones])


LINES = np.array([[1, 1, 2, 2, 2, 1], [1, 1, 0, 2, 2, 1], [1, 1, 0, 2, 2, 1]])
RUNS = {
    "integers": LINES,
    "one": np.array(3),
    "empty": np.zeros(0, np.float32),
    "floats": np.array([1, 1, np.nan, np.nan, -0.0, 0.0], np.float32),
    "bools": LINES > 1,
}


@pytest.mark.parametrize("name", RUNS)
def test_unique_consecutive(name):
    a = RUNS[name]

    def run(lib, F, a):
        a = a.detach()
        values = lib.unique_consecutive(a)
        more = [a.unique_consecutive(True), a.unique_consecutive(return_counts=True)]
        all_of_it = lib.unique_consecutive(a, True, True)
        along = []
        if a.ndim == 2:
            along = [a.unique_consecutive(dim=0), *a.unique_consecutive(True, True, dim=1)]
        return [values, *(v for pair in more for v in pair), *all_of_it, *along]

    compare(run, [a])


def test_is_floating_point():
    for lib in (fastnn, torch):
        assert lib.is_floating_point(lib.ones(2)) and lib.ones(2).double().is_floating_point()
        assert not lib.ones(2).long().is_floating_point()


def test_select_and_ravel_are_views():
    for lib in (fastnn, torch):
        x = lib.zeros(2, 3)
        x.select(1, 1).fill_(2)
        x.ravel()[0] = 7
        x.mT[2, 1] = 5
        assert x.tolist() == [[7, 2, 0], [0, 2, 5]]


def test_detach_():
    """A state that is carried over is cut off where it is detached."""
    for lib in (fastnn, torch):
        w = lib.ones(3, requires_grad=True)
        h = w * 2
        before = h * 1.5
        assert h.detach_() is h and not h.requires_grad and h.is_leaf
        (h * w).sum().backward()
        assert w.grad.tolist() == [2, 2, 2]
        before.sum().backward()
        assert w.grad.tolist() == [5, 5, 5]
        assert not w.detach_().requires_grad
        view = (lib.ones(2, 2, requires_grad=True) * 1).view(4)
        with pytest.raises(RuntimeError, match=r"view|views"):
            view.detach_()
        assert not lib.ones(4).view(2, 2).detach().detach_().requires_grad


X = fastnn.ones(3, 4)
BAD = [
    (lambda: X.broadcast_to(2, 2), ValueError, "does not fit into"),
    (lambda: fastnn.broadcast_to(1.0, (2,)), TypeError, "broadcast_to: input must be a Tensor"),
    (lambda: fastnn.ravel([1]), TypeError, "ravel: input must be a Tensor"),
    (lambda: fastnn.argwhere([1]), TypeError, "argwhere: input must be a Tensor"),
    (lambda: fastnn.is_floating_point(1.0), TypeError, "is_floating_point: input must be"),
    (lambda: X.select(0, 3), IndexError, "select: index is 3, expected -3 <= index < 3"),
    (lambda: X.select(0, 1.0), TypeError, "select: index must be an integer"),
    (lambda: X.select(2, 0), IndexError, "select: dim is 2"),
    (lambda: X.sum().select(0, 0), IndexError, "select: input has no axes"),
    (lambda: X.unfold(0, 4, 1), ValueError, "unfold: size is 4"),
    (lambda: X.unfold(0, 2, 0), ValueError, "unfold: step is 0"),
    (lambda: X.unfold(0, -1, 1), ValueError, "unfold: size is -1"),
    (lambda: X.unfold(2, 1, 1), IndexError, "unfold: dim is 2"),
    (lambda: X.inner(fastnn.ones(3)), ValueError, "inner: last axes"),
    (lambda: X.inner(X.double()), TypeError, "has dtype float64"),
    (lambda: X.inner(2), TypeError, "inner: other must be a Tensor"),
    (lambda: X.logit("a"), TypeError, "logit: eps must be a number"),
    (lambda: X[0].mT, ValueError, r"mT: shape \(4,\)"),
    (lambda: X.unique_consecutive(dim=2), IndexError, "unique_consecutive: dim is 2"),
    (lambda: X.sum().unique_consecutive(dim=0), ValueError, "input has no axes"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
