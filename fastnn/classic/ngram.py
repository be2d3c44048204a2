"""Counted language models: the baselines that a network must beat."""

from __future__ import annotations

import numpy as np


class NGram:
    """n-gram model with add-`alpha` smoothing: p(c | context) = (count(context c) + alpha) /
    (count(context) + alpha V), the context being the n - 1 characters before.

    n = 0 is the uniform model, 1 unigram, 2 bigram. Tables of V^n numbers are kept, so n V must be
    small: ValueError above 10^8 cells. The first n - 1 characters of a text are not scored.
    Source: Shannon 1951, doi:10.1002/j.1538-7305.1951.tb01366.x (n-grams); Lidstone 1920 (alpha).
    """

    def __init__(self, n: int, vocab_size: int, *, alpha: float = 1.0) -> None:
        if n < 0 or vocab_size < 1 or vocab_size**n > 10**8:
            raise ValueError(f"NGram: n {n} and vocab_size {vocab_size} make no table that fits")
        if not 0 < alpha < float("inf"):
            raise ValueError(f"NGram: alpha is {alpha}, expected a finite number above 0")
        self.n, self.vocab_size, self.alpha = n, vocab_size, alpha
        self._log_p: np.ndarray | None = None

    def fit(self, ids: np.ndarray) -> NGram:
        """Count the n-grams of ids (length,); returns self."""
        v = self.vocab_size
        if self.n == 0:
            self._log_p = np.array([-np.log(v)])
            return self
        counts = np.bincount(self._cells(ids), minlength=v**self.n).reshape(-1, v) + self.alpha
        self._log_p = np.log(counts / counts.sum(axis=1, keepdims=True)).ravel()
        return self

    def score(self, ids: np.ndarray) -> float:
        """Mean natural logarithm of the probability of a character, given those before it."""
        if self._log_p is None:
            raise RuntimeError("NGram: fit first")
        return float(self._log_p[self._cells(ids)].mean())

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
