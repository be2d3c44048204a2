"""Rows 31, 45, 47: how fast to learn, when to stop, and what is counted meanwhile."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np

from .. import datasets, manual_seed, nn, optim
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..random import Generator
from ..train import StopAtLoss, Trainer, lr_find
from ._registry import Result, above, at_least, below, demo, exactly, told

_THRESHOLD = 1e-2
_BATCH = 50


def _draw(figure: Any, *, xor: Any, found: Any, resumed: Any) -> None:
    left, middle, right = figure.subplots(1, 3)
    left.semilogy(range(1, len(xor) + 1), xor)
    left.axhline(_THRESHOLD, color="C3", lw=1, label="threshold")
    left.set_xlabel("epoch")
    left.set_title("XOR: loss until the threshold", fontsize=10)
    left.legend(fontsize=9)
    middle.semilogx(found.rates[: len(found.losses)], found.losses, lw=0.7, color="lightgray")
    middle.semilogx(found.rates[: len(found.losses)], found.smoothed)
    regimes = ("too_small", "good", "unstable")
    for name, color in zip(regimes, ("C0", "C2", "C3"), strict=True):
        middle.axvspan(*getattr(found, name), color=color, alpha=0.15, label=name.replace("_", " "))
    middle.set_ylim(0, 2 * found.smoothed[0])
    middle.set_xlabel("learning rate")
    middle.set_title("digits: loss while the rate grows", fontsize=10)
    middle.legend(fontsize=8, loc="upper left")
    right.plot(resumed["epoch"], resumed["iteration"], "o-")
    right.axvline(2, color="gray", lw=1, ls="--", label="saved here, then resumed")
    right.set_xticks(resumed["epoch"])
    right.set_xlabel("epoch")
    right.set_ylabel("iteration")
    right.set_title("the count goes on", fontsize=10)
    right.legend(fontsize=9)


def _xor(seed: int) -> Any:
    manual_seed(seed)
    x, y = datasets.xor().x, datasets.xor().y
    model = MLP(2, [8], 2, activation="tanh")
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    stop = [StopAtLoss(_THRESHOLD)]
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=stop, progress=False)
    samples = TensorDataset(np.asarray(x, np.float32), np.asarray(y, np.int64).ravel())
    return trainer.fit(DataLoader(samples, 4), epochs=1000)["loss"]


def _digits(seed: int, lr: float) -> tuple[Trainer, DataLoader]:
    manual_seed(seed)
    d = datasets.digits8x8()
    model = MLP(64, [32], 10)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, progress=False)
    samples = TensorDataset(d.x.reshape(len(d.x), -1), d.y)
    return trainer, DataLoader(samples, _BATCH, shuffle=True, generator=Generator(seed))


@demo(
    31,
    45,
    47,
    name="training-run",
    title="A threshold to stop at, a rate to learn with, epochs and iterations",
    bar="StopAtLoss(1e-2) ends the XOR run at the first epoch below; on 8x8 digits lr_find tells "
    "three regimes: the smallest rate ends 3 epochs with at least twice the loss of the "
    "suggestion, the largest with more, or none finite; iterations = epochs x batches, a "
    "resumed run counts on and equals the whole one",
    draw=_draw,
    size=(14, 4.3),
    seconds=(1, 1),
    source="Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0; Smith 2017, "
    "arXiv:1506.01186",
)
def training_run(quick: bool, seed: int) -> Result:
    """Three settings of every training: how long a step to take (the learning rate), when to stop,
    and what is counted, iterations or epochs. The rate that suits a problem shows within some
    hundred steps, a threshold of the loss ends the run, and a run that was broken off goes on as if
    nothing had happened.

    An iteration is one step of the optimizer, an epoch one pass over the data.
    """
    xor = _xor(seed)
    trainer, loader = _digits(seed, 0.1)
    found = lr_find(trainer.model, trainer.loss, trainer.optimizer, loader,
                    start_lr=1e-5, end_lr=100.0, n_steps=150 if quick else 300)  # fmt: skip
    if found.too_small is None or found.unstable is None or found.suggestion is None:
        raise RuntimeError("lr_find did not find three regimes")
    slow, good, fast = (
        _digits(seed, lr) for lr in (found.too_small[0], found.suggestion, found.unstable[1])
    )
    ends = [t.fit(data, epochs=3)["loss"][-1] for t, data in (slow, good, fast)]
    whole, loader = _digits(seed, 0.1)
    whole.fit(loader, epochs=5)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "run.safetensors")
        first, loader = _digits(seed, 0.1)
        first.fit(loader, epochs=2)
        first.save_checkpoint(path)
        second, loader = _digits(seed + 1, 0.1)
        resumed = second.fit(loader, epochs=5, resume=path)
    n = len(loader)
    right = resumed["epoch"] == [1, 2, 3, 4, 5] and resumed["iteration"] == [
        n * e for e in resumed["epoch"]
    ]
    return Result(
        (
            below("XOR: last loss", xor[-1], _THRESHOLD),
            at_least("XOR: lowest loss before", min(xor[:-1]), _THRESHOLD),
            told("XOR: epochs", len(xor)),
            above("loss with too small a rate / suggested", ends[0] / ends[1], 2),
            above("loss with too large a rate / suggested",
                  ends[2] / ends[1] if np.isfinite(ends[2]) else np.inf, 1),
            told("suggested rate", found.suggestion),
            exactly("epochs 1 to 5, iterations = epochs x batches", int(right), 1),
            exactly("resumed losses equal the whole run's",
                    int(resumed["loss"] == whole.history["loss"]), 1),
        ),
        {"xor": xor, "found": found, "resumed": resumed},
    )  # fmt: skip
