"""Positions that are learned, and positions as rotations of queries and keys."""

from __future__ import annotations

import numpy as np

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.rotary import Rotate, rotated_input, rotations
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class LearnedPositionalEncoding(Module):
    """dropout(x + weight[t]): a learned vector for each position.

    x (T, N, d_model), (N, T, d_model) if batch_first, or (T, d_model), with T at most max_len.
    weight (max_len, d_model) begins normal with standard deviation 0.02.
    Gehring et al. 2017, arXiv:1705.03122, section 3.1; the first values: Radford et al. 2018.
    Raises ValueError for sizes below 1 and for other shapes.
    """

    weight: Parameter

    def __init__(
        self, d_model: int, max_len: int = 5000, dropout: float = 0.0, batch_first: bool = False
    ) -> None:
        super().__init__()
        name = "LearnedPositionalEncoding"
        self.d_model = _checks.integer(d_model, name, "d_model", 1)
        self.max_len = _checks.integer(max_len, name, "max_len", 1)
        self.dropout = _checks.probability(dropout, name, "dropout")
        self.batch_first = bool(batch_first)
        self.weight = Parameter(empty(self.max_len, self.d_model))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        init.normal_(self.weight, 0.0, 0.02)

    def forward(self, input: Tensor) -> Tensor:
        shape = _checks.tensor(input, "LearnedPositionalEncoding", "input").shape
        axis = 1 if self.batch_first and len(shape) == 3 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.d_model or shape[axis] > self.max_len:
            raise ValueError(
                f"LearnedPositionalEncoding: input has shape {shape}, expected {self.d_model} "
                f"features and at most {self.max_len} steps"
            )
        rows = self.weight[: shape[axis]]
        y = input + (F.unsqueeze(rows, 1) if len(shape) == 3 and axis == 0 else rows)
        return F.dropout(y, self.dropout, self.training)

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}"


class RotaryEncoding(Module):
    """`functional.rotary_encoding` with the angles of positions 0 to max_len - 1 kept.

    input (..., T, dim), dim even: queries or keys of one head -> the same shape.  No parameters and
    nothing in state_dict.  Source: Su et al. 2021, arXiv:2104.09864.
    Raises TypeError and ValueError for settings and shapes that do not fit.
    """

    def __init__(self, dim: int, max_len: int = 5000, base: float = 10000.0) -> None:
        super().__init__()
        name = "RotaryEncoding"
        self.dim = _checks.integer(dim, name, "dim", 1)
        self.max_len = _checks.integer(max_len, name, "max_len", 1)
        self.base = _checks.positive(base, name, "base")
        if self.dim % 2:
            raise ValueError(f"{name}: dim is {dim}, expected an even number")
        self._tables = rotations(np.arange(self.max_len), self.dim, self.base)

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        """Step t is at position offset + t: for a query whose keys of earlier steps are kept."""
        name = "RotaryEncoding"
        x, first = rotated_input(input, name), _checks.integer(offset, name, "offset", 0)
        last = first + x.shape[-2]
        if x.shape[-1] != self.dim or last > self.max_len:
            raise ValueError(
                f"{name}: input has shape {x.shape} at offset {first}, expected {self.dim} "
                f"features and positions below {self.max_len}"
            )
        return Rotate.apply(x, *(table[first:last] for table in self._tables))

    def extra_repr(self) -> str:
        return f"{self.dim}, max_len={self.max_len}, base={self.base}"
