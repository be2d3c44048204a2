"""Autoencoders and the variational one: formulas in float64, learning, theory, faults."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import nn, optim
from fastnn.autograd import gradcheck
from fastnn.data import DataLoader, TensorDataset
from fastnn.models import VAE, Autoencoder, ConvAutoencoder
from fastnn.train import Trainer


def array(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def train(model, x, steps, lr=0.01):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses = []
    for _ in range(steps):
        loss = model.loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def dense(layer, x):
    w, b = (p.detach().numpy().astype(np.float64) for p in (layer.weight, layer.bias))
    return x @ w.T + b


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- Autoencoder


def test_dense_autoencoder_is_its_layers():
    model = Autoencoder(12, (9, 7), 3, activation="tanh").eval()
    x = array(5, 1, 3, 4)
    y, code = model(fastnn.from_numpy(x))
    h = x.reshape(5, 12).astype(np.float64)
    layers = [m for m in (*model.encoder, *model.decoder) if isinstance(m, nn.Linear)]
    assert [layer.out_features for layer in layers] == [9, 7, 3, 7, 9, 12]
    for i, layer in enumerate(layers):
        h = dense(layer, h)
        if i == 2:
            np.testing.assert_allclose(code.detach().numpy(), h, rtol=1e-4, atol=1e-6)
        elif i < 5:
            h = np.tanh(h)
    np.testing.assert_allclose(y.detach().numpy(), h, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.reconstruct(fastnn.from_numpy(x)).numpy(), y.detach())


def test_linear_autoencoder_finds_the_principal_subspace():
    """Baldi and Hornik 1989: the least error of a linear one is PCA's, and so is the subspace."""
    fastnn.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 8)) * 0.5
    x = (x + 0.05 * rng.standard_normal(x.shape)).astype(np.float32)
    x -= x.mean(axis=0)
    _, s, v = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    least = (s[2:] ** 2).sum() / x.size
    model = Autoencoder(8, (), 2)
    for lr in (0.02, 0.002):
        last = train(model, fastnn.from_numpy(x), 400, lr)[-1]
    assert least - 1e-6 < last < 1.001 * least
    basis = np.linalg.qr(model.decoder[-1].weight.detach().numpy().astype(np.float64))[0]
    overlap = np.linalg.svd(v[:2] @ basis, compute_uv=False)
    assert overlap.min() > 0.999


def test_corruption_is_what_it_says_and_only_in_training():
    x = fastnn.ones(400, 500)
    noisy = Autoencoder(500, (), 2, noise=0.3).corrupt(x).numpy() - 1
    assert abs(noisy.std() - 0.3) < 0.002 and abs(noisy.mean()) < 0.004
    masked = Autoencoder(500, (), 2, masking=0.25).corrupt(x).numpy()
    assert np.abs(masked[masked > 0.5] - 1).max() < 1e-6 and abs((masked == 0).mean() - 0.25) < 0.01
    model = Autoencoder(500, (), 2, noise=0.3, masking=0.25)
    with fastnn.no_grad():
        a, b = (model(x, generator=fastnn.Generator(s))[1].numpy() for s in (1, 2))
        assert np.abs(a - b).max() > 1e-3
        given = model.corrupt(x, generator=fastnn.Generator(1))
        np.testing.assert_array_equal(model.encoder(given).numpy(), a)
        model.eval()
        np.testing.assert_array_equal(model(x)[1].numpy(), model.encoder(x).numpy())
    assert model.reconstruct(x).shape == (400, 500) and not model.training


def test_denoising_beats_copying():
    """Points of a line with noise: what is off the line is noise."""
    fastnn.manual_seed(0)
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((500, 1)) @ np.ones((1, 10))).astype(np.float32)
    dirty = x + 0.5 * rng.standard_normal(x.shape).astype(np.float32)
    model = Autoencoder(10, (16,), 4, noise=0.5)
    train(model, fastnn.from_numpy(x), 300)
    found = model.reconstruct(fastnn.from_numpy(dirty)).numpy()
    assert ((found - x) ** 2).mean() < 0.3 * ((dirty - x) ** 2).mean()


def test_loss_with_sparsity_is_ngs():
    model = Autoencoder(6, (5,), 4, sparsity=0.1, sparsity_weight=0.3).eval()
    x = array(7, 6)
    y, code = (t.detach().numpy().astype(np.float64) for t in model(fastnn.from_numpy(x)))
    assert (code > 0).all() and (code < 1).all()
    m = code.mean(axis=0)
    penalty = (0.1 * np.log(0.1 / m) + 0.9 * np.log(0.9 / (1 - m))).sum()
    found = model.loss(model(fastnn.from_numpy(x)), fastnn.from_numpy(x)).item()
    np.testing.assert_allclose(found, ((y - x) ** 2).mean() + 0.3 * penalty, rtol=1e-5)
    twin = copy.deepcopy(model).to(np.float64)
    target = fastnn.tensor(array(7, 6).astype(np.float64))
    assert gradcheck(
        lambda v: twin.loss(twin(v), target), [fastnn.tensor(x.astype(float), requires_grad=True)]
    )


def test_sparsity_draws_units_to_their_mean_and_survives_dead_ones():
    fastnn.manual_seed(0)
    x = fastnn.from_numpy(array(200, 20))
    sparse = Autoencoder(20, (), 12, sparsity=0.05, sparsity_weight=0.1)
    free = Autoencoder(20, (), 12, sparsity=0.05, sparsity_weight=1e-9)
    means = []
    for model in (sparse, free):
        train(model, x, 300)
        means.append(model(x)[1].detach().numpy().mean(axis=0))
    assert np.abs(means[0] - 0.05).max() < 0.03 and means[1].mean() > 0.2
    output = fastnn.zeros(3, 20), fastnn.zeros(3, 12)
    assert np.isfinite(sparse.loss(output, fastnn.zeros(3, 20)).item())


# ---- ConvAutoencoder


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_convolutional_autoencoder_shapes_and_overfitting(upsampling):
    fastnn.manual_seed(0)
    model = ConvAutoencoder(2, (8, 12), (16, 32), 10, upsampling=upsampling)
    x = fastnn.from_numpy(array(6, 2, 2, 3).repeat(4, axis=2).repeat(4, axis=3))
    y, code = model(x)
    assert y.shape == (6, 2, 8, 12) and code.shape == (6, 10)
    assert model.encoder[3](model.encoder[:3](x)).min().item() == 0  # ReLU after the convolutions
    losses = train(model, x, 400)
    assert losses[-1] < 0.1 * losses[0]
    kinds = {type(m).__name__ for m in model.modules()}
    assert ("ConvTranspose2d" in kinds) == (upsampling == "transposed")


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_convolutional_autoencoder_equals_its_pytorch_twin(upsampling):
    torch = pytest.importorskip("torch")
    model = ConvAutoencoder(2, (8, 12), (4, 6), 10, upsampling=upsampling).eval()
    lib = torch.nn
    encoder = lib.Sequential(
        *(lib.Conv2d(2, 4, 3, 2, 1), lib.ReLU(), lib.Conv2d(4, 6, 3, 2, 1), lib.ReLU()),
        *(lib.Flatten(), lib.Linear(36, 10)),
    )
    up = [
        [lib.ConvTranspose2d(a, b, 4, 2, 1)]
        if upsampling == "transposed"
        else [lib.Upsample(scale_factor=2), lib.Conv2d(a, b, 3, 1, 1)]
        for a, b in ((6, 4), (4, 2))
    ]
    first = lib.Linear(10, 36), lib.ReLU(), lib.Unflatten(1, (6, 2, 3))
    twin = lib.Sequential(encoder, lib.Sequential(*first, *up[0], lib.ReLU(), *up[1]))
    for part, theirs in zip((model.encoder, model.decoder), twin, strict=True):
        state = {k: torch.tensor(v.numpy()) for k, v in part.state_dict().items()}
        theirs.load_state_dict(state)
    x = array(3, 2, 8, 12)
    found, wanted = model(fastnn.from_numpy(x))[0], twin(torch.from_numpy(x))
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach(), rtol=1e-4, atol=1e-6)


def test_convolutional_autoencoder_denoises_and_is_sparse_too():
    fastnn.manual_seed(0)
    model = ConvAutoencoder(1, 4, (3,), 5, noise=0.2, masking=0.1, sparsity=0.2, sparsity_weight=1)
    x = fastnn.from_numpy(array(50, 1, 4, 4))
    train(model, x, 200)
    assert abs(model(x)[1].mean().item() - 0.2) < 0.03
    assert (model.corrupt(x).numpy() == 0).any()


# ---- VAE


def test_vae_is_its_equations():
    model = VAE(12, (9, 7), 3, beta=2.5)
    x = array(5, 3, 4)
    logits, mean, log_var = (
        t.detach().numpy().astype(np.float64)
        for t in model(fastnn.from_numpy(x), generator=fastnn.Generator(4))
    )
    noise = fastnn.randn(5, 3, generator=fastnn.Generator(4)).numpy()
    flat = x.reshape(5, 12).astype(np.float64)
    h = flat
    for i in (1, 3):
        h = np.maximum(dense(model.encoder[i], h), 0)
    np.testing.assert_allclose(mean, dense(model.cell.mean, h), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(log_var, dense(model.cell.log_var, h), rtol=1e-4, atol=1e-6)
    z = mean + np.exp(log_var / 2) * noise
    for i in (0, 2):
        z = np.maximum(dense(model.decoder[i], z), 0)
    z = dense(model.decoder[4], z)
    np.testing.assert_allclose(logits, z, rtol=1e-4, atol=1e-6)
    p = sigmoid(z)
    error = -(flat * np.log(p) + (1 - flat) * np.log(1 - p)).sum(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    output = model(fastnn.from_numpy(x), generator=fastnn.Generator(4))
    loss = model.loss(output, fastnn.from_numpy(x)).item()
    np.testing.assert_allclose(loss, (error + 2.5 * kl).mean(), rtol=1e-5)
    elbo = model.elbo(fastnn.from_numpy(x), generator=fastnn.Generator(4))
    np.testing.assert_allclose(elbo.numpy(), -error - kl, rtol=1e-5)
    encoded = model.encode(fastnn.from_numpy(x))
    np.testing.assert_allclose(encoded[0].detach().numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(encoded[1].detach().numpy(), log_var, rtol=1e-6)


def test_elbo_is_below_the_likelihood_and_close_when_trained():
    """ln p(x) by quadrature over a one-dimensional code."""
    fastnn.manual_seed(0)
    rng = np.random.default_rng(0)
    x = (rng.random((40, 6)) < np.where(rng.random((40, 1)) < 0.5, 0.1, 0.9)).astype(np.float32)
    model = VAE(6, (8,), 1)
    grid, h = np.linspace(-8, 8, 4001, retstep=True)

    def gap():
        with fastnn.no_grad():
            p = model.decode(fastnn.from_numpy(grid[:, None].astype(np.float32))).numpy()
        p = p.astype(np.float64)
        log_p = x @ np.log(p).T + (1 - x) @ np.log1p(-p).T - grid**2 / 2 - np.log(2 * np.pi) / 2
        likelihood = np.log(h * np.exp(log_p).sum(axis=1))
        return likelihood.mean() - model.elbo(fastnn.from_numpy(x), samples=2000).numpy().mean()

    before = gap()
    losses = train(model, fastnn.from_numpy(x), 400)
    after = gap()
    assert before > 0.01 and 0 < after < 0.25
    assert np.mean(losses[-20:]) < np.mean(losses[:20]) - 0.5


def test_samples():
    model = VAE(12, (9,), 3)
    s = model.sample(7, generator=fastnn.Generator(2))
    z = fastnn.randn(7, 3, generator=fastnn.Generator(2))
    assert s.shape == (7, 12) and not s.requires_grad
    np.testing.assert_array_equal(s.numpy(), model.decode(z).detach().numpy())
    assert model.sample(0).shape == (0, 12)
    assert 0 < s.min().item() and s.max().item() < 1


def test_samples_of_a_float64_model():
    model = VAE(12, (9,), 3).double()
    s = model.sample(4, generator=fastnn.Generator(2))
    z = fastnn.randn(4, 3, generator=fastnn.Generator(2), dtype=fastnn.float64)
    np.testing.assert_array_equal(s.numpy(), model.decode(z).detach().numpy())


def test_beta_trades_divergence_for_error():
    x = fastnn.from_numpy((array(60, 10) < 0.5).astype(np.float32))
    kl = []
    for beta in (0.1, 10.0):
        fastnn.manual_seed(0)
        model = VAE(10, (16,), 4, beta=beta)
        train(model, x, 200)
        kl.append(nn.GaussianCell.kl(*model.encode(x)).mean().item())
    assert kl[0] > 3 > 0.1 > kl[1]


# ---- all three

MODELS = [
    lambda: Autoencoder(64, (48,), 8, noise=0.1, masking=0.1, sparsity=0.2),
    lambda: ConvAutoencoder(1, 8, (4, 8), 8, noise=0.1),
    lambda: ConvAutoencoder(1, 8, (4, 8), 8, upsampling="nearest", sparsity=0.2),
    lambda: VAE(64, (48, 32), 8),
]


@pytest.mark.parametrize("make", MODELS)
def test_trainer_takes_them(make):
    fastnn.manual_seed(0)
    model, x = make(), np.repeat((array(4, 1, 8, 8) < 0.5).astype(np.float32), 16, axis=0)
    trainer = Trainer(model, model.loss, optim.Adam(model.parameters(), lr=0.01), progress=False)
    history = trainer.fit(DataLoader(TensorDataset(x, x), 16), epochs=12)
    losses = history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert set(trainer.evaluate(DataLoader(TensorDataset(x, x), 16))) == {"loss"}


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("shape", [(2, 128), (1, 64), (8, 32)])
def test_a_target_of_other_samples_is_refused(make, shape):
    """As many numbers are not enough: reshaped, they would be other samples' pixels."""
    model = make()
    with pytest.raises(ValueError, match="shape"):
        model.loss(model(fastnn.zeros(4, 1, 8, 8)), fastnn.zeros(*shape))


@pytest.mark.parametrize("make", MODELS)
def test_threads_and_backend(make):
    def run():
        fastnn.manual_seed(5)
        model, x = make(), fastnn.from_numpy(array(40, 1, 8, 8))
        losses = train(model, x, 3)
        return losses, model.state_dict()

    results = []
    for n in (1, 2, 3):
        with fastnn.threads(n):
            results.append(run())
    for losses, state in results[1:]:
        assert losses == results[0][0]
        for key, value in state.items():
            np.testing.assert_array_equal(value.numpy(), results[0][1][key].numpy())
    with fastnn.backend.use("reference"):
        other, _ = run()
    np.testing.assert_allclose(other, results[0][0], rtol=1e-4)


@pytest.mark.parametrize("make", MODELS)
def test_copies_and_pickles(make):
    model, x = make().eval(), fastnn.from_numpy(array(3, 1, 8, 8))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for a, b in zip(twin(x), model(x), strict=True):
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    other = make().eval()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other(x)[0].detach().numpy(), model(x)[0].detach().numpy())


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Autoencoder(0), ValueError, r"Autoencoder: layer sizes are \[0, 256, 32\]"),
        (lambda: Autoencoder(4, (3,), 0), ValueError, "layer sizes are"),
        (lambda: Autoencoder(4, (3.5,)), TypeError, r"layer sizes are \[4, 3.5, 32\]"),
        (lambda: Autoencoder(4, 3), TypeError, "Autoencoder: hidden is 3, expected a sequence"),
        (lambda: ConvAutoencoder(channels=3), TypeError, "ConvAutoencoder: channels is 3"),
        (lambda: VAE(4, 3), TypeError, "VAE: hidden is 3, expected a sequence"),
        (lambda: VAE(latent="a"), TypeError, "VAE: layer sizes are"),
        (lambda: Autoencoder(activation="step"), ValueError, "Autoencoder: activation is 'step'"),
        (lambda: Autoencoder(noise=-1), ValueError, "Autoencoder: noise is -1"),
        (lambda: Autoencoder(noise="a"), TypeError, "noise must be a number"),
        (lambda: Autoencoder(masking=1.5), ValueError, "masking is 1.5"),
        (lambda: Autoencoder(sparsity=1.0), ValueError, "sparsity is 1.0"),
        (lambda: Autoencoder(sparsity="a"), TypeError, "sparsity must be a number"),
        (lambda: Autoencoder(sparsity_weight=0), ValueError, "sparsity_weight is 0"),
        (lambda: ConvAutoencoder(size=30), ValueError, "size is 30 x 30 with 2 channels"),
        (lambda: ConvAutoencoder(channels=()), ValueError, "expected at least one"),
        (lambda: ConvAutoencoder(channels=(0,)), ValueError, "ConvAutoencoder: layer sizes are"),
        (lambda: ConvAutoencoder(upsampling="cubic"), ValueError, "upsampling is 'cubic'"),
        (lambda: ConvAutoencoder(noise=float("nan")), ValueError, "ConvAutoencoder: noise is nan"),
        (lambda: VAE(4, (3,), 0), ValueError, r"VAE: layer sizes are \[4, 3, 0\]"),
        (lambda: VAE(beta=0), ValueError, "VAE: beta is 0"),
        (lambda: VAE(activation="step"), ValueError, "VAE: activation is 'step'"),
        (lambda: VAE().sample(-1), ValueError, "VAE.sample: n is -1"),
        (lambda: VAE().elbo(fastnn.zeros(1, 784), samples=0), ValueError, "samples is 0"),
        (lambda: VAE()(fastnn.zeros(2, 5)), ValueError, "5"),
        (lambda: VAE().loss(VAE()(fastnn.zeros(2, 784)), fastnn.zeros(3, 8)), ValueError, "shape"),
        (lambda: Autoencoder()(np.zeros((2, 784), np.float32)), TypeError, "must be a Tensor"),
    ],
)  # fmt: skip
def test_faults(call, error, message):
    with pytest.raises(error, match=message):
        call()
