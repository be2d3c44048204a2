"""A twentieth of an epoch of `fastnn demo fashion`, LeNet-5 on Fashion-MNIST, against PyTorch."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets, functional, models, optim
from fastnn._bench.workloads import has
from fastnn.data import DataLoader, TensorDataset

IMAGES, BATCH = 3_000, 32


@pytest.fixture(scope="module")
def data():
    """x (IMAGES, 1, 28, 28), y (IMAGES,)."""
    try:
        d = datasets.fashion_mnist()
    except FileNotFoundError:
        pytest.skip("the data set fashion_mnist is not here")
    return d.x_train[:IMAGES].copy(), d.y_train[:IMAGES].copy()


def in_fastnn(x, y):
    fastnn.manual_seed(0)
    model = models.LeNet5()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    loader = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)

    def run():
        for images, labels in loader:
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()

    return run


def in_torch(x, y):
    """Batches by indexing: its DataLoader, which collates sample by sample, takes longer."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)

    def run():
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()

    return run


def test_fashion(race, threads, data):
    def contenders():
        found = {"fastnn": in_fastnn(*data)}
        if has("torch"):
            found["torch"] = in_torch(*data)
        return found

    # Multiply-adds of a training step, three times those of the forward pass.
    forward = 28 * 28 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
    race("fashion, 1/20 epoch", threads, contenders, 6.0 * forward * np.int64(IMAGES), bar=1.0)
