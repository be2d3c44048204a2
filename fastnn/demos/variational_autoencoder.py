"""Rows 99 and 104: a variational autoencoder draws digits from noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, linspace, nn
from ..models import VAE
from ..random import Generator
from ..train import LambdaCallback
from ._probe import probe
from ._registry import Result, above, at_least, demo, exactly, told
from ._steps import fit, some_digits

N_SAMPLES = 1000


def _draw(
    figure: Any, *, elbo: list, unrelated: float, samples: np.ndarray, counts: np.ndarray,
    between: np.ndarray,
) -> None:  # fmt: skip
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1.15, 1.15))
    top, bottom = left.subplots(2, 1)
    top.plot(elbo, "o-", color="C0", ms=3)
    top.axhline(unrelated, color="black", ls="--", lw=1)
    top.text(len(elbo) - 1, unrelated - 6, "a model of unrelated pixels", ha="right", va="top",
             fontsize=9)  # fmt: skip
    top.set_ylim(min(elbo[1], unrelated) - 45, max(elbo) + 10)
    top.set_title("bound of ln p(x), test digits, nats", fontsize=10)
    top.set_xlabel("epoch")
    bottom.bar(range(10), counts, color="C0")
    bottom.set_xticks(range(10))
    bottom.set_title(f"what a classifier sees in {N_SAMPLES:,} samples", fontsize=10)
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    for part, images, title in (
        (middle, samples[:64].reshape(8, 8, 28, 28), "samples: z drawn from N(0, I)"),
        (right, between, "from one digit's code to another's"),
    ):
        axes = part.subplots()
        axes.imshow(np.block([list(row) for row in images]), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=10)
        axes.axis("off")


@demo(
    99,
    104,
    name="vae",
    title="A variational autoencoder draws digits from noise",
    bar="the bound of ln p(x) of test digits rises, to 40 nats or more above a model of unrelated "
    "pixels; KL above 1 nat; a classifier's mean confidence in 1,000 samples 0.7 or more, 0.05 "
    "above that in draws of a normal distribution (quick: 0.6); each of the 10 digits in 1 % of "
    "them",
    draw=_draw,
    size=(13, 5),
    seconds=(11, 3),
    source="Kingma and Welling 2014, arXiv:1312.6114; Rezende, Mohamed, Wierstra 2014, "
    "arXiv:1401.4082",
)
def vae(quick: bool, seed: int) -> Result:
    """A variational autoencoder turns random numbers into new digits: an encoder is trained along
    with it only to teach the decoder which codes belong to which images. A classifier that has seen
    only real digits is mostly sure what was drawn, and all ten digits occur.

    It is not an autoencoder with noise in the middle but a model of p(x). The divergence term keeps
    the codes of all digits together near N(0, I), so that a code drawn from there decodes to a
    digit. If that term wins outright the code says nothing, KL is 0, and the bound is that of
    unrelated pixels. A classifier's confidence is a lenient judge: told beside it is what a normal
    distribution of the pixels gets, and what real digits get.
    """
    d = some_digits(4000 if quick else 8500)
    judge = probe(quick, seed)
    train, test = d.x_train.reshape(-1, 784), d.x_test.reshape(-1, 784)
    model = VAE(784, (256, 128), 5 if quick else 6)
    x = from_numpy(test[:500] if quick else test)
    elbo = [_mean_elbo(model, x)]
    follow = LambdaCallback(on_epoch_end=lambda *_: elbo.append(_mean_elbo(model, x)))
    fit(model, train, train, epochs=8 if quick else 20, seed=seed, loss=model.loss,
        batch_size=32 if quick else 64, callbacks=[follow])  # fmt: skip

    divergence = nn.GaussianCell.kl(*model.encode(x)).detach().numpy()
    samples = model.sample(N_SAMPLES, generator=Generator(seed)).numpy()
    confidence, counts = judge.confidence(samples)
    normal = np.random.default_rng(seed).multivariate_normal(
        train.mean(axis=0), np.cov(train.T), N_SAMPLES, method="eigh"
    )
    more = confidence - judge.confidence(normal.clip(0, 1))[0]
    lenient = "more than in draws of a normal distribution"
    unrelated = _unrelated(train, x.numpy())
    return Result(
        (
            at_least("bound, nats above unrelated pixels", elbo[-1] - unrelated, 40),
            at_least("bound, nats above the first epoch's", elbo[-1] - elbo[1], 10),
            told("bound of ln p(x) of test digits, nats", elbo[-1]),
            above("KL of the code from N(0, I), nats", float(divergence.mean()), 1),
            at_least("confidence in samples", confidence, 0.6 if quick else 0.7),
            told(lenient, more) if quick else at_least(lenient, more, 0.05),
            told("confidence in real digits", judge.confidence(test)[0]),
            exactly(
                "digits seen in 1 % of the samples", int((counts >= N_SAMPLES / 100).sum()), 10
            ),
        ),
        {
            "elbo": elbo,
            "unrelated": unrelated,
            "samples": samples,
            "counts": counts,
            "between": _between(model, test, d.y_test),
        },
    )


def _mean_elbo(model: VAE, x: Any) -> float:
    return float(model.elbo(x, generator=Generator(0)).mean())


def _unrelated(train: np.ndarray, test: np.ndarray) -> float:
    """The same likelihood if each pixel has its own mean and nothing else: a VAE without a code."""
    p = train.mean(axis=0, dtype=np.float64).clip(1e-4, 1 - 1e-4)
    return float((test * np.log(p) + (1 - test) * np.log1p(-p)).sum(axis=1).mean())


def _between(model: VAE, test: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(8, 8, 28, 28): each row walks from the code of one test digit to that of another."""
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    codes = model.encode(from_numpy(test[first]))[0].detach().numpy()
    share = linspace(0, 1, 8).numpy()[:, None]
    pairs = ((0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (7, 9), (9, 8))
    z = np.concatenate([(1 - share) * codes[a] + share * codes[b] for a, b in pairs])
    return model.decode(from_numpy(z)).detach().numpy().reshape(8, 8, 28, 28)
