"""PyTorch says the same: order statistics, counts, covariances, products over axes, grids."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402


def ints(lib, *values):
    return lib.tensor(np.array(values, np.int64))


def share(lib, a, *values):
    return lib.tensor(np.array(values), dtype=a.dtype)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
OPERATIONS = {
    "kthvalue": (lambda lib, F, a: [a.kthvalue(2)[0], lib.kthvalue(a, 3, 0, keepdim=True)[0],
                                    a[0, 0].kthvalue(1).values], (4, 3, 5)),
    "median": (lambda lib, F, a: [a.median(), a.median(0)[0], lib.median(a, -1, keepdim=True)[0],
                                  a.round().median()], (4, 3, 5)),
    "median no axes": (lambda lib, F, a: [a.median(), *a.median(0), *a.kthvalue(1)], ()),
    "quantile": (lambda lib, F, a: [
        a.quantile(0.3), lib.quantile(a, 0.5, 1), a.quantile(0.9, -1, keepdim=True),
        a.quantile(share(lib, a, 0.0, 0.21, 1.0), 0), a.quantile(0.25, keepdim=True),
        a.quantile(share(lib, a, 0.5, 0.75), 1, keepdim=True),
        a[0, 0, 0].quantile(0.5)], (4, 3, 5)),
    "interpolation": (lambda lib, F, a: [
        a.quantile(q, 0, interpolation=how) for how in INTERPOLATIONS for q in (0.1, 0.5, 0.8)],
        (6, 4)),
    "cov": (lambda lib, F, a: [a.cov(), lib.cov(a[0]), a.cov(correction=0),
                               lib.corrcoef(a), a[1].corrcoef()], (4, 9)),
    "cov weights": (lambda lib, F, a: [
        a.cov(fweights=ints(lib, 1, 2, 0, 3)), a.cov(aweights=share(lib, a, 0.5, 1, 2, 0.1)),
        a.cov(fweights=ints(lib, 1, 2, 0, 3), aweights=share(lib, a, 0.5, 1, 2, 0.1))], (3, 4)),
    "tensordot": (lambda lib, F, a, b: [
        lib.tensordot(a, b, dims=([1, 0], [0, 1])), lib.tensordot(a[:, :, :3], b),
        lib.tensordot(a, a, ([0], [0])), lib.tensordot(a, b, 1),
        lib.tensordot(a[:, :, 0], b[0, 0], 0)], (3, 4, 4), (4, 3, 5)),
    "kron": (lambda lib, F, a, b: [lib.kron(a, b), b.kron(a), a[0].kron(b[0])], (2, 3), (2, 2, 3)),
    "meshgrid": (lambda lib, F, a, b, c: [
        *lib.meshgrid(a, b, indexing="ij"), *lib.meshgrid([a, b, c], indexing="xy"),
        *lib.meshgrid(a, indexing="xy"), *lib.meshgrid(a, c, indexing="ij")], (3,), (4,), ()),
    "take_along_dim": (lambda lib, F, a: [
        a.take_along_dim(a.argsort(1), 1), lib.take_along_dim(a, ints(lib, [2, 0, 1, 1]), 0),
        a.take_along_dim(ints(lib, 7, 0, 7)), a.take_along_dim(ints(lib, [3], [0], [0]), 1),
        a[:, :1].take_along_dim(ints(lib, *[[0, 0, 0, 0], [2, 1, 1, 0]]), 0)], (3, 4)),
    "cdist": (lambda lib, F, a, b: [lib.cdist(a, b), lib.cdist(a, b, 1.0)], (3, 4), (5, 4)),
    "pdist": (lambda lib, F, a: [F.pdist(a), F.pdist(a, 1.0), F.pdist(a, 3)], (5, 4)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradcheck(name):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(4)
    arrays = [np.asarray(rng.permutation(int(np.prod(s))) * 0.37 + 0.1).reshape(s) for s in shapes]
    tensors = [fastnn.tensor(a, requires_grad=True) for a in arrays]
    found = function(fastnn, fastnn.functional, *tensors)
    for i, y in enumerate(found):
        if y.requires_grad and not (name == "median" and i == 3):  # of rounded elements
            assert autograd.gradcheck(
                lambda *xs, i=i: function(fastnn, fastnn.functional, *xs)[i], tensors
            )


def test_places_of_order_statistics():
    a = np.random.default_rng(0).permutation(60).reshape(3, 4, 5)

    def run(lib, F, a):
        found = [*a.kthvalue(2, 1), *a.median(0), *a.median(-1, keepdim=True), a.median()]
        return [*found, *a.float().kthvalue(4), *a.double().median(1)]

    compare(run, [a])


def test_nan():
    a = np.array([[1, np.nan, 3, -np.inf, 5], [np.inf, 0, 4, 2, 7]], np.float32)

    def run(lib, F, a):
        a = a.detach()
        values = [a.median(), a[1].median(), *a.median(1), *a.kthvalue(2), *a.kthvalue(5)]
        return [*values, a.quantile(0.5, 1), a.quantile(0.3), a[1, 1:].quantile(0.3)]

    compare(run, [a])


def test_counts():
    a = np.array([[3, 1, 2, 1], [1, 0, 3, 3], [3, 1, 2, 1]])
    compare(lambda lib, F, a: [a[0].bincount(), a[0].bincount(minlength=7),
                               lib.bincount(ints(lib)), a[1].int().bincount()], [a])  # fmt: skip
    for dtype in ("float32", "float64", "int64"):
        w = np.array([0.5, 2, 3, -1]).astype(dtype)
        compare(lambda lib, F, a, w=w: lib.bincount(a[0], lib.tensor(w), 6), [a])

    def different(lib, F, a):
        found = [a.unique(), *lib.unique(a, return_inverse=True, return_counts=True)]
        found += [*a.unique(dim=0, return_inverse=True), *a.unique(dim=1, return_counts=True)]
        return [*found, a[0, 0].unique(), lib.unique(a[:, :0]), a.unique(return_counts=True)[1]]

    compare(different, [a])
    compare(lambda lib, F, a: [v.detach() for v in a.unique(return_counts=True)],
            [np.array([1.5, np.nan, -2, 1.5, np.nan])])  # fmt: skip


X = fastnn.ones(3, 4)
N = X.long()
BAD = [
    (lambda: X.kthvalue(5), ValueError, "kthvalue: k is 5"),
    (lambda: X.kthvalue(0), ValueError, "kthvalue: k is 0"),
    (lambda: fastnn.ones(0, 2).median(), ValueError, "median: input of shape"),
    (lambda: fastnn.ones(0, 2).median(0), IndexError, "median: axis 0"),
    (lambda: X.quantile(1.5), ValueError, "quantile: q must be between 0 and 1"),
    (lambda: X.quantile(0.5, interpolation="cubic"), ValueError, "quantile: interpolation is"),
    (lambda: X.quantile(fastnn.ones(1, 1)), ValueError, "quantile: q has shape"),
    (lambda: X.quantile(fastnn.ones(1).double()), TypeError, "quantile: q has dtype float64"),
    (lambda: N.quantile(0.5), TypeError, "quantile: input has dtype int64"),
    (lambda: X.bincount(), TypeError, "bincount: input has dtype float32"),
    (lambda: N.bincount(), ValueError, "bincount: input has shape"),
    (lambda: fastnn.tensor([-1]).bincount(), ValueError, "bincount: input has -1"),
    (lambda: N[0].bincount(X), ValueError, "bincount: weights has shape"),
    (lambda: X.unique(dim=2), IndexError, "unique: dim is 2"),
    (lambda: N.cov(), TypeError, "cov: input has dtype int64"),
    (lambda: X.cov(fweights=N[0, :2]), ValueError, "cov: fweights has shape"),
    (lambda: X.cov(fweights=X[0]), TypeError, "cov: fweights has dtype float32"),
    (lambda: fastnn.ones(2, 2, 2).cov(), ValueError, "cov: input has shape"),
    (lambda: fastnn.tensordot(X, X, 1), ValueError, "tensordot: axes"),
    (lambda: fastnn.tensordot(X, X, 3), ValueError, "tensordot: dims is 3"),
    (lambda: fastnn.tensordot(X, X, ([0], [0, 1])), ValueError, "tensordot: dims"),
    (lambda: fastnn.tensordot(X, X, 1.5), TypeError, "tensordot: dims is 1.5"),
    (lambda: X.kron(N), TypeError, "kron: dtypes"),
    (lambda: fastnn.meshgrid(X), ValueError, "meshgrid: tensors.0. has shape"),
    (lambda: fastnn.meshgrid(X[0], indexing="yx"), ValueError, "meshgrid: indexing is 'yx'"),
    (lambda: fastnn.meshgrid(X[0], N[0]), TypeError, "meshgrid: dtypes"),
    (lambda: X.take_along_dim(N[:, :1] * 4, 1), IndexError, "take_along_dim: index goes"),
    (lambda: X.take_along_dim(N[0], 1), ValueError, "take_along_dim: indices of shape"),
    (lambda: X.take_along_dim(N[:2], 1), ValueError, "take_along_dim: indices of shape"),
    (lambda: fastnn.functional.pdist(X[0]), ValueError, "pdist: input has shape"),
    (lambda: fastnn.functional.pdist(X, -1), ValueError, "pdist: p is -1"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
