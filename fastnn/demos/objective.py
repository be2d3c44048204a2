"""Rows 30, 51: the loss of a sample, the cost of a batch, the objective of a step."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import datasets, nn, optim
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..random import Generator
from ..train import Trainer
from ._registry import Result, above, at_most, demo, told

_LAMBDA = 1e-3


def _draw(figure: Any, *, history: Any, losses: Any) -> None:
    left, right = figure.subplots(1, 2)
    left.stackplot(
        history["epoch"],
        history["cost"],
        history["penalty"],
        labels=["cost", "penalty"],
        colors=["C0", "C1"],
    )
    left.plot(history["epoch"], history["objective"], "k--", label="objective")
    left.set_xlabel("epoch")
    left.set_title("the objective is the cost and the penalty", fontsize=10)
    left.legend(fontsize=9)
    right.hist(np.log10(losses + 1e-6), 50)
    right.axvline(np.log10(losses.mean()), color="C3", label="their mean: the cost")
    right.set_xlabel("log10 of a sample's loss, after training")
    right.set_ylabel("samples")
    right.legend(fontsize=9)


@demo(
    30,
    51,
    name="objective",
    title="Loss, cost and objective, and the regularisation term between",
    bar="on 8x8 digits with an L2 penalty: the mean of the per-sample losses equals the cost, "
    "objective - cost equals the penalty, and the penalty equals the sum over the weights, "
    "each to 1e-6; without the penalty the weights end larger",
    draw=_draw,
    size=(11, 4.3),
    seconds=(1, 1),
    source="Goodfellow, Bengio and Courville 2016, ISBN 978-0262035613, sections 4.3 and 7.1; "
    "Krogh and Hertz 1992",
)
def objective(quick: bool, seed: int) -> Result:
    """Three words are often used for one another, and here each is measured: the loss belongs to
    one sample, the cost is its mean over the samples, and the objective, what training minimises,
    adds a penalty for large weights. The difference of objective and cost is the penalty exactly,
    and without it the weights grow larger.
    """
    d = datasets.digits8x8()
    samples = TensorDataset(d.x.reshape(len(d.x), -1), d.y)
    start = MLP(64, [32], 10).state_dict()
    runs = []
    for factor in (_LAMBDA, 0.0):
        model = MLP(64, [32], 10)
        model.load_state_dict(start)
        trainer = Trainer(
            model,
            nn.CrossEntropyLoss(),
            optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            penalty=functools.partial(_penalty, factor),
            progress=False,
        )
        loader = DataLoader(samples, 50, shuffle=True, generator=Generator(seed))
        trainer.fit(loader, epochs=8 if quick else 25)
        runs.append(trainer)
    trainer, free = runs
    whole = DataLoader(samples, 500)
    losses = trainer.per_sample(whole)
    found = trainer.evaluate(whole)
    squares = [_squares(t.model) for t in runs]
    h = trainer.history
    terms = np.subtract(h["objective"], h["cost"]) - h["penalty"]
    return Result(
        (
            at_most("mean of the losses against the cost: error",
                    abs(losses.astype(np.float64).mean() - found["cost"]), 1e-6),
            at_most("objective - cost against the penalty: error, now",
                    abs(found["objective"] - found["cost"] - _LAMBDA * squares[0] / 2), 1e-6),
            at_most("objective - cost against the penalty: error, all epochs",
                    np.abs(terms).max(), 1e-6),
            above("sum of squares without / with the penalty", squares[1] / squares[0], 1),
            told("cost", found["cost"]),
            told("objective", found["objective"]),
            told("largest loss of a sample", losses.max()),
            told("cost without the penalty", free.evaluate(whole)["cost"]),
        ),
        {"history": h, "losses": losses},
    )  # fmt: skip


def _penalty(factor: float, model: MLP) -> Any:
    return factor * nn.utils.l2_penalty(model.parameters())


def _squares(model: MLP) -> float:
    weights = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    return float(sum((w**2).sum() for w in weights))
