"""The recipe of `fastnn train lenet5`: data, augmentation, optimizer, schedule.

Chosen among some ten with four seeds each; what was seen stands in models/README.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from . import datasets, get_num_threads, manual_seed, nn, optim
from .data import DataLoader, TensorDataset
from .data.transforms import RandomAffine
from .metrics import ConfusionMatrix
from .models import LeNet5
from .random import Generator
from .train import Callback, ModelCheckpoint, ProgressBar, TerminateOnNaN, Trainer
from .train.checkpoint import refuse_other_options

WARM_UP = 0.3  # fraction of the steps
TEST_BATCH = 250


@dataclass
class Run:
    """What `fastnn train` needs: a trainer, its loaders, the data as arrays."""

    model: LeNet5
    trainer: Trainer
    train: DataLoader
    test: DataLoader
    x_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def test_result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Confusion matrix (10, 10), predicted (N,) and true (N,) classes of the test digits."""
        predicted = self.trainer.predict(self.x_test).argmax(axis=1)
        confusion = ConfusionMatrix(10)
        confusion.update(predicted, self.y_test)
        return confusion.compute(), predicted, self.y_test


def lenet5_on_digits(
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    checkpoint: str | os.PathLike[str],
    file: IO[str] | None,
) -> Run:
    """LeNet-5 on the embedded digits: SGD with Nesterov momentum 0.9 and weight decay 5e-4; the
    learning rate rises linearly to `lr` over the first 30 % of the steps and falls linearly to 0;
    each image is turned by up to 10 degrees, scaled by 0.9 to 1.1 and moved by up to 1 pixel at
    random.

    Seeds the default generator. checkpoint: file written after each epoch. file: where progress
    goes.
    """
    manual_seed(seed)
    data = datasets.digits()
    model = LeNet5()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    n_steps = epochs * -(-len(data.x_train) // batch_size)
    schedule = optim.lr_scheduler.LambdaLR(optimizer, _triangle(n_steps))
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        scheduler=schedule,
        scheduler_step="batch",
        metrics=["accuracy"],
        callbacks=[_Settings(settings), TerminateOnNaN(), ModelCheckpoint(checkpoint)],
        progress=ProgressBar(file, unit="images"),
    )
    train = DataLoader(
        TensorDataset(data.x_train, data.y_train),
        batch_size,
        shuffle=True,
        generator=Generator(seed),
        # One thread augments ahead while the kernels run; pointless where there is but one core.
        num_workers=int(get_num_threads() > 1),
        batch_transform=RandomAffine(10, translate=(1 / 28, 1 / 28), scale=(0.9, 1.1)),
    )
    test = DataLoader(TensorDataset(data.x_test, data.y_test), TEST_BATCH)
    return Run(model, trainer, train, test, data.x_train, data.x_test, data.y_test)


def _triangle(n_steps: int) -> Any:
    """Factor of the learning rate at step i = 0, 1, ...: up to 1 at WARM_UP * n_steps, then down to
    0.

    Only + - * /, so that it has the same bits everywhere. Source: Smith and Topin 2017
    (arXiv:1708.07120).
    """
    top = WARM_UP * n_steps

    def factor(i: int) -> float:
        return min(1.0, (i + 1) / top, max(n_steps - i, 0) / (n_steps - top))

    return factor


class _Settings(Callback):
    """Refuses to resume a run that was begun with other options."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def state_dict(self) -> dict[str, Any]:
        return dict(self.settings)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        refuse_other_options(self.settings, state)
