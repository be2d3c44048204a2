"""Philox: published vectors, the layout of a draw, distributions, and the kernels' bits."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fastnn import _kernels as kernels
from fastnn import reference
from fastnn._kernels import _csrc, _threads
from fastnn.reference.random import philox4x32

LEVELS = _csrc.available_isas()
FMA_LEVELS = [level for level in LEVELS if level != "generic"]
SIZES = (0, 1, 15, 16, 17, 63, 64, 65, 1000, 16_384, 16_385, 40_001)
KEYS = (0, 1, 2**32, 0x123456789ABCDEF0, 2**64 - 1)
OFFSETS = (0, 16, 2**32 - 16, 2**32, 2**64 - 16)  # the carry into the high word, and out of it

# Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, block.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.fixture(autouse=True)
def restored():
    threads, level = _threads.get_num_threads(), _csrc.isa_name()
    yield
    _threads.set_num_threads(threads)
    _csrc.force_isa(level)


@pytest.fixture(params=LEVELS)
def level(request):
    _csrc.force_isa(request.param)
    return request.param


@pytest.mark.parametrize("counter, key, block", KNOWN)
def test_known_answers(counter, key, block):
    got = philox4x32(np.array(counter, np.uint32), key)
    assert got.dtype == np.uint32 and got.tolist() == list(block)


def test_known_answer_of_the_kernel(level):
    """The one vector whose high counter words are zero: element 16 w is word w of counter 0."""
    assert kernels.random_bits(64, 0, 0)[::16].tolist() == list(KNOWN[0][2])


def test_layout(level):
    """Element 64 g + 16 w + lane is word w of counter offset + 16 g + lane."""
    key, offset = 0xA4093822_299F31D0, 2**40 - 32
    bits = kernels.random_bits(256, key, offset)
    for g, w, lane in ((0, 0, 0), (0, 3, 15), (1, 2, 7), (2, 1, 0), (3, 3, 15)):
        at = offset + 16 * g + lane
        counter = np.array([at % 2**32, at >> 32, 0, 0], np.uint32)
        assert bits[64 * g + 16 * w + lane] == philox4x32(counter, (key % 2**32, key >> 32))[w]


@pytest.mark.parametrize("key", KEYS)
def test_bits_equal_the_oracle(level, key):
    for offset in OFFSETS:
        for n in SIZES:
            got = kernels.random_bits(n, key, offset)
            assert got.dtype == np.uint32
            assert np.array_equal(got, reference.random_bits(n, key, offset))


def test_draws_follow_one_another():
    """A draw of n elements uses 16 ceil(n / 64) counters: the next one goes on from there."""
    whole = kernels.random_bits(640, 9, 32)
    assert np.array_equal(whole[:256], kernels.random_bits(256, 9, 32))
    assert np.array_equal(whole[256:], kernels.random_bits(384, 9, 32 + 64))
    assert np.unique(whole).size == 640


@pytest.mark.parametrize("isa", FMA_LEVELS)
@pytest.mark.parametrize(
    "low, high",
    (
        (0, 1),
        (-1, 1),
        (-0.05, 0.05),
        (0.1, 0.3),
        (-1e-3, 7),
        (1000, 1000.1),
        (5, 5),
        (3e5, 3e5 + 1),
    ),
)
def test_uniform_equals_the_oracle(isa, low, high):
    _csrc.force_isa(isa)
    for n in SIZES:
        got = kernels.random_uniform((n,), 2**50 + n, 16, low, high)
        want = reference.random_uniform((n,), 2**50 + n, 16, low, high)
        assert got.dtype == want.dtype == np.float32
        assert np.array_equal(got, want)


def test_uniform_stays_below_high(level):
    """Where low + u (high - low) would round to high, and elsewhere."""
    for low, high in ((0, 1), (1000, 1000.001), (-1e-8, 1), (16_777_215, 16_777_216)):
        x = kernels.random_uniform((200_000,), 3, 0, low, high)
        assert x.min() >= np.float32(low) and x.max() < np.float32(high)


def test_uniform_rounds_once():
    """low + u span as a fused multiply-add: no float32 number is closer to the exact sum."""
    low, high = np.float32(1000), np.float32(1010.3)
    bits = reference.random_bits(500, 2, 0) >> np.uint32(8)
    x = reference.random_uniform((500,), 2, 0, float(low), float(high))
    assert x.max() < np.nextafter(high, low)  # not one that was kept below high
    span = Fraction(float(high - low))
    for u, value in zip(bits.tolist(), x, strict=True):
        exact = Fraction(float(low)) + Fraction(u, 2**24) * span
        others = np.nextafter(value, np.float32([-np.inf, np.inf]))
        error = abs(Fraction(float(value)) - exact)
        assert all(error <= abs(Fraction(float(other)) - exact) for other in others)


def test_uniform_moments(level):
    n = 1_000_000
    x = kernels.random_uniform((n,), 11, 0, 0, 1).astype(np.float64)
    assert abs(x.mean() - 1 / 2) < 5 * math.sqrt(1 / 12 / n)
    assert abs(x.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / n)
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / math.sqrt(n)
    counts = np.bincount((x * 64).astype(int), minlength=64)
    chi2 = ((counts - n / 64) ** 2 / (n / 64)).sum()
    assert counts.size == 64 and chi2 < 63 + 5 * math.sqrt(2 * 63)


def test_normal_is_close_to_the_oracle(level):
    for n in SIZES:
        for mean, std in ((0, 1), (-3, 0.5), (100, 1e-3), (2, 0)):
            got = kernels.random_normal((n,), 77, 2**33, mean, std)
            want = reference.random_normal((n,), 77, 2**33, mean, std)
            assert got.dtype == want.dtype == np.float32
            # Box and Muller reach 5.8 with 24 bits; 4 eps of that, and the rounding of the sum.
            allowed = np.finfo(np.float32).eps * (4 * 5.8 * std + abs(mean))
            assert np.abs(got - want.astype(np.float64)).max(initial=0) <= allowed


def test_normal_is_the_same_on_every_level_with_fma():
    draws = []
    for isa in FMA_LEVELS:
        _csrc.force_isa(isa)
        draws.append(kernels.random_normal((100_003,), 5, 160, 1, 2))
    assert all(np.array_equal(draw, draws[0]) for draw in draws)


def test_normal_moments(level):
    n = 1_000_000
    z = kernels.random_normal((n,), 12, 0, 0, 1).astype(np.float64)
    # Variances of the sample moments: 1, 2, 6 (of skewness) and 24 (of kurtosis) over n.
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((z**3).mean()) < 5 * math.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / n)
    assert abs(np.corrcoef(z[:-16], z[16:])[0, 1]) < 5 / math.sqrt(n)  # cosine beside sine
    for edge, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert abs((np.abs(z) < edge).mean() - share) < 5 * math.sqrt(share * (1 - share) / n)
    assert np.isfinite(z).all() and np.abs(z).max() > 4.5


@pytest.mark.parametrize("p", (0, 0.1, 0.5, 0.75, 1))
def test_dropout(level, p):
    n = 200_001
    x = np.arange(1, n + 1, dtype=np.float32)
    y = kernels.dropout(x, p, 21, 48)
    assert np.array_equal(y, reference.dropout(x, p, 21, 48))
    kept = y != 0
    assert abs(kept.mean() - (1 - p)) <= 5 * math.sqrt(p * (1 - p) / n)
    assert np.array_equal(y[kept], x[kept] * np.float32(1 / (1 - p) if p < 1 else 0))
    wide = reference.dropout(x.astype(np.float64), p, 21, 48)
    assert wide.dtype == np.float64 and np.array_equal(wide != 0, kept)


def test_dropout_drops_nan(level):
    x = np.full(1000, np.nan, np.float32)
    for k in (kernels, reference):
        y = k.dropout(x, 0.5, 1, 0)
        assert np.array_equal(np.isnan(y), k.dropout(np.ones_like(x), 0.5, 1, 0) != 0)
        assert (y[~np.isnan(y)] == 0).all()


def test_any_number_of_threads(level):
    x = np.ones(200_001, np.float32)
    draws = {
        "bits": lambda: kernels.random_bits(200_001, 1, 16),
        "uniform": lambda: kernels.random_uniform((3, 66_667), 2, 16, -1, 2),
        "normal": lambda: kernels.random_normal((66_667, 3), 3, 16, 1, 2),
        "dropout": lambda: kernels.dropout(x, 0.3, 4, 16),
        "bernoulli": lambda: kernels.random_bernoulli(x * np.float32(0.3), 5, 16),
    }
    for name, draw in draws.items():
        _threads.set_num_threads(1)
        want = draw()
        for threads in (2, 3, 5):
            _threads.set_num_threads(threads)
            assert draw().tobytes() == want.tobytes(), f"{name}, {threads} threads"


def test_shapes():
    for k in (kernels, reference):
        for shape in ((), (0,), (1,), (2, 0, 3), (2, 3, 5)):
            flat = k.random_normal((math.prod(shape),), 6, 0, 0, 1)
            assert k.random_normal(shape, 6, 0, 0, 1).shape == shape
            assert np.array_equal(k.random_normal(shape, 6, 0, 0, 1).ravel(), flat)
            assert k.random_uniform(shape, 6, 0, 0, 1).shape == shape


def test_bad_arguments():
    for k in (kernels, reference):
        for offset in (1, 8, 17):
            with pytest.raises(ValueError, match=f"offset must be a multiple of 16, got {offset}"):
                k.random_bits(4, 0, offset)
        for key, offset in ((-1, 0), (2**64, 0), (0, -16), (0, 2**64)):
            with pytest.raises(OverflowError):
                k.random_bits(4, key, offset)
        with pytest.raises(ValueError, match="n must not be negative, got -1"):
            k.random_bits(-1, 0, 0)
        with pytest.raises(ValueError, match="negative size"):
            k.random_uniform((2, -1), 0, 0, 0, 1)
        for p in (-0.1, 1.1, math.nan):
            with pytest.raises(ValueError, match="p must be from 0 to 1"):
                k.dropout(np.ones(3, np.float32), p, 0, 0)


def test_bernoulli(level):
    """1 where the uniform draw of the same counters is below p, for kernel and oracle."""
    for n in SIZES:
        p = reference.random_uniform((n,), 5, 0, -0.2, 1.2).clip(0, 1)
        got = kernels.random_bernoulli(p, 7, 2**33)
        assert got.dtype == np.float32
        assert np.array_equal(got, kernels.random_uniform((n,), 7, 2**33, 0, 1) < p)
        assert np.array_equal(got, reference.random_bernoulli(p, 7, 2**33))
    for value in (0, 0.25, 1, math.nan):
        drawn = kernels.random_bernoulli(np.full((100, 1000), value, np.float32), 8, 0)
        share = 0 if math.isnan(value) else value
        assert abs(drawn.mean(dtype=np.float64) - share) <= 5 * math.sqrt(share * (1 - share) / 1e5)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_products_with_bias_and_activation(activation):
    """matmul's epilogue is that of a dense layer whose weight is stored transposed."""
    for m, k, n in ((0, 3, 4), (3, 0, 5), (1, 1, 1), (7, 33, 65), (20, 300, 17)):
        x, w, b = (reference.random_normal(s, 9, 0, 0, 1) for s in ((m, k), (k, n), (n,)))
        got = kernels.matmul(x, w, bias=b, activation=activation)
        assert np.array_equal(got, kernels.linear_forward(x, w.T.copy(), b, activation))
        want = reference.matmul(*(a.astype(float) for a in (x, w)), False, False, b.astype(float),
                                activation)  # fmt: skip
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(k, 1) ** 0.5)
    for module in (kernels, reference):
        with pytest.raises(ValueError, match="bias"):
            module.matmul(x, w, bias=b[:-1])
