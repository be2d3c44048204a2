"""PyTorch says the same: einsum and further reductions, values and gradients."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

EINSUMS = [
    ("ik,kj->ij", (3, 4), (4, 5)),
    ("bik,bkj->bji", (2, 3, 4), (2, 4, 5)),
    ("ij,ij", (3, 4), (3, 4)),
    ("i,j->ij", (3,), (4,)),
    ("ii->i", (4, 4)),
    ("iij->j", (3, 3, 2)),
    ("ijk->ki", (2, 3, 4)),
    ("ba,", (2, 3), ()),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("b i, i j, j b -> b", (2, 3), (3, 4), (4, 2)),
    ("ab,b->a", (3, 4), (1,)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EINSUMS])
def test_einsum(equation, shapes, dtype):
    rng = np.random.default_rng(3)
    arrays = [random_array(rng, shape, dtype) for shape in shapes]
    compare(lambda lib, F, *x: lib.einsum(equation, *x), arrays)


FOLDS = {
    "amax": lambda lib, F, a: [lib.amax(a), a.amax(1), a.amax((0, -1), True), a.amin((1, 2))],
    "amax ties": lambda lib, F, a: lib.amax(a.clamp(-0.5, 0.5), 1),
    "logsumexp": lambda lib, F, a: [a.logsumexp(1), lib.logsumexp(a * 300, (0, 2), True)],
    "norm": lambda lib, F, a: [lib.norm(a), a.norm(2, 1), a.norm(1, (0, 2), True),
                               (a * 0).norm(), (a * 0).norm(3)],
    "norm p": lambda lib, F, a: [a.norm(3, 0), a.norm(float("inf"), 1), a.norm(1.5),
                                 a.norm(-float("inf"), 2), a.norm(0.5, 1)],
    "any": lambda lib, F, a: [(a > 1).any(), lib.all(a != 0, 1), a.any(2, True), (a > 9).all()],
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FOLDS)
def test_fold(name, dtype):
    compare(FOLDS[name], [random_array(np.random.default_rng(5), (3, 4, 5), dtype)])


X = fastnn.ones(3, 4)
BAD = [
    (lambda: fastnn.einsum("ij,jk", X), ValueError, "einsum: 'ij,jk' names 2 operands"),
    (lambda: fastnn.einsum("ijk->i", X), ValueError, "does not describe an operand"),
    (lambda: fastnn.einsum("ij->k", X), ValueError, "einsum: the result of"),
    (lambda: fastnn.einsum("ij,kj->ik", X, fastnn.ones(3, 5)), ValueError, "'j' has sizes 4 and 5"),
    (lambda: X.norm("nuc"), ValueError, "norm: p is 'nuc'"),
    (lambda: X.long().logsumexp(0), TypeError, "logsumexp: input has dtype int64"),
    (lambda: fastnn.ones(0, 2).amax(0), IndexError, "amax: input of shape"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
