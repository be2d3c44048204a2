"""How a Hopfield network stores patterns.

Each rule takes patterns (P, N) of -1 and 1 and gives weights (N, N) and, if they have the form
W = left X - diag(diagonal), `left` (N, P) and `diagonal` (N,), otherwise None and None.  float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import from_numpy
from ..functional import matmul

Stored = tuple[np.ndarray, Any, Any]


def hebb(x: np.ndarray) -> Stored:
    """W = X^T X, its diagonal P.  Sums of whole numbers: exact."""
    left = x.T.copy()
    weights = matmul(from_numpy(left), from_numpy(x)).numpy()
    np.fill_diagonal(weights, 0)
    return weights, left, np.full(len(left), len(x), np.float32)


def pseudoinverse(x: np.ndarray) -> Stored:
    """W = X^+ X, the projection on what the patterns span."""
    patterns = x.astype(np.float64)
    inverse = np.linalg.pinv(patterns)
    weights = inverse @ patterns
    weights = (weights + weights.T) / 2  # symmetric but for rounding
    diagonal = weights.diagonal().astype(np.float32)
    np.fill_diagonal(weights, 0)
    # As many patterns as units span everything, W is 0: do not recall by what rounding left.
    weights[np.abs(weights) < 1e-12] = 0
    return weights.astype(np.float32), inverse.astype(np.float32), diagonal


def storkey(x: np.ndarray) -> Stored:
    """One pattern after the other; w_ii stays 0."""
    n = x.shape[1]
    weights = np.zeros((n, n))
    for pattern in x.astype(np.float64):
        # local[i, j] = sum over k other than i and j of w_ik x_k
        local = (weights @ pattern)[:, None] - weights * pattern
        weights += (np.outer(pattern, pattern) - pattern[:, None] * local.T - local * pattern) / n
        np.fill_diagonal(weights, 0)
    return weights.astype(np.float32), None, None


RULES = {"hebb": hebb, "pseudoinverse": pseudoinverse, "storkey": storkey}
