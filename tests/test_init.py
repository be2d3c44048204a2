"""Initialisers: bounds, moments, gains, streams."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import nn
from fastnn.nn import init

SHAPES = {(300, 200): (200, 300), (40, 30, 5, 3): (450, 600)}  # shape: (fan_in, fan_out)


def values(t):
    return t.detach().numpy().ravel()


def is_uniform(x, bound):
    n = x.size
    grid = np.linspace(-bound, bound, 11)[1:-1]
    shares = (x[:, None] < grid).mean(0)
    return (
        np.abs(x).max() <= bound
        and np.abs(x).max() > bound * (1 - 20 / n)
        and np.abs(shares - np.linspace(0, 1, 11)[1:-1]).max() < 4 * 0.5 / math.sqrt(n)
    )


def is_normal(x, std, mean=0.0):
    z = (x.astype(np.float64) - mean) / std
    n = z.size
    return (
        abs(z.mean()) < 4 / math.sqrt(n)
        and abs(z.std() - 1) < 4 / math.sqrt(2 * n)
        and abs((np.abs(z) < 1).mean() - 0.6827) < 4 * 0.47 / math.sqrt(n)
        and 3.5 < np.abs(z).max() < 7
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_distributions(shape):
    fan_in, fan_out = SHAPES[shape]
    fastnn.manual_seed(0)
    w = fastnn.empty(*shape, requires_grad=True)
    assert init.uniform_(w, -2.0, 2.0) is w and is_uniform(values(w), 2.0)
    assert init.normal_(w, 3.0, 0.5) is w and is_normal(values(w), 0.5, 3.0)
    for gain in (1.0, 2.0):
        assert is_uniform(
            values(init.xavier_uniform_(w, gain)), gain * math.sqrt(6 / (fan_in + fan_out))
        )
        assert is_normal(
            values(init.xavier_normal_(w, gain)), gain * math.sqrt(2 / (fan_in + fan_out))
        )
    for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
        bound = math.sqrt(6 / fan)
        assert is_uniform(values(init.kaiming_uniform_(w, mode=mode, nonlinearity="relu")), bound)
        assert is_uniform(values(init.kaiming_uniform_(w, math.sqrt(5), mode)), 1 / math.sqrt(fan))
        assert is_normal(values(init.kaiming_normal_(w, mode=mode)), math.sqrt(2 / fan))
    assert w.requires_grad and w.is_leaf


@pytest.mark.parametrize(
    "layer, fan_in",
    [
        (lambda: nn.Linear(200, 300), 200),
        (lambda: nn.Conv2d(30, 60, (5, 3)), 450),
        (lambda: nn.Conv2d(30, 60, 5, groups=3), 250),
    ],
)
def test_layers_begin_within_one_over_the_root_of_fan_in(layer, fan_in):
    fastnn.manual_seed(0)
    layer = layer()
    bound = 1 / math.sqrt(fan_in)
    assert is_uniform(values(layer.weight), bound)
    bias = values(layer.bias)
    assert np.abs(bias).max() <= bound and np.abs(bias).max() > 0.8 * bound
    first = values(layer.weight).copy()
    layer.reset_parameters()
    assert not np.array_equal(values(layer.weight), first)
    fastnn.manual_seed(0)
    layer.reset_parameters()
    assert np.array_equal(values(layer.weight), first)


def test_constants():
    w = nn.Parameter(fastnn.empty(2, 3))
    assert values(init.constant_(w, 0.5)).tolist() == [0.5] * 6
    assert not values(init.zeros_(w)).any() and values(init.ones_(w)).all()
    assert np.array_equal(init.eye_(w).detach().numpy(), np.eye(2, 3))


def test_generators_and_dtypes():
    a, b = fastnn.empty(5, 7), fastnn.empty(5, 7, dtype="float64")
    for function in (init.uniform_, init.normal_, init.xavier_uniform_, init.xavier_normal_,
                     init.kaiming_uniform_, init.kaiming_normal_):  # fmt: skip
        function(a, generator=fastnn.Generator(5))
        function(b, generator=fastnn.Generator(5))
        assert np.array_equal(values(a), values(b)) and len(set(values(a))) > 30
        function(b, generator=fastnn.Generator(6))
        assert not np.array_equal(values(a), values(b))
    empty = nn.Linear(0, 3)
    assert empty.weight.shape == (3, 0) and not values(empty.bias).any()


def test_gains():
    assert init.calculate_gain("linear") == init.calculate_gain("sigmoid") == 1
    assert init.calculate_gain("relu") == math.sqrt(2) and init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))


@pytest.mark.parametrize(
    "function, error, words",
    [
        (lambda w: init.calculate_gain("swish"), ValueError, "nonlinearity is 'swish'"),
        (lambda w: init.kaiming_uniform_(w, mode="fan"), ValueError, "mode is 'fan'"),
        (lambda w: init.kaiming_uniform_(w[0]), ValueError, "fewer than 2 axes"),
        (lambda w: init.xavier_normal_(w[0]), ValueError, "fewer than 2 axes"),
        (lambda w: init.kaiming_normal_(w[:, :0]), ValueError, "fan_in 0"),
        (lambda w: init.eye_(w[0]), ValueError, "expected 2"),
        (lambda w: init.uniform_(w.numpy()), TypeError, "uniform_: tensor must be a Tensor"),
        (lambda w: init.zeros_([1.0]), TypeError, "tensor must be a Tensor, got list"),
        (lambda w: init.normal_(w.long()), TypeError, "tensor has dtype int64"),
        (lambda w: init.normal_(w, generator=3), TypeError, "generator must be"),
    ],
)
def test_wrong_arguments(function, error, words):
    with pytest.raises(error, match=words):
        function(fastnn.zeros(3, 4))
