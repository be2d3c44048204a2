"""DCIGN: the clamp of Kulkarni et al., formulas in float64, learning; rendered shapes."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import datasets, nn, optim
from fastnn.functional import binary_cross_entropy_with_logits as bce
from fastnn.models import DCIGN

FACTORS = {"rotation": 1, "position": 2, "intrinsic": 3}


def small(**options):
    return DCIGN(FACTORS, 1, 8, maps=(4, 6), hidden=16, **options)


def images(n=5, size=8, seed=0):
    return fastnn.from_numpy(datasets.shapes(n, size=size, generator=fastnn.Generator(seed)).x)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_clamp_forward_and_backward_are_the_papers():
    model = small(invariance=0.25)
    z = normal(5, 6)
    for dtype in (np.float32, np.float64):
        given = fastnn.tensor(z.astype(dtype), requires_grad=True)
        clamped = model.clamp(given, "position")
        expected = np.tile(z.mean(axis=0), (5, 1))
        expected[:, 1:3] = z[:, 1:3]
        np.testing.assert_allclose(clamped.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
        dy = normal(5, 6, seed=1)
        clamped.backward(fastnn.tensor(dy.astype(dtype)))
        wanted = 0.25 * (z - z.mean(axis=0)) / 5
        wanted[:, 1:3] = dy[:, 1:3]
        np.testing.assert_allclose(given.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_without_invariance_clamped_latents_are_not_trained():
    model = small(invariance=0)
    z = fastnn.tensor(normal(5, 6).astype(np.float32), requires_grad=True)
    bce(model.decoder(model.clamp(z, "rotation")), images()).backward()
    g = z.grad.numpy()
    assert np.abs(g[:, 0]).max() > 0 and not g[:, 1:].any()


def test_clamping_draws_the_others_together():
    """Descent on the replaced gradient alone shrinks the spread of the clamped latents."""
    model = small(invariance=1.0)
    z = fastnn.tensor(normal(4, 6).astype(np.float32), requires_grad=True)
    before = z.detach().numpy().copy()
    model.clamp(z, "intrinsic").sum().backward()
    after = before - z.grad.numpy()
    np.testing.assert_allclose(after[:, :3].std(axis=0), 0.75 * before[:, :3].std(axis=0), 1e-4)
    np.testing.assert_allclose(after[:, :3].mean(axis=0), before[:, :3].mean(axis=0), atol=1e-6)


def test_forward_and_loss_are_the_evidence_bound():
    model = small(beta=0.5)
    x = images()
    logits, mean, log_var = model(x, "rotation", generator=fastnn.Generator(3))
    assert logits.shape == x.shape and mean.shape == log_var.shape == (5, 6)
    h = model.encoder(x)
    z = model.cell(h, generator=fastnn.Generator(3))[0]
    again = model.decoder(model.clamp(z, "rotation"))
    np.testing.assert_array_equal(logits.detach().numpy(), again.detach().numpy())
    a, m, v, t = (q.detach().numpy().astype(np.float64) for q in (logits, mean, log_var, x))
    p = 1 / (1 + np.exp(-a))
    error = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=(1, 2, 3))
    kl = (m**2 + np.exp(v) - 1 - v).sum(axis=1) / 2
    found = model.loss((logits, mean, log_var), x).item()
    np.testing.assert_allclose(found, (error + 0.5 * kl).mean(), rtol=1e-5)
    one, two = model.encode(x)
    np.testing.assert_array_equal(one.detach().numpy(), mean.detach().numpy())
    np.testing.assert_array_equal(two.detach().numpy(), log_var.detach().numpy())


def test_factors_and_their_columns():
    model = small()
    assert model.latent == 6
    assert [model.latents(f) for f in FACTORS] == [slice(0, 1), slice(1, 3), slice(3, 6)]


def test_layers_mirror_each_other():
    model = DCIGN({"a": 2}, 3, 32)
    down = [m.out_channels for m in model.encoder.modules() if isinstance(m, nn.Conv2d)]
    up = [m.out_channels for m in model.decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert down == [16, 32, 32] and up == [32, 16, 3]
    logits, _, _ = model(fastnn.zeros(2, 3, 32, 32))
    assert logits.shape == (2, 3, 32, 32)
    assert model.sample(2).shape == (2, 3, 32, 32) and model.sample(0).shape == (0, 3, 32, 32)


def test_overfits_one_batch_and_rerenders_it():
    fastnn.manual_seed(0)
    model = DCIGN({"rotation": 1, "rest": 2}, 1, 8, maps=(8, 16), hidden=32, beta=0.01)
    x = images(6)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(300):
        loss = model.loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    model.eval()
    mean, _ = model.encode(x[:1])
    same = model.rerender(x[:1], "rotation", mean[:, :1].detach())
    np.testing.assert_allclose(
        same.numpy(), model.decode(mean).detach().numpy(), rtol=1e-5, atol=1e-6
    )
    model.train()
    values = fastnn.tensor([[-2.0], [2.0]])
    other = model.rerender(x[:1], "rotation", values)
    assert other.shape == (2, 1, 8, 8) and np.abs(other[0].numpy() - other[1].numpy()).max() > 0.1
    assert model.training and not other.requires_grad


def test_same_bits_for_threads_and_near_the_reference():
    def train():
        fastnn.manual_seed(3)
        model = small()
        optimizer = optim.Adam(model.parameters(), lr=1e-3)
        for step, factor in enumerate(FACTORS):
            x = images(seed=step)
            loss = model.loss(model(x, factor), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.sample(4, generator=fastnn.Generator(1)).numpy(), loss.item()

    expected, loss = train()
    for count in (2, 3):
        with fastnn.threads(count):
            found, other = train()
        np.testing.assert_array_equal(found, expected)
        assert other == loss
    with fastnn.backend("reference"):
        found, other = train()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert other == pytest.approx(loss, rel=1e-4)


def test_samples_of_a_float64_model():
    model = small().double()
    s = model.sample(4, generator=fastnn.Generator(2))
    z = fastnn.randn(4, 6, generator=fastnn.Generator(2), dtype=fastnn.float64)
    np.testing.assert_array_equal(s.numpy(), model.decode(z).detach().numpy())


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: DCIGN(["a"]), "DCIGN: factors is a list, expected a dict"),
        (lambda: DCIGN({"a": 1}, maps=4), "DCIGN: maps is 4, expected a sequence"),
        (lambda: small().rerender(images(1), "rotation", [[1.0]]), "values must be a Tensor"),
        (lambda: small().rerender([1], "rotation", fastnn.zeros(2, 1)), "x must be a Tensor"),
    ],
)
def test_other_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_copies():
    model = small().eval()
    x = images()
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(twin(x)[0].detach().numpy(), model(x)[0].detach().numpy())
        assert twin.latents("intrinsic") == slice(3, 6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: DCIGN({}), "factors is empty"),
        (lambda: DCIGN({"a": 0}), "DCIGN"),
        (lambda: DCIGN({"a": 1}, size=12), "DCIGN: size is 12 with 3 maps"),
        (lambda: DCIGN({"a": 1}, maps=()), "at least one"),
        (lambda: DCIGN({"a": 1}, invariance=-1), "invariance is -1"),
        (lambda: DCIGN({"a": 1}, beta=0), "beta"),
        (lambda: small()(images(), "light"), "factor is 'light', expected one of rotation"),
        (lambda: small().clamp(fastnn.zeros(3, 5), "rotation"), r"expected \(N, 6\)"),
        (lambda: small().clamp(fastnn.zeros(0, 6), "rotation"), "N >= 1"),
        (lambda: small().rerender(images(), "rotation", fastnn.zeros(2, 1)), "x has 5 images"),
        (lambda: small().rerender(images(1), "position", fastnn.zeros(2, 1)), r"expected \(M, 2\)"),
        (lambda: small().sample(-1), "DCIGN.sample: n is -1"),
    ],
)
def test_faults(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- rendered shapes


def test_shapes_are_as_documented():
    d = datasets.shapes(300, size=16, generator=fastnn.Generator(0))
    assert isinstance(d, datasets.ShapeSamples)
    assert d.x.shape == (300, 1, 16, 16) and d.x.dtype == np.float32
    assert d.x.min() == 0 and d.x.max() == 1
    assert d.y.dtype == np.int64 and set(d.y) == set(range(len(datasets.SHAPE_NAMES)))
    low, high = d.factors.min(axis=0), d.factors.max(axis=0)
    assert (low >= [-90, -0.3, -0.3, 0.4]).all() and (low < [-85, -0.28, -0.28, 0.42]).all()
    assert (high <= [90, 0.3, 0.3, 0.65]).all() and (high > [85, 0.28, 0.28, 0.63]).all()
    again = datasets.shapes(300, size=16, generator=fastnn.Generator(0))
    np.testing.assert_array_equal(d.x, again.x)
    assert datasets.shapes(0, size=16).x.shape == (0, 1, 16, 16)
    numpys = {"n": np.int64(300), "size": np.int32(16), "scale": np.array([0.4, 0.65])}
    found = datasets.shapes(**numpys, generator=fastnn.Generator(0))
    np.testing.assert_array_equal(d.x, found.x)


@pytest.mark.parametrize("factor", datasets.SHAPE_FACTORS)
def test_only_the_named_factor_varies(factor):
    d = datasets.shapes(30, size=16, vary=(factor,), generator=fastnn.Generator(2))
    columns = np.column_stack([d.y, d.factors])
    varying = [len(set(column)) > 1 for column in columns.T]
    assert varying == [name == factor for name in datasets.SHAPE_FACTORS]
    assert np.ptp(d.x, axis=0).max() > 0.5


def one(kind, rotation=0.0, x=0.0, y=0.0, scale=0.6, size=64):
    from fastnn.datasets import rendered

    return rendered._render(kind, size, np.array([[rotation, x, y, scale]]))[0]


@pytest.mark.parametrize("kind", datasets.SHAPE_NAMES)
def test_pose_is_what_it_says(kind):
    upright = one(kind)
    np.testing.assert_allclose(one(kind, 90.0), np.rot90(upright), atol=1e-9)
    np.testing.assert_allclose(one(kind, x=0.25), np.roll(upright, 8, axis=1), atol=1e-9)
    np.testing.assert_allclose(one(kind, y=0.25), np.roll(upright, -8, axis=0), atol=1e-9)
    areas = [one(kind, scale=s).sum() for s in (0.3, 0.6)]
    assert abs(areas[1] / areas[0] - 4) < 0.15
    turned = [np.abs(one(kind, a) - upright).sum() / upright.sum() for a in (90, 180, 270)]
    assert min(turned) > 0.3  # no shape looks the same after a turn


def test_areas_are_those_of_geometry():
    known = {
        "triangle": 0.9,
        "ell": 0.4 * 1.6 + 0.7 * 0.4,
        # The head overlaps the top 0.1 of the shaft.
        "arrow": 0.4 * 1.2 + 0.6 * 0.8 - 0.4 * 0.1,
        "half disc": 0.64 * 6 * np.sin(np.pi / 12),
    }
    for kind, area in known.items():
        found = one(kind, 20.0, scale=0.8, size=128).sum() * (2 / 128) ** 2
        assert abs(found - area * 0.64) < 0.01, kind


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": -1}, "n is -1"),
        ({"size": 0}, "size is 0"),
        ({"vary": ("angle",)}, "vary names 'angle', expected some of shape, rotation"),
        ({"kinds": ("circle",)}, "kinds names 'circle'"),
        ({"kinds": ()}, "kinds is empty"),
        ({"rotation": (1.0, 0.0)}, "rotation is"),
        ({"rotation": (0.0, np.inf)}, "rotation is"),
        ({"position": -0.1}, "position is -0.1"),
        ({"scale": (0.0, 0.5)}, "scale is"),
    ],
)
def test_shape_faults(options, message):
    with pytest.raises(ValueError, match=message):
        datasets.shapes(**options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": 2.5}, "shapes: n is 2.5, expected an integer"),
        ({"size": "32"}, "shapes: size is '32', expected an integer"),
        ({"rotation": 90}, "shapes: rotation is 90, expected two numbers"),
        ({"scale": (0.1, 0.2, 0.3)}, "shapes: scale is .*, expected two numbers"),
        ({"position": "left"}, "shapes: position is 'left', expected a number"),
        ({"vary": "rotation"}, r"vary is 'rotation', expected a sequence, such as \('rotation',\)"),
        ({"kinds": "arrow"}, "shapes: kinds is 'arrow', expected a sequence"),
        ({"generator": 3}, "generator must be a fastnn.Generator or None, got int"),
    ],
)
def test_shape_arguments_of_the_wrong_kind(options, message):
    with pytest.raises(TypeError, match=message):
        datasets.shapes(**options)
