"""Embedding, EmbeddingBag, clipping and the initial values of recurrent layers, beyond what the op
table and PyTorch say."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import _kernels as kernels
from fastnn import functional as F
from fastnn import nn, optim, tensor
from fastnn._kernels import _csrc, _threads
from fastnn.autograd import gradcheck
from fastnn.nn import init, utils

FMA_LEVELS = [level for level in _csrc.available_isas() if level != "generic"]


@pytest.fixture(autouse=True)
def restored():
    threads, level = _threads.get_num_threads(), _csrc.isa_name()
    yield
    _threads.set_num_threads(threads)
    _csrc.force_isa(level)


def test_shapes_and_integers():
    table = nn.Embedding(5, 3)
    for shape in ((), (0,), (4,), (2, 0), (2, 3, 2)):
        x = fastnn.zeros(*shape, dtype="int64")
        assert table(x).shape == (*shape, 3)
        assert np.array_equal(table(x).detach().numpy(), table(x.int()).detach().numpy())
    x = fastnn.arange(4).reshape(2, 2).T  # not contiguous
    assert np.array_equal(table(x)[0, 1].detach().numpy(), table.weight[2].detach().numpy())
    assert nn.Embedding(0, 3).weight.shape == (0, 3)
    assert nn.Embedding(3, 0)(tensor([1])).shape == (1, 0)
    assert nn.EmbeddingBag(4, 2)(fastnn.zeros(3, 0, dtype="int64")).tolist() == [[0.0] * 2] * 3
    empty = fastnn.zeros(0, dtype="int64")
    assert nn.EmbeddingBag(4, 2)(empty, empty).shape == (0, 2)


@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_empty_bags_and_bags_of_padding_are_zero(backend):
    x, offsets = tensor([0, 1, 1, 2]), tensor([0, 0, 1, 3, 4])
    with fastnn.backend(backend):
        for mode in ("sum", "mean", "max"):
            weight = fastnn.full((3, 2), -2.0, requires_grad=True)
            y = F.embedding_bag(x, weight, offsets, mode=mode, padding_idx=1)
            assert y.tolist() == [[0, 0], [-2, -2], [0, 0], [-2, -2], [0, 0]], mode
            y.sum().backward()
            assert weight.grad.tolist() == [[1, 1], [0, 0], [1, 1]], mode


def test_nan_is_the_largest_in_a_bag():
    weight = tensor([[1.0], [math.nan], [3.0]], requires_grad=True)
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        weight.grad = None
        y = F.embedding_bag(tensor([order]), weight, mode="max")
        y.backward(fastnn.ones(1, 1))
        assert math.isnan(y.item()) and weight.grad.tolist() == [[0], [1], [0]]


def test_gradcheck():
    rng = np.random.default_rng(0)
    a = fastnn.tensor(rng.normal(size=(4, 3)), requires_grad=True)
    s = fastnn.tensor(rng.normal(size=6), requires_grad=True)
    x, offsets = tensor([1, 1, 3, 0, 2, 1]), tensor([0, 2, 2])
    assert gradcheck(lambda a: F.embedding(x, a * a), (a,))
    assert gradcheck(
        lambda a, s: F.embedding_bag(x, a, offsets, mode="sum", per_sample_weights=s), (a, s)
    )
    for mode in ("mean", "max"):
        assert gradcheck(lambda a, mode=mode: F.embedding_bag(x, a, offsets, mode=mode), (a,))


def test_max_norm_is_a_change_that_the_tape_sees():
    weight = fastnn.full((3, 4), 2.0, requires_grad=True)
    loss = (weight * weight).sum()
    y = F.embedding(tensor([2, 0, 2]), weight, max_norm=1.0)
    assert np.allclose(y.detach().numpy(), 0.5) and weight[1].tolist() == [2.0] * 4
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    y.sum().backward()
    assert weight.grad[:, 0].tolist() == [1.0, 0.0, 2.0]
    wide = fastnn.full((4, 3), 2.0)
    F.embedding_bag(tensor([[1]]), wide.T, max_norm=1.0)  # a view that is not contiguous
    assert np.allclose(wide.numpy(), [[2, 0.5, 2]] * 4)


def test_changed_numbers_are_an_error():
    x, weight = tensor([0, 1]), fastnn.ones(3, 2, requires_grad=True)
    y = F.embedding(x, weight).sum()
    x.zero_()
    with pytest.raises(RuntimeError, match="Embedding needs for its gradient was changed in place"):
        y.backward()


def test_a_padding_row_is_not_trained():
    table = nn.Embedding(4, 3, padding_idx=-2)
    optimizer = optim.Adam(table.parameters(), lr=0.1)
    before = table.weight.detach().numpy().copy()
    for _ in range(3):
        optimizer.zero_grad()
        (table(tensor([[0, 2, 2], [3, 2, 0]])) ** 2).sum().backward()
        optimizer.step()
    moved = np.any(table.weight.detach().numpy() != before, 1)
    assert moved.tolist() == [True, False, False, True] and not before[2].any()


@pytest.mark.parametrize("shape", [(96, 128, 4000), (20_000, 40, 3000), (7, 3, 9000)])
def test_the_same_bits_in_any_order_of_work(shape):
    """Skewed numbers, so that rows get sums of a thousand terms."""
    v, d, n = shape
    rng = np.random.default_rng(1)
    index = np.minimum(rng.zipf(1.2, n) - 1, v - 1)
    dy = rng.normal(size=(n, d)).astype(np.float32)
    want = np.zeros((v, d), np.float32)
    np.add.at(want, index, dy)  # one after the other
    for level in _csrc.available_isas():
        _csrc.force_isa(level)
        for threads in (1, 2, 3, 5):
            _threads.set_num_threads(threads)
            got = kernels.embedding_backward(dy, index, v, -1, False)
            assert np.array_equal(got, want), (level, threads)


# ---- clipping


def test_norms_are_accurate_and_the_same_for_threads_and_levels():
    rng = np.random.default_rng(0)
    long = rng.random(3_000_001).astype(np.float32)
    arrays = [long, *(rng.normal(size=n).astype(np.float32) for n in (1, 100, 50_000))]
    for p in (2.0, math.inf, 1.0, 2.5):
        wide = np.concatenate(arrays).astype(np.float64)
        exact = np.abs(wide).max() if p == math.inf else (np.abs(wide) ** p).sum() ** (1 / p)
        found = set()
        for level in FMA_LEVELS:
            _csrc.force_isa(level)
            for threads in (1, 2, 3, 5):
                _threads.set_num_threads(threads)
                found.add(kernels.grad_norm(arrays, p))
        assert len(found) == 1 and found.pop() == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e20, 1e38])
def test_squares_that_float32_cannot_hold(scale):
    a = np.zeros(10_000, np.float32)
    a[::700] = np.linspace(0.5, 1.0, a[::700].size)
    exact = math.sqrt((a.astype(np.float64) ** 2).sum()) * scale
    assert kernels.grad_norm([a * np.float32(scale)], 2.0) == pytest.approx(exact, rel=1e-6)
    for value in (math.nan, math.inf):
        a[5000] = value
        got = [kernels.grad_norm([a], p) for p in (2.0, math.inf, 1.0)]
        assert all(math.isnan(g) if math.isnan(value) else g == value for g in got)


def test_clipping_of_unusual_gradients():
    p, q = fastnn.zeros(3, 2, requires_grad=True), fastnn.zeros(2, requires_grad=True)
    q64 = fastnn.zeros(2, dtype="float64", requires_grad=True)

    def fresh():
        (p * fastnn.arange(6).float().reshape(2, 3).T).sum().backward()
        q.grad = fastnn.full((2,), 3.0)
        q64.grad = fastnn.full((2,), 4.0).double()

    fresh()
    before = p.grad, q.grad._version
    norm = utils.clip_grad_norm_([p, q, q64], 1.0)  # of two dtypes
    assert norm == pytest.approx(math.sqrt(55 + 18 + 32))
    assert p.grad is before[0] and q.grad._version > before[1]
    assert np.allclose(p.grad.numpy(), np.arange(6).reshape(2, 3).T / norm, rtol=1e-5)
    assert np.allclose(q64.grad.numpy(), 4 / norm, rtol=1e-5)
    utils.clip_grad_value_([p, q64], 0.2)
    assert p.grad.numpy().max() == np.float32(0.2) and q64.grad.numpy().max() == 0.2
    assert utils.get_total_norm(q64.grad, math.inf) == 0.2 and utils.get_total_norm([]) == 0.0


# ---- initial values


@pytest.mark.parametrize("shape", [(40, 40), (30, 10), (10, 5, 3, 3), (1, 1)])
def test_orthogonal(shape):
    for dtype in ("float32", "float64"):
        w = fastnn.empty(*shape, dtype=dtype, requires_grad=True)
        assert init.orthogonal_(w, 2.0) is w and w.is_leaf
        q = w.detach().numpy().reshape(shape[0], -1) / 2
        unit = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
        assert np.allclose(unit, np.eye(len(unit)), atol=1e-5)
    assert init.orthogonal_(fastnn.empty(0, 3)).shape == (0, 3)


def test_orthogonal_is_uniform():
    """Over many draws every element has mean 0 and, in 3 dimensions, variance 1/3; a QR without
    the signs would have a diagonal of one sign."""
    draws = np.array([init.orthogonal_(fastnn.empty(3, 3)).numpy() for _ in range(2000)])
    assert np.abs(draws.mean(0)).max() < 5 / math.sqrt(3 * 2000)
    assert np.allclose((draws**2).mean(0), 1 / 3, atol=0.04)


def recurrent(mode, hidden_size):
    """Two layers and directions, all parameters 7."""
    module = getattr(nn, mode)(2, hidden_size, 2, bidirectional=True)
    for p in module.parameters():
        init.constant_(p, 7.0)
    return module


@pytest.mark.parametrize("mode", ["LSTM", "GRU"])
def test_chrono(mode):
    n, t_max = 500, 90
    module = recurrent(mode, n)
    assert init.chrono_(module, t_max, generator=fastnn.Generator(1)) is module
    seen = []
    for layer in ("l0", "l0_reverse", "l1", "l1_reverse"):
        ih, hh = (
            getattr(module, f"bias_{part}_{layer}").detach().numpy().reshape(-1, n)
            for part in ("ih", "hh")
        )
        keep, rest = ih[1], [2, 3] if mode == "LSTM" else [0, 2]
        assert (ih[rest] == 7).all() and (hh[rest] == 7).all() and not hh[1].any()
        if mode == "LSTM":
            assert np.array_equal(ih[0], -keep) and not hh[0].any()
        steps = np.sort(np.exp(keep.astype(np.float64)))
        assert steps[0] >= 1 - 1e-6 and steps[-1] <= t_max - 1 + 1e-4
        level = (steps - 1) / (t_max - 2)  # uniform: Kolmogorov and Smirnov's distance
        assert np.abs(level - (np.arange(n) + 0.5) / n).max() < 1.7 / math.sqrt(n)
        seen.append(keep)
    assert len({k.tobytes() for k in seen}) == 4
    assert (module.weight_ih_l0.detach().numpy() == 7).all() and module.bias_ih_l0.requires_grad
    again = init.chrono_(recurrent(mode, n), t_max, generator=fastnn.Generator(1))
    assert np.array_equal(again.bias_ih_l1.detach().numpy(), module.bias_ih_l1.detach().numpy())
    shortest = init.chrono_(recurrent(mode, 3), 2).bias_ih_l0.detach().numpy()
    assert not shortest[3:6].any()


@pytest.mark.parametrize("mode", ["LSTM", "GRU"])
def test_chrono_keeps_a_state(mode):
    """With the other parameters 0 the state fades by t_max - 1 to 1 / e at the slowest."""
    module = recurrent(mode, 200)
    for p in module.parameters():
        init.zeros_(p)
    init.chrono_(module, 100)
    ones = fastnn.ones(4, 1, 200)
    states = ones if mode == "GRU" else (ones, ones)
    with fastnn.no_grad():
        _, last = module(fastnn.zeros(99, 1, 2), states)
    kept = (last if mode == "GRU" else last[1]).numpy()
    # u / (1 + u) a step, for u uniform in [1, 99]: 0.5^99 to 0.99^99
    assert kept.min() < 0.01 and 0.3 < kept.max() <= 0.99**99 * (1 + 1e-4)
