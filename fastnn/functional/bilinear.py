"""Bilinear forms of two inputs."""

from __future__ import annotations

import math

from ..tensor import Tensor
from . import _checks
from .arithmetic import mul
from .linear import linear
from .shape import reshape


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[k] = input1 . weight[k] . input2 + bias[k]: (*, in1) and (*, in2) -> (*, out).

    weight (out, in1, in2), bias (out,); one matrix product over the pairs input1[i] input2[j].
    Raises TypeError for dtypes that are not float32 or float64 or that differ, ValueError for
    shapes that do not fit.
    """
    a, b = (
        _checks.tensor(input1, "bilinear", "input1"),
        _checks.tensor(input2, "bilinear", "input2"),
    )
    w = _checks.tensor(weight, "bilinear", "weight")
    if bias is not None:
        _checks.tensor(bias, "bilinear", "bias")
    others = b._data, "input2", w._data, "weight", None if bias is None else bias._data, "bias"
    _checks.kernels(a._data, "bilinear", "input1", *others)
    if not a.ndim or a.shape[:-1] != b.shape[:-1] or a.ndim != b.ndim:
        raise ValueError(
            f"bilinear: input1 has shape {a.shape} and input2 {b.shape}, expected the same but for "
            "the last axis"
        )
    if w.ndim != 3 or w.shape[1:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(
            f"bilinear: weight has shape {w.shape}, expected (out, {a.shape[-1]}, {b.shape[-1]})"
        )
    n_out, n_a, n_b = w.shape
    if bias is not None and bias.shape != (n_out,):
        raise ValueError(f"bilinear: bias has shape {bias.shape}, expected ({n_out},)")
    rows = math.prod(a.shape[:-1])
    pairs = mul(reshape(a, (rows, n_a, 1)), reshape(b, (rows, 1, n_b)))
    y = linear(reshape(pairs, (rows, n_a * n_b)), reshape(w, (n_out, n_a * n_b)), bias)
    return reshape(y, (*a.shape[:-1], n_out))
