"""Training and measuring, in the few lines that most demonstrations share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import datasets, from_numpy, nn, optim
from ..data import DataLoader, TensorDataset
from ..nn.utils import evaluating
from ..random import Generator
from ..train import Callback, History, Trainer


def fit(
    model: nn.Module,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 32,
    lr: float = 3e-3,
    optimizer: Any = None,
    val: tuple[np.ndarray, np.ndarray] | None = None,
    loss: Any = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train with cross-entropy, by Adam unless `optimizer` is given; the learning rate falls
    linearly to 0, step by step.  Samples are shuffled by `seed`.  A `loss` of the row's own leaves
    the accuracy out of the history."""
    optimizer = optimizer or optim.Adam(model.parameters(), lr=lr)
    n_steps = epochs * -(-len(x) // batch_size)
    trainer = Trainer(
        model,
        loss or nn.CrossEntropyLoss(),
        optimizer,
        scheduler=linear_decay(optimizer, n_steps),
        scheduler_step="batch",
        metrics=() if loss else ["accuracy"],
        callbacks=callbacks,
        progress=False,
    )
    loader = DataLoader(TensorDataset(x, y), batch_size, shuffle=True, generator=Generator(seed))
    other = DataLoader(TensorDataset(*val), 500) if val else None
    return trainer.fit(loader, epochs=epochs, val=other)


def linear_decay(optimizer: Any, n_steps: int) -> Any:
    """The schedule of a learning rate that falls linearly to 0 in n_steps."""
    return optim.lr_scheduler.LambdaLR(optimizer, lambda i: max(1 - i / n_steps, 0))


def descend(model: nn.Module, loss: Any, optimizer: Any) -> None:
    """One step down the gradient of `loss`, its norm clipped to 1."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def outputs(model: nn.Module, x: np.ndarray, *, batch_size: int = 500) -> np.ndarray:
    """model(x) in evaluation mode, without gradients, batch by batch."""
    with evaluating(model):
        parts = [
            model(from_numpy(np.ascontiguousarray(x[i : i + batch_size]))).numpy()
            for i in range(0, len(x), batch_size)
        ]
    return np.concatenate(parts)


def accuracy(model: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """Share of samples whose largest logit is the label's."""
    return float((outputs(model, x).argmax(axis=1) == y).mean())


def count_parameters(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(math.prod(p.shape) for p in model.parameters())


def some_digits(n_train: int, n_test: int = 1500) -> datasets.Split:
    """The first digits of the embedded 28x28 set, which is in random order."""
    d = datasets.digits()
    return datasets.Split(
        d.x_train[:n_train], d.y_train[:n_train], d.x_test[:n_test], d.y_test[:n_test]
    )


def relative_error(found: Any, expected: np.ndarray) -> float:
    """max |found - expected| / max |expected|, in float64."""
    difference = np.abs(np.asarray(found, np.float64) - expected).max()
    return float(difference / np.abs(expected).max())
