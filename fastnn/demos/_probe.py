"""A classifier that judges generated digits: how sure it is of them, and which it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import nn
from ..models import LeNet5
from ._steps import fit, outputs, some_digits


@dataclass(frozen=True)
class Probe:
    """LeNet-5, trained on digits in [0, 1] (1: ink); `model` gives logits."""

    model: nn.Module

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """images (N, 1, 28, 28) or (N, 784) in [0, 1] -> (N, 10); rows sum to 1."""
        x = np.asarray(images, np.float32).reshape(-1, 1, 28, 28)
        logits = outputs(self.model, x).astype(np.float64)
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def classes(self, images: np.ndarray) -> np.ndarray:
        """The digit (N,) that it sees in each image."""
        return self.probabilities(images).argmax(axis=1)

    def confidence(self, images: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean probability of the digit that it sees, and how often (10,) it sees each."""
        p = self.probabilities(images)
        return float(p.max(axis=1).mean()), np.bincount(p.argmax(axis=1), minlength=10)


def probe(quick: bool, seed: int) -> Probe:
    """Trained shortly: sure of digits, less of noise or of two laid over each other.

    Of uniform noise the confidence is 0.3 to 0.8, by the seed, for the few digits that it sees in
    it: a bar of confidence needs one of classes beside it.
    """
    d = some_digits(2500 if quick else 8500)
    model = LeNet5()
    fit(model, d.x_train, d.y_train, epochs=3, seed=seed)
    return Probe(model)
