"""Row 110: from which part of the Bible a verse comes, by a bag of word embeddings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .. import datasets, from_numpy, nn, no_grad, optim
from .. import functional as F
from ._registry import Result, at_least, demo, told

_LENGTH = 40  # words of a verse that are looked at; 0 pads
_PAD = 0


def _draw(figure: Any, *, words: dict, scores: dict, classes: tuple) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    bars = left.bar(list(scores), list(scores.values()), color=["0.7", "C0"])
    left.bar_label(bars, fmt="%.3f", padding=2)
    left.set_ylim(0, 1.08)
    left.set_ylabel("accuracy on held-out lines")
    names, values = list(words), list(words.values())
    right.barh(names, values, color=["C3" if v > 0 else "C0" for v in values])
    right.axvline(0, color="black", lw=0.8)
    right.tick_params(labelsize=8)
    right.set_xlabel(f"a word's vote: left {classes[0]}, right {classes[1]}")


def _verses() -> tuple[list[list[str]], np.ndarray, tuple[str, str]]:
    """Words and class of each line: Old or New Testament; made-up lines without the Bible."""
    try:
        lines = datasets.kjv().splitlines()[1:]
    except FileNotFoundError:
        return _made_up()
    first = next(i for i, line in enumerate(lines) if line.startswith("Mat1:1 "))
    words = [re.findall(r"[a-z]+", line.split(" ", 1)[1].lower()) for line in lines]
    labels = (np.arange(len(lines)) >= first).astype(np.int64)
    return words, labels, ("Old Testament", "New Testament")


def _made_up() -> tuple[list[list[str]], np.ndarray, tuple[str, str]]:
    """6,000 lines of 12 words; each class prefers its own words a little."""
    rng = np.random.default_rng(0)
    labels = (rng.random(6000) < 0.3).astype(np.int64)
    weights = rng.gamma(0.7, size=(2, 300))
    weights /= weights.sum(axis=1, keepdims=True)
    lines = [rng.choice(300, 12, p=weights[c]) for c in labels]
    return [[f"w{i}" for i in line] for line in lines], labels, ("class A", "class B")


@demo(
    110,
    name="text-classification",
    title="A bag of word embeddings tells the Testaments apart",
    bar="held-out verses: accuracy >= 0.90, and at least 0.10 above the majority class",
    draw=_draw,
    size=(11, 5),
    seconds=(10, 5),
    source="Joulin et al. 2016 (fastText), arXiv:1607.01759",
)
def text_classification(quick: bool, seed: int) -> Result:
    """Each word has a vector that is learned, and the mean of a verse's vectors, a bag without
    order, goes through one linear layer. That is enough to tell of most verses whether they are of
    the Old or the New Testament.

    Word order is lost. Three verses of four are of the Old, so the accuracy is told against always
    answering that. Verses are parted at random: other verses of the same book are seen in training.
    Without the Bible's file the lines are made up.
    """
    words, labels, classes = _verses()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(words))[: 16_000 if quick else None]
    n_test = len(order) // 5
    train, test = order[n_test:], order[:n_test]
    counts: dict[str, int] = {}
    for i in train:
        for word in words[i]:
            counts[word] = counts.get(word, 0) + 1
    known = {w: i + 1 for i, w in enumerate(sorted(w for w, n in counts.items() if n >= 3))}
    x = np.zeros((len(words), _LENGTH), np.int64)
    for i in order:
        ids = [known[w] for w in words[i] if w in known][:_LENGTH]
        x[i, : len(ids)] = ids
    bag = nn.EmbeddingBag(len(known) + 1, 16, mode="mean", padding_idx=_PAD)
    model = nn.Sequential(bag, nn.Linear(16, 2))
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    shuffle = np.random.default_rng([seed, 1])
    for _ in range(4 if quick else 5):
        mixed = shuffle.permutation(train)
        for i in range(0, len(mixed), 128):
            part = mixed[i : i + 128]
            optimizer.zero_grad()
            F.cross_entropy(model(from_numpy(x[part])), from_numpy(labels[part])).backward()
            optimizer.step()
    with no_grad():
        right = model(from_numpy(x[test])).numpy().argmax(axis=1) == labels[test]
        votes = model[1](bag.weight).numpy()
    score = float(right.mean())
    answer = np.bincount(labels[train]).argmax()
    majority = float((labels[test] == answer).mean())
    vote = votes[:, 1] - votes[:, 0]
    frequent = sorted((w for w in known if counts[w] >= 30), key=lambda w: vote[known[w]])
    shown = frequent[:12] + frequent[-12:]
    return Result(
        (
            at_least("accuracy", score, 0.90),
            at_least("above the majority class", score - majority, 0.10),
            told("majority class", majority),
            told("words known", len(known)),
        ),
        {
            "words": {w: float(vote[known[w]]) for w in shown},
            "scores": {"majority class": majority, "bag of embeddings": score},
            "classes": classes,
        },
    )
