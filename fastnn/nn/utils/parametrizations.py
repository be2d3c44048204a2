"""Weight and spectral normalisation as parametrisations (`torch.nn.utils.parametrizations`)."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...functional.normalize import lengths, weight_norm_axes
from ...functional.normalize import weight_norm as weight_of
from ...random import Generator
from ...tensor import Tensor, wrap
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import (
    as_matrix,
    check_settings,
    output_axis,
    power_iteration,
    random_unit,
    sigma,
)


class _WeightNorm(Module):
    """w = g v / ||v||; original0 is g, original1 is v."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return weight_of(g, v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """g and v of a weight."""
        axes = weight_norm_axes(weight, self.dim)
        return wrap(lengths(weight._data, self.dim, axes)), weight


class _SpectralNorm(Module):
    """w / sigma(w), sigma = u . W v by power iteration, u and v buffers; a vector / its length."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int, dim: int, eps: float, generator: Any
    ) -> None:
        super().__init__()
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight, dim)
            for name, n in zip(("_u", "_v"), matrix.shape, strict=True):
                self.register_buffer(name, random_unit(n, weight.dtype, eps, generator))
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, steps: int) -> None:
        power_iteration(matrix, self._u, self._v, steps, self.eps, first="u")

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        return weight / sigma(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """value itself, which is taken to be of spectral norm 1."""
        return value


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """module.<name> = g v / ||v||, with g and v trained in its place; returns module.

    g is parametrizations.<name>.original0, v original1.  The norm is over all axes but dim; None
    (or -1): over all.  Source: Salimans & Kingma 2016, arXiv:1602.07868.
    Raises ValueError for a name that is no parameter, IndexError for dim.
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    generator: Generator | None = None,
) -> Any:
    """module.<name> = w / sigma(w), sigma the largest singular value of w as a matrix; returns
    module.

    The matrix has axis dim (None: 1 of a transposed convolution, else 0) for its rows.  sigma =
    u . W v, where u and v, buffers, begin with 15 power iterations and take n_power_iterations more
    at each use in training; u and v count as constants for the gradient.  w is
    parametrizations.<name>.original.  generator: of the first u and v; the default one if None.
    Source: Miyato et al. 2018, arXiv:1802.05957.
    Raises ValueError for a name that is no parameter and for n_power_iterations below 1.
    """
    weight = check_settings(module, name, n_power_iterations, eps)
    axis = output_axis(module, weight, dim)
    made = _SpectralNorm(weight, n_power_iterations, axis, eps, generator)
    return register_parametrization(module, name, made)
