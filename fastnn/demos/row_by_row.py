"""Row 112: handwritten digits, read row by row by an LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Tensor, datasets, nn
from ._registry import Result, at_least, demo
from ._steps import accuracy, fit, outputs, some_digits


class RowReader(nn.Module):
    """Images (N, 1, H, W), a row a step -> logits (N, H, 10) after each row, or, unless
    `every_row`, (N, 10) after the last."""

    def __init__(self, width: int, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(width, hidden_size, batch_first=True, forget_bias=1.0)
        self.classifier = nn.Linear(hidden_size, 10)
        self.every_row = False

    def forward(self, x: Tensor) -> Tensor:
        output, (h_n, _) = self.rnn(x.squeeze(1))
        return self.classifier(output if self.every_row else h_n[0])


def _draw(figure: Any, *, curves: dict, image: np.ndarray, logits: np.ndarray, label: int) -> None:
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.2, 1.4))
    left.imshow(image, cmap="gray")
    left.set_title(f"a {label}, read from the top", fontsize=10)
    left.set_ylabel("row")
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    shown = middle.imshow(p, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    middle.set_xticks(range(10))
    middle.set_xlabel("digit")
    middle.set_title("what the LSTM thinks after each row", fontsize=10)
    figure.colorbar(shown, ax=middle, label="probability")
    for name, values in curves.items():
        right.plot(np.arange(1, len(values) + 1) / len(values), values, ".-", label=name)
    right.axhline(0.95, color="grey", linestyle=":")
    right.set_xlabel("part of the image that has been read")
    right.set_ylabel("accuracy on test digits")
    right.legend(fontsize=9)


@demo(
    112,
    name="row-by-row",
    title="Handwriting as a sequence: an LSTM reads digits row by row",
    bar="accuracy on test digits at least 0.95, of 8x8 and of 28x28 pixels",
    draw=_draw,
    size=(13, 4),
    seconds=(20, 5),
    source="Le, Jaitly, Hinton 2015 (digits as sequences), arXiv:1504.00941",
)
def row_by_row(quick: bool, seed: int) -> Result:
    """An LSTM reads the image of a digit as a sequence, one row of pixels at a step, and names it
    after the last row. Asked after every row, it shows when the digit is recognised: most of the
    image is needed.

    It has to remember what came before; the class is read from its last state. It is not trained to
    answer after every row. (That pixels are fed row by row makes the image a sequence, but not a
    recording of the pen: nothing here knows the order of strokes.)
    """
    small = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(small.x))
    n = len(order) * 4 // 5
    train, test = order[:n], order[n:]
    large = some_digits(8500)
    sets = {
        "8x8 digits": (small.x[train], small.y[train], small.x[test], small.y[test], 30, 64),
        "28x28 digits": (*large, 5 if quick else 12, 96),
    }
    figures, curves = [], {}
    for name, (x, y, x_test, y_test, epochs, hidden) in sets.items():
        model = RowReader(x.shape[-1], hidden)
        fit(model, x, y, epochs=epochs, seed=seed, lr=5e-3)
        figures.append(at_least(f"{name}: accuracy", accuracy(model, x_test, y_test), 0.95))
        model.every_row = True
        logits = outputs(model, x_test)
        curves[name] = (logits.argmax(axis=2) == y_test[:, None]).mean(axis=0)
    picture = {"image": x_test[0, 0], "logits": logits[0], "label": int(y_test[0])}
    return Result(tuple(figures), {"curves": curves, **picture})
