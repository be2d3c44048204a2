"""PyTorch says the same: layer, RMS, group and instance norm, weight norms, dropout of channels."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import backward, close, compare, compare_parameters, random_array  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

DTYPES = ["float32", "float64"]
ROW_NORM_LAYERS = {
    "AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout", "GaussianNoise",
    "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "RMSNorm",
}  # fmt: skip

LAYERS = [
    (lambda n: n.LayerNorm(7), (4, 7)),
    (lambda n: n.LayerNorm((3, 5), 1e-3, bias=False), (2, 4, 3, 5)),
    (lambda n: n.LayerNorm([33], elementwise_affine=False), (5, 33)),
    (lambda n: n.RMSNorm(17), (3, 2, 17)),
    (lambda n: n.RMSNorm((4, 5), 1e-3), (3, 4, 5)),
    (lambda n: n.GroupNorm(2, 6), (3, 6)),
    (lambda n: n.GroupNorm(3, 6, bias=False), (3, 6, 3, 2)),
    (lambda n: n.GroupNorm(1, 4, affine=False), (2, 4, 5, 7)),
    (lambda n: n.InstanceNorm1d(3), (2, 3, 9)),
    (lambda n: n.InstanceNorm2d(3, affine=True, track_running_stats=True), (4, 3, 5, 6)),
    (lambda n: n.InstanceNorm2d(3, affine=True, track_running_stats=True).eval(), (3, 5, 6)),
    (lambda n: n.InstanceNorm3d(2, affine=True, bias=False), (3, 2, 2, 3, 5)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("i", range(len(LAYERS)))
def test_layers(i, dtype):
    make, shape = LAYERS[i]
    rng = np.random.default_rng(i)
    ours, theirs = make(nn).to(dtype), make(torch.nn).to(getattr(torch, dtype))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for p in theirs.parameters():
        p.data = torch.tensor(random_array(rng, tuple(p.shape), dtype))
    ours.load_state_dict(theirs.state_dict())
    for _ in range(2):
        a = random_array(rng, shape, dtype)
        compare(lambda lib, F, x: (ours if lib is fastnn else theirs)(x), [a])
    compare_parameters(ours, theirs)
    for (key, b), c in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        close(b, c, key)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(dim, p, dtype):
    a = random_array(np.random.default_rng(0), (3, 4, 5), dtype) + np.asarray(0.01, dtype)
    compare(lambda lib, F, x: F.normalize(x, p, dim), [a])


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("new", [True, False])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norms(name, new):
    rng = np.random.default_rng(0)
    models = []
    for lib in (fastnn, torch):
        utils = lib.nn.utils
        f = getattr(utils.parametrizations if new else utils, name)
        models.append(f(lib.nn.Linear(5, 4)).double())
    ours, theirs = models
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for _ in range(3):
        a = random_array(rng, (3, 5), "float64")
        x, t = fastnn.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        backward(ours(x), theirs(t))
        close(x.grad, t.grad, "input")
    compare_parameters(ours, theirs)
    if new:
        nn.utils.parametrize.remove_parametrizations(ours, "weight")
    else:
        getattr(nn.utils, f"remove_{name}")(ours)
    assert type(ours) is nn.Linear and type(ours._parameters) is dict
    assert sorted(ours.state_dict()) == ["bias", "weight"]
    if name == "weight_norm":
        close(ours(x), theirs(t), "after removal")


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_channels_are_dropped_whole(name):
    x = fastnn.ones(*(8, 16, 3, 3, 3)[: 2 + int(name[-2])], requires_grad=True)
    y = getattr(fastnn.functional, name)(x, 0.25, generator=fastnn.Generator(0))
    y.sum().backward()
    planes = y.detach().numpy().reshape(128, -1)
    assert np.array_equal(planes, np.repeat(planes[:, :1], planes.shape[1], 1))
    assert set(np.unique(planes)) == {np.float32(0), np.float32(1 / 0.75)}
    assert np.array_equal(x.grad.numpy(), y.detach().numpy())


def test_alpha_dropout_and_noise_keep_their_moments():
    x = fastnn.randn(200, 500, generator=fastnn.Generator(1))
    for f in (fastnn.functional.alpha_dropout, fastnn.functional.feature_alpha_dropout):
        y = f(x, 0.3, True, generator=fastnn.Generator(2)).numpy()
        assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03
    noise = fastnn.functional.gaussian_noise(x, 0.5, generator=fastnn.Generator(3)) - x
    assert abs(noise.numpy().std() - 0.5) < 0.01


def test_max_norm():
    w = nn.Linear(6, 4).weight
    w._data[...] = np.arange(24).reshape(4, 6)
    want = torch.renorm(torch.tensor(w.detach().numpy().copy()), 2, 0, 9.0)
    nn.utils.max_norm_(w, 9.0)
    np.testing.assert_allclose(w.detach().numpy(), want.numpy(), rtol=1e-5)
