"""Smooth rectifiers and their hard stand-ins as layers."""

from __future__ import annotations

from .. import functional as F
from ..tensor import Tensor
from .module import Module


class InPlace(Module):
    """inplace: the result also replaces the input's values."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """x Phi(x), Phi the normal distribution function, or its approximation by tanh.

    Raises ValueError at the first call for an `approximate` other than "none" and "tanh".  Source:
    Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(InPlace):
    """x sigmoid(x).  inplace: it also replaces x's values.

    Source: Elfwing et al. 2017, arXiv:1702.03118.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(InPlace):
    """x tanh(ln(1 + e^x)).  inplace: it also replaces x's values.

    Source: Misra 2019, arXiv:1908.08681.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Hardsigmoid(InPlace):
    """min(max(x + 3, 0), 6) / 6.  inplace: it also replaces x's values.

    Source: Howard et al. 2019, arXiv:1905.02244.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Hardswish(InPlace):
    """x min(max(x + 3, 0), 6) / 6.  inplace: it also replaces x's values.

    Source: Howard et al. 2019, arXiv:1905.02244.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class SELU(InPlace):
    """s x where x > 0, else s a (e^x - 1), s = 1.0507..., a = 1.6732...: a deep net of these keeps
    mean 0 and variance 1, from weights of nn.init.lecun_normal_.  inplace: it also replaces x's
    values.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class ELU(InPlace):
    """x where x > 0, else alpha (e^x - 1).  inplace: it also replaces x's values.

    Source: Clevert et al. 2016, arXiv:1511.07289.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + ", inplace=True" * self.inplace


class CELU(ELU):
    """x where x > 0, else alpha (e^(x / alpha) - 1).  inplace: it also replaces x's values.

    Raises ValueError at the first call for an alpha not above 0.  Source: Barron 2017,
    arXiv:1704.07483.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class Softplus(Module):
    """ln(1 + e^(beta x)) / beta, x itself where beta x > threshold.

    Raises ValueError at the first call for a beta not above 0.  Source: Dugas et al. 2001,
    "Incorporating second-order functional knowledge for better option pricing".
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class LogSigmoid(Module):
    """ln(1 / (1 + e^-x))."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)
