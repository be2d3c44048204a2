"""Rows 50, 52, 53, 54: a wide net learns 200 digits by heart; what holds it back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, datasets, from_numpy, functional, manual_seed, nn, optim
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..train import Trainer
from ._registry import Result, above, at_least, at_most, below, demo, exactly, told
from ._steps import accuracy, outputs

_N = 200
_SPLITS, _MANY_SPLITS = 3, 12
_MORE = "1,000 digits"
_NORMALISED = "batch normalisation"
_KINDS = ("nothing", "L2 decay", "L1 decay", "dropout", _MORE, _NORMALISED)
_CLOSE = ("nothing", "dropout", _NORMALISED)  # what they change is less than what splits differ by


def _draw(figure: Any, *, scores: dict, histories: dict, weights: dict) -> None:
    left, middle, right = figure.subplots(1, 3)
    names = list(scores)
    gaps = [values[2] for values in scores.values()]
    colors = ["C3" if gap >= gaps[0] else "C0" for gap in gaps]  # red: not narrowed
    bars = left.barh(names, gaps, color=colors)
    left.bar_label(bars, fmt="%.2f", padding=3)
    left.set_xlim(0, max(gaps) * 1.2)
    left.invert_yaxis()
    left.set_title("test loss minus training loss", fontsize=10)
    for name, h in histories.items():
        line = middle.plot(h["accuracy"], "--", lw=1)[0]
        middle.plot(h["val_accuracy"], color=line.get_color(), label=name)
    middle.set_ylim(0.6, 1.01)
    middle.set_xlabel("epoch")
    middle.set_title("accuracy on the 200 (dashed) and on new digits", fontsize=10)
    middle.legend(fontsize=8, loc="lower right")
    edges = np.linspace(-6, 0.5, 50)
    for name, w in weights.items():
        right.hist(np.log10(np.abs(w.ravel()) + 1e-9).clip(-6), edges, histtype="step", label=name)
    right.set_yscale("log")
    right.set_xlabel("log10 of a weight's size")
    right.set_ylabel("weights of the first layer")
    right.legend(fontsize=8, loc="upper left")


def _net(kind: str) -> nn.Module:
    if kind == _NORMALISED:
        layers = nn.Linear(64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 10)
        return nn.Sequential(*layers)
    return MLP(64, [512], 10, dropout=0.5 if kind == "dropout" else 0.0)


def _first_weights(model: nn.Module) -> np.ndarray:
    weights = next(value for name, value in model.named_parameters() if name.endswith("weight"))
    return weights.detach().numpy().copy()


def _run(kind: str, train: Any, test: Any, epochs: int, seed: int) -> tuple[Any, nn.Module]:
    """The history, watched on `test` if given, and the trained network."""
    manual_seed(seed)
    model = _net(kind)
    settings: dict[str, Any] = {}
    if kind == "L2 decay":
        settings["weight_decay"] = 1e-2
    if kind == "L1 decay":
        settings["l1_decay"] = 0.03 / epochs  # as long a way towards 0, in both settings
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, **settings)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], progress=False)
    g = Generator(seed)
    loader = DataLoader(TensorDataset(*train), 50, shuffle=True, generator=g)
    val = None if test is None else DataLoader(TensorDataset(*test), 500)
    return trainer.fit(loader, epochs=epochs, val=val), model


def _loss(model: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    return functional.cross_entropy(from_numpy(outputs(model, x)), from_numpy(y)).item()


@demo(
    50,
    52,
    53,
    54,
    name="overfitting",
    title="Two hundred digits by heart, and what holds it back",
    bar="512 hidden units on 200 8x8 digits, mean of 3 splits, of 12 for dropout and batch "
    "normalisation: training accuracy 1.00, test at least 5 points less; L2 decay, L1 decay, "
    "dropout and more data narrow the gap of the losses; batch normalisation that of the "
    "accuracies only (that of the losses it widens, told); L2 shrinks the weights' norm; with L1 "
    "more than half of the first weights are below 1e-3 and test accuracy is at most 1 point less",
    draw=_draw,
    size=(14, 4.5),
    seconds=(10, 4),
    source="Krogh and Hertz 1992 (weight decay); Tibshirani 1996, "
    "doi:10.1111/j.2517-6161.1996.tb02080.x; Srivastava et al. 2014 (dropout), "
    "jmlr.org/papers/v15/srivastava14a.html; arXiv:1207.0580",
)
def overfitting(quick: bool, seed: int) -> Result:
    """A network with far more weights than it has data learns 200 digits by heart, all of them
    right, and does worse on new ones: it overfits. Penalties on the weights, dropout and most of
    all more data narrow the gap between the two losses; batch normalisation makes more answers
    right and the wrong ones surer.

    Weight decay (L2) pulls all weights towards zero in proportion; L1 decay by the same amount
    each, so that those of no use arrive there; dropout does not let units rely on each other. The
    gap has two measures. Of the accuracies batch normalisation narrows it, by 0.6 points in the
    mean over 12 splits, and penalties hardly change it; of the losses penalties narrow it and batch
    normalisation widens it, for the few digits that it gets wrong it is very sure of.
    """
    d = datasets.digits8x8()
    x_all = d.x.reshape(len(d.x), -1)
    epochs = 60 if quick else 150
    runs: dict[str, list[tuple[float, ...]]] = {}
    sizes: dict[str, list[tuple[float, float]]] = {}
    histories, weights = {}, {}
    for i in range(_MANY_SPLITS):
        order = np.random.default_rng(seed + i).permutation(len(d.x))
        x, y = x_all[order], d.y[order]
        test = x[1000:], y[1000:]
        for kind in _KINDS if i < _SPLITS else _CLOSE:
            train = (x[:1000], y[:1000]) if kind == _MORE else (x[:_N], y[:_N])
            n = epochs // 4 if kind == _MORE else epochs
            history, model = _run(kind, train, test if i == 0 else None, n, seed + i)
            # the loss once more, in evaluation mode: dropout's in training is another one
            loss = _loss(model, *test) - _loss(model, *train)
            found = accuracy(model, *train), accuracy(model, *test), loss
            runs.setdefault(kind, []).append(found)
            w = _first_weights(model)
            size = float((np.abs(w) < 1e-3).mean()), float(np.linalg.norm(w))
            sizes.setdefault(kind, []).append(size)
            if i == 0 and kind != _MORE:
                histories[kind], weights[kind] = history, w
    scores = {kind: tuple(np.mean(found[:_SPLITS], axis=0)) for kind, found in runs.items()}
    small, norm = (
        {k: float(np.mean(v[:_SPLITS], axis=0)[i]) for k, v in sizes.items()} for i in (0, 1)
    )
    plain, dropped, normalised = (np.mean(runs[kind], axis=0) for kind in _CLOSE)
    many = f"{_MANY_SPLITS} splits"
    points = {k: 100 * (v[0] - v[1]) for k, v in scores.items()}
    return Result(
        (
            exactly("nothing: training accuracy", scores["nothing"][0], 1),
            at_least("nothing: accuracy gap, points", points["nothing"], 5),
            *(below(f"{k}: loss gap", v[2], scores["nothing"][2])
              for k, v in scores.items() if k not in _CLOSE),
            below(f"dropout: loss gap, {many}", float(dropped[2]), float(plain[2])),
            at_most("L2: norm of the weights / without", norm["L2 decay"] / norm["nothing"], 0.8),
            above("L1: share of weights below 1e-3", small["L1 decay"], 0.5),
            at_least("L1: test accuracy against nothing, points",
                     100 * (scores["L1 decay"][1] - scores["nothing"][1]), -1),
            below(f"{_NORMALISED}: accuracy gap, points, {many}",
                  100 * float(normalised[0] - normalised[1]), 100 * float(plain[0] - plain[1])),
            told(f"{_NORMALISED}: loss gap, {many}", float(normalised[2])),
            told("nothing: share of weights below 1e-3", small["nothing"]),
            *(told(f"{k}: accuracy gap, points", v)
              for k, v in points.items() if k not in ("nothing", _NORMALISED)),
        ),
        {
            "scores": scores,
            "histories": histories,
            "weights": {k: weights[k] for k in ("nothing", "L2 decay", "L1 decay")},
        },
    )  # fmt: skip
