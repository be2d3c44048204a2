"""Row 88: a recurrent network unrolled in time; its gradient, whole and truncated."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Tensor, cat, from_numpy, manual_seed, models, nn, optim, stack, tensor, train
from ._registry import Result, at_least, at_most, demo, exactly, told
from ._steps import relative_error

_STEPS, _CUT = 30, 20  # of the gradients; the state is detached at the cut
_LAG, _SYMBOLS = 6, 4  # of the symbols to learn
_BLOCK = 1600  # steps between two looks at the held-out ones


def _n_trained(n_steps: int) -> int:
    """How many values of a net receive a gradient from a sequence of n_steps."""
    layer = nn.RNN(8, 32)
    layer(tensor(np.ones((n_steps, 2, 8), np.float32)))[0].sum().backward()
    return sum(int((p.grad.numpy() != 0).sum()) for p in layer.parameters())


def _gradients(layer: nn.RNN, x: np.ndarray, dy: np.ndarray, cut: int) -> tuple[list, np.ndarray]:
    """Of the layer's weights and of x (T, N, I), with the state detached before step `cut`."""
    layer.zero_grad()
    t = tensor(x, requires_grad=True)
    state, outputs = None, []
    for part in (t[:cut], t[cut:]) if cut else (t,):
        y, state = layer(part, None if state is None else state.detach())
        outputs.append(y)
    (cat(outputs) * from_numpy(dy)).sum().backward()
    return [p.grad.numpy() for p in layer.parameters()], t.grad.numpy()


def _of_copies(layer: nn.RNN, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    """The unrolled net: a feed-forward net of T layers, each with weights of its own that happen to
    be equal.  Gradients of each kind of weight (T, ...)."""
    weights = {k.removesuffix("_l0"): v for k, v in layer.state_dict().items()}
    cells = [nn.RNNCell(layer.input_size, layer.hidden_size) for _ in x]
    h: Tensor | None = None
    states = []
    for cell, x_t in zip(cells, x, strict=True):
        cell.load_state_dict(weights)
        h = cell(from_numpy(x_t), h)
        states.append(h)
    (stack(states) * from_numpy(dy)).sum().backward()
    grads = [[p.grad.numpy() for p in cell.parameters()] for cell in cells]
    return [np.stack(steps) for steps in zip(*grads, strict=True)]


def _worst(found: list, copies: list, start: int = 0) -> float:
    """Largest relative error of gradients to the sums of the copies' from step `start` on."""
    sums = [c[start:].astype(np.float64).sum(axis=0) for c in copies]
    return max(relative_error(a, b) for a, b in zip(found, sums, strict=True))


def _learn(steps: int, seed: int, blocks: int) -> list[float]:
    """Held-out loss of a recurrent net after each block of a stream whose target is the symbol
    _LAG steps ago, with gradients that go back `steps` steps at most."""
    manual_seed(seed)
    model = models.CharRNN(_SYMBOLS, _SYMBOLS, 64, 1, "rnn")
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(seed)
    stream = rng.integers(0, _SYMBOLS, (_LAG + (blocks + 1) * _BLOCK, 32))
    x, y = stream[_LAG:], stream[:-_LAG]

    def batches(block: int) -> list:
        start, end = block * _BLOCK, (block + 1) * _BLOCK
        return [(x[i : i + steps], y[i : i + steps]) for i in range(start, end, steps)]

    losses = [train.tbptt_loss(model, batches(blocks))]
    for block in range(blocks):
        train.tbptt_epoch(model, batches(block), optimizer)
        losses.append(train.tbptt_loss(model, batches(blocks)))
    return losses


def _draw(figure: Any, *, norms: np.ndarray, truncated: np.ndarray, losses: dict) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 2.2))
    _draw_unrolled(top.subplots())
    left, right = bottom.subplots(1, 2, width_ratios=(1.3, 1))
    steps = np.arange(1, len(norms) + 1)
    left.bar(steps, norms, color="C0", label="the whole sequence")
    left.bar(steps, truncated, color="C1", width=0.45, label=f"cut before step {_CUT + 1}")
    left.axvline(_CUT + 0.5, color="C1", linestyle="--")
    left.text(_CUT + 0.2, left.get_ylim()[1] * 0.95, "orange: exactly 0 here  ", color="C1",
              ha="right", va="top", fontsize=9)  # fmt: skip
    left.set_xlabel("copy of the cell, by step")
    left.set_ylabel("norm of its part of dE/dU")
    left.set_title(f"gradient of an error E in steps {_CUT + 1} to {_STEPS}", fontsize=10)
    left.legend(loc="upper left", fontsize=9)
    for (length, curve), style in zip(losses.items(), ("s--", "o-"), strict=True):
        right.plot(curve, style, label=f"gradients go back {length} steps")
    right.axhline(np.log(_SYMBOLS), color="gray", linestyle=":", linewidth=1, label="guessing")
    right.set_ylim(0, None)
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_xlabel(f"blocks of {_BLOCK:,} steps")
    right.set_ylabel("held-out loss, nats")
    right.set_title(f"learning to name the symbol {_LAG} steps ago", fontsize=10)
    right.legend(fontsize=9)


def _draw_unrolled(axes: Any) -> None:
    """The loop, and the chain it stands for."""
    axes.set_xlim(-0.6, 10.6)
    axes.set_ylim(-1.15, 1.25)
    axes.axis("off")
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#dbe7f5", "edgecolor": "C0"}
    arrow = {"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0}
    for i, x in enumerate([0.8, 3.8, 5.2, 6.6, 9.2]):
        name = ("t", "1", "2", "3", "T")[i]
        axes.text(x, 0, f"h({name})", ha="center", va="center", bbox=box)
        axes.annotate("", (x, -0.38), (x, -0.95), arrowprops=arrow)
        axes.text(x + 0.1, -0.8, f"x({name})", va="center", fontsize=9)
        axes.text(x - 0.1, -0.8, "W", va="center", ha="right", color="C3", fontsize=9)
    axes.annotate("", (1.05, 0.38), (0.55, 0.38),
                  arrowprops={"arrowstyle": "<-", "connectionstyle": "arc3,rad=-1.9"})  # fmt: skip
    axes.text(0.8, 1.05, "U", ha="center", color="C3", fontsize=9)
    axes.text(2.35, 0, "unrolled  =", ha="center", va="center")
    for start, end in ((4.2, 4.8), (5.6, 6.2), (7.0, 7.5), (8.2, 8.8)):
        axes.annotate("", (end, 0), (start, 0), arrowprops=arrow)
        axes.text((start + end) / 2, 0.15, "U", ha="center", color="C3", fontsize=9)
    axes.text(7.85, 0, "...", ha="center", va="center")
    axes.text(6.5, 0.75, "every copy has the same W and U: their gradients are added", ha="center",
              color="C3", fontsize=9)  # fmt: skip


@demo(
    88,
    name="unrolling",
    title="A recurrent network unrolled in time, and its gradient cut off",
    bar="as many trained values at T = 500 as at T = 5; the gradient equals that of the explicitly "
    "unrolled net within 1e-6, whole and truncated; nothing flows past a cut; on the symbol 6 "
    "steps ago truncation to 20 steps ends at 0.25 nats or less, to 5 steps at 1.2 or more "
    "(guessing: 1.39)",
    draw=_draw,
    size=(11, 6.5),
    seconds=(4, 2),
    source="Werbos 1990, doi:10.1109/5.58337; Williams and Peng 1990, "
    "doi:10.1162/neco.1990.2.4.490",
)
def unrolling(quick: bool, seed: int) -> Result:
    """A recurrent network is a feed-forward network with one layer for each step in time, all of
    which share their weights; built that way it gives the same gradient. Cutting the gradient off
    after some steps is cheap and works on endless streams, but the network then does not learn what
    lies further back.

    The number of weights does not depend on the length, and backpropagation through time is
    backpropagation, with the gradients of the copies added up. Here the copies are built, each with
    weights of its own, and their sum is what nn.RNN gives. Detaching the state cuts the sum off.
    What the state carries over the cut is still used; it is not trained for.
    """
    rng = np.random.default_rng(seed)
    layer = nn.RNN(8, 32)
    x = rng.standard_normal((_STEPS, 4, 8)).astype(np.float32)
    dy = rng.standard_normal((_STEPS, 4, 32)).astype(np.float32)
    whole, _ = _gradients(layer, x, dy, 0)
    error = _worst(whole, _of_copies(layer, x, dy))
    dy[:_CUT] = 0  # the error lies behind the cut, so all that flows before it has crossed it
    copies = _of_copies(layer, x, dy)
    found, dx = _gradients(layer, x, dy, _CUT)
    _, uncut = _gradients(layer, x, dy, 0)
    norms = np.sqrt((copies[1].astype(np.float64) ** 2).sum(axis=(1, 2)))
    losses = {steps: _learn(steps, seed, 3 if quick else 8) for steps in (5, 20)}
    return Result(
        (
            exactly("values that get a gradient, T = 500", _n_trained(500), _n_trained(5)),
            at_most("relative error to the unrolled net", error, 1e-6),
            at_most("the same, truncated", _worst(found, copies, _CUT), 1e-6),
            exactly("largest gradient past the cut", float(np.abs(dx[:_CUT]).max()), 0),
            told("the same, not truncated", float(np.abs(uncut[:_CUT]).max())),
            at_most("loss, gradients over 20 steps", losses[20][-1], 0.25),
            at_least("loss, gradients over 5 steps", losses[5][-1], 1.2),
        ),
        {
            "norms": norms,
            "truncated": np.where(np.arange(_STEPS) < _CUT, 0, norms),
            "losses": losses,
        },
    )
