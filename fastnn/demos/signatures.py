"""Row 115: signatures are recalled from what is left of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import Hopfield
from ._digits8 import flip
from ._registry import Result, at_least, demo, exactly, told

_SIZE = 28
_SMUDGE = 0.2  # share of elements that are flipped
_ROWS = ("learned", "torn", "recalled", "smudged", "recalled", "signed anew", "recalled")


def _draw(figure: Any, *, rows: list) -> None:
    grid = figure.subplots(len(rows), len(rows[0]))
    for name, line, pictures in zip(_ROWS, grid, rows, strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(picture.reshape(_SIZE, _SIZE), cmap="gray_r" if name != "recalled" else
                        "Blues", vmin=-1, vmax=1)  # fmt: skip
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)


def _hand(rng: np.random.Generator) -> np.ndarray:
    """What makes a signature: two strokes, each six waves for x and y, fewer of the fast ones."""
    waves = rng.standard_normal((2, 2, 2, 6))
    return waves / np.arange(1, 7) ** 1.1


def _signature(hand: np.ndarray) -> np.ndarray:
    """The strokes as ink (1) on paper (-1), scaled to fill the square: (_SIZE^2,)."""
    time = np.linspace(0, 1, 400)[:, None] * np.arange(1, 7) * 2 * np.pi * 0.9
    paths = np.cos(time) @ hand[:, :, 0].transpose(0, 2, 1)
    paths += np.sin(time) @ hand[:, :, 1].transpose(0, 2, 1)
    points = paths.reshape(-1, 2)
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0) * (_SIZE - 4) + 1
    sheet = np.full((_SIZE, _SIZE), -1, np.float32)
    for dx, dy in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a pen two elements wide
        sheet[points[:, 1].astype(int) + dy, points[:, 0].astype(int) + dx] = 1
    return sheet.reshape(-1)


@demo(
    115,
    name="signatures",
    title="Signatures are recalled from what is left of them",
    bar="20 made-up signatures learned; of sheets whose lower third is torn off at least 0.90, of "
    "those with a fifth of the elements flipped 0.95 bring back the very signature; of those "
    "signed anew by the same hand 0.95 end nearest to the right one",
    draw=_draw,
    size=(11, 7.5),
    seconds=(2, 1),
    source="Hopfield 1982, doi:10.1073/pnas.79.8.2554; Personnaz, Guyon, Dreyfus 1985, "
    "doi:10.1051/jphyslet:01985004608035900",
)
def signatures(quick: bool, seed: int) -> Result:
    """A network that has learned twenty made-up signatures gives the whole one back when a third of
    the sheet is torn off or a fifth of the pixels are flipped. It is an association: a part of a
    pattern brings back the whole.

    It works as well for faces and fingerprints; no picture of a person is used here, and the
    strokes are made up. It does not say whether a signature is genuine: whatever comes in,
    something that was learned, or a mixture, comes out, for a forger too.
    """
    rng = np.random.default_rng(seed)
    hands = [_hand(rng) for _ in range(20)]
    learned = np.stack([_signature(hand) for hand in hands])
    network = Hopfield("pseudoinverse", random_state=seed).fit(learned)

    torn = learned.copy()
    torn[:, _SIZE * (_SIZE - _SIZE // 3) :] = -1
    meant = np.repeat(np.arange(len(hands)), 20)
    smudged = flip(learned[meant], round(_SMUDGE * _SIZE**2), rng)
    anew = np.stack([
        _signature(hands[i] + 0.03 * rng.standard_normal(hands[i].shape) / np.arange(1, 7))
        for i in meant
    ])  # fmt: skip
    found = network.predict(anew)
    nearest = (found @ learned.T).argmax(axis=1)
    alike = (learned @ learned.T - _SIZE**2 * np.eye(len(hands))).max() / _SIZE**2
    rows = [learned[:8], torn[:8], network.predict(torn[:8]), smudged[::20][:8],
            network.predict(smudged[::20][:8]), anew[::20][:8], found[::20][:8]]  # fmt: skip
    return Result(
        (
            exactly("learned signatures that stay", network.score(learned, learned), 1),
            at_least("lower third torn off: the very one", network.score(torn, learned), 0.9),
            at_least("a fifth flipped: the very one", network.score(smudged, learned[meant]), 0.95),
            at_least("signed anew: nearest to the right one", float((nearest == meant).mean()),
                     0.95),
            told("signed anew: elements that differ at first",
                 float((anew != learned[meant]).mean())),
            told("largest overlap of two learned ones", float(alike)),
        ),
        {"rows": rows},
    )  # fmt: skip
