"""Initialisers draw from the distributions that they name, the same for any number of threads."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import nn
from fastnn.nn import init

stats = pytest.importorskip("scipy.stats")

SHAPE = (60, 50, 3, 2)  # fan_in 300, fan_out 360
ROOT = math.sqrt


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def truncated(mean, std, a, b):
    return stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)


# name, options, what the numbers follow
DRAWS = [
    ("uniform_", {"a": -2.0, "b": 0.5}, stats.uniform(-2, 2.5)),
    ("normal_", {"mean": 3.0, "std": 0.2}, stats.norm(3, 0.2)),
    ("xavier_uniform_", {"gain": 2.0}, uniform(2 * ROOT(6 / 660))),
    ("xavier_normal_", {}, stats.norm(0, ROOT(2 / 660))),
    ("kaiming_uniform_", {"nonlinearity": "relu"}, uniform(ROOT(6 / 300))),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "selu"},
     stats.norm(0, 0.75 / ROOT(360))),
    ("lecun_uniform_", {}, uniform(ROOT(3 / 300))),
    ("lecun_normal_", {}, stats.norm(0, ROOT(1 / 300))),
    ("trunc_normal_", {}, truncated(0, 1, -2, 2)),
    ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}, truncated(1, 2, 0, 1.5)),
    ("trunc_normal_", {"std": 0.5, "a": 1.0, "b": 3.0}, truncated(0, 0.5, 1, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "law"), DRAWS, ids=lambda v: str(v)[:40])
def test_kolmogorov_smirnov(name, options, law):
    w = fastnn.empty(*SHAPE)
    assert getattr(init, name)(w, **options, generator=fastnn.Generator(7)) is w
    x = w.numpy().ravel().astype(np.float64)
    assert stats.kstest(x, law.cdf).pvalue > 1e-3
    wrong = stats.kstest(x * 1.05, law.cdf).pvalue  # the test can tell 5% more
    assert wrong < 1e-3


@pytest.mark.parametrize(("name", "options", "law"), DRAWS, ids=lambda v: str(v)[:40])
def test_same_numbers_for_any_threads_and_the_generator(name, options, law):
    draws = []
    for n in (1, 2, 5):
        with fastnn.threads(n):
            w = fastnn.empty(*SHAPE)
            getattr(init, name)(w, **options, generator=fastnn.Generator(7))
            draws.append(w.numpy().tobytes())
    assert len(set(draws)) == 1
    fastnn.manual_seed(7)  # the default generator, seeded alike, gives the same
    assert getattr(init, name)(w, **options).numpy().tobytes() == draws[0]
    assert getattr(init, name)(w, **options).numpy().tobytes() != draws[0]
    wide = fastnn.empty(*SHAPE, dtype="float64")
    getattr(init, name)(wide, **options, generator=fastnn.Generator(7))
    assert wide.numpy().astype(np.float32).tobytes() == draws[0]


def test_truncated_numbers_lie_inside():
    for options in ({"a": -0.1, "b": 0.1}, {"mean": 5.0, "a": -1.0, "b": 1.0}, {"std": 1e-3}):
        x = init.trunc_normal_(fastnn.empty(3000), **options).numpy()
        assert x.min() >= np.float32(options.get("a", -2)) and len(set(x.tolist())) > 1000
        assert x.max() <= np.float32(options.get("b", 2))


def test_sparse():
    for sparsity in (0.0, 0.25, 0.999, 1.0):
        w = init.sparse_(fastnn.empty(40, 70), sparsity, 0.3, fastnn.Generator(3)).numpy()
        assert ((w == 0).sum(0) == math.ceil(sparsity * 40)).all()
        again = init.sparse_(fastnn.empty(40, 70), sparsity, 0.3, fastnn.Generator(3)).numpy()
        assert np.array_equal(w, again)
        if sparsity < 0.9:
            assert stats.kstest(w[w != 0], stats.norm(0, 0.3).cdf).pvalue > 1e-3
    rows = (init.sparse_(fastnn.empty(40, 2000), 0.5).numpy() == 0).mean(1)
    assert np.abs(rows - 0.5).max() < 5 * 0.5 / math.sqrt(2000)  # every row as often


def test_dirac_passes_channels_on():
    x = fastnn.randn(2, 6, 7, 9)
    conv = nn.Conv2d(6, 6, 3, padding=1, bias=False)
    assert init.dirac_(conv.weight) is conv.weight
    assert np.array_equal(conv(x).detach().numpy(), x.numpy())
    grouped = nn.Conv2d(6, 6, (3, 5), padding=(1, 2), groups=3, bias=False)
    init.dirac_(grouped.weight, 3)
    assert np.array_equal(grouped(x).detach().numpy(), x.numpy())
    torch = pytest.importorskip("torch")
    for shape, groups in (((6, 2, 4), 3), ((4, 7, 3, 2), 2), ((6, 3, 2, 3, 4), 1), ((3, 0, 3), 1)):
        want = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
        assert np.array_equal(init.dirac_(fastnn.empty(shape), groups).numpy(), want)


def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    names = ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"]
    names += [f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)]
    for name in names:
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


def deep():
    fastnn.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8 * 36, 30), nn.Tanh(), nn.Linear(30, 10))


def test_lsuv_gives_every_layer_unit_variance():
    x = fastnn.randn(64, 3, 10, 10, generator=fastnn.Generator(1)) * 5 + 1
    weights = []
    for n in (1, 3):
        with fastnn.threads(n):
            model = deep()
            assert init.lsuv_(model, x, tol=0.02, generator=fastnn.Generator(2)) is model
            weights.append([p.detach().numpy().tobytes() for p in model.parameters()])
    assert weights[0] == weights[1] and model.training
    y = x
    for layer in model:
        y = layer(y)
        if hasattr(layer, "weight"):
            assert y.detach().numpy().var() == pytest.approx(1.0, abs=0.03)
            matrix = layer.weight.detach().numpy().reshape(layer.weight.shape[0], -1)
            gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
            assert np.abs(gram / gram[0, 0] - np.eye(len(gram))).max() < 1e-4


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: init.trunc_normal_(w, std=0.0), ValueError, "std is 0.0"),
        (lambda w: init.trunc_normal_(w, a=1.0, b=1.0), ValueError, "expected a < b"),
        (lambda w: init.trunc_normal_([1.0]), TypeError, "tensor must be a Tensor"),
        (lambda w: init.dirac_(w), ValueError, "2 axes"),
        (lambda w: init.dirac_(fastnn.empty(4, 2, 3), 3), ValueError, "3 groups"),
        (lambda w: init.sparse_(w, 1.5), ValueError, "sparsity is 1.5"),
        (lambda w: init.sparse_(w[0], 0.5), ValueError, "1 axes"),
        (lambda w: init.lecun_normal_(w[0]), ValueError, "fewer than 2 axes"),
        (lambda w: init.lsuv_(w, w), TypeError, "model must be a Module"),
        (lambda w: init.lsuv_(nn.ReLU(), w), ValueError, "no Linear or Conv"),
        (lambda w: init.lsuv_(nn.Linear(4, 4), w, tol=0.0), ValueError, "tol is 0.0"),
        (lambda w: init.calculate_gain("leaky_relu", "0.1"), ValueError, "param is '0.1'"),
    ],
)
def test_wrong_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make(fastnn.zeros(3, 4))
