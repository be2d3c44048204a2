"""a + b, a - b, a * b, a / b: NumPy's bits whichever way they are computed, and their gradients."""

import operator

import numpy as np
import pytest

import fastnn as nn
from fastnn import _kernels, reference

F = np.float32
OPS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
# Some are denormal, and many products and quotients: IEEE 754's denormals, not zero.
SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, 1e36, -3e38, 1e-30, np.inf, -np.inf, np.nan, 7.1], F)
SPECIAL = np.append(SPECIAL, np.array([1e-40, -1.2e-38, 1e-10], F))
NUMBERS = (0.0, -0.0, 2, 0.1, -1e37, float("inf"), float("nan"), 1e300, 2**60 + 1, True, 1e-40)

every_op = pytest.mark.parametrize("op", OPS.values(), ids=OPS)


def quietly(f, *args):
    with np.errstate(all="ignore"):
        return f(*args)


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got) & ~np.isnan(got), np.signbit(want) & ~np.isnan(want))


def grid(dtype=F):
    a, b = np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype))
    return np.ascontiguousarray(a), np.ascontiguousarray(b)


@every_op
@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs(op, backend, dtype):
    a, b = grid(dtype)
    with nn.backend(backend):
        same(op(nn.from_numpy(a), nn.from_numpy(b)).numpy(), quietly(op, a, b))
        same(op(nn.from_numpy(a.T), nn.from_numpy(b)).numpy(), quietly(op, a.T, b))
        same(op(nn.from_numpy(a), nn.from_numpy(b[3])).numpy(), quietly(op, a, b[3]))


@every_op
@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", NUMBERS)
def test_numbers(op, backend, dtype, number):
    """Rounded to the tensor's dtype, once; the same from a tensor without axes."""
    a = np.resize(SPECIAL, (5, 7)).astype(dtype)
    s = quietly(np.asarray, float(number), dtype)
    for array in (a, a.T, a[0, 2:3].reshape(())):
        x = nn.from_numpy(array)
        with nn.backend(backend):
            for other in (number, nn.from_numpy(s)):
                same(op(x, other).numpy(), np.asarray(quietly(op, array, s)))
                same(op(other, x).numpy(), np.asarray(quietly(op, s, array)))


@every_op
def test_large_arrays(op):
    """As many as several threads share."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(300, 1001)).astype(F) for _ in range(2))
    same(op(nn.from_numpy(a), nn.from_numpy(b)).numpy(), op(a, b))
    same(op(nn.from_numpy(a), 0.3).numpy(), op(a, F(0.3)))
    same(op(0.3, nn.from_numpy(a)).numpy(), op(F(0.3), a))


def gradients(f, *arrays):
    tensors = [nn.tensor(a, requires_grad=True) for a in arrays]
    y = f(*tensors)
    weight = np.linspace(-1, 2, y._data.size)
    y.backward(nn.from_numpy(weight.reshape(y.shape).astype(y.dtype)))
    return [t.grad.numpy() for t in tensors]


@every_op
@pytest.mark.parametrize("shapes", [[(3, 4)] * 2, [(3, 4), ()], [(), (3, 4)], [(), ()],
                                    [(3, 4), (4,)], [(3, 1), (1, 4)], [(1,), ()]])  # fmt: skip
def test_gradients(op, shapes):
    """float32, by kernels and by broadcasting, against float64, whose are checked elsewhere."""
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(0.5, 2, shape) for shape in shapes]
    want = gradients(op, *arrays)
    got = gradients(op, *(np.asarray(a, F) for a in arrays))
    for g, w, a in zip(got, want, arrays, strict=True):
        assert g.shape == a.shape and g.dtype == F
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)


@every_op
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_beside_numbers(op, dtype):
    a = np.linspace(0.5, 2, 12).reshape(3, 4).astype(dtype)
    other = np.full_like(a, 1.5)
    (left,) = gradients(lambda x: op(x, 1.5), a)
    (right,) = gradients(lambda x: op(1.5, x), a)
    same(left, gradients(op, a, other)[0])
    same(right, gradients(op, other, a)[1])
    twice = gradients(op, a, a.copy())
    np.testing.assert_allclose(gradients(lambda x: op(x, x), a)[0], twice[0] + twice[1], 1e-6, 1e-6)


def test_only_what_is_needed():
    """What needs no gradient is not saved, and may be changed before the backward pass."""
    x, y = nn.tensor([1.0, 2.0], requires_grad=True), nn.tensor([3.0, 4.0])
    z = (x + y) * 2 - y
    y.mul_(0)
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and y.grad is None
    product = (x * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        product.backward()


def test_twice():
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 3).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


@every_op
def test_refused(op):
    x = nn.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="do not broadcast"):
        op(x, nn.ones(3))
    with pytest.raises(TypeError, match="dtypes"):
        op(x, x.double())
    with pytest.raises(TypeError, match="dtypes"):
        op(x, x.long())
    with pytest.raises(TypeError, match="from_numpy"):
        op(x, np.ones(2))
    with pytest.raises(TypeError):
        op(x, "1")
    with pytest.raises(OverflowError):
        op(x, 10**400)


def test_kernel_refuses():
    x = np.ones((2, 3), F)
    for k in (_kernels, reference):
        with pytest.raises(ValueError, match="op must be"):
            k.arithmetic_forward("pow", x, x)
        with pytest.raises(ValueError, match="shape"):
            k.arithmetic_forward("mul", x, x[:1])
        with pytest.raises(TypeError):
            k.arithmetic_forward("mul", 2.0, 2.0)
        with pytest.raises(TypeError, match="dtype"):
            k.arithmetic_forward("mul", x.astype(int), 2.0)


@every_op
def test_a_row_does_not_depend_on_its_batch(op):
    """Alone it goes to the kernel, broadcast to NumPy: denormal results are the same."""
    a, b = (np.array([[x, 1e-40, 1e38, -2e-38]], F) for x in (1e-30, 1e-10))
    alone = op(nn.from_numpy(a), nn.from_numpy(b)).numpy()
    same(op(nn.from_numpy(a.repeat(3, 0)), nn.from_numpy(b)).numpy()[2:], alone)
    wide = np.resize(a, 50_000)  # several chunks, several threads
    with nn.threads(3):
        same(op(nn.from_numpy(wide), nn.from_numpy(np.resize(b, 50_000))).numpy()[:4], alone[0])


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div"])
@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_arrays_without_axes_are_numbers(op, backend):
    k = reference if backend == "reference" else _kernels
    x = np.random.default_rng(0).standard_normal((3, 35), dtype=np.float32)
    for number in (0.3, -0.0, np.inf, 1e-40):
        s = np.array(number, np.float32)
        for a, b, c, d in ((x, s, x, float(s)), (s, x, float(s), x)):
            ours, theirs = k.arithmetic_forward(op, a, b), k.arithmetic_forward(op, c, d)
            assert ours.shape == x.shape and ours.tobytes() == theirs.tobytes()
    assert k.arithmetic_forward(op, s, s).shape == ()
    for bad in (np.array(1.0), np.ones(1, np.float32)):
        with pytest.raises((TypeError, ValueError)):
            k.arithmetic_forward(op, x, bad)
