"""Spectral normalisation by a hook (`torch.nn.utils.spectral_norm`), and its power iteration."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...functional import _checks
from ...functional.norm import eps_of
from ...grad_mode import no_grad
from ...random import Generator, resolve
from ...tensor import Tensor, wrap
from ..conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module
from .parametrize import compute_parameters
from .weight_norm import find_hook, restore_parameter, take_parameter


def check_settings(module: Module, name: str, n_power_iterations: Any, eps: Any) -> Tensor:
    """The parameter; ValueError for settings."""
    _checks.integer(n_power_iterations, "spectral_norm", "n_power_iterations", 1)
    eps_of(eps, "spectral_norm")
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}")
    return weight.detach()


def output_axis(module: Module, weight: Tensor, dim: int | None) -> int:
    """The axis of the matrix's rows."""
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    return _checks.axis(dim, weight.ndim, "spectral_norm")


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Axis dim, and all others."""
    if dim:
        weight = F.permute(weight, (dim, *(i for i in range(weight.ndim) if i != dim)))
    return F.flatten(weight, 1) if weight.ndim > 2 else weight


def random_unit(n: int, dtype: Any, eps: float, generator: Generator | None) -> Tensor:
    """n normal numbers, as a vector of length 1."""
    from ...creation import randn

    with no_grad():
        return F.normalize(randn(n, generator=generator).to(dtype), dim=0, eps=eps)


def power_iteration(
    matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float, *, first: str
) -> None:
    """u = W v / ||W v||, v = W^T u / ||W^T u||, in place, `steps` times; first: "u" or "v"."""
    with no_grad():
        matrix = matrix.detach()
        for _ in range(steps):
            for which in ("u", "v") if first == "u" else ("v", "u"):
                if which == "u":
                    u.copy_(F.normalize(F.matmul(matrix, v), dim=0, eps=eps))
                else:
                    v.copy_(F.normalize(F.matmul(u, matrix), dim=0, eps=eps))


def sigma(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """u . W v, of copies of u and v: the next iteration changes them before backward."""
    u, v = (wrap(t._data.copy()) for t in (u, v))
    return F.matmul(u, F.matmul(matrix, v))


class SpectralNorm:
    """The hook: before each forward module.<name> = <name>_orig / sigma."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """weight_orig / sigma."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            power_iteration(matrix, u, v, self.n_power_iterations, self.eps, first="v")
        return weight / sigma(matrix, u, v)

    def __call__(self, module: Any, inputs: Any) -> None:
        module.__dict__[self.name] = self.compute_weight(module, module.training)


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    generator: Generator | None = None,
) -> Any:
    """module.<name> = w / sigma(w) before each forward; returns module.

    sigma = u . W v is the largest singular value of w as a matrix, whose rows are axis dim (None:
    1 of a transposed convolution, else 0); u and v take n_power_iterations at each forward in
    training.  w is <name>_orig, a parameter; <name>_u and <name>_v are buffers, random at first, of
    `generator` or the default one.  parametrizations.spectral_norm does the same without a hook.
    Source: Miyato et al. 2018, arXiv:1802.05957.
    Raises ValueError for a name that is no parameter and for n_power_iterations below 1,
    RuntimeError if it has a spectral norm.
    """
    weight = check_settings(module, name, n_power_iterations, eps)
    if find_hook(module, name, SpectralNorm):
        raise RuntimeError(f"spectral_norm: {name!r} has a spectral norm already")
    hook = SpectralNorm(name, n_power_iterations, output_axis(module, weight, dim), eps)
    matrix = as_matrix(weight, hook.dim)
    resolve(generator)
    parameter = take_parameter(module, name, "spectral_norm")
    module.register_parameter(f"{name}_orig", parameter)
    for part, n in zip("uv", matrix.shape, strict=True):
        module.register_buffer(f"{name}_{part}", random_unit(n, weight.dtype, eps, generator))
    module.__dict__[name] = weight
    compute_parameters(module, True)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make module.<name> a parameter again, of its present value; returns module.

    Raises ValueError if it has no spectral norm.
    """
    hook = find_hook(module, name, SpectralNorm)
    if hook is None:
        raise ValueError(f"remove_spectral_norm: {name!r} has no spectral norm")
    with no_grad():
        weight = hook.compute_weight(module, False)
    return restore_parameter(module, hook, ("orig", "u", "v"), weight)
