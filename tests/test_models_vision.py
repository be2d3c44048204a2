"""The larger networks of fastnn.models beside the same networks in PyTorch."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import models, nn, optim


def count(model):
    return sum(int(np.prod(p.shape)) for p in model.parameters())


def overfits(model, x, y, steps=30, lr=1e-3, bar=0.05):
    """Adam on one batch, until the loss is under the bar."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if loss.item() < bar:
            return
    raise AssertionError(f"loss {loss.item()} after {steps} steps")


def test_lenet5_original_has_the_papers_parts():
    model = models.LeNet5Original()
    parts = {name: 0 for name in ("c1", "s2", "c3", "s4", "c5", "f6")}
    for name, p in model.named_parameters():
        parts[name.split(".")[0]] += int(np.prod(p.shape))
    assert list(parts.values()) == [156, 12, 1516, 32, 48120, 10164]
    assert count(model) == 60_000
    assert tuple(model(fastnn.zeros(3, 1, 28, 28)).shape) == (3, 10)
    codes = model.codes.numpy()
    assert codes.shape == (10, 84) and np.array_equal(np.abs(codes), np.ones_like(codes))
    assert np.max(codes @ codes.T - 84 * np.eye(10)) < 84 - 2 * 3  # no two closer than 4 pixels


def test_sparse_convolution_sees_its_table_only():
    model = models.LeNet5Original()
    dense = model.c3.dense_weight().detach().numpy()
    seen = np.abs(dense).max((2, 3)) > 0
    assert seen.sum() == 60
    assert seen.sum(1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert seen.sum(0).tolist() == [10] * 6
    assert np.array_equal(dense[seen], model.c3.weight.detach().numpy())
    x = fastnn.randn(2, 6, 14, 14)
    model.c3(x).sum().backward()
    y = F.conv2d(x, fastnn.from_numpy(dense), model.c3.bias)
    assert np.array_equal(y.detach().numpy(), model.c3(x).detach().numpy())
    windows = np.lib.stride_tricks.sliding_window_view(x.numpy(), (10, 10), (2, 3)).sum((0, 4, 5))
    expected = np.concatenate([windows[list(maps)] for maps in model.c3.table])
    assert np.allclose(model.c3.weight.grad.numpy(), expected, rtol=1e-3, atol=1e-3)


def test_subsampling():
    layer = models.lenet_original.Subsample(2)
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    sums = x.reshape(1, 2, 2, 2, 2, 2).sum((3, 5))
    expected = sums * layer.weight.detach().numpy() + layer.bias.detach().numpy()
    assert np.allclose(layer(fastnn.from_numpy(x)).detach().numpy(), expected, rtol=1e-6)


def test_lenet5_original_overfits_one_batch():
    fastnn.manual_seed(0)
    x, y = (fastnn.from_numpy(a[:16].copy()) for a in fastnn.datasets.digits()[:2])
    overfits(models.LeNet5Original(), x, y, steps=80, lr=3e-3)


def test_alexnet_has_torchvisions_size_and_keys():
    model = models.AlexNet()
    assert count(model) == 61_100_840
    keys = [f"features.{i}.{p}" for i in (0, 3, 6, 8, 10) for p in ("weight", "bias")]
    keys += [f"classifier.{i}.{p}" for i in (1, 4, 6) for p in ("weight", "bias")]
    assert list(model.state_dict()) == keys
    assert tuple(model.eval()(fastnn.zeros(1, 3, 224, 224)).shape) == (1, 1000)


def test_alexnet_original():
    model = models.AlexNetOriginal()
    assert count(model) == 60_965_224
    x = fastnn.randn(2, 3, 227, 227)
    loss = F.cross_entropy(model(x), fastnn.from_numpy(np.array([1, 2])))
    loss.backward()
    assert np.isfinite(loss.item())
    assert all(np.isfinite(p.grad.numpy()).all() for p in model.parameters())
    with pytest.raises(ValueError, match="size is 66"):
        models.AlexNetOriginal(size=66)


def test_alexnet_original_as_one_tower():
    """groups=1: each half of the maps meets the other half's weights too."""
    assert count(models.AlexNetOriginal(groups=1)) == 62_378_344
    model = models.AlexNetOriginal(4, in_channels=1, size=67, width=0.125, groups=1)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [m.groups for m in convolutions] == [1] * 5
    assert tuple(model(fastnn.zeros(2, 1, 67, 67)).shape) == (2, 4)
    for groups in (0, 3):
        with pytest.raises(ValueError, match=f"groups is {groups}, expected 1 or 2"):
            models.AlexNetOriginal(groups=groups)


def test_narrow_alexnet_original_overfits_one_batch():
    fastnn.manual_seed(0)
    model = models.AlexNetOriginal(4, in_channels=1, size=67, width=0.125)
    for m in model.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            m.reset_parameters()  # std 0.01 is for the full width
    x, y = fastnn.randn(8, 1, 67, 67), fastnn.from_numpy(np.arange(8) % 4)
    overfits(model.eval(), x, y, steps=60)


@pytest.mark.parametrize(
    ("name", "n"), [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032)]
)
def test_resnets_have_torchvisions_size(name, n):
    model = getattr(models, name)()
    assert count(model) == n
    keys = list(model.state_dict())
    assert keys[:7] == [
        *("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"),
        *("bn1.num_batches_tracked", "layer1.0.conv1.weight"),
    ]
    assert "layer2.0.downsample.0.weight" in keys and "layer2.0.downsample.1.running_var" in keys
    assert ("layer1.0.downsample.0.weight" in keys) == (name == "resnet50")
    assert keys[-2:] == ["fc.weight", "fc.bias"]


def test_resnet_shapes_and_options():
    model = models.resnet18(10, True, small_images=True, width=8)
    assert (
        model.conv1.kernel_size == (3, 3) and model.layer1[0].bn2.weight.detach().numpy().max() == 0
    )
    assert tuple(model(fastnn.zeros(2, 3, 32, 32)).shape) == (2, 10)
    assert models.resnet50(4, True, width=4).layer3[2].bn3.weight.detach().numpy().max() == 0
    assert tuple(models.resnet18(5, width=4)(fastnn.zeros(2, 3, 64, 64)).shape) == (2, 5)
    with pytest.raises(ValueError, match="layers is"):
        models.ResNet(models.resnet.BasicBlock, (1, 2))


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("vgg11", 132_863_336),
        ("vgg11_bn", 132_868_840),
        ("vgg16", 138_357_544),
        ("vgg16_bn", 138_365_992),
    ],
)
def test_vggs_have_torchvisions_size(name, n):
    model = getattr(models, name)()
    assert count(model) == n
    keys = list(model.state_dict())
    last = {"vgg11": 18, "vgg11_bn": 25, "vgg16": 28, "vgg16_bn": 40}[name]
    assert f"features.{last}.weight" in keys and "classifier.6.bias" in keys
    assert max(int(k.split(".")[1]) for k in keys if k.startswith("features")) <= last + 1


def test_vgg_overfits_one_batch():
    fastnn.manual_seed(0)
    model = models.VGG((8, 0, 16, 0, 32, 0), 4, True, 0.0)
    x, y = fastnn.randn(8, 3, 32, 32), fastnn.from_numpy(np.arange(8) % 4)
    overfits(model, x, y)


def test_unet_sizes():
    assert count(models.UNet()) == 31_030_658
    narrow = models.UNet(3, 5, width=4, depth=2)
    assert tuple(narrow(fastnn.zeros(2, 3, 16, 24)).shape) == (2, 5, 16, 24)
    valid = models.UNet(width=2, padding=0)
    assert tuple(valid(fastnn.zeros(1, 1, 572, 572)).shape) == (1, 2, 388, 388)
    with pytest.raises(ValueError, match="9 x 16 pixels at level 1"):
        narrow(fastnn.zeros(1, 3, 18, 32))
    for options in ({"depth": 0}, {"padding": 2}):
        with pytest.raises(ValueError, match="UNet"):
            models.UNet(**options)


def test_unet_learns_where_things_are():
    fastnn.manual_seed(0)
    model = models.UNet(width=4, depth=2, batch_norm=True)
    x = fastnn.randn(2, 1, 16, 16)
    target = fastnn.from_numpy((x.numpy()[:, 0] > 0).astype(np.int64))
    overfits(model, x, target, steps=120, lr=1e-2, bar=0.1)


def test_time_series_fcn():
    model = models.TimeSeriesFCN()
    convolutions = 128 * 8 + 128 + 256 * 128 * 5 + 256 + 128 * 256 * 3 + 128
    assert count(model) == convolutions + 2 * (128 + 256 + 128) + 2 * 128 + 2
    for length in (3, 50, 256):
        assert tuple(model(fastnn.randn(2, 1, length)).shape) == (2, 2)
    with pytest.raises(ValueError, match="1 channels and 3 kernel_sizes"):
        models.TimeSeriesFCN(channels=(4,))
    fastnn.manual_seed(0)
    narrow = models.TimeSeriesFCN(2, 3, channels=(8, 16, 8))
    y = fastnn.from_numpy(np.arange(6) % 3)
    overfits(narrow, fastnn.randn(6, 2, 40), y, steps=120, lr=1e-2, bar=0.1)
