"""Gates, squashing functions, softmax by other names, and the step, as layers."""

from __future__ import annotations

from .. import functional as F
from ..functional.step import check_surrogate
from ..tensor import Tensor
from .activation import _AlongDim
from .module import Module


class Softsign(Module):
    """x / (1 + |x|).  Source: Turian et al. 2009; Glorot and Bengio 2010."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class GLU(_AlongDim):
    """a sigmoid(b), a and b the halves of the input along dim.

    Raises ValueError at the first call for an axis of odd size.  Source: Dauphin et al. 2016,
    arXiv:1612.08083.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


class Softmin(_AlongDim):
    """softmax(-x) along dim, the last axis unless given (PyTorch guesses instead)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels at each place of (N, C, H, W) or (C, H, W).

    Raises ValueError for input of another rank.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected 3D or 4D input, got {input.ndim}D")
        return F.softmax(input, -3)


class Step(Module):
    """1 where x >= 0, else 0.  It has no gradient, unless `surrogate` names one to use in its
    place: "sigmoid", "triangle" or "fast_sigmoid"; see functional.step.

    Raises ValueError for another surrogate.  Source: Zenke and Ganguli 2018,
    doi:10.1162/neco_a_01086; Neftci et al. 2019, arXiv:1901.09948.
    """

    def __init__(self, surrogate: str | None = None) -> None:
        super().__init__()
        self.surrogate = check_surrogate(surrogate, "Step")

    def forward(self, input: Tensor) -> Tensor:
        return F.step(input, self.surrogate)

    def extra_repr(self) -> str:
        return "" if self.surrogate is None else f"surrogate={self.surrogate!r}"
