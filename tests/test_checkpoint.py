"""checkpoint: the results and gradients of the plain call, from a second run of the function."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd, nn
from fastnn import functional as F


def gradients(model, x, use):
    x = fastnn.tensor(x, requires_grad=True)
    model.zero_grad()
    fastnn.manual_seed(7)
    h = x * 2
    y = autograd.checkpoint(model, h) if use else model(h)
    state = fastnn.default_generator.get_state()
    (y * y).sum().backward()
    assert fastnn.default_generator.get_state() == state
    return [y.detach().numpy(), x.grad.numpy(), *(p.grad.numpy() for p in model.parameters())]


def test_same_bits_as_without_and_dropout_repeats():
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))
    x = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    for a, b in zip(gradients(model, x, False), gradients(model, x, True), strict=True):
        assert np.array_equal(a, b)


def test_parameters_get_gradients_without_an_input_that_requires_one():
    layer = nn.Linear(3, 2)
    autograd.checkpoint(layer, fastnn.ones(4, 3)).sum().backward()
    assert layer.weight.grad.tolist() == [[4, 4, 4], [4, 4, 4]]
    (g,) = autograd.grad(autograd.checkpoint(layer, fastnn.ones(4, 3)).sum(), [layer.bias])
    assert g.tolist() == [4, 4]


def test_runs_twice_only_when_backward_asks():
    runs = []

    def f(a, b, scale):
        runs.append(1)
        return a * b * scale, F.exp(a)

    a = fastnn.ones(2, requires_grad=True)
    b = fastnn.full((2,), 3.0, requires_grad=True)
    y, z = autograd.checkpoint(f, a, b, scale=2)
    assert len(runs) == 1 and y.tolist() == [6, 6]
    y.sum().backward()
    assert len(runs) == 2 and a.grad.tolist() == [6, 6] and b.grad.tolist() == [2, 2]
    with fastnn.no_grad():
        assert not autograd.checkpoint(f, a, b, 2)[0].requires_grad


def test_says_what_it_cannot_do():
    w = fastnn.ones(2, requires_grad=True)
    h = w * 2
    with pytest.raises(RuntimeError, match="not among its arguments; pass it as one"):
        autograd.checkpoint(lambda x: x * h, fastnn.ones(2))
    with pytest.raises(TypeError, match="checkpoint: function returned int"):
        autograd.checkpoint(lambda x: 1, w)
    x = w * 1
    y = autograd.checkpoint(lambda t: t * t, x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()
