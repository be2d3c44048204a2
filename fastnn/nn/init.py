"""Initialisers: change a tensor in place, unrecorded, and return it.

Names, bounds and defaults are PyTorch's; the numbers come from `generator` (the default one if
None) and do not depend on threads or CPU.  Fans: (out, in, *kernel) has fan_in = in * kernel
elements and fan_out = out * kernel elements.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..creation import normal_array, uniform_array
from ..functional import _checks, inplace
from ..grad_mode import mode as grad_mode
from ..grad_mode import no_grad
from ..random import Generator
from ..tensor import Tensor
from .init_more import dirac_ as dirac_
from .init_more import lsuv_ as lsuv_
from .init_more import sparse_ as sparse_
from .init_more import trunc_normal_ as trunc_normal_

_LINEAR = ("linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)), "sigmoid")
_GAINS = dict.fromkeys(_LINEAR, 1.0) | {"tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor that keeps the variance of signals: sqrt(2) for "relu", 5/3 for "tanh",
    3/4 for "selu", sqrt(2 / (1 + param^2)) for "leaky_relu" (param 0.01 if None), 1 for the rest.

    Raises ValueError for another name, or a slope that is no number.
    """
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"calculate_gain: param is {param!r}, expected a number")
        return math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain: nonlinearity is {nonlinearity!r}, expected {known}")
    return _GAINS[nonlinearity]


def _fill(tensor: Tensor, value: Any, function: str) -> Tensor:
    _checks.tensor(tensor, function, "tensor")
    if grad_mode.shapes_only:
        return tensor
    with no_grad():
        return inplace.fill(tensor, value, function)


def _float(tensor: Tensor, function: str) -> Tensor:
    _checks.kernels(_checks.tensor(tensor, function, "tensor")._data, function, "tensor")
    return tensor


def _fans(tensor: Tensor, function: str) -> tuple[int, int]:
    if _checks.tensor(tensor, function, "tensor").ndim < 2:
        raise ValueError(f"{function}: shape {tensor.shape} has fewer than 2 axes, so no fans")
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _fan(tensor: Tensor, mode: str, function: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{function}: mode is {mode!r}, expected 'fan_in' or 'fan_out'")
    fan = _fans(tensor, function)[mode == "fan_out"]
    if not fan:
        raise ValueError(f"{function}: shape {tensor.shape} has {mode} 0")
    return fan


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform in [a, b)."""
    shape = _float(tensor, "uniform_").shape
    if grad_mode.shapes_only:
        return tensor
    return _fill(tensor, uniform_array(shape, a, b, generator), "uniform_")


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normal with mean and standard deviation."""
    shape = _float(tensor, "normal_").shape
    if grad_mode.shapes_only:
        return tensor
    return _fill(tensor, normal_array(shape, mean, std, generator), "normal_")


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element = val."""
    return _fill(tensor, val, "constant_")


def zeros_(tensor: Tensor) -> Tensor:
    """All 0."""
    return _fill(tensor, 0, "zeros_")


def ones_(tensor: Tensor) -> Tensor:
    """All 1."""
    return _fill(tensor, 1, "ones_")


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, cut or filled with zeros.  Raises ValueError unless 2 axes."""
    if _checks.tensor(tensor, "eye_", "tensor").ndim != 2:
        raise ValueError(f"eye_: shape {tensor.shape} has {tensor.ndim} axes, expected 2")
    return _fill(tensor, np.eye(*tensor.shape), "eye_")


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)).  Glorot and Bengio 2010."""
    bound = gain * math.sqrt(6.0 / max(sum(_fans(tensor, "xavier_uniform_")), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with std gain sqrt(2 / (fan_in + fan_out)).  Glorot and Bengio 2010."""
    std = gain * math.sqrt(2.0 / max(sum(_fans(tensor, "xavier_normal_")), 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in +-gain sqrt(3 / fan); a: slope of leaky_relu.  He et al. 2015,
    arXiv:1502.01852."""
    fan = _fan(tensor, mode, "kaiming_uniform_")
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(fan)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with std gain / sqrt(fan); a: slope of leaky_relu.  He et al. 2015,
    arXiv:1502.01852."""
    fan = _fan(tensor, mode, "kaiming_normal_")
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Uniform in +-sqrt(3 / fan_in).  LeCun et al. 1998 (Efficient BackProp), section 4.6."""
    bound = math.sqrt(3.0 / _fan(tensor, "fan_in", "lecun_uniform_"))
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Normal with std sqrt(1 / fan_in): for tanh, and for SELU (Klambauer et al. 2017).  LeCun et
    al. 1998 (Efficient BackProp), section 4.6."""
    std = math.sqrt(1.0 / _fan(tensor, "fan_in", "lecun_normal_"))
    return normal_(tensor, 0.0, std, generator)


def default_(weight: Tensor, bias: Tensor | None) -> None:
    """What Linear and Conv2d begin with, as in PyTorch: both uniform in +-1 / sqrt(fan_in)."""
    fan_in = _fans(weight, "reset_parameters")[0]
    bound = 1.0 / math.sqrt(fan_in) if fan_in else 0.0
    uniform_(weight, -bound, bound)
    if bias is not None:
        uniform_(bias, -bound, bound)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """gain Q: (rows, *) is a matrix of orthonormal rows, or columns if there are more rows.

    Q is uniform: that of a normal matrix's QR, each column times the sign of R's diagonal.
    Saxe et al. 2013, arXiv:1312.6120.  Raises ValueError for fewer than 2 axes.
    """
    if _float(tensor, "orthogonal_").ndim < 2:
        raise ValueError(f"orthogonal_: shape {tensor.shape} has fewer than 2 axes")
    if not tensor._data.size or grad_mode.shapes_only:
        return tensor
    rows = tensor.shape[0]
    columns = tensor._data.size // rows
    normal = normal_array((rows, columns), 0.0, 1.0, generator).astype(np.float64)
    # In float64, so that what LAPACKs of different CPUs differ in is rounded away.
    q, r = np.linalg.qr(normal if rows >= columns else normal.T)
    q *= gain * np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return _fill(tensor, matrix.reshape(tensor.shape), "orthogonal_")


def chrono_(module: Any, t_max: float, generator: Generator | None = None) -> Any:
    """Biases of an LSTM or GRU that keep the state for 1 to t_max steps; returns the module.

    With u uniform in [1, t_max - 1], the sum of both biases of a forget gate becomes log u and of
    its input gate -log u; of a GRU's update gate, which multiplies the old state, log u: it is put
    into bias_ih, the same part of bias_hh is 0.  All layers and directions; other gates stay.
    Tallec & Ollivier 2018, arXiv:1804.11188.

    Raises TypeError for another module, ValueError for t_max < 2 or a module without biases.
    """
    mode = getattr(module, "mode", None)
    if mode not in ("LSTM", "GRU"):
        raise TypeError(f"chrono_: module must be an LSTM or GRU, got {type(module).__name__}")
    top = _checks.number(t_max, "chrono_", "t_max")
    if not 2 <= t_max < math.inf:
        raise ValueError(f"chrono_: t_max is {t_max}, expected a finite number of at least 2")
    names = [name for name, _ in module.named_parameters() if name.startswith("bias_ih_l")]
    if not names:
        raise ValueError(f"chrono_: the {mode} has no biases")
    n = module.hidden_size
    for name in names:
        u = uniform_array((n,), 1.0, top - 1.0, generator)
        keep = backend.kernels.log_forward(u)
        ih, hh = getattr(module, name), getattr(module, name.replace("_ih_", "_hh_"))
        values, zeros = ih._data.copy(), hh._data.copy()
        values[n : 2 * n], zeros[n : 2 * n] = keep, 0.0  # LSTM: i f g o, GRU: r z n
        if mode == "LSTM":
            values[:n], zeros[:n] = -keep, 0.0
        _fill(ih, values, "chrono_")
        _fill(hh, zeros, "chrono_")
    return module
