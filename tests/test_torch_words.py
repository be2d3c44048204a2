"""PyTorch says the same: rounding, running sums in a dtype, differences, sums without NaN."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402


def holes(lib, a):
    """a with NaN where it is large, on the tape."""
    return lib.where(a > 0.5, float("nan"), a)


OPERATIONS = {
    "div floor": (lambda lib, F, a, b: [
        lib.div(a, b + 0.01, rounding_mode="floor"), a.div(0.3, rounding_mode="floor"),
        (a * 3).div_(b + 0.01, rounding_mode="floor")], (5, 6), (6,)),
    "div trunc": (lambda lib, F, a, b: [
        lib.div(a, b + 0.01, rounding_mode="trunc"), a.div(0.3, rounding_mode="trunc"),
        (a * 3).div_(b + 0.01, rounding_mode="trunc")], (5, 6), (6,)),
    "div None": (lambda lib, F, a: a.div(3, rounding_mode=None), (5, 6)),
    "true_divide": (lambda lib, F, a, b: [
        lib.true_divide(a, b.abs() + 1), a.true_divide(3), (a * 2).true_divide_(4)], (5, 6), (6,)),
    "round": (lambda lib, F, a: [
        lib.round(a, decimals=2), a.round(decimals=1), (a * 100).round(decimals=-1),
        (a * 3).round_(decimals=1), a.round(decimals=0)], (5, 6)),
    "cumsum": (lambda lib, F, a: [
        lib.cumsum(a, 0, dtype=lib.float64), a.cumsum(-1, dtype=a.dtype),
        a[0, 0].cumsum(0, dtype=lib.float64)], (5, 6)),
    "cumprod": (lambda lib, F, a: [
        lib.cumprod(a, 0, dtype=lib.float64), a.cumprod(1, dtype=a.dtype),
        a[0, 0].cumprod(0, dtype=lib.float64)], (5, 6)),
    "prod": (lambda lib, F, a: [
        lib.prod(a, 0, dtype=lib.float64), a.prod(dtype=a.dtype),
        a.prod(1, True, dtype=lib.float64)], (5, 6)),
    "cumsum_": (lambda lib, F, a: [(a * 2).cumsum_(0), (a * 2).cumprod_(1)], (5, 6)),
    "view_as": (lambda lib, F, a, b: [a.view_as(b), a.t().reshape_as(b)], (3, 4), (2, 6)),
    "diff": (lambda lib, F, a: [
        lib.diff(a), a.diff(2, 0), a.diff(n=4, dim=-1), a.diff(n=9), a.diff(n=0)], (5, 6)),
    "diff parts": (lambda lib, F, a, b: [
        a.diff(prepend=b), a.diff(append=b), lib.diff(a, 3, -1, b, b), a.diff(n=0, append=b)],
        (3, 4), (3, 2)),
    "trace": (lambda lib, F, a: [lib.trace(a), a.t().trace(), a[:0].trace()], (3, 5)),
    "logaddexp": (lambda lib, F, a, b: [
        lib.logaddexp(a, b), (a * 90).logaddexp(b * 90), a.logaddexp(a)], (5, 6), (5, 1)),
    "nansum": (lambda lib, F, a: [
        lib.nansum(holes(lib, a)), holes(lib, a).nansum(1), holes(lib, a).nansum((0, 1), True),
        lib.nansum(a, dim=0, dtype=lib.float64), a.nansum(dim=())], (5, 6)),
    "nanmean": (lambda lib, F, a: [
        lib.nanmean(holes(lib, a)), holes(lib, a).nanmean(1), holes(lib, a).nanmean((0, 1), True),
        lib.nanmean(a, dim=0, dtype=lib.float64), a.nanmean(-1, keepdim=True)], (5, 6)),
    "count_nonzero": (lambda lib, F, a: [
        lib.count_nonzero(a), a.round().count_nonzero(0), (a > 0).count_nonzero(dim=(0, -1)),
        holes(lib, a).count_nonzero(1), a[0, 0].count_nonzero(), a.count_nonzero(())], (5, 6)),
    "isclose": (lambda lib, F, a, b: [
        lib.isclose(a, a + b * 1e-5), a.isclose(b, 0.5, 0.1), a.isclose(b, rtol=0, atol=0.5),
        a.isclose(a * (1 + 1e-6)), a.isclose(a, rtol=0, atol=0)], (5, 6), (6,)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


SPECIAL = np.array([0, -0.0, 1, -2.5, np.inf, -np.inf, np.nan, 3e38], np.float32)


def test_special_values():
    a, b = np.repeat(SPECIAL, SPECIAL.size), np.tile(SPECIAL, SPECIAL.size)

    def run(lib, F, a, b):
        a, b = a.detach(), b.detach()
        return [
            a.div(b, rounding_mode="floor"),
            a.div(b, rounding_mode="trunc"),
            a.isclose(b),
            a.isclose(b, equal_nan=True),
            a.isclose(b, rtol=0, atol=0, equal_nan=True),
            a.logaddexp(b),
            a.round(decimals=3),
            a.round(decimals=-40),
            lib.tensor(bool(a.allclose(a))),
            lib.tensor(bool(a.allclose(a, equal_nan=True))),
        ]

    compare(run, [a, b])


def test_gradients_at_infinity():
    a = np.array([np.inf, 100, -np.inf, -100, 1], np.float32)
    b = np.array([1, -100, 1, 100, -np.inf], np.float32)
    compare(lambda lib, F, a, b: a.logaddexp(b), [a, b])


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers(dtype):
    a = np.array([[7, 3, 5], [200, 0, 9]], dtype)
    b = np.array([3, 5, 2], dtype)

    def run(lib, F, a, b):
        return [
            a.div(b, rounding_mode="floor"),
            a.div(b, rounding_mode="trunc"),
            a.div(2, rounding_mode="trunc"),
            a.div(1.5, rounding_mode="trunc"),
            a.div(1.5, rounding_mode="floor"),
            a.true_divide(b),
            a.cumsum(0, dtype=lib.int32),
            a.cumsum(1, dtype=lib.uint8),
            a.cumsum(1, dtype=lib.float32),
            a.cumprod(1, dtype=lib.int64),
            a.cumprod(1, dtype=lib.float64),
            a.prod(1, dtype=lib.int32),
            a.prod(dtype=lib.float32),
            a.diff(),
            a.diff(2, prepend=a),
            a.trace(),
            a.nansum(0),
            a.nansum(dtype=lib.float32),
            a.count_nonzero(1),
            a.isclose(b, atol=2),
            a.isclose(a),
            a.round(),
        ]

    if dtype is not np.uint8:
        a, b = a - 6, b - 4
    compare(lambda lib, F, a, b: run(lib, F, a, b)[:-1], [a, b])
    assert fastnn.tensor(a).round().tolist() == a.tolist()


def test_booleans():
    a = np.array([[True, False, True], [True, True, False]])
    compare(
        lambda lib, F, a: [a.diff(), a.diff(2, 1, append=a), a.count_nonzero(0), a.nansum(),
                           a.isclose(a), a.div(2, rounding_mode="floor"),
                           a.cumsum(1, dtype=lib.float32)], [a])  # fmt: skip


def test_numel():
    for lib in (fastnn, torch):
        assert lib.numel(lib.zeros(2, 3)) == 6 and lib.zeros(()).numel() == 1


X, V = fastnn.ones(3, 4), fastnn.arange(3)
BAD = [
    (lambda: X.div(X, rounding_mode="up"), ValueError, "rounding_mode is 'up'"),
    (lambda: V.div(V, rounding_mode="floor"), ZeroDivisionError, "div: other has a 0"),
    (lambda: V.div(0, rounding_mode="trunc"), ZeroDivisionError, "div: other has a 0"),
    (lambda: X.div(V, rounding_mode="floor"), TypeError, "div: dtypes float32 and int64"),
    (lambda: X.div(fastnn.ones(5), rounding_mode="trunc"), ValueError, "div: shapes"),
    (lambda: (V > 1).div(V > 1, rounding_mode="floor"), TypeError, "dtype bool"),
    (lambda: V.true_divide("1"), TypeError, "div: expected a Tensor or a number"),
    (lambda: X.round(decimals=1.5), TypeError, "decimals must be an integer"),
    (lambda: V.round(decimals=1), TypeError, "round: input has dtype int64"),
    (lambda: X.cumsum(0, dtype="bool"), TypeError, "cumsum: dtype is bool"),
    (lambda: X.cumprod(0, dtype="float16"), TypeError, "cumprod: dtype is 'float16'"),
    (lambda: X.prod(dtype="bool"), TypeError, "prod: dtype is bool"),
    (lambda: X.cumsum(2, dtype=fastnn.int32), IndexError, "cumsum: dim is 2"),
    (lambda: V.view_as(X), ValueError, "does not fit"),
    (lambda: X.t().view_as(X), ValueError, "view: the tensor is not contiguous"),
    (lambda: X.view_as((4, 3)), TypeError, "view_as: other must be a Tensor"),
    (lambda: X.reshape_as(12), TypeError, "reshape_as: other must be a Tensor"),
    (lambda: fastnn.numel(3), TypeError, "numel: input must be a Tensor"),
    (lambda: fastnn.tensor(1.0).diff(), ValueError, "diff: input has no axes"),
    (lambda: X.diff(-1), ValueError, "diff: n is -1"),
    (lambda: X.diff(dim=2), IndexError, "diff: dim is 2"),
    (lambda: X.diff(prepend=X[0]), ValueError, r"prepend has shape \(4,\)"),
    (lambda: X.diff(append=fastnn.ones(4, 1)), ValueError, r"append has shape \(4, 1\)"),
    (lambda: X.diff(append=1.0), TypeError, "append must be a Tensor"),
    (lambda: V.diff(append=fastnn.ones(1)), TypeError, "dtypes differ"),
    (lambda: V.trace(), ValueError, r"trace: input has shape \(3,\)"),
    (lambda: (X > 0).trace(), TypeError, "trace: input has dtype bool"),
    (lambda: V.logaddexp(V), TypeError, "logaddexp: input has dtype int64"),
    (lambda: X.logaddexp(X.double()), TypeError, "other has dtype float64"),
    (lambda: X.logaddexp(1.0), TypeError, "other must be a Tensor"),
    (lambda: X.logaddexp(fastnn.ones(5)), ValueError, "logaddexp: shapes"),
    (lambda: V.nanmean(), TypeError, "nanmean: input has dtype int64"),
    (lambda: X.nanmean(dtype=fastnn.int64), TypeError, "nanmean: dtype has dtype int64"),
    (lambda: X.nansum(2), IndexError, "dim is 2"),
    (lambda: X.count_nonzero(2), IndexError, "count_nonzero: dim is 2"),
    (lambda: X.isclose(1.0), TypeError, "isclose: other must be a Tensor"),
    (lambda: X.isclose(V), TypeError, "isclose: dtypes"),
    (lambda: X.isclose(X, rtol=-1), ValueError, "isclose: rtol is -1"),
    (lambda: X.allclose(X, atol=-0.5), ValueError, "allclose: atol is -0.5"),
    (lambda: X.isclose(fastnn.ones(5)), ValueError, "isclose: shapes"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
