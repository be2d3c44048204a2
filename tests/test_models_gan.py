"""GAN and DCGAN: formulas in float64, the game's optimum, the paper's layers, faults."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.models import DCGAN, GAN, MLP


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def adams(model, lr=1e-3, betas=(0.5, 0.999)):
    parts = (model.generator, model.discriminator)
    return [optim.Adam(part.parameters(), lr=lr, betas=betas) for part in parts]


def dense(layers, x):
    """The MLP's stack in float64."""
    for i, layer in enumerate(layers):
        w, b = (p.detach().numpy().astype(np.float64) for p in (layer.weight, layer.bias))
        x = (np.maximum(x, 0) if i else x) @ w.T + b
    return x


def linear(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear)]


def test_gan_is_two_mlps_with_goodfellows_losses():
    model = GAN(3, 4, (9, 7))
    assert [m.out_features for m in linear(model.generator)] == [9, 7, 3]
    assert [m.out_features for m in linear(model.discriminator)] == [7, 9, 1]
    z, x = normal(6, 4), normal(5, 3, seed=1)
    fake = model(fastnn.from_numpy(z))
    made = dense(linear(model.generator), z.astype(np.float64))
    np.testing.assert_allclose(fake.detach().numpy(), made, rtol=1e-4, atol=1e-5)
    d_x, d_made = (
        1 / (1 + np.exp(-dense(linear(model.discriminator), v)[:, 0])) for v in (x, made)
    )
    loss_d = model.discriminator_loss(fastnn.from_numpy(x), fake)
    expected = -np.log(d_x).mean() - np.log(1 - d_made).mean()
    np.testing.assert_allclose(loss_d.item(), expected, rtol=1e-5)
    loss_g = model.generator_loss(fake).item()
    np.testing.assert_allclose(loss_g, -np.log(d_made).mean(), rtol=1e-5)


@pytest.mark.parametrize("make", [lambda: GAN(2, 3, (8,)), lambda: DCGAN(1, 8, latent=3, width=4)])
def test_each_loss_has_gradients_of_its_own_player(make):
    model = make()
    x = model(model.noise(4)).detach()
    fake = model(model.noise(4))
    model.discriminator_loss(x, fake).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad.numpy().any() for p in model.discriminator.parameters())
    model.zero_grad()
    fake = model(model.noise(4))
    model.generator_loss(fake).backward()
    assert all(p.grad is not None for p in model.generator.parameters())
    assert max(np.abs(p.grad.numpy()).max() for p in model.generator.parameters()) > 0
    assert all(p.grad is None for p in model.discriminator.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_a_frozen_discriminator_layer_stays_frozen():
    model = GAN(2, 3, (8,))
    first = linear(model.discriminator)[0].weight
    first.requires_grad_(False)
    model.generator_loss(model(model.noise(4))).backward()
    assert not first.requires_grad
    with pytest.raises(ValueError):
        model.generator_loss(fastnn.zeros(4, 5))
    assert not first.requires_grad and linear(model.discriminator)[1].weight.requires_grad


def test_the_best_discriminator_gives_the_jensen_shannon_divergence():
    """Goodfellow 2014, theorem 1: min of the discriminator's loss = 2 ln 2 - 2 JSD."""
    fastnn.manual_seed(0)
    model = GAN(1, 1, (64,), activation="tanh")
    rng = np.random.default_rng(0)
    optimizer = optim.Adam(model.discriminator.parameters(), lr=5e-3)
    for _ in range(600):
        x = rng.normal(1.0, 1.0, (512, 1)).astype(np.float32)
        fake = rng.normal(-1.0, 1.0, (512, 1)).astype(np.float32)
        loss = model.discriminator_loss(fastnn.from_numpy(x), fastnn.from_numpy(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    grid = np.linspace(-3, 3, 61)[:, None].astype(np.float32)
    with fastnn.no_grad():
        found = model.discriminate(fastnn.from_numpy(grid)).numpy()
    # ln p_data / p_made of the two normal densities is 2 x.
    assert np.abs(found - 2 * grid[:, 0])[15:46].max() < 0.35
    x = np.linspace(-9, 9, 20001)
    p, q = (np.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi) for m in (1, -1))
    middle = (p + q) / 2
    jsd = (p * np.log(p / middle) + q * np.log(q / middle)).sum() / 2 * (x[1] - x[0])
    samples = [rng.normal(m, 1.0, (20000, 1)).astype(np.float32) for m in (1.0, -1.0)]
    with fastnn.no_grad():
        best = model.discriminator_loss(*map(fastnn.from_numpy, samples)).item()
    assert abs(best - (2 * np.log(2) - 2 * jsd)) < 0.03


def test_gan_learns_a_normal_distribution():
    fastnn.manual_seed(0)
    model = GAN(2, 4, (32,))
    optimizers = adams(model, 2e-3, (0.0, 0.99))
    rng = np.random.default_rng(0)
    for step in range(800):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / 800)
        x = (rng.standard_normal((128, 2)) * 0.5 + (2, -1)).astype(np.float32)
        losses = model.train_step(fastnn.from_numpy(x), *optimizers)
    assert np.isfinite(losses).all()
    made = model.sample(2000).numpy()
    assert np.abs(made.mean(axis=0) - (2, -1)).max() < 0.35
    assert (made.std(axis=0) > 0.15).all() and (made.std(axis=0) < 1).all()


def test_dcgan_of_28_pixels_has_the_benched_generator():
    from fastnn._bench import twins

    model, twin = DCGAN(), twins.generator(nn)
    shapes = {k: v.shape for k, v in twin.state_dict().items()}
    assert {k: v.shape for k, v in model.generator.state_dict().items()} == shapes
    twin.load_state_dict(model.generator.state_dict())
    z = model.noise(3)
    np.testing.assert_array_equal(
        model(z).detach().numpy(), twin(z.reshape(3, 100, 1, 1)).detach().numpy()
    )


@pytest.mark.parametrize(
    "size, channels, maps",
    [(28, 1, [16, 8]), (32, 3, [32, 16, 8]), (64, 3, [64, 32, 16, 8]), (10, 2, [8])],
)
def test_dcgan_has_radfords_layers(size, channels, maps):
    model = DCGAN(channels, size, latent=5, width=8)
    up = [m for m in model.generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    down = [m for m in model.discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in up] == [*maps, channels]
    assert [m.out_channels for m in down] == maps[::-1]
    norms = [
        sum(isinstance(m, nn.BatchNorm2d) for m in part.modules())
        for part in (model.generator, model.discriminator)
    ]
    assert norms == [len(maps), len(maps) - 1]
    made = model(model.noise(3))
    assert made.shape == (3, channels, size, size)
    assert np.abs(made.detach().numpy()).max() <= 1
    assert model.discriminate(made).shape == (3,)


def test_dcgans_first_values_and_noise():
    model = DCGAN(3, 32, width=32, generator=fastnn.Generator(1))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert abs(module.weight.detach().numpy().mean() - 1) < 0.02
            assert 0.01 < module.weight.detach().numpy().std() < 0.03
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            w = module.weight.detach().numpy()
            assert abs(w.std() - 0.02) < 0.001 and abs(w.mean()) < 0.002
            assert module.bias is None or not module.bias.detach().numpy().any()
    again = DCGAN(3, 32, width=32, generator=fastnn.Generator(1)).state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), again[name].numpy())
    z = model.noise(2000).numpy()
    assert z.min() >= -1 and z.max() < 1 and abs(z.std() - 1 / np.sqrt(3)) < 0.005


def test_dcgan_draws_one_image_from_a_batch_of_it():
    """Images of one bright left half: the generator finds them in a few steps."""
    fastnn.manual_seed(0)
    model = DCGAN(1, 8, latent=4, width=8)
    optimizers = adams(model, 2e-3)
    x = -np.ones((16, 1, 8, 8), np.float32)
    x[..., :4] = 1
    for _ in range(150):
        losses = model.train_step(fastnn.from_numpy(x), *optimizers)
        assert np.isfinite(losses).all()
    assert np.abs(model.sample(20).numpy() - x[:1]).mean() < 0.3


MAKERS = {
    "GAN": (lambda: GAN(3, 4, (8,)), (6, 3)),
    "DCGAN": (lambda: DCGAN(1, 16, latent=4, width=4), (6, 1, 16, 16)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_same_bits_for_threads_and_near_the_reference(name):
    make, shape = MAKERS[name]

    def train():
        fastnn.manual_seed(3)
        model = make()
        optimizers = adams(model)
        losses = [
            model.train_step(fastnn.from_numpy(normal(*shape, seed=s)), *optimizers)
            for s in range(3)
        ]
        return np.array(losses), model.sample(3).numpy()

    losses, images = train()
    for count in (2, 3):
        with fastnn.threads(count):
            again = train()
        np.testing.assert_array_equal(again[0], losses)
        np.testing.assert_array_equal(again[1], images)
    with fastnn.backend("reference"):
        losses_r, images_r = train()
    np.testing.assert_allclose(losses_r, losses, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(images_r, images, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", MAKERS)
def test_sampling_leaves_the_model_as_it_was(name):
    model = MAKERS[name][0]()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    a, b = (model.sample(4, generator=fastnn.Generator(s)) for s in (1, 1))
    np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not a.requires_grad and model.training and model.sample(0).shape[0] == 0
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(
            twin.sample(4, generator=fastnn.Generator(1)).numpy(), a.numpy()
        )


@pytest.mark.parametrize("name", MAKERS)
def test_float64_trains_and_samples(name):
    make, shape = MAKERS[name]
    model = make().double()
    x = fastnn.tensor(np.random.default_rng(0).standard_normal(shape))
    assert np.isfinite(model.train_step(x, *adams(model))).all()
    z, made = (draw(3, generator=fastnn.Generator(1)) for draw in (model.noise, model.sample))
    assert z.dtype == made.dtype == np.float64
    single = make().noise(3, generator=fastnn.Generator(1))  # the same draws
    np.testing.assert_array_equal(z.numpy(), single.numpy())


@pytest.mark.parametrize("name", MAKERS)
def test_a_batch_without_samples_changes_nothing(name):
    make, shape = MAKERS[name]
    model = make()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"{name}.train_step: x has no samples"):
        model.train_step(fastnn.zeros(0, *shape[1:]), *adams(model))
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])


def test_each_player_has_an_optimizer_of_its_own():
    """The wrong way round no weight would move: each gradient is cleared before its step."""
    model = GAN(2, 3, (8,))
    x, (for_g, for_d) = fastnn.from_numpy(normal(4, 2)), adams(model)
    both = optim.Adam(model.parameters())
    for pair, name in (((for_d, for_g), "g"), ((for_g, both), "d"), ((both, for_d), "g")):
        with pytest.raises(ValueError, match=f"GAN.train_step: optimizer_{name} has weights of"):
            model.train_step(x, *pair)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    model.train_step(x, for_g, for_d)
    for p, old in zip(model.parameters(), before, strict=True):
        assert (p.detach().numpy() != old).any()


def test_hidden_must_be_a_sequence():
    with pytest.raises(TypeError, match="GAN: hidden is 8, expected a sequence"):
        GAN(2, 3, 8)
    with pytest.raises(TypeError, match="MLP: hidden is 8, expected a sequence"):
        MLP(2, 8, 3)


def test_generator_loss_equals_cross_entropy():
    model = GAN(2, 3, (8,))
    fake = model(model.noise(7))
    ones = fastnn.ones(7)
    expected = F.binary_cross_entropy_with_logits(model.discriminate(fake), ones).item()
    assert model.generator_loss(fake).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GAN(0), "GAN"),
        (lambda: GAN(2, 0), "GAN"),
        (lambda: GAN(2, activation="x"), "activation is 'x'"),
        (lambda: DCGAN(1, 9), "DCGAN: size is 9, expected 4, 5, 6 or 7 times"),
        (lambda: DCGAN(1, 7), "DCGAN: size is 7"),
        (lambda: DCGAN(1, 28, width=0), "DCGAN"),
        (lambda: DCGAN()(fastnn.zeros(3, 99)), r"z has shape \(3, 99\), expected \(N, 100\)"),
        (lambda: GAN(2).sample(-1), "GAN.sample: n is -1"),
    ],
)  # fmt: skip
def test_faults(make, message):
    with pytest.raises(ValueError, match=message):
        make()
