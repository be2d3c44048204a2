"""Layers that run together: convolution and batch normalisation as one convolution.

In evaluation y = (conv(x) - mean) / sqrt(var + eps) gamma + beta is a convolution with scaled
weights.  Folding rounds differently: results agree within rounding, not bit by bit.
"""

from __future__ import annotations

import copy
import operator
import weakref
from typing import Any

import numpy as np

from .. import functional as F
from ..functional import _checks
from ..grad_mode import mode
from ..tensor import Parameter, Tensor, wrap
from . import inference
from .conv import Conv1d, Conv2d, Conv3d
from .linear import Linear
from .module import Module, _note
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm

# Which layer folds with which, and the rank of its output then.
FOLDS: dict[type, tuple[type, int]] = {
    Conv1d: (BatchNorm1d, 3),
    Conv2d: (BatchNorm2d, 4),
    Conv3d: (BatchNorm3d, 5),
    Linear: (BatchNorm1d, 2),
}

# Of each batch norm: the arrays, their versions and the eps that were folded, and the result.
_folded: weakref.WeakKeyDictionary[Module, tuple[Any, ...]] = weakref.WeakKeyDictionary()


def altered(module: Module) -> bool:
    """Whether a call of this module may do more than its class says."""
    own = module.__dict__
    if type(own["_parameters"]) is not dict:  # some are computed, see utils.parametrize
        return True
    return bool(
        own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
        or "forward" in own
    )


def _fold(
    weight: np.ndarray, bias: Any, mean: np.ndarray, var: np.ndarray, eps: float, gamma: Any,
    beta: Any, axis: int = 0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Weight and bias of the one layer; computed in float64, in the weight's dtype."""
    with np.errstate(all="ignore"):  # a negative variance is NaN, as layer by layer
        scale = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    if gamma is not None:
        scale = scale * gamma
    shape = [1] * weight.ndim
    shape[axis] = -1
    shift = -mean * scale if bias is None else (bias.astype(np.float64) - mean) * scale
    if beta is not None:
        shift = shift + beta
    folded = (weight * scale.reshape(shape)).astype(weight.dtype)
    return folded, shift.astype(weight.dtype)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that also does the batch normalisation after it.

    transpose: of a transposed convolution, whose second axis is that of the output channels.
    """
    arrays = [None if t is None else t._data for t in (conv_w, conv_b, bn_rm, bn_rv, bn_w, bn_b)]
    weight, bias, mean, var, gamma, beta = arrays
    assert weight is not None and mean is not None and var is not None
    w, b = _fold(weight, bias, mean, var, bn_eps, gamma, beta, int(transpose))
    wanted = conv_w.requires_grad
    return Parameter(w, wanted), Parameter(b, wanted if conv_b is None else conv_b.requires_grad)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of `conv` that also does the batch normalisation `bn` after it, both in eval mode.

    Its activation is bn's.  Raises ValueError in training mode, for a convolution with an
    activation of its own and for a bn without running statistics.
    """
    if conv.training or bn.training:
        raise ValueError("fuse_conv_bn_eval: conv and bn must be in eval mode")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("fuse_conv_bn_eval: bn has no running_mean and running_var")
    if getattr(conv, "activation", None) is not None:
        raise ValueError(
            f"fuse_conv_bn_eval: conv applies activation={conv.activation!r} before bn"
        )
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    if bn.activation is not None:
        fused.activation = bn.activation
    return fused


def _folds(layer: Any, bn: Any, x: Any) -> bool:
    """Whether nothing is recorded and nothing but the two layers' own work has to be done."""
    kind: Any = type(bn)
    wanted, rank = FOLDS.get(type(layer), (None, 0))
    if wanted is None or kind is not wanted or bn.training or layer.activation is not None:
        return False
    if not isinstance(x, Tensor) or x._data.ndim != rank or altered(layer) or altered(bn):
        return False
    if mode.enabled:
        for t in (x, *layer._parameters.values(), *bn._parameters.values()):
            if t is not None and t.requires_grad:
                return False
    return True


def _folded_parameters(layer: Any, bn: Any) -> dict[str, Tensor] | None:
    """Folded anew when an array was replaced, a version counter moved or eps was set; None if the
    two do not fit."""
    own, norm, buffers = layer._parameters, bn._parameters, bn._buffers
    tensors = (
        own["weight"], own["bias"], norm["weight"], norm["bias"],
        buffers["running_mean"], buffers["running_var"],
    )  # fmt: skip
    arrays = [None if t is None else t._data for t in tensors]
    versions = [0 if t is None else t._version for t in tensors]
    eps = bn.eps
    found = _folded.get(bn)
    if found is not None and found[1] == versions and found[2] == eps:
        if all(map(operator.is_, found[0], arrays)):
            return found[3]
    weight, bias, gamma, beta, mean, var = arrays
    if weight is None or mean is None or var is None or mean.shape != weight.shape[:1]:
        return None
    if any(a is not None and a.dtype != weight.dtype for a in arrays):
        return None
    folded = _fold(weight, bias, mean, var, eps, gamma, beta)
    result = {"weight": wrap(folded[0]), "bias": wrap(folded[1])}
    _folded[bn] = arrays, versions, eps, result
    return result


def _on_arrays(
    conv: Any,
    input: Tensor,
    parameters: dict[str, Tensor],
    activation: str | None,
    residual: np.ndarray | None = None,
) -> Tensor | None:
    """See inference.convolved; None where something is recorded or the layer has to run itself."""
    if mode.enabled or type(conv) is not Conv2d:
        return None
    try:
        return wrap(inference.convolved(conv, input._data, parameters, activation, residual))
    except (inference.NotLowered, TypeError, ValueError):  # the layer knows why
        return None


def conv_bn(conv: Any, bn: Any, input: Tensor, activation: str | None = None) -> Tensor:
    """act(bn(conv(input))), for the forward of a block.

    In training, or where a gradient is recorded: the convolution, then batch normalisation with the
    ReLU in the same pass, bit by bit the same as one after the other.  In evaluation otherwise: one
    convolution (or Linear) with folded weights, kept until a parameter or buffer changes (changes
    through `.numpy()` are unseen, as they are by the tape), the same within rounding.  Modules with
    hooks or of other classes run one by one.  activation: None, "relu", "tanh" or "sigmoid".
    """
    if activation is not None:
        _checks.activation(activation, "conv_bn")
    parameters = _folded_parameters(conv, bn) if _folds(conv, bn, input) else None
    if parameters is not None:
        first = bn.activation
        wanted = activation if first is None else first
        if first is None or activation is None:
            y = _on_arrays(conv, input, parameters, wanted)
            if y is not None:
                return y
        folded = object.__new__(type(conv))
        folded.__dict__.update(conv.__dict__, _parameters=parameters)
        try:
            y = folded.forward_with(input, wanted)
        except Exception as error:
            _note(error, conv)
            raise
        return y if first is None or activation is None else _activated(y, activation)
    return norm_relu(bn, conv(input), activation)


def conv_bn_add_relu(conv: Any, bn: Any, input: Tensor, residual: Tensor) -> Tensor:
    """relu(bn(conv(input)) + residual), for the end of a residual block: where nothing is recorded,
    one convolution with folded weights that adds what it ends with, the same bits as one by one."""
    if isinstance(residual, Tensor) and not mode.enabled:
        parameters = _folded_parameters(conv, bn) if _folds(conv, bn, input) else None
        if parameters is not None and bn.activation is None:
            y = _on_arrays(conv, input, parameters, None, residual._data)
            if y is not None:
                return y
    return F.add_relu(conv_bn(conv, bn, input), residual)


def _activated(y: Tensor, activation: str | None) -> Tensor:
    return y if activation is None else getattr(F, activation)(y)


def norm_relu(bn: Any, x: Tensor, activation: str | None) -> Tensor:
    """act(bn(x)), with the ReLU in the same pass where bn does nothing else."""
    plain = isinstance(bn, _BatchNorm) and type(bn).forward is _BatchNorm.forward
    if activation != "relu" or not plain or bn.activation is not None or altered(bn):
        return _activated(bn(x), activation)
    try:
        return bn.forward_with(x, "relu")
    except Exception as error:
        _note(error, bn)
        raise
