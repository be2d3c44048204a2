"""fastnn.models and the same networks built from torch.nn: keys, outputs, gradients, statistics."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import models  # noqa: E402
from fastnn._bench import twins  # noqa: E402


@pytest.fixture(autouse=True)
def same_weights():
    """Whatever ran before: in float32, with one start of ten a ReLU that rounding opens counts for
    more than the tolerance."""
    torch.manual_seed(0)


def check(model, twin, shape, dtype, train=True):
    """Same keys; same outputs, gradients and running statistics in dtype."""
    model, twin = same_parameters(model, twin, dtype)
    model.train(train)
    twin.train(train)
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    ours, theirs = fastnn.from_numpy(x), torch.from_numpy(x)
    y, expected = model(ours), twin(theirs)
    close(y, expected, dtype)
    dy = np.random.default_rng(1).standard_normal(expected.shape).astype(dtype)
    y.backward(fastnn.from_numpy(dy))
    expected.backward(torch.from_numpy(dy))
    same_gradients(model, twin, dtype)
    for (name, mine), other in zip(model.named_buffers(), twin.buffers(), strict=True):
        close(mine, other, dtype, name)


def close(ours, theirs, dtype, name="output"):
    """Equal beside what rounding adds up to over the depth of a network."""
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    tolerance = {"float32": 2e-4, "float64": 1e-10}[dtype]
    assert np.abs(a - b).max(initial=0) <= tolerance * np.abs(b).max(initial=1e-30), name


def same_gradients(model, twin, dtype):
    """Equal as vectors: in float32, rounding opens or shuts a ReLU here and there.  A bias below
    batch norm has a gradient of 0, so each vector may be off by a part of the largest."""
    tolerance = {"float32": 1e-2, "float64": 1e-10}[dtype]
    largest = max(q.grad.norm().item() for q in twin.parameters())
    for (name, mine), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        off = np.linalg.norm(mine.grad.numpy() - other.grad.numpy())
        assert off <= tolerance * max(other.grad.norm().item(), 1e-3 * largest), name


DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_alexnet():
    check(models.AlexNet(10), twins.alexnet(10), (2, 3, 64, 64), "float32", train=False)


@DTYPES
@pytest.mark.parametrize("small", [False, True])
def test_resnet18(dtype, small):
    model = models.resnet18(5, small_images=small, width=8)
    twin = twins.resnet(num_classes=5, small_images=small, width=8)
    check(model, twin, (4, 3, 32, 32), dtype)


def test_resnet18_in_full_in_eval_mode():
    check(models.resnet18(), twins.resnet(), (1, 3, 64, 64), "float32", train=False)


def test_resnet34():
    layers = (3, 4, 6, 3)
    check(models.resnet34(5, width=4), twins.resnet(layers, 5, width=4), (4, 3, 64, 64), "float64")


def test_resnet50():
    twin = twins.resnet((3, 4, 6, 3), 5, bottleneck=True, width=4)
    check(models.resnet50(5, width=4), twin, (4, 3, 64, 64), "float64")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@DTYPES
def test_time_series_fcn(dtype):
    model = models.TimeSeriesFCN(1, 10, channels=(8, 16, 8))
    check(model, twins.fcn(10, (8, 16, 8)), (4, 1, 40), dtype)


@DTYPES
def test_vgg(dtype):
    nn = torch.nn

    class VGG(nn.Module):
        def __init__(self):
            super().__init__()
            steps, n = [], 3
            for width in (4, 8):
                steps += [nn.Conv2d(n, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                steps.append(nn.MaxPool2d(2))
                n = width
            self.features = nn.Sequential(*steps)
            self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
            self.classifier = nn.Sequential(
                *(nn.Linear(8 * 49, 4096), nn.ReLU(), nn.Dropout(0.0)),
                *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.0), nn.Linear(4096, 5)),
            )

        def forward(self, x):
            return self.classifier(self.avgpool(self.features(x)).flatten(1))

    check(models.VGG((4, 0, 8, 0), 5, True, 0.0), VGG(), (2, 3, 32, 32), dtype)


def test_alexnet_original():
    nn = torch.nn
    twin = nn.Sequential(
        *(nn.Conv2d(3, 24, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(24, 64, 5, padding=2, groups=2), nn.ReLU()),
        *(nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 96, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(96, 96, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(96, 64, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Flatten(), nn.Dropout(), nn.Linear(64, 1024), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 5)),
    )
    model = models.AlexNetOriginal(5, size=67, width=0.25)
    values = (v.numpy().copy() for v in twin.state_dict().values())
    state = zip(model.state_dict(), map(fastnn.from_numpy, values), strict=True)
    model.load_state_dict(dict(state))
    model.to("float64").eval()
    twin.double().eval()
    x = np.random.default_rng(0).standard_normal((2, 3, 67, 67))
    y, expected = model(fastnn.from_numpy(x)), twin(torch.from_numpy(x))
    close(y, expected, "float64")
    y.sum().backward()
    expected.sum().backward()
    same_gradients(model, twin, "float64")


@DTYPES
@pytest.mark.parametrize("padding", [0, 1])
def test_unet(dtype, padding):
    nn = torch.nn

    def double(n_in, n):
        return nn.Sequential(
            *(nn.Conv2d(n_in, n, 3, padding=padding), nn.ReLU()),
            *(nn.Conv2d(n, n, 3, padding=padding), nn.ReLU()),
        )

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down0, self.down1, self.down2 = double(1, 4), double(4, 8), double(8, 16)
            self.up0, self.merge0 = nn.ConvTranspose2d(8, 4, 2, 2), double(8, 4)
            self.up1, self.merge1 = nn.ConvTranspose2d(16, 8, 2, 2), double(16, 8)
            self.head = nn.Conv2d(4, 2, 1)

        def forward(self, x):
            a = self.down0(x)
            b = self.down1(nn.functional.max_pool2d(a, 2))
            x = self.up1(self.down2(nn.functional.max_pool2d(b, 2)))
            x = self.up0(self.merge1(self.join(b, x)))
            return self.head(self.merge0(self.join(a, x)))

        def join(self, skipped, x):
            edge = (skipped.shape[2] - x.shape[2]) // 2
            if edge:
                skipped = skipped[:, :, edge:-edge, edge:-edge]
            return torch.cat([skipped, x], 1)

    check(models.UNet(width=4, depth=2, padding=padding), UNet(), (2, 1, 44, 44), dtype)
