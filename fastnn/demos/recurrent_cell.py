"""Row 87: a recurrent layer is a loop over the steps, and remembers a symbol for ten of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, Tensor, datasets, from_numpy, manual_seed, nn, no_grad
from ._registry import Result, at_least, at_most, demo, told
from ._steps import accuracy, fit, outputs, relative_error

_STEPS = 10
_SYMBOLS = 8


class _Recall(nn.Module):
    """x (N, T, 8) -> logits (N, 8) from the last state of a tanh RNN of 64 units.

    orthogonal: the recurrent weights begin as a rotation, which neither grows nor shrinks the
    state (Saxe et al. 2013); otherwise uniform in +-1 / sqrt(64), as in PyTorch.
    """

    def __init__(self, orthogonal: bool) -> None:
        super().__init__()
        self.rnn = nn.RNN(_SYMBOLS, 64, batch_first=True)
        if orthogonal:
            nn.init.orthogonal_(self.rnn.weight_hh_l0)
        self.readout = nn.Linear(64, _SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.rnn(x)[0][:, -1])


class _Last(nn.Module):
    """The last state of an RNN."""

    def __init__(self, rnn: nn.RNN) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0][:, -1]


def _loop(layer: nn.RNN, x: np.ndarray) -> np.ndarray:
    """The layers' equation for x (T, N, I), step by step in float64: outputs (T, N, H)."""
    act: Any = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[layer.nonlinearity]
    y = x.astype(np.float64)
    for k in range(layer.num_layers):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(layer, f"{name}_l{k}").detach().numpy().astype(np.float64)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = np.zeros((x.shape[1], layer.hidden_size))
        states = []
        for x_t in y:
            h = act(x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
            states.append(h)
        y = np.stack(states)
    return y


def _plane(states: np.ndarray) -> np.ndarray:
    """(N, 2): the states (N, H) along their two principal components."""
    centred = states - states.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def _draw(figure: Any, *, curves: dict, x: np.ndarray, planes: dict, y: np.ndarray) -> None:
    first, *others, last = figure.subplots(1, 4, width_ratios=(1.2, 1, 1, 1.2))
    first.imshow(x.T, cmap="Greys", vmin=0, vmax=1)
    first.plot(0, x[0].argmax(), "s", color="C3", markersize=17, fillstyle="none", mew=2.5)
    first.text(0.7, x[0].argmax(), "name this one", color="C3", va="center", fontsize=9,
               bbox={"color": "white", "alpha": 0.8, "pad": 1})  # fmt: skip
    first.set_xlabel("step")
    first.set_ylabel("symbol")
    first.set_title("one sequence", fontsize=10)
    for axes, (name, plane) in zip(others, planes.items(), strict=True):
        axes.scatter(*plane.T, c=y, cmap="tab10", vmin=-0.5, vmax=9.5, s=6)
        for symbol in range(_SYMBOLS):
            axes.text(*plane[y == symbol].mean(axis=0), str(symbol), weight="bold", fontsize=12,
                      ha="center", va="center",
                      bbox={"color": "white", "alpha": 0.7, "pad": 1})  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(
            f"state after the last step, {name}:\ntwo of its 64 directions, by first symbol",
            fontsize=9,
        )
    for (name, many), color in zip(curves.items(), ("C0", "C1"), strict=True):
        for i, curve in enumerate(many):
            last.plot(curve, color=color, label=name if i == 0 else None)
    last.axhline(1 / _SYMBOLS, color="gray", linestyle=":", linewidth=1)
    last.text(2, 1 / _SYMBOLS + 0.01, "chance", color="gray", fontsize=8)
    last.set_ylim(0, 1.03)
    last.set_xlabel("epoch")
    last.set_ylabel("accuracy on new sequences")
    last.set_title("first recurrent weights, three seeds each", fontsize=10)
    last.legend(loc="lower right", fontsize=9)


@demo(
    87,
    name="recurrent-cell",
    title="A recurrent network carries a symbol through ten steps",
    bar="nn.RNN equals a NumPy loop within 1e-6; with orthogonal first recurrent weights it "
    "names the first of 11 symbols at least 0.99 of the time, for each of 3 seeds",
    draw=_draw,
    size=(15, 4),
    seconds=(8, 2),
    source="Elman 1990, doi:10.1207/s15516709cog1402_1; Saxe et al. 2013, arXiv:1312.6120",
)
def recurrent_cell(quick: bool, seed: int) -> Result:
    """A recurrent network reads a sequence with one cell that is used at every step, and what it
    keeps from step to step is its only memory. Asked for the first of eleven symbols, it learns to
    carry it past ten others: its last states lie in eight heaps, one for each first symbol.

    h(t) = tanh(W x(t) + U h(t-1) + b). Written as a loop in NumPy it gives what nn.RNN gives. What
    came between does not matter for the heap. With U a rotation at first, every seed learns; with
    the usual small random U some seeds are slow, for what the state holds fades at every step.
    """
    g = Generator(seed)
    white = np.random.default_rng(seed).standard_normal((50, 16, 12)).astype(np.float32)
    errors = {}
    for nonlinearity in ("tanh", "relu"):
        layer = nn.RNN(12, 32, 2, nonlinearity)
        with no_grad():
            y = layer(from_numpy(white))[0].numpy()
        errors[nonlinearity] = relative_error(y, _loop(layer, white))
    d = datasets.first_symbol_recall(2000 if quick else 4000, _STEPS, generator=g)
    test = datasets.first_symbol_recall(2000, _STEPS, generator=g)
    curves: dict[str, list] = {}
    for name in ("uniform", "orthogonal"):
        curves[name] = []
        for i in range(3):
            manual_seed(seed + i)
            model = _Recall(name == "orthogonal")
            before = accuracy(model, test.x, test.y)
            untrained = outputs(_Last(model.rnn), test.x)
            epochs = 6 if quick else 8
            history = fit(model, d.x, d.y, epochs=epochs, seed=seed + i, val=(test.x, test.y))
            curves[name].append([before, *history["val_accuracy"]])
    finals = {name: [curve[-1] for curve in many] for name, many in curves.items()}
    trained = outputs(_Last(model.rnn), test.x)
    return Result(
        (
            at_most("tanh: relative error to the NumPy loop", errors["tanh"], 1e-6),
            at_most("relu: relative error to the NumPy loop", errors["relu"], 1e-6),
            at_least("orthogonal: accuracy, worst of 3 seeds", min(finals["orthogonal"]), 0.99),
            told("uniform: accuracy, worst of 3 seeds", min(finals["uniform"])),
            told("chance", 1 / _SYMBOLS),
        ),
        {
            "curves": curves,
            "x": test.x[0],
            "planes": {"untrained": _plane(untrained), "trained": _plane(trained)},
            "y": test.y,
        },
    )
