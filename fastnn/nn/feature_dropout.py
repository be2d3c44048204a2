"""Dropout of channels, dropout for SELU networks and Gaussian noise as layers."""

from __future__ import annotations

from .. import functional as F
from ..functional.feature_dropout import sigma_of
from ..random import Generator
from ..tensor import Tensor
from .dropout import Dropout
from .module import Module


class Dropout1d(Dropout):
    """In training each channel of (N, C, L) or (C, L) becomes 0 with probability p, the others are
    divided by 1 - p.

    generator: the default one if None.  Raises TypeError or ValueError for p outside [0, 1],
    ValueError for input of another rank.  Source: Tompson et al. 2015, arXiv:1411.4280.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace, generator=self.generator)


class Dropout2d(Dropout):
    """Dropout1d for images (N, C, H, W); 3D input is taken as (N, C, L), as by PyTorch."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace, generator=self.generator)


class Dropout3d(Dropout):
    """Dropout1d for volumes, (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace, generator=self.generator)


class AlphaDropout(Dropout):
    """In training y = a x + b, where x is -1.7581 with probability p; for networks of SELU units,
    whose mean 0 and variance 1 it keeps.  See functional.alpha_dropout.

    generator: the default one if None.  Raises TypeError or ValueError for p outside [0, 1].
    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace, generator=self.generator)


class FeatureAlphaDropout(Dropout):
    """AlphaDropout with one draw for each channel of each example, input (N, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(
            input, self.p, self.training, self.inplace, generator=self.generator
        )


class GaussianNoise(Module):
    """In training y = x + sigma n, n normal with mean 0 and variance 1, drawn for each element.

    generator: the default one if None.  Raises TypeError or ValueError for sigma below 0.
    Source: Bishop 1995, doi:10.1162/neco.1995.7.1.108.
    """

    def __init__(
        self, sigma: float = 0.1, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.sigma = sigma_of(sigma, "GaussianNoise")
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        return F.gaussian_noise(
            input, self.sigma, self.training, self.inplace, generator=self.generator
        )

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}, inplace={self.inplace}"
