"""PyTorch says the same: powers, remainders, angles, error function, running products."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd

torch = pytest.importorskip("torch")

from torch_compare import close, compare, random_array  # noqa: E402


def unit(a):
    """Into (-1, 1)."""
    return a * 0.25


OPERATIONS = {
    "atan2": (lambda lib, F, a, b: [a.atan2(b), lib.atan2(b, a + 3)], (3, 1, 4), (5, 1)),
    "fmod": (lambda lib, F, a, b: [a.fmod(b), lib.fmod(a, 0.7), lib.fmod(a * 5, -b)], (3, 4), (4,)),
    "remainder": (lambda lib, F, a, b: [a % b, a % 0.7, lib.remainder(a * 5, -b),
                                         2.5 % b.detach()],
                  (3, 4), (4,)),
    "floor_divide": (lambda lib, F, a, b: [
        a.detach() // b.detach(), lib.floor_divide(a.detach(), 0.3), 2.0 // b.detach()],
                     (3, 4), (4,)),
    "nan_to_num": (lambda lib, F, a: [(a / a.clamp(min=0)).nan_to_num(),
                                      lib.nan_to_num(a, 1.0, 2, -3)],
                   (5, 6)),
    "lerp": (lambda lib, F, a, b, w: [a.lerp(b, w), lib.lerp(a, b, 0.2), a.lerp(b, 0.9),
                                      a.lerp(b, -1.5)], (3, 4), (4,), (3, 1)),
    "addcmul": (lambda lib, F, a, b, c: [a.addcmul(b, c), lib.addcmul(a, b, c, value=-0.5)],
                (3, 4), (4,), (3, 1)),
    "addcdiv": (lambda lib, F, a, b, c: [a.addcdiv(b, c), lib.addcdiv(a, b, c, value=-0.5)],
                (3, 4), (4,), (3, 1)),
    "pow": (lambda lib, F, a, b: [(a.abs() + 0.1) ** b, lib.pow(a.abs() + 0.1, b),
                                  (a.abs() + 0.3).pow(b * 2)], (3, 1, 4), (5, 1)),
    "pow of number": (lambda lib, F, a: [2 ** a, lib.pow(0.3, a), 1.0 ** a], (3, 4)),
    "pow of zero": (lambda lib, F, a: [0.0 ** a.abs(), (a * 0) ** (a.detach().abs() + 1),
                                       a ** (a.detach() * 0)], (3, 4)),
    "cumprod": (lambda lib, F, a: [a.cumprod(0), lib.cumprod(a, -1), (a * 0.5 + 1).cumprod(1)],
                (3, 4, 5)),
    "cumprod zeros": (lambda lib, F, a: [a.masked_fill(a < 0, 0).cumprod(0), (a * 0).cumprod(1)],
                      (6, 5)),
    "cumprod no axes": (lambda lib, F, a: a.cumprod(0), ()),
    "cumprod empty": (lambda lib, F, a: a.cumprod(0), (0, 3)),
    "logcumsumexp": (lambda lib, F, a: [a.logcumsumexp(0), lib.logcumsumexp(a * 300, -1)],
                     (3, 4, 5)),
    "cummax": (lambda lib, F, a: [*a.cummax(0), *lib.cummax(a.round(), -1), *a.cummin(1),
                                  *lib.cummin((a * 2).round(), 0)], (7, 4, 5)),
    "cummax no axes": (lambda lib, F, a: [*a.cummax(0), *lib.cummin(a, -1)], ()),
}  # fmt: skip
for _name in ("asin", "acos", "atanh"):
    OPERATIONS[_name] = (lambda lib, F, a, n=_name: [getattr(lib, n)(unit(a)),
                                                     getattr(unit(a), n)()], (5, 3))  # fmt: skip
for _name in ("asinh", "erf", "erfc"):
    OPERATIONS[_name] = (lambda lib, F, a, n=_name: [getattr(lib, n)(a * 2), getattr(a, n)()],
                         (9, 7))  # fmt: skip
OPERATIONS["acosh"] = (lambda lib, F, a: [lib.acosh(a.abs() + 1.1), (a.abs() + 3).acosh()], (5, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradcheck(name):
    """Away from kinks; PyTorch's own answers at kinks are compared above."""
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(4)
    arrays = [rng.uniform(0.3, 0.9, shape) * rng.choice([-1, 1], shape) for shape in shapes]
    tensors = [fastnn.tensor(np.asarray(a), requires_grad=True) for a in arrays]
    found = function(fastnn, fastnn.functional, *tensors)
    count = len(found) if isinstance(found, list) else 1

    def one(i):
        def run(*inputs):
            y = function(fastnn, fastnn.functional, *inputs)
            return y[i] if isinstance(y, list) else y

        return run

    for i in range(count):
        y = found[i] if count > 1 else one(i)(*tensors)
        if y.requires_grad and name not in ("nan_to_num", "pow of zero", "cumprod zeros"):
            assert autograd.gradcheck(one(i), tensors)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "uint8"])
def test_integers_become_float32(dtype):
    a = np.array([0, 1, 1, 2, 3], dtype)
    names = (
        "exp log sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc sigmoid "
        "log1p expm1 log2 log10 rsqrt reciprocal"
    )
    for name in names.split():
        compare(lambda lib, F, a, n=name: [getattr(lib, n)(a), getattr(a, n)()], [a])
    compare(lambda lib, F, a: lib.atan2(a, a), [a])
    for name in ("mean", "std", "var"):
        with pytest.raises(TypeError, match="dtype"):
            getattr(fastnn.tensor(a), name)()
    for name in ("softmax", "log_softmax", "logcumsumexp"):
        with pytest.raises(TypeError, match=f"{name}: input has dtype"):
            getattr(fastnn.tensor(a), name)(0)


def test_integers_stay_integers():
    a, b = np.array([[7, -7, 8], [0, 3, -1]]), np.array([[3, 3, -3], [5, -2, 1]])
    compare(lambda lib, F, a, b: [a % b, a // b, a.fmod(b), a % 4, a // -4, a.square()], [a, b])
    compare(lambda lib, F, a, b: [a ** (b * b), a**2, 2 ** (b * b), a**0, lib.pow(3, b * b)],
            [a, b])  # fmt: skip
    compare(lambda lib, F, a, b: [a.cumprod(1), *a.cummax(0), *b.cummin(-1)], [a, b])
    compare(lambda lib, F, a, b: [a.nan_to_num(), a**2.0, a.abs() ** 0.5, 2.5**b], [a, b])
    compare(lambda lib, F, a, b: a.addcmul(a, b, value=2), [a, b])


def test_nan_and_infinity():
    a = np.array([1, np.nan, 3, -np.inf, np.inf, 0, -0.0, 2], np.float32)

    def run(lib, F, a):
        a = a.detach()
        blends = [a.nan_to_num(), a.nan_to_num(5), lib.nan_to_num(a, posinf=1.0, neginf=-1.0)]
        return [*a.cummax(0), *a.cummin(0), a.cumprod(0), a.erf(), a.erfc(), a % 2, *blends]

    compare(run, [a])


def test_error_function_in_double_precision():
    x = np.concatenate([np.linspace(-30, 30, 40001), [0.46875, 4, 1e-300, np.inf, -np.inf]])
    compare(lambda lib, F, x: [x.erf(), x.erfc()], [x])
    tail = np.linspace(1, 26, 2001)  # erfc falls to 1e-296; the relative error must hold
    ours, theirs = fastnn.tensor(tail).erfc().numpy(), torch.erfc(torch.tensor(tail)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=2e-14)


X = fastnn.ones(3, 4)
N = X.long()
BAD = [
    (lambda: N // 0, ZeroDivisionError, "floor_divide: other has a 0"),
    (lambda: N % (N * 0), ZeroDivisionError, "remainder: other has a 0"),
    (lambda: fastnn.fmod(X > 0, X > 0), TypeError, "fmod: input and other have dtype bool"),
    (lambda: X % fastnn.ones(3), ValueError, "remainder: shapes"),
    (lambda: X % N, TypeError, "remainder: dtypes float32 and int64"),
    (lambda: X.atan2(fastnn.ones(3)), ValueError, "atan2: shapes"),
    (lambda: X ** fastnn.ones(3), ValueError, "pow: shapes"),
    (lambda: X**N, TypeError, "pow: dtypes float32 and int64"),
    (lambda: N**-1, ValueError, "pow: exponent is negative"),
    (lambda: X ** "2", TypeError, "pow: exponent must be a Tensor or a number"),
    (lambda: fastnn.pow(2, 3), TypeError, "pow: exponent must be a Tensor"),
    (lambda: X.nan_to_num("0"), TypeError, "nan_to_num: nan must be a number"),
    (lambda: X.lerp(X, fastnn.ones(3)), ValueError, "lerp: input"),
    (lambda: N.lerp(N, 0.5), TypeError, "lerp: input has dtype int64"),
    (lambda: N.addcdiv(N, N), TypeError, "addcdiv: tensor1 has dtype int64"),
    (lambda: X.addcmul(X, 2), TypeError, "addcmul: tensor2 must be a Tensor"),
    (lambda: X.cumprod(2), IndexError, "cumprod: dim is 2"),
    (lambda: X.cummax(2), IndexError, "cummax: dim is 2"),
    (lambda: fastnn.erf([1.0]), TypeError, "erf: input must be a Tensor"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_pytorch_does_not_differentiate():
    x = fastnn.tensor([1.5, -2.0], requires_grad=True)
    assert not (x // 0.7).requires_grad
    (7.25 % x).sum().backward()
    assert x.grad.tolist() == [-4, 4]


def test_second_use_of_the_exponent():
    x = fastnn.tensor([1.5, 2.0], requires_grad=True)
    t = torch.tensor([1.5, 2.0], requires_grad=True)
    (x**x).sum().backward()
    (t**t).sum().backward()
    close(x.grad, t.grad, "x ** x")
