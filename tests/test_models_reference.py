"""Every network on the NumPy reference: the same outputs and, of the small ones, gradients."""

import numpy as np
import pytest

import fastnn
from fastnn import models

ELSEWHERE = {  # in the tests of each
    "Autoencoder", "ConvAutoencoder", "DCGAN", "DCIGN", "GAN", "VAE",
}  # fmt: skip


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def symbols(*shape):
    return np.random.default_rng(0).integers(0, 20, shape)


BIG = {  # hundreds of megabytes of weights: forward only
    "AlexNet": (lambda: models.AlexNet(5), numbers(1, 3, 224, 224)),
    "VGG": (lambda: models.VGG((1, 1, 1, 1, 1), 5), numbers(1, 3, 64, 64)),
    "vgg11": (lambda: models.vgg11(5), numbers(1, 3, 32, 32)),
    "vgg11_bn": (lambda: models.vgg11_bn(5), numbers(1, 3, 32, 32)),
    "vgg16": (lambda: models.vgg16(5), numbers(1, 3, 32, 32)),
    "vgg16_bn": (lambda: models.vgg16_bn(5), numbers(1, 3, 32, 32)),
}
SMALL = {
    "AlexNetOriginal": (
        lambda: models.AlexNetOriginal(5, size=67, width=0.125),
        numbers(2, 3, 67, 67),
    ),
    "BiLSTMTagger": (lambda: models.BiLSTMTagger(5, 7, 3), numbers(6, 2, 5)),
    "CharRNN": (lambda: models.CharRNN(20, 9, 12), symbols(7, 2)),
    "CharTransformer": (lambda: models.CharTransformer(20, 16, context=9), symbols(2, 9)),
    "LeNet5": (lambda: models.LeNet5(), numbers(3, 1, 28, 28)),
    "LeNet5Original": (lambda: models.LeNet5Original(), numbers(3, 1, 28, 28)),
    "MLP": (lambda: models.MLP(9, (16, 8), 3), numbers(5, 9)),
    "ResNet": (
        lambda: models.ResNet(models.resnet.Bottleneck, (1, 1, 1, 1), 4, width=8),
        numbers(2, 3, 40, 40),
    ),
    "SequenceForecaster": (lambda: models.SequenceForecaster(2, 8), numbers(9, 3, 2)),
    "TimeSeriesFCN": (
        lambda: models.TimeSeriesFCN(2, 3, channels=(8, 16, 8)),
        numbers(3, 2, 50),
    ),
    "UNet": (lambda: models.UNet(1, 3, width=8, depth=2), numbers(2, 1, 24, 20)),
    **{
        name: (
            lambda name=name: getattr(models, name)(4, small_images=True, width=8),
            numbers(2, 3, 32, 32),
        )
        for name in ("resnet18", "resnet34", "resnet50")
    },
}


def first(y):
    return y[0] if isinstance(y, tuple) else y


def near(a, b, what):
    """Within 1e-3 of the largest: Winograd's tiles and sums in another order, layer on layer."""
    assert a.shape == b.shape and a.dtype == b.dtype == np.float32, what
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-3 * np.abs(b).max(), err_msg=what)


@pytest.mark.parametrize("name", BIG)
def test_outputs(name):
    make, x = BIG[name]
    fastnn.manual_seed(3)
    model, x = make().eval(), fastnn.from_numpy(x)
    with fastnn.no_grad():
        y = model(x).numpy()
        with fastnn.backend("reference"):
            near(y, model(x).numpy(), name)


@pytest.mark.parametrize("name", SMALL)
def test_outputs_and_gradients(name):
    make, x = SMALL[name]
    fastnn.manual_seed(3)
    model, x = make().eval(), fastnn.from_numpy(x)  # statistics of a batch of two would amplify
    results = []
    for backend in ("kernels", "reference"):
        with fastnn.backend(backend):
            model.zero_grad()
            y = first(model(x))
            (y * fastnn.from_numpy(numbers(*y.shape))).sum().backward()
            grads = {n: p.grad.numpy().copy() for n, p in model.named_parameters()}
            results.append({"output": y.detach().numpy().copy(), **grads})
    ours, theirs = results
    assert ours.keys() == theirs.keys() and len(ours) > 2
    for key in ours:
        near(ours[key], theirs[key], f"{name}: {key}")


def test_every_network_is_compared():
    assert {*BIG, *SMALL} | ELSEWHERE == set(models.__all__)
    assert not ELSEWHERE & {*BIG, *SMALL}
