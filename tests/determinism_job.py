"""Trains LeNet-5 with dropout for some steps and prints the SHA-256 of its weights; run as a
program by test_determinism.py, so that the environment variables count."""

import sys

import numpy as np

import fastnn
from fastnn import datasets, nn, optim
from fastnn.data import DataLoader, TensorDataset
from fastnn.data.transforms import RandomAffine
from fastnn.train import weights_sha256


def train(steps=12, batch=32):
    fastnn.manual_seed(3)
    digits = datasets.digits()
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Dropout(0.3), nn.Linear(120, 10)),
    )
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(
        TensorDataset(digits.x_train[: steps * batch], digits.y_train[: steps * batch]),
        batch,
        shuffle=True,
        num_workers=1,
        batch_transform=RandomAffine(10),
    )
    for x, y in loader:
        optimizer.zero_grad()
        nn.CrossEntropyLoss(label_smoothing=0.1)(model(x), y).backward()
        optimizer.step()
    loader.close()
    state = np.concatenate([s["exp_avg"].ravel() for s in optimizer.state.values()])
    return weights_sha256(model), float(np.abs(state).max())


if __name__ == "__main__":
    digest, largest = train()
    assert 0 < largest < 10
    print(digest)
    sys.exit(0)
