"""Activations in straight pieces as layers; PReLU, whose slopes are learned."""

from __future__ import annotations

from .. import functional as F
from ..creation import full
from ..functional import _checks
from ..random import Generator
from ..tensor import Parameter, Tensor
from .module import Module
from .rectifier import InPlace


class Hardtanh(InPlace):
    """min(max(x, min_val), max_val).  inplace: it also replaces x's values.

    Raises ValueError unless min_val < max_val.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val is {min_val}, expected below max_val, {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + ", inplace=True" * self.inplace


class ReLU6(InPlace):
    """min(max(x, 0), 6).  inplace: it also replaces x's values.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class Threshold(InPlace):
    """x where x > threshold, else value.  inplace: it also replaces x's values."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + ", inplace=True" * self.inplace


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(_Shrink):
    """x moved by lambd towards 0, and 0 where |x| <= lambd.

    Raises ValueError at the first call for a lambd below 0.  Source: Donoho 1995,
    doi:10.1109/18.382009.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > lambd, else 0.  Source: Donoho and Johnstone 1994,
    doi:10.1093/biomet/81.3.425."""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class PReLU(Module):
    """x where x > 0, else weight x; weight (num_parameters,) is learned: 1, or one for each channel
    (axis 1 of the input).

    Weight decay would pull it to a plain ReLU.  Raises TypeError or ValueError for num_parameters
    below 1, ValueError at the first call for another number of channels.  Source: He et al. 2015,
    arXiv:1502.01852.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        self.num_parameters = _checks.integer(num_parameters, "PReLU", "num_parameters", 1)
        self.init = init
        self.weight = Parameter(full(self.num_parameters, _checks.number(init, "PReLU", "init")))

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(InPlace):
    """x where x > 0, else r x: in training r is drawn for each element, uniformly from [lower,
    upper), in evaluation it is their mean.  inplace: it also replaces x's values.

    generator: the default one if None.  Raises ValueError at the first call unless lower <= upper.
    Source: Xu et al. 2015, arXiv:1505.00853.
    """

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        inplace: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(inplace)
        self.lower, self.upper, self.generator = lower, upper, generator

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(
            input, self.lower, self.upper, self.training, self.inplace, generator=self.generator
        )

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + ", inplace=True" * self.inplace
