"""Losses: their arguments, and fastnn's and PyTorch's contenders."""

from __future__ import annotations

from typing import Any

import numpy as np

from .op_cases import Step

LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "kl_div")


def logits_and_labels(n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 (n, n_classes) and int64 (n,)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, n_classes), dtype=np.float32)
    return x, rng.integers(0, n_classes, n)


def arrays(name: str, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Input and target of a loss; where it expects them, log-probabilities and probabilities."""
    x, labels = logits_and_labels(n, n_classes)
    if name == "cross_entropy":
        return x, labels
    if name in ("nll_loss", "kl_div"):
        x -= np.log(np.exp(x).sum(1, keepdims=True))
    if name == "nll_loss":
        return x, labels
    other = np.random.default_rng(1).standard_normal((n, n_classes), dtype=np.float32)
    if name != "kl_div":
        return x, other
    weights = np.exp(other)
    return x, weights / weights.sum(1, keepdims=True)


def step(lib: Any, name: str, n: int, n_classes: int) -> Step:
    """The loss (kl_div: "batchmean", the others "mean") and the gradient of its input."""
    x, target = map(lib.from_numpy, arrays(name, n, n_classes))
    x.requires_grad_()
    loss = getattr(lib.nn.functional, name)
    options = {"reduction": "batchmean"} if name == "kl_div" else {}

    def both() -> Any:
        x.grad = None
        loss(x, target, **options).backward()
        return x.grad

    return both
