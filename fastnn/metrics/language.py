"""Metrics of language models: perplexity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Metric, as_array, fraction


def perplexity_of(mean: float) -> float:
    """exp of a mean cross-entropy in nats; inf where no float64 is large enough, from 710 on."""
    return math.exp(mean) if not mean > 709 else math.inf


class Perplexity(Metric):
    """exp of the mean cross-entropy, -ln p(target), over all targets but `ignore_index`.

    It is the number of equally likely symbols that would be as hard to guess: C for a model that
    knows nothing, 1 for one that is always certain and right.

    output: logits or log-probabilities, the classes last, (..., C), as (N, C) or (T, N, C): the
    log-softmax that is taken leaves log-probabilities as they are.  target: integers (...) in
    0..C - 1 or `ignore_index`; of any shape if output is (N, C) and there are N of them.
    `compute()` is inf if a target had probability 0, and nan without any target.
    Source: Jelinek, Mercer, Bahl, Baker 1977, doi:10.1121/1.2016299.
    """

    def __init__(self, ignore_index: int = -100, *, name: str = "perplexity") -> None:
        self.ignore_index = ignore_index
        self.name = name
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        logits, target = as_array(output), as_array(target)
        if logits.ndim < 2 or not logits.shape[-1] or logits.dtype.kind != "f":
            raise ValueError(
                f"{self.name}: output is {logits.dtype} of shape {logits.shape}, expected floating "
                "logits (..., C)"
            )
        flat = logits.ndim == 2 and target.size == len(logits)
        if not flat and target.shape != logits.shape[:-1]:
            raise ValueError(
                f"{self.name}: target has shape {target.shape}, expected {logits.shape[:-1]} as "
                f"output has shape {logits.shape}"
            )
        if target.dtype.kind not in "iu":
            raise TypeError(f"{self.name}: target has dtype {target.dtype}, expected integers")
        classes = logits.shape[-1]
        labels = target.reshape(-1)
        kept = labels != self.ignore_index
        rows, labels = logits.reshape(-1, classes)[kept].astype(np.float64), labels[kept]
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if wrong.size:
            raise ValueError(
                f"{self.name}: target has {labels[wrong[0]]}, expected 0..{classes - 1} or "
                f"{self.ignore_index}"
            )
        if not labels.size:
            return
        top = rows.max(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # -inf is a logit, NaN stays NaN
            rows -= top[:, None]
            losses = np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(len(rows)), labels]
        self.sum_loss += float(losses.sum())
        self.count_all += len(labels)

    def compute(self) -> float:
        mean = fraction(self.sum_loss, self.count_all)
        return perplexity_of(mean)

    def reset(self) -> None:
        self.sum_loss, self.count_all = 0.0, 0
