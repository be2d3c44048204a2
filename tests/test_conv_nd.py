"""Convolution of one to three axes: what PyTorch cannot be asked."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn


def randn(rng, *shape):
    return fastnn.tensor(rng.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_is_the_adjoint(n, backend):
    """<C x, y> = <x, C^T y> for all strides, paddings, output paddings, dilations and groups."""
    rng, conv = np.random.default_rng(n), getattr(F, f"conv{n}d")
    transpose = getattr(F, f"conv_transpose{n}d")
    for stride in (1, 2, 3):
        for padding in (0, 1, 2):
            for dilation in (1, 2):
                for groups in (1, 2):
                    w = randn(rng, 4, 6 // groups, *[3] * n)
                    x = randn(rng, 2, 6, *[int(v) for v in rng.integers(6, 9, n)])
                    settings = {"stride": stride, "padding": padding, "dilation": dilation}
                    with fastnn.backend(backend):
                        cx = conv(x, w, groups=groups, **settings)
                        extra = tuple(
                            (size + 2 * padding - 2 * dilation - 1) % stride for size in x.shape[2:]
                        )
                        y = randn(rng, *cx.shape)
                        ty = transpose(y, w, output_padding=extra, groups=groups, **settings)
                    assert ty.shape == x.shape
                    left = np.vdot(cx.numpy().astype(float), y.numpy())
                    right = np.vdot(x.numpy().astype(float), ty.numpy())
                    scale = np.linalg.norm(cx.numpy()) * np.linalg.norm(y.numpy())
                    assert abs(left - right) < 1e-5 * scale


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["Conv1d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d"])
def test_fused_activation(name, activation):
    """The same as the activation afterwards, forward and backward."""
    rng, n = np.random.default_rng(5), int(name[-2])
    fused = getattr(nn, name)(3, 5, 3, stride=2, activation=activation)
    plain = getattr(nn, name)(3, 5, 3, stride=2)
    plain.load_state_dict(fused.state_dict())
    a = rng.standard_normal((2, 3, *[6] * n)).astype(np.float32)
    x, z = (fastnn.tensor(a, requires_grad=True) for _ in range(2))
    y, want = fused(x), getattr(F, activation)(plain(z))
    assert np.array_equal(y.detach().numpy(), want.detach().numpy())
    dy = randn(rng, *y.shape)
    y.backward(dy)
    want.backward(dy)
    assert np.array_equal(x.grad.numpy(), z.grad.numpy())
    for p, q in zip(fused.parameters(), plain.parameters(), strict=True):
        assert np.array_equal(p.grad.numpy(), q.grad.numpy())


def test_attributes_that_change():
    """A setting changed on the layer is checked and used."""
    layer = nn.ConvTranspose1d(2, 3, 4)
    x = fastnn.ones(1, 2, 5)
    assert layer(x).shape == (1, 3, 8)
    layer.stride = 2
    assert layer(x).shape == (1, 3, 12)
    layer.stride = 0
    with pytest.raises(ValueError, match="stride is 0"):
        layer(x)
    conv = nn.Conv3d(1, 1, 2)
    conv.padding = "same"
    assert conv(fastnn.ones(1, 1, 3, 4, 5)).shape == (1, 1, 3, 4, 5)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("channels", [1, 15, 16, 17])
def test_input_gradient_of_an_image_is_its_own(channels, kernel):
    """Its bits depend neither on the other images nor on how many zeros they have."""
    rng, k = np.random.default_rng(kernel), fastnn.backend.kernels
    w = rng.standard_normal((24, channels, kernel, kernel)).astype(np.float32)
    dense = rng.standard_normal((3, 24, 9, 10)).astype(np.float32)
    few = dense * (rng.random(dense.shape) < 0.1)
    settings = ((1, 1), (kernel // 2, kernel // 2), (1, 1), 1)

    def dx(dy):
        return k.conv2d_backward_input(dy, w, (len(dy), channels, 9, 10), *settings)

    alone = dx(few[:1])
    assert np.array_equal(dx(few)[:1], alone)
    assert np.array_equal(dx(np.concatenate([few[:1], dense]))[:1], alone)


@pytest.mark.parametrize("n", [1, 3])
def test_empty_batch(n):
    for name in (f"Conv{n}d", f"ConvTranspose{n}d"):
        layer = getattr(nn, name)(2, 3, 2)
        x = fastnn.zeros(0, 2, *[4] * n, requires_grad=True)
        y = layer(x)
        assert y.shape[:2] == (0, 3)
        y.sum().backward()
        assert x.grad.shape == x.shape and not layer.weight.grad.numpy().any()
