"""Networks of fastnn.models."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import models, optim


def test_lenet5_has_the_known_size_and_shapes():
    model = models.LeNet5()
    assert sum(int(np.prod(p.shape)) for p in model.parameters()) == 61_706
    for n in (1, 3):
        assert tuple(model(fastnn.zeros(n, 1, 28, 28)).shape) == (n, 10)
    assert tuple(models.LeNet5(4, 3)(fastnn.zeros(2, 3, 28, 28)).shape) == (2, 4)


def test_mlp_layers():
    model = models.MLP(784, (16, 8), 10, activation="tanh", dropout=0.5)
    assert [tuple(p.shape) for p in model.parameters()] == [
        (16, 784), (16,), (8, 16), (8,), (10, 8), (10,)
    ]  # fmt: skip
    assert tuple(model(fastnn.zeros(2, 1, 28, 28)).shape) == (2, 10)
    assert len(list(models.MLP(3, (), 2).parameters())) == 2
    with pytest.raises(ValueError, match="activation is 'x'"):
        models.MLP(3, (4,), 2, activation="x")
    with pytest.raises(ValueError, match=r"\[3, 0, 2\]"):
        models.MLP(3, (0,), 2)


@pytest.mark.parametrize("name", ["LeNet5", "MLP"])
def test_overfits_one_batch(name):
    fastnn.manual_seed(0)
    model = models.LeNet5() if name == "LeNet5" else models.MLP(784, (32,), 10)
    x, y = fastnn.datasets.digits()[:2]
    x, y = fastnn.from_numpy(x[:16].copy()), fastnn.from_numpy(y[:16].copy())
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_lenet5_equals_pytorchs():
    torch = pytest.importorskip("torch")
    fastnn.manual_seed(0)
    model = models.LeNet5()
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(400, 120), torch.nn.ReLU(), torch.nn.Linear(120, 84), torch.nn.ReLU(),
        torch.nn.Linear(84, 10),
    )  # fmt: skip
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        theirs.data = torch.from_numpy(mine.detach().numpy().copy())
    x, y = (a[:8] for a in fastnn.datasets.digits()[:2])
    loss = F.cross_entropy(model(fastnn.from_numpy(x)), fastnn.from_numpy(y))
    loss.backward()
    expected = torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert np.allclose(np.asarray(mine.grad), theirs.grad.numpy(), atol=1e-6, rtol=1e-4)
