"""Row 16: a picture of a digit in, the digit out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets
from ..models import MLP
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs


def _draw(figure: Any, *, pictures: np.ndarray, said: np.ndarray, true: np.ndarray) -> None:
    for ax, image, p, t in zip(figure.subplots(4, 8).flat, pictures, said, true, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        right = p == t
        ax.set_title(str(p) if right else f"{p} ({t})", fontsize=10, color="C2" if right else "C3")
        ax.axis("off")
    figure.suptitle("what it says (red: wrong, and the digit that it was)", fontsize=10)


@demo(
    16,
    name="onr",
    title="A picture of a digit in, the digit out",
    bar="0.97 of 450 new 8x8 digits are read as what they are",
    draw=_draw,
    size=(10, 5.5),
    seconds=(2, 1),
    source="Alpaydin and Kaynak 1998, doi:10.24432/C50P49 (the digits)",
)
def onr(quick: bool, seed: int) -> Result:
    """The whole of a small reading program: 64 grey values go in, one of ten digits comes out, the
    one whose output is largest. It always says a digit, for a picture of something else as well;
    how far the largest output stands above the second tells how sure it is.
    """
    d = datasets.digits8x8()
    order = np.random.default_rng(seed).permutation(len(d.x))
    x, y = d.x.reshape(len(d.x), -1)[order], d.y[order]
    model = MLP(64, [256], 10)
    fit(model, x[:-450], y[:-450], epochs=40 if quick else 80, seed=seed)
    x, y = x[-450:], y[-450:]
    scores = outputs(model, x)
    said, wrong = scores.argmax(axis=1), scores.argmax(axis=1) != y
    lead = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0]
    shown = np.argsort(~wrong, kind="stable")[:32]  # those that it gets wrong first
    return Result(
        (
            at_least("accuracy", np.mean(~wrong), 0.97),
            told("lead of the largest output where right", np.median(lead[~wrong])),
            told("pictures read wrong", float(np.sum(wrong))),
        ),
        {"pictures": x[shown], "said": said[shown], "true": y[shown]},
    )
