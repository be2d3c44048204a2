"""Counted language models: the baselines that a network must beat."""

from __future__ import annotations

import math

import numpy as np

from ._estimator import not_fitted


class NGram:
    """n-gram model with add-`alpha` smoothing: p(c | context) = (count(context c) + alpha) /
    (count(context) + alpha V), the context being the n - 1 characters before.

    n = 0 is the uniform model, 1 unigram, 2 bigram. Only n-grams that were seen are kept, at most
    as many as the text is long; they are numbered in int64: ValueError if V^n >= 2^63. The first
    n - 1 characters of a text are not scored.
    Source: Shannon 1951, doi:10.1002/j.1538-7305.1951.tb01366.x (n-grams); Lidstone 1920 (alpha).
    """

    def __init__(self, n: int, vocab_size: int, *, alpha: float = 1.0) -> None:
        if n < 0 or vocab_size < 1 or vocab_size**n >= 2**63:
            raise ValueError(
                f"NGram: n is {n} and vocab_size {vocab_size}, expected at least 0 and 1 and "
                "vocab_size^n below 2^63"
            )
        if not 0 < alpha < float("inf"):
            raise ValueError(f"NGram: alpha is {alpha}, expected a finite number above 0")
        self.n, self.vocab_size, self.alpha = n, vocab_size, alpha
        # Numbers of the n-grams and contexts that were seen, rising, and how often.
        self._seen: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    def fit(self, ids: np.ndarray) -> NGram:
        """Count the n-grams of ids (length,); returns self."""
        cells = self._cells(ids)
        grams, counts = np.unique(cells, return_counts=True)
        contexts, of_context = np.unique(cells // self.vocab_size, return_counts=True)
        self._seen = (grams, counts), (contexts, of_context)
        return self

    def score(self, ids: np.ndarray) -> float:
        """Mean natural logarithm of the probability of a character, given those before it."""
        if not self._seen:
            raise not_fitted(self, "score")
        cells = self._cells(ids)
        if self.n == 0:
            return -math.log(self.vocab_size)
        seen = _counts(cells, *self._seen[0]) + self.alpha
        of_context = _counts(cells // self.vocab_size, *self._seen[1])
        return float(np.log(seen / (of_context + self.alpha * self.vocab_size)).mean())

    def perplexity(self, ids: np.ndarray) -> float:
        """exp(-score): from how many equally likely characters the model has to choose."""
        return float(np.exp(-self.score(ids)))

    def _cells(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids)
        n = max(self.n, 1)
        if ids.ndim != 1 or len(ids) < n or ids.min() < 0 or ids.max() >= self.vocab_size:
            raise ValueError(
                f"NGram: ids have shape {ids.shape}, expected ({n} or more,) of "
                f"0 .. {self.vocab_size - 1}"
            )
        cells = np.zeros(len(ids) - n + 1, np.int64)
        for i in range(self.n):
            cells = cells * self.vocab_size + ids[i : i + len(cells)]
        return cells


def _counts(cells: np.ndarray, known: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How often each of cells was seen; known: the numbers that were, rising."""
    at = np.searchsorted(known, cells).clip(max=len(known) - 1)
    return np.where(known[at] == cells, counts[at], 0)
