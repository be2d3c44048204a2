"""Initialisers that draw again, count zeros, copy channels, or look at a model's activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..creation import normal_array, randperm, uniform_array
from ..functional import _checks, inplace
from ..grad_mode import no_grad
from ..random import Generator
from ..tensor import Tensor
from .module import Module


def _values(tensor: Tensor, function: str) -> Tensor:
    _checks.kernels(_checks.tensor(tensor, function, "tensor")._data, function, "tensor")
    return tensor


def _fill(tensor: Tensor, value: Any, function: str) -> Tensor:
    with no_grad():
        return inplace.fill(tensor, value, function)


def _cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal with mean and standard deviation, given that it lies in [a, b].

    Numbers outside are drawn again; where little of the normal lies in [a, b], uniform numbers
    are kept in proportion to its density.  Raises ValueError for std <= 0 or a >= b.
    """
    shape = _values(tensor, "trunc_normal_").shape
    if not std > 0:
        raise ValueError(f"trunc_normal_: std is {std}, expected above 0")
    if not a < b:
        raise ValueError(f"trunc_normal_: a is {a} and b is {b}, expected a < b")
    often = _cdf((b - mean) / std) - _cdf((a - mean) / std) > 0.3
    n = math.prod(shape)
    found = np.empty(n, np.float32)
    missing = np.arange(n)
    while missing.size:
        if often:
            drawn = normal_array((missing.size,), mean, std, generator)
            fine = (drawn >= np.float32(a)) & (drawn <= np.float32(b))
        else:
            drawn = uniform_array((missing.size,), a, b, generator)
            fine = _accepted(drawn, mean, std, max(a, min(mean, b)), generator)
        found[missing[fine]] = drawn[fine]
        missing = missing[~fine]
    return _fill(tensor, found.reshape(shape), "trunc_normal_")


def _accepted(
    x: np.ndarray, mean: float, std: float, mode: float, generator: Generator | None
) -> np.ndarray:
    """True with probability density(x) / density(mode)."""
    z, peak = (x - np.float32(mean)) / np.float32(std), (mode - mean) / std
    ratio = backend.kernels.exp_forward(np.float32(0.5) * (np.float32(peak * peak) - z * z))
    accepted: np.ndarray = uniform_array(x.shape, 0.0, 1.0, generator) < ratio
    return accepted


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution (C_out, C_in / groups, *kernel) that passes its input channels on.

    Raises ValueError unless there are 3 to 5 axes and C_out is a multiple of groups.
    """
    shape = _checks.tensor(tensor, "dirac_", "tensor").shape
    if len(shape) not in (3, 4, 5):
        raise ValueError(f"dirac_: shape {shape} has {len(shape)} axes, expected 3, 4 or 5")
    if groups < 1 or shape[0] % groups:
        raise ValueError(f"dirac_: {shape[0]} output channels do not make {groups} groups")
    values = np.zeros(shape, np.float32)
    outputs = shape[0] // groups
    centre = tuple(k // 2 for k in shape[2:])
    if math.prod(shape):
        for d in range(min(outputs, shape[1])):
            values[(slice(d, None, outputs), d, *centre)] = 1.0
    return _fill(tensor, values, "dirac_")


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """(rows, columns): in each column ceil(sparsity rows) elements, drawn at random, are 0, the
    others normal with std.  Martens 2010 (Deep learning via Hessian-free optimization).

    Raises ValueError unless 2 axes, or for a sparsity outside [0, 1].
    """
    shape = _values(tensor, "sparse_").shape
    if len(shape) != 2:
        raise ValueError(f"sparse_: shape {shape} has {len(shape)} axes, expected 2")
    if not 0.0 <= sparsity <= 1.0:
        raise ValueError(f"sparse_: sparsity is {sparsity}, expected a number in [0, 1]")
    rows, columns = shape
    values = normal_array(shape, 0.0, std, generator)
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        values[randperm(rows, generator=generator).numpy()[:zeros], column] = 0.0
    return _fill(tensor, values, "sparse_")


def lsuv_(
    model: Module,
    batch: Any,
    tol: float = 0.1,
    max_iter: int = 10,
    generator: Generator | None = None,
) -> Module:
    """Layer-sequential unit variance: each Linear and Conv of model gives outputs of variance 1.

    Their weights become orthogonal; then, in the order in which batch meets the layers, a weight
    is divided by the standard deviation of its layer's output until the variance is within tol of
    1, or max_iter times.  Evaluation mode; returns the model.  Mishkin & Matas 2016
    (arXiv:1511.06422), Algorithm 1.  Raises TypeError for no Module, ValueError for one without
    such layers, or tol or max_iter not above 0.
    """
    from .init import orthogonal_
    from .utils import evaluating

    if not isinstance(model, Module):
        raise TypeError(f"lsuv_: model must be a Module, got {type(model).__name__}")
    if not tol > 0 or max_iter < 1:
        raise ValueError(f"lsuv_: tol is {tol} and max_iter {max_iter}, expected above 0")
    layers = [m for m in model.modules() if _has_matrix(m)]
    if not layers:
        raise ValueError("lsuv_: model has no Linear or Conv layer")
    for layer in layers:
        orthogonal_(layer.weight, generator=generator)
    order: list[Module] = []
    variance = [0.0]

    def note(module: Module, args: Any, output: Tensor) -> None:
        if module not in order:
            order.append(module)

    def measure(module: Module, args: Any, output: Tensor) -> None:
        variance[0] = _variance(output._data)

    with evaluating(model):
        handles = [layer.register_forward_hook(note) for layer in layers]
        model(batch)
        for handle in handles:
            handle.remove()
        for layer in order:
            handle = layer.register_forward_hook(measure)
            for _ in range(max_iter):
                model(batch)
                if abs(variance[0] - 1.0) < tol or not 0.0 < variance[0] < math.inf:
                    break
                weight = layer.weight
                scale = np.asarray(1.0 / math.sqrt(variance[0]), weight.dtype)
                _fill(weight, weight._data * scale, "lsuv_")
            handle.remove()
    return model


def _has_matrix(module: Module) -> bool:
    name = type(module).__name__
    return name == "Linear" or name.startswith("Conv")


def _variance(x: np.ndarray) -> float:
    """In float64 and one tree of sums: the weights' bits must not depend on the CPU."""
    values = x.astype(np.float64).ravel()
    if not values.size:
        return 0.0
    mean = _total(values.copy()) / values.size
    return _total((values - mean) ** 2) / values.size


def _total(x: np.ndarray) -> float:
    n = x.size
    while n > 1:
        half = n // 2
        x[:half] += x[n - half : n]
        n -= half
    return float(x[0])
