"""Random tensors from distributions that tensors give: shares, moments, seeds, bad input."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import Generator, functional, tensor

P = np.array([0.0, 0.003, 0.25, 0.5, 0.9, 1.0])
WEIGHTS = np.array([0.0, 1.0, 4.0, 0.0, 2.5, 0.1, 0.0])


def near(share, p, n):
    """A share of n draws that happen with probability p."""
    assert np.abs(share - p).max() <= 5 * np.sqrt(p * (1 - p) / n).max() + 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bernoulli(dtype):
    n = 40_000
    p = tensor(np.broadcast_to(P, (n, 6)), dtype=dtype)
    y = fastnn.bernoulli(p, generator=Generator(1))
    assert y.dtype == p.dtype and set(np.unique(y.numpy())) == {0, 1}
    for column, share in zip(y.numpy().T, P, strict=True):
        near(column.mean(), share, n)
    assert abs(np.corrcoef(y.numpy()[:, 2], y.numpy()[:, 3])[0, 1]) < 5 / math.sqrt(n)
    near(p.bernoulli(0.2, generator=Generator(2)).numpy().mean(), np.float64(0.2), 6 * n)


def test_sizes_may_be_numpy_integers():
    """Their arithmetic stays in 64 bits, a generator's counter goes round at 2^64."""
    generator = Generator(3).set_state({"seed": 3, "offset": 2**64 - 16})
    assert generator.reserve(np.int64(65))[1] == 2**64 - 16
    assert generator.get_state() == {"seed": 3, "offset": 16}


def test_bernoulli_tells_tiny_probabilities_apart():
    """Draws of 53 bits: a uniform float32 number would be 0 in one of 2^24."""
    p = fastnn.full((1 << 20,), 1e-9, dtype="float64")
    assert sum(fastnn.bernoulli(p, generator=Generator(s)).sum().item() for s in range(16)) == 0
    bits = functional.draws._uniform((200_000,), Generator(0))
    assert bits.dtype == np.float64 and 0 <= bits.min() and bits.max() < 1
    scaled = bits * 2.0**53
    assert (scaled == np.floor(scaled)).all() and abs((scaled % 2).mean() - 0.5) < 0.006
    near(np.array([(bits < q).mean() for q in P]), P, bits.size)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_bernoulli_in_place(dtype):
    x = fastnn.zeros(30_000, 2, dtype=dtype)
    assert x.bernoulli_(0.25, generator=Generator(3)) is x
    near(x.numpy().mean(), np.float64(0.25), 60_000)
    x.bernoulli_(tensor([0.1, 1.0]), generator=Generator(4))
    near(x.numpy()[:, 0].mean(), np.float64(0.1), 30_000)
    assert x.numpy()[:, 1].all() and x.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multinomial_with_replacement(dtype):
    n = 60_000
    p = WEIGHTS / WEIGHTS.sum()
    drawn = fastnn.multinomial(tensor(WEIGHTS, dtype=dtype), n, True, generator=Generator(1))
    assert drawn.shape == (n,) and drawn.dtype == np.int64
    near(np.bincount(drawn.numpy(), minlength=7) / n, p, n)
    rows = np.stack([WEIGHTS, WEIGHTS[::-1]])
    drawn = fastnn.multinomial(tensor(rows, dtype=dtype), n, True, generator=Generator(2))
    for row, share in zip(drawn.numpy(), (p, p[::-1]), strict=True):
        near(np.bincount(row, minlength=7) / n, share, n)


def test_multinomial_without_replacement():
    """Each draw has the distribution of the classes that are left."""
    n = 40_000
    weights = tensor(np.broadcast_to(WEIGHTS, (n, 7)).copy())
    drawn = weights.multinomial(4, generator=Generator(5)).numpy()
    assert drawn.shape == (n, 4) and (np.sort(drawn) == [1, 2, 4, 5]).all()
    p = WEIGHTS / WEIGHTS.sum()
    near(np.bincount(drawn[:, 0], minlength=7) / n, p, n)
    second = np.zeros(7)
    for first in np.flatnonzero(WEIGHTS):
        left = WEIGHTS * (np.arange(7) != first)
        second += p[first] * left / left.sum()
    near(np.bincount(drawn[:, 1], minlength=7) / n, second, n)


def test_multinomial_of_wide_ranges():
    for weights in ([1e-300, 0, 1e-300], [1.7e308] * 3, [5e-324, 0.0], [1e-30, 1e30]):
        w = tensor(np.array(weights))
        some = np.count_nonzero(weights)
        for replacement in (True, False):
            drawn = fastnn.multinomial(w, some, replacement, generator=Generator(0)).numpy()
            assert (np.array(weights)[drawn] > 0).all()
    assert fastnn.multinomial(fastnn.ones(0, 3), 2).shape == (0, 2)
    assert sorted(fastnn.multinomial(fastnn.ones(500), 500).tolist()) == list(range(500))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(dtype):
    n = 50_000
    mean, std = tensor([-3.0, 0.0, 10.0], dtype=dtype), tensor([[0.5], [0.0], [2.0]], dtype=dtype)
    wide = fastnn.zeros(n, 1, 1, dtype=dtype)
    y = fastnn.normal(mean + wide, std, generator=Generator(6))
    assert y.shape == (n, 3, 3) and y.dtype == mean.dtype
    for i, s in enumerate((0.5, 0.0, 2.0)):
        for j, m in enumerate((-3, 0, 10)):
            z = y.numpy()[:, i, j].astype(np.float64)
            assert abs(z.mean() - m) <= 5 * s / math.sqrt(n)
            assert abs(z.std() - s) <= 5 * s / math.sqrt(2 * n)
    for shape, drawn in (
        ((3, 3), fastnn.normal(mean, std)),
        ((3,), fastnn.normal(mean, 2.0)),
        ((3, 1), fastnn.normal(1, std)),
        ((4, 2), fastnn.normal(1.0, 2.0, (4, 2), dtype=dtype, requires_grad=True)),
        ((5,), fastnn.normal(size=5, dtype=dtype)),
        ((), fastnn.normal(0.0, 1.0, ())),
    ):
        assert drawn.shape == shape and (shape == () or drawn.dtype == dtype)
    assert fastnn.normal(0.0, 1.0, 2).dtype == np.float32
    many = fastnn.normal(5.0, 0.1, (n,), generator=Generator(7)).numpy().astype(np.float64)
    assert abs(many.mean() - 5) < 5 * 0.1 / math.sqrt(n)
    assert abs(many.std() / 0.1 - 1) < 5 / math.sqrt(2 * n)


def test_like():
    x = fastnn.arange(6).reshape(2, 3)
    full = fastnn.full_like(x, 7)
    assert full.dtype == np.int64 and full.tolist() == [[7] * 3] * 2
    assert fastnn.full_like(x, 1.5, dtype="float32").tolist() == [[1.5] * 3] * 2
    assert fastnn.full_like(x.bool(), True).numpy().all()
    assert fastnn.empty_like(x).shape == (2, 3) and fastnn.empty_like(x).dtype == np.int64
    for draw, plain in ((fastnn.rand_like, fastnn.rand), (fastnn.randn_like, fastnn.randn)):
        for dtype in ("float32", "float64"):
            y = draw(x, generator=Generator(4), dtype=dtype, requires_grad=True)
            want = plain(2, 3, generator=Generator(4), dtype=dtype)
            assert y.requires_grad and y.dtype == dtype and np.array_equal(y.detach(), want)
        assert draw(fastnn.zeros((), dtype="float64")).shape == ()
    for make in (fastnn.zeros_like, fastnn.ones_like, fastnn.empty_like):
        y = make(fastnn.ones(2, 0, 3, dtype="float64"), requires_grad=True)
        assert y.requires_grad and y.shape == (2, 0, 3) and y.dtype == np.float64


DRAWS = {
    "rand_like": lambda g: fastnn.rand_like(fastnn.ones(4, 5), generator=g),
    "randn_like": lambda g: fastnn.randn_like(fastnn.ones(4, 5), generator=g),
    "bernoulli": lambda g: fastnn.bernoulli(fastnn.full((50,), 0.5), generator=g),
    "bernoulli_": lambda g: fastnn.zeros(50).bernoulli_(generator=g),
    "normal": lambda g: fastnn.normal(fastnn.zeros(9), 2.0, generator=g),
    "normal, size": lambda g: fastnn.normal(0.0, 2.0, (3, 3), generator=g),
    "replaced": lambda g: fastnn.multinomial(fastnn.ones(2, 99), 9, True, generator=g),
    "left out": lambda g: fastnn.multinomial(fastnn.ones(2, 99), 9, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_seeds(name):
    """Equal seeds give equal draws, with every backend; the stream moves on."""
    draw, g = DRAWS[name], Generator(11)
    first, second = draw(g).numpy(), draw(g).numpy()
    assert not np.array_equal(first, second) and g.offset > 0
    g.manual_seed(11)
    assert np.array_equal(draw(g).numpy(), first)
    fastnn.manual_seed(11)
    assert np.array_equal(draw(None).numpy(), first)
    with fastnn.backend("reference"):
        assert np.allclose(draw(Generator(11)).numpy(), first, rtol=1e-5, atol=1e-6)


def test_a_draw_has_no_gradient_but_zero():
    p = fastnn.full((2, 3), 0.5, requires_grad=True)
    m = fastnn.zeros(3, requires_grad=True)
    fastnn.bernoulli(p).sum().backward()
    fastnn.normal(m, p).sum().backward()
    assert p.grad.tolist() == [[0] * 3] * 2 and m.grad.tolist() == [0] * 3
    assert not fastnn.multinomial(p, 1).requires_grad


X = fastnn.ones(3, 4)
BAD = [
    (lambda: fastnn.bernoulli(X + 1), ValueError, "bernoulli: input has elements from 2.0"),
    (lambda: fastnn.bernoulli(X * math.nan), ValueError, "bernoulli: input has elements from nan"),
    (lambda: fastnn.bernoulli(X.long()), TypeError, "bernoulli: input has dtype int64"),
    (lambda: fastnn.bernoulli(0.5), TypeError, "bernoulli: input must be a Tensor"),
    (lambda: X.bernoulli(1.5), ValueError, "bernoulli: p is 1.5"),
    (lambda: X.bernoulli("a"), TypeError, "bernoulli: p must be a number"),
    (lambda: X.clone().bernoulli_(-1), ValueError, "bernoulli_: p is -1"),
    (lambda: X.clone().bernoulli_(X[:, :3] / 2), ValueError, "bernoulli_: p has shape"),
    (lambda: X.clone().bernoulli_(X * 2), ValueError, "bernoulli_: p has elements from 2.0"),
    (lambda: X.clone().bernoulli_(X.long()), TypeError, "bernoulli_: p has dtype int64"),
    (lambda: fastnn.multinomial(X, 5), ValueError, "multinomial: num_samples is 5"),
    (lambda: fastnn.multinomial(tensor([1.0, 0.0]), 2), ValueError, "input has 1 weights above 0"),
    (lambda: fastnn.multinomial(X, 0), ValueError, "multinomial: num_samples is 0"),
    (lambda: fastnn.multinomial(X, 1.0), TypeError, "num_samples must be an integer"),
    (lambda: fastnn.multinomial(X * 0, 1), ValueError, "multinomial: input has no weight above 0"),
    (lambda: fastnn.multinomial(-X, 1), ValueError, "input has weights that are negative"),
    (lambda: fastnn.multinomial(X / 0, 1), ValueError, "negative or not finite"),
    (lambda: fastnn.multinomial(X[0][:0], 1), ValueError, "input has no weight"),
    (lambda: fastnn.multinomial(X[None], 1), ValueError, "multinomial: input has shape"),
    (lambda: fastnn.multinomial(X.long(), 1), TypeError, "multinomial: input has dtype int64"),
    (lambda: fastnn.multinomial(X, 1, generator=1), TypeError, "generator must be"),
    (lambda: fastnn.normal(X, -1.0), ValueError, "normal: std is -1.0"),
    (lambda: fastnn.normal(X, X * math.nan), ValueError, "normal: std is nan"),
    (lambda: fastnn.normal(X, X[:2]), ValueError, "normal: mean has shape .* and std"),
    (lambda: fastnn.normal(X, X.double()), TypeError, "normal: std has dtype float64"),
    (lambda: fastnn.normal(X.long(), 1.0), TypeError, "normal: mean has dtype int64"),
    (lambda: fastnn.normal("a", 1.0), TypeError, "normal: mean must be a number"),
    (lambda: fastnn.normal(X, 1.0, (2,)), TypeError, "normal: size, dtype and requires_grad"),
    (lambda: fastnn.normal(0.0, 1.0), TypeError, "normal: size is missing"),
    (lambda: fastnn.normal(0.0, 1.0, (-1,)), ValueError, "normal: size .* negative"),
    (lambda: fastnn.normal(0.0, 1.0, 2, dtype="int64"), TypeError, "normal: dtype is int64"),
    (lambda: fastnn.full_like(X, "a"), TypeError, "full_like: fill_value must be a number"),
    (lambda: fastnn.full_like([1], 1), TypeError, "full_like: input must be a Tensor"),
    (lambda: fastnn.zeros_like(np.ones(2)), TypeError, "zeros_like: input must be a Tensor"),
    (lambda: fastnn.rand_like(X.long()), TypeError, "rand_like: dtype is int64"),
    (lambda: fastnn.randn_like(X, dtype="bool"), TypeError, "randn_like: dtype is bool"),
    (lambda: fastnn.ones(0, 2).mode(0), IndexError, "mode: axis 0"),
    (lambda: X.mode(2), IndexError, "mode: dim is 2"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
