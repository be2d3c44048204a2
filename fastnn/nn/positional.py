"""Positions of a sequence, added to what stands there."""

from __future__ import annotations

import numpy as np

from .. import functional as F
from ..functional import _checks
from ..tensor import Tensor, wrap
from .module import Module


class PositionalEncoding(Module):
    """dropout(x + P), P[t, 2i] = sin(t / 10000^(2i / d)), P[t, 2i + 1] = cos of the same.

    x (T, N, d), (N, T, d) if batch_first, or (T, d), with T at most max_len.  No parameters; P is
    no part of state_dict.  Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    Raises ValueError for sizes below 1 and for other shapes.
    """

    def __init__(
        self, d_model: int, max_len: int = 5000, dropout: float = 0.0, batch_first: bool = False
    ) -> None:
        super().__init__()
        name = "PositionalEncoding"
        self.d_model = _checks.integer(d_model, name, "d_model", 1)
        self.max_len = _checks.integer(max_len, name, "max_len", 1)
        self.dropout = _checks.probability(dropout, name, "dropout")
        self.batch_first = bool(batch_first)
        # in float64, so that CPUs that differ in the last bit agree after rounding
        even = np.arange(0, self.d_model, 2) / self.d_model
        angle = np.arange(self.max_len)[:, None] / 10000.0**even
        table = np.empty((self.max_len, self.d_model), np.float32)
        table[:, 0::2] = np.sin(angle)
        table[:, 1::2] = np.cos(angle[:, : self.d_model // 2])
        self.register_buffer("table", wrap(table), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        shape = _checks.tensor(input, "PositionalEncoding", "input").shape
        axis = 1 if self.batch_first and len(shape) == 3 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.d_model or shape[axis] > self.max_len:
            raise ValueError(
                f"PositionalEncoding: input has shape {shape}, expected {self.d_model} features "
                f"and at most {self.max_len} steps"
            )
        rows = self.table[: shape[axis]]
        y = input + (F.unsqueeze(rows, 1) if len(shape) == 3 and axis == 0 else rows)
        return F.dropout(y, self.dropout, self.training)
