"""Row 52: weight decay by way of the gradient (L2, coupled) and beside it (decoupled)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, optim
from ..models import MLP
from ._registry import Result, at_least, at_most, demo

_RATE, _DECAY = 1e-2, 3e-2
_KINDS: dict[str, Callable[..., Any]] = {
    "SGD, L2": lambda p, decay: optim.SGD(p, _RATE, momentum=0.9, weight_decay=decay),
    "Adam, L2": lambda p, decay: optim.Adam(p, _RATE, weight_decay=decay),
    "AdamW, decoupled": lambda p, decay: optim.AdamW(p, _RATE, weight_decay=decay),
}
_SGD, _ADAM, _ADAMW = _KINDS


def _draw(figure: Any, *, usual: np.ndarray, pulls: dict, ink: np.ndarray, kept: dict) -> None:
    left, right = figure.subplots(1, 2)
    colors = {_SGD: "C1", _ADAM: "C0", _ADAMW: "C2"}
    for name, pull in pulls.items():
        size = 40 if name == _SGD else 4  # SGD's lie under AdamW's
        left.scatter(usual, pull, s=size, color=colors[name], label=name, linewidths=0)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("usual size of a weight's gradient")
    left.set_ylabel("pull to 0, as a multiple of rate x decay x weight")
    left.set_title("one step: how hard is each weight pulled?", fontsize=10)
    left.legend(fontsize=9)
    for name, share in kept.items():
        right.plot(100 * ink, 100 * share, "o", ms=4, color=colors[name], label=name)
    right.set_ylim(0, 105)
    right.set_xlabel("mean ink in the pixel, % of the darkest possible")
    right.set_ylabel("% left of the size of the pixel's weights")
    right.set_title("a whole training: what decay leaves of the weights", fontsize=10)
    right.legend(fontsize=9)


def _train(
    name: str, decay: float, n_steps: int, seed: int, *, last: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (units, pixels) of the first layer before and after, and the root of what Adam keeps
    of their squared gradients (0 for SGD).  last: trained in float64, and one step more by this
    decay; before is then before that step.
    """
    d = datasets.digits8x8()
    x = d.x.reshape(len(d.x), -1)
    manual_seed(seed)
    model: nn.Module = MLP(64, [64], 10)
    if last is not None:
        model, x = model.double(), x.astype(np.float64)
    first = next(model.parameters())
    optimizer = _KINDS[name](model.parameters(), decay)
    rng = np.random.default_rng(seed)
    before = first.detach().numpy().copy()
    for step in range(n_steps + (last is not None)):
        if step == n_steps:
            before = first.detach().numpy().copy()
            optimizer.param_groups[0]["weight_decay"] = last
        i = rng.integers(0, len(x), 64)
        loss = functional.cross_entropy(model(from_numpy(x[i])), from_numpy(d.y[i]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    squares = optimizer.state_dict()["state"][0].get("exp_avg_sq")
    usual = np.zeros(before.shape) if squares is None else np.sqrt(np.asarray(squares))
    return before, first.detach().numpy().copy(), usual


def _pulls(n_steps: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """From the same weights and gradients, what decay takes from each weight in a step, over
    rate x decay x weight; and the usual size of the gradients, where there ever was one.
    """
    tiny = 1e-4  # the pull of a small decay is in proportion to it
    pulls = {}
    for name in _KINDS:
        before, without, usual = _train(name, 0.0, n_steps, seed, last=0.0)
        _, decayed, _ = _train(name, 0.0, n_steps, seed, last=tiny)
        pulls[name] = (without - decayed) / (_RATE * tiny * before)
    seen = usual > 1e-8 * usual.max()
    return usual[seen], {name: pull[seen] for name, pull in pulls.items()}


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    ranks = np.stack([v.argsort().argsort() for v in (a, b)])
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


@demo(
    52,
    name="weight-decay",
    title="Weight decay: L2 in the gradient, or decoupled from it",
    bar="one step from the same state, float64: SGD's L2 and AdamW's decay take rate x decay x "
    "weight from each weight, within 1e-6; Adam's L2 takes the less the larger the weight's usual "
    "gradient: rank correlation -0.9 or below; after training, weights of the palest quarter of "
    "pixels keep at most half the share that those of the inkiest keep by Adam's L2, at least 0.8 "
    "of it by AdamW; where a pixel is always blank they keep (1 - rate x decay)^steps by AdamW "
    "(1e-4), at most 1e-3 by Adam's L2",
    draw=_draw,
    size=(12, 5),
    seconds=(1, 1),
    source="Loshchilov and Hutter 2019, arXiv:1711.05101; Krogh and Hertz 1992 (weight decay)",
)
def weight_decay(quick: bool, seed: int) -> Result:
    """Weight decay pulls every weight a little towards 0 at each step, so that a network stays
    simple; it can be added to the gradient (L2), or done beside it (decoupled). For plain gradient
    descent both are the same, but Adam divides what comes through the gradient by the gradient's
    usual size, so that there the weights with the largest gradients are decayed least.

    That L2 and weight decay are one thing, as many texts say, holds for SGD only. In Adam a weight
    without any gradient is sent to 0 in steps as long as the rate, whatever the decay's strength;
    AdamW takes the same share of each. Which one generalises better is another question: what both
    do to overfitting by way of SGD is in row `overfitting`.
    """
    n_steps = 200 if quick else 400
    usual, pulls = _pulls(n_steps // 2, seed)
    x = datasets.digits8x8().x
    ink = x.reshape(len(x), -1).mean(axis=0)
    blank = ink == 0
    pale, inky = ink <= np.quantile(ink[~blank], 0.25), ink >= np.quantile(ink[~blank], 0.75)
    kept, blanks, quotients = {}, {}, {}
    for name in (_ADAM, _ADAMW):
        before, after, _ = _train(name, _DECAY, n_steps, seed)
        _, without, _ = _train(name, 0.0, n_steps, seed)
        size = [np.linalg.norm(w.astype(np.float64), axis=0) for w in (before, without, after)]
        kept[name] = size[2] / size[1]
        blanks[name] = size[2][blank] / size[0][blank]
        quotients[name] = float(kept[name][pale & ~blank].mean() / kept[name][inky].mean())
    expected = (1 - _RATE * _DECAY) ** n_steps
    return Result(
        (
            *(at_most(f"one step, {name}: distance of the pull from 1",
                      float(np.abs(pulls[name] - 1).max()), 1e-6) for name in (_SGD, _ADAMW)),
            at_most(f"one step, {_ADAM}: rank correlation, pull and gradient",
                    _rank_correlation(pulls[_ADAM], usual), -0.9),
            at_most(f"training, {_ADAM}: kept, pale / inky pixels", quotients[_ADAM], 0.5),
            at_least(f"training, {_ADAMW}: kept, pale / inky pixels", quotients[_ADAMW], 0.8),
            at_most(f"blank pixels, {_ADAM}: kept", float(blanks[_ADAM].max()), 1e-3),
            at_most(f"blank pixels, {_ADAMW}: error of what is kept",
                    float(np.abs(blanks[_ADAMW] / expected - 1).max()), 1e-4),
        ),
        {"usual": usual, "pulls": pulls, "ink": ink, "kept": kept},
    )  # fmt: skip
