"""Locally connected layers: equal to convolutions where the weights are equal."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd, nn
from fastnn import functional as F


def randn(rng, *shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("n", [1, 2])
def test_with_equal_kernels_it_is_a_convolution(n, batched, activation):
    """Values, and the gradients of input, weight (summed over pixels) and bias."""
    rng = np.random.default_rng(n)
    size, settings = (9, 8)[:n], {"stride": (2, 1)[:n], "padding": (1, 2)[:n]}
    local = getattr(nn, f"LocallyConnected{n}d")(3, 5, size, 3, **settings, activation=activation)
    conv = getattr(nn, f"Conv{n}d")(3, 5, 3, **settings, activation=activation)
    with fastnn.no_grad():
        local.weight.copy_(conv.weight)
        local.bias.copy_(conv.bias.reshape(5, *[1] * n))
    a = randn(rng, *([4] if batched else []), 3, *size)
    x, z = (fastnn.tensor(a, requires_grad=True) for _ in range(2))
    y, want = local(x), conv(z)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), atol=1e-6)
    dy = fastnn.tensor(randn(rng, *y.shape))
    y.backward(dy)
    want.backward(dy)
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), atol=1e-5)
    pixels = tuple(range(n))
    summed = local.weight.grad.numpy().sum(axis=pixels)
    np.testing.assert_allclose(summed, conv.weight.grad.numpy(), atol=1e-4)
    summed = local.bias.grad.numpy().sum(axis=tuple(p + 1 for p in pixels))
    np.testing.assert_allclose(summed, conv.bias.grad.numpy(), atol=1e-4)


@pytest.mark.parametrize("n", [1, 2])
def test_each_pixel_has_the_weight_that_the_layout_says(n):
    """Only weight[i, j] matters to pixel (i, j)."""
    rng, out = np.random.default_rng(3), (4, 3)[:n]
    w = randn(rng, *out, 2, 3, *[2] * n)
    x = randn(rng, 2, 3, *(s + 1 for s in out))
    function = getattr(F, f"locally_connected{n}d")
    conv = getattr(F, f"conv{n}d")
    y = function(fastnn.tensor(x), fastnn.tensor(w)).numpy()
    for pixel in np.ndindex(*out):
        alone = conv(fastnn.tensor(x), fastnn.tensor(w[pixel])).numpy()
        at = (slice(None), slice(None), *pixel)
        np.testing.assert_allclose(y[at], alone[at], atol=1e-6)


def test_gradcheck():
    rng = np.random.default_rng(4)
    tensors = [
        fastnn.tensor(randn(rng, *shape, dtype=np.float64), requires_grad=True)
        for shape in ((2, 2, 4, 5), (2, 5, 3, 2, 3, 3), (3, 2, 5))
    ]
    assert autograd.gradcheck(
        lambda x, w, b: F.locally_connected2d(x, w, b, (2, 1), 1, activation="tanh"), tensors
    )


def test_layer():
    layer = nn.LocallyConnected2d(2, 3, (6, 7), (3, 2), 2, 1, False)
    assert layer.weight.shape == (3, 4, 3, 2, 3, 2) and layer.bias is None
    assert layer.output_size == (3, 4)
    assert repr(layer) == (
        "LocallyConnected2d(2, 3, input_size=(6, 7), kernel_size=(3, 2), stride=(2, 2), "
        "padding=(1, 1), bias=False)"
    )
    bound = 1 / np.sqrt(2 * 3 * 2)
    assert 0.9 * bound < np.abs(layer.weight.detach().numpy()).max() <= bound
    assert nn.LocallyConnected1d(1, 2, 5, 3).bias.shape == (2, 3)
    empty = layer(fastnn.zeros(0, 2, 6, 7))
    assert empty.shape == (0, 3, 3, 4)
    empty.sum().backward()
    assert not layer.weight.grad.numpy().any()


def test_position_matters_more_than_pattern():
    """Which of two bumps comes first in a signed position code: a filter of its own for each
    position learns what a shared one followed by the same mean cannot."""
    rng = np.random.default_rng(0)
    sign = np.where(rng.random(12) < 0.5, -1, 1)
    x = randn(rng, 256, 1, 12)
    target = (x[:, 0] * sign).sum(axis=1, keepdims=True).astype(np.float32)

    def loss_of(layer):
        optimizer = fastnn.optim.Adam(layer.parameters(), lr=0.05)
        for _ in range(150):
            optimizer.zero_grad()
            y = layer(fastnn.tensor(x)).sum(2)
            loss = F.mse_loss(y, fastnn.tensor(target))
            loss.backward()
            optimizer.step()
        return loss.item()

    fastnn.manual_seed(0)
    assert loss_of(nn.LocallyConnected1d(1, 1, 12, 1)) < 0.01
    assert loss_of(nn.Conv1d(1, 1, 1)) > 1
