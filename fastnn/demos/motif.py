"""Row 113: a motif in random DNA, found by a 1-D convolution and by a bidirectional LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Generator, Tensor, datasets, nn, optim
from ..data import DataLoader, TensorDataset
from ..metrics import AUC
from ..models import BiLSTMTagger
from ..train import Trainer
from ._registry import Result, at_least, demo, told
from ._steps import fit, outputs

_MOTIF = "TGACRTCAYG"
_LETTERS = dict(zip("ACGT", ("#109648", "#255C99", "#F7B32B", "#D62839"), strict=True))


class MotifCNN(nn.Module):
    """x (N, 4, L) -> logits (N, 2): 16 kernels of 12 bases, ReLU, the maximum over all places."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(4, 16, 12), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
        self.classifier = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class Steps(nn.Module):
    """x (N, 4, L) -> logits of a tagger (N, 2, L): is the base a part of the motif?"""

    def __init__(self, tagger: BiLSTMTagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, x: Tensor) -> Tensor:
        return self.tagger(x.transpose(1, 2)).transpose(1, 2)


def _auc(scores: np.ndarray, y: np.ndarray) -> float:
    metric = AUC()
    metric.update(scores, y)
    return float(metric.compute())


def _logo(x: np.ndarray, model: MotifCNN) -> np.ndarray:
    """Share of each base (12, 4) in what the kernel of most weight for the motif answers most to:
    in each sequence with the motif the place where it answers most (Alipanahi et al. 2015)."""
    weight = model.classifier.weight.detach().numpy()
    maps = outputs(model.features[0], x)  # (N, 16, L - 11)
    gain = (weight[1] - weight[0]) * np.maximum(maps, 0).max(axis=2).mean(axis=0)
    best = maps[:, int(gain.argmax())].argmax(axis=1)
    return np.mean([row[:, i : i + 12].T for row, i in zip(x, best, strict=True)], axis=0)


def _draw(figure: Any, *, logo: np.ndarray, tags: np.ndarray, start: np.ndarray) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    share = np.maximum(logo, 1e-9)
    bits = 2 + (share * np.log2(share)).sum(axis=1)
    for i, (row, height) in enumerate(zip(logo, bits, strict=True)):
        bottom = 0.0
        for j in np.argsort(row):
            part = float(row[j] * height)
            letter = "ACGT"[j]
            left.bar(i, part, 0.94, bottom, color=_LETTERS[letter])
            if part > 0.12:
                left.text(i, bottom + part / 2, letter, ha="center", va="center", weight="bold",
                          fontsize=15, color="white")  # fmt: skip
            bottom += part
    left.set_ylim(0, 2.05)
    left.set_xticks(range(12), range(1, 13))
    left.set_xlabel("base under the kernel")
    left.set_ylabel("bits")
    left.set_title(f"what one kernel of the CNN answers to; planted: {_MOTIF}\n"
                   "(R is A or G, Y is C or T)", fontsize=10)  # fmt: skip
    shown = right.imshow(tags, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    for row, place in enumerate(start):
        if place >= 0:
            right.plot(
                [place - 0.5, place + len(_MOTIF) - 0.5], [row + 0.42] * 2, color="red", lw=2
            )
    right.set_xlabel("base")
    right.set_ylabel("test sequence")
    right.set_title("BiLSTM: is this base in the motif? (red: it is)", fontsize=10)
    figure.colorbar(shown, ax=right, label="probability")


@demo(
    113,
    name="motif",
    title="Gene sequences: a CNN and a BiLSTM find a planted motif",
    bar="AUC at least 0.99 of both on sequences never seen; the kernel's favourite word holds the "
    "motif's 8 fixed bases",
    draw=_draw,
    size=(13, 5),
    seconds=(16, 2),
    source="Alipanahi et al. 2015 (DeepBind), doi:10.1038/nbt.3300",
)
def motif(quick: bool, seed: int) -> Result:
    """Half of many random gene sequences hold a hidden word, and two networks learn to tell which
    half: a one-dimensional convolution and a bidirectional LSTM. The convolution's kernel becomes a
    detector of the word, which can be read off it.

    The word is TGACRTCAYG, somewhere in the sequence, and the kernel's answer is its maximum over
    all places: the words that it answers to, laid under each other, are the motif. A bidirectional
    LSTM is told, base by base, what belongs to the motif, and so also learns where it is; its
    largest answer says whether there is one.
    """
    g = Generator(seed)
    d = datasets.motif_dna(2000 if quick else 6000, 60, motif=_MOTIF, generator=g)
    test = datasets.motif_dna(1000, 60, motif=_MOTIF, generator=g)
    cnn = MotifCNN()
    fit(cnn, d.x, d.y, epochs=20, seed=seed, lr=1e-2)
    tagger = Steps(BiLSTMTagger(4, 24, 2, batch_first=True))
    inside = [_inside(e.start, 60) for e in (d, test)]
    Trainer(
        tagger, nn.CrossEntropyLoss(), optim.Adam(tagger.parameters(), lr=1e-2), progress=False
    ).fit(
        DataLoader(TensorDataset(d.x, inside[0]), 32, shuffle=True, generator=Generator(seed)),
        epochs=8 if quick else 15,
    )
    logits = outputs(tagger, test.x)
    each = logits[:, 1] - logits[:, 0]
    logo = _logo(test.x[1::2], cnn)
    word = "".join("ACGT"[i] for i in logo.argmax(axis=1))
    n_fixed = max(
        sum(a == b for a, b in zip(word[i:], _MOTIF, strict=False) if b in "ACGT")
        for i in range(12 - len(_MOTIF) + 1)
    )
    return Result(
        (
            at_least("CNN: AUC", _auc(outputs(cnn, test.x), test.y), 0.99),
            at_least("BiLSTM: AUC", _auc(each.max(axis=1), test.y), 0.99),
            at_least("bases of the motif, of 8, in the kernel's word", n_fixed, 8),
            told("BiLSTM, base by base: AUC", _auc(each.ravel(), inside[1].ravel())),
        ),
        {"logo": logo, "tags": 1 / (1 + np.exp(-each[:30])), "start": test.start[:30]},
    )


def _inside(start: np.ndarray, length: int) -> np.ndarray:
    """1 in the bases of the motif, int64 (N, length); 0 everywhere where start is -1."""
    place = np.arange(length) - start[:, None]
    inside = (place >= 0) & (place < len(_MOTIF)) & (start[:, None] >= 0)
    return inside.astype(np.int64)
