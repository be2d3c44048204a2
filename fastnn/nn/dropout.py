"""Dropout layers."""

from __future__ import annotations

from .. import functional as F
from ..functional import _checks
from ..random import Generator
from ..tensor import Tensor
from .module import Module


class Dropout(Module):
    """In training each element becomes 0 with probability p, the others are divided by 1 - p.

    generator: the default one if None.  Raises TypeError or ValueError for p outside [0, 1].
    Source: Srivastava et al. 2014, JMLR 15:1929.
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.p = _checks.probability(p, type(self).__name__)
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
