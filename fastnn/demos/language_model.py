"""Row 111: a network that predicts the next character, against counted models."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, optim
from ..classic import NGram
from ..models import CharRNN
from ..random import Generator
from ..train import tbptt_epoch, tbptt_loss
from ._registry import Result, below, demo, told
from ._steps import linear_decay


def _draw(figure: Any, *, perplexities: dict, sample: str, corpus: str) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    names, values = list(perplexities), list(perplexities.values())
    left.barh(names, values, color=["0.7"] * 3 + ["C0", "C2", "C3"])
    left.invert_yaxis()
    left.bar_label(left.containers[0], fmt="%.2f", padding=3)
    left.set_xlim(0, 1.12 * max(values))
    left.set_xlabel("perplexity on held-out text: lower is better")
    left.set_title(f"next character of {corpus}", fontsize=10)
    right.axis("off")
    right.set_title("written by the LSTM, temperature 0.7", fontsize=10)
    lines = [line[i : i + 48] for line in sample.split("\n") for i in range(0, len(line), 48)]
    text = "\n".join(lines[:18]).replace("$", r"\$")
    right.text(0, 1, text, va="top", family="monospace", fontsize=9, transform=right.transAxes)


def corpus() -> tuple[str, str]:
    """The King James Bible if it is here, else Python's help topics; and its name."""
    try:
        return datasets.kjv(), "the King James Bible"
    except FileNotFoundError:
        return datasets.pydoc_topics(), "Python's help topics"


@demo(
    111,
    name="language-model",
    title="A character language model beats counted ones",
    bar="held-out perplexity: uniform > unigram > bigram > RNN > LSTM and GRU; quick: the networks "
    "below the bigram only, for the LSTM is slow to start",
    draw=_draw,
    size=(12, 5),
    seconds=(75, 5),
    source="Sutskever, Martens, Hinton 2011 (ICML); Shannon 1951, "
    "doi:10.1002/j.1538-7305.1951.tb01366.x",
)
def language_model(quick: bool, seed: int) -> Result:
    """A language model says how likely each character is to come next; recurrent networks guess
    better than counting letters and pairs of letters, because they remember more than one letter.
    Perplexity is the number of equally likely characters that would be as hard to guess, so less is
    better.

    The counts have add-one smoothing. Training, counting and measuring use the same parts of the
    same text. What the network writes looks like the text and means nothing.
    """
    whole, title = corpus()
    text = datasets.CharText(whole[: 100_000 if quick else 440_000])
    train, _, test = text.split(0.0, 0.1)
    v = len(text.vocabulary)
    perplexities = {
        label: NGram(n, v).fit(train).perplexity(test)
        for n, label in enumerate(("uniform", "unigram", "bigram"))
    }
    hidden, epochs = (64, 4) if quick else (128, 8)
    for cell in ("rnn", "gru", "lstm"):
        model = CharRNN(v, 32, hidden, 1, cell)
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        schedule = linear_decay(optimizer, epochs)
        for _ in range(epochs):
            tbptt_epoch(model, datasets.tbptt_batches(train, 32, 50), optimizer)
            schedule.step()
        loss = tbptt_loss(model, datasets.tbptt_batches(test, 1, 500))
        perplexities[cell.upper()] = float(np.exp(loss))
    p = perplexities
    # The LSTM is the last one trained.
    ids = model.sample(train[:20], 500, 0.7, Generator(seed))
    figures = [
        told("uniform", p["uniform"]),
        below("unigram, below uniform", p["unigram"], p["uniform"]),
        below("bigram, below unigram", p["bigram"], p["unigram"]),
        below("RNN, below bigram", p["RNN"], p["bigram"]),
    ]
    rival = "bigram" if quick else "RNN"
    figures += [below(f"{name}, below {rival}", p[name], p[rival]) for name in ("LSTM", "GRU")]
    return Result(
        tuple(figures),
        {"perplexities": p, "sample": text.decode(ids), "corpus": title},
    )
