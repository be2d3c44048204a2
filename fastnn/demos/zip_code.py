"""Row 69: a strip of five digits is cut up and read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..lab import shift
from ..models import LeNet5
from ._registry import Result, at_least, demo, told
from ._steps import accuracy, fit, outputs, some_digits

_N, _WIDTH, _INK = 5, 184, 0.2
_GAP = 6  # blank columns between digits; a digit's own parts are nearer


def _draw(figure: Any, *, strips: list) -> None:
    grid = figure.subplots(4, 2)
    for axes, (image, cuts, read, true) in zip(grid.flat, strips, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_xlim(-0.5, 1.5 + max([140, *(last for _, last in cuts)]))
        for first, last in cuts:
            axes.axvspan(first - 0.5, last - 0.5, color="tab:blue", alpha=0.15)
        text = f"reads {read}" if read == true else f"reads {read or '?'}, true {true}"
        axes.set_title(text, fontsize=11, color="black" if read == true else "red")
        axes.axis("off")


@demo(
    69,
    name="zip-code",
    title="A five-digit code is cut up and read",
    bar="at least 0.88 of 300 codes, made from 1,500 digits never trained on, are read in all five "
    "digits",
    draw=_draw,
    size=(9, 6),
    seconds=(5, 3),
    source="LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541 (zip codes of the US Postal Service)",
)
def zip_code(quick: bool, seed: int) -> Result:
    """Five handwritten digits on a strip, as in a zip code, are cut apart where columns are blank,
    and LeNet-5 reads each piece. A code counts only if the cuts and all five digits are right: at
    98 % a digit, 90 % a code.

    LeCun's networks of 1989 learned from zip codes on envelopes of the US Postal Service. The
    digits here are from the test set, written side by side with uneven gaps, heights and noise;
    each piece is centred by its centre of mass.
    """
    d = some_digits(8500)
    model = LeNet5()
    fit(model, d.x_train, d.y_train, epochs=7 if quick else 10, seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(d.x_test)).reshape(-1, _N)
    strips: list[tuple] = []
    n_right = n_cut = 0
    for code in order:
        image = _write(d.x_test[code, 0], rng)
        cuts = _cut(image)
        true = "".join(map(str, d.y_test[code]))
        read = ""
        if len(cuts) == _N:
            n_cut += 1
            pieces = np.stack([_centred(image[:, a:b]) for a, b in cuts])
            read = "".join(map(str, outputs(model, pieces[:, None]).argmax(axis=1)))
        n_right += read == true
        strips.append((image, cuts, read, true))
    missed = [s for s in strips if s[2] != s[3]][:2]
    shown = [s for s in strips if s[2] == s[3]][: 8 - len(missed)] + missed
    return Result(
        (
            at_least("codes read in full", n_right / len(order), 0.88),
            told("codes cut in five", n_cut / len(order)),
            told("single digits read, uncut", accuracy(model, d.x_test, d.y_test)),
        ),
        {"strips": shown},
    )


def _write(digits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Five images (28, 28) on a strip (34, _WIDTH), with noise in [0, 0.15)."""
    strip = np.zeros((34, _WIDTH), np.float32)
    column = int(rng.integers(4, 9))
    for digit in digits:
        inked = np.flatnonzero((digit > 0).any(axis=0))
        piece = digit[:, inked[0] : inked[-1] + 1]
        top = int(rng.integers(0, 7))
        strip[top : top + 28, column : column + piece.shape[1]] = piece
        column += piece.shape[1] + int(rng.integers(_GAP + 1, 14))
    return np.maximum(strip, 0.15 * rng.random(strip.shape, np.float32))


def _cut(strip: np.ndarray) -> list[tuple[int, int]]:
    """(first, last + 1) columns of each run of ink; runs nearer than _GAP are one."""
    cuts: list[tuple[int, int]] = []
    for column in np.flatnonzero((strip > _INK).any(axis=0)).tolist():
        if cuts and column - cuts[-1][1] < _GAP:
            cuts[-1] = cuts[-1][0], column + 1
        else:
            cuts.append((column, column + 1))
    return cuts


def _centred(piece: np.ndarray) -> np.ndarray:
    """(34, W) -> (28, 28), the noise taken off, the centre of mass in the middle."""
    ink = np.where(piece > 0.15, piece, 0)
    canvas = np.zeros((80, 80), np.float32)
    canvas[20 : 20 + ink.shape[0], 20 : 20 + ink.shape[1]] = ink
    rows, columns = np.indices(canvas.shape)
    down = 40 - (rows * canvas).sum() / canvas.sum()
    right = 40 - (columns * canvas).sum() / canvas.sum()
    return shift(canvas, round(down), round(right))[26:54, 26:54]
