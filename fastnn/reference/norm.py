"""Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) over planes (N, C, S)."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape
from .activation import apply, apply_backward

__all__ = ["batch_norm_backward", "batch_norm_forward"]


def _expect(x: np.ndarray, activation: str | None, **of_channel: np.ndarray | None) -> None:
    expect_same_dtype(x=x, **of_channel)
    expect_rank(3, x=x)
    given = {name: a for name, a in of_channel.items() if a is not None}
    expect_shape(x.shape[1:2], **given)
    if activation not in (None, "relu"):
        raise ValueError(f"activation must be None or 'relu', got {activation!r}")


def _per_channel(a: np.ndarray) -> np.ndarray:
    return a[:, None]


@np.errstate(all="ignore")
def batch_norm_forward(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray | None,
    var: np.ndarray | None,
    eps: float,
    activation: str | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = act((x - mean) / sqrt(var + eps) weight + bias), x (N, C, S), the others (C,) or None.

    Without mean and var: those of each channel over N and S, var over their number.
    -> y, mean, var.
    """
    _expect(x, activation, weight=weight, bias=bias, mean=mean, var=var)
    if (mean is None) != (var is None):
        raise ValueError("mean and var must both be given, or neither")
    if mean is None or var is None:
        if x.shape[0] * x.shape[2] == 0:
            mean = var = np.zeros(x.shape[1], x.dtype)
        else:
            mean = x.mean(axis=(0, 2), dtype=np.float64).astype(x.dtype)
            var = x.var(axis=(0, 2), dtype=np.float64).astype(x.dtype)
    x_hat = (x - _per_channel(mean)) / _per_channel(np.sqrt(var + x.dtype.type(eps)))
    z = x_hat if weight is None else x_hat * _per_channel(weight)
    z = z if bias is None else z + _per_channel(bias)
    return apply(activation, z), mean, var


@np.errstate(all="ignore")
def batch_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    training: bool,
    activation: str | None,
    needs: tuple[bool, bool, bool],
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """dx, dweight, dbias, each None unless needed; mean and var from the forward.

    training: mean and var are those of x, and dx goes through them:
    dx = w / sigma (dz - mean(dz) - x_hat mean(dz x_hat)), else dx = w / sigma dz.
    """
    _expect(x, activation, weight=weight, bias=bias, mean=mean, var=var)
    expect_same_dtype(dy=dy, x=x)
    expect_shape(x.shape, dy=dy)
    sigma = _per_channel(np.sqrt(var + x.dtype.type(eps)))
    x_hat = (x - _per_channel(mean)) / sigma
    w = np.ones_like(sigma) if weight is None else _per_channel(weight)
    b = np.zeros_like(sigma) if bias is None else _per_channel(bias)
    dz = apply_backward(activation, dy, x_hat * w + b)
    dx = dz
    dbias = dz.sum(axis=(0, 2))
    dweight = (dz * x_hat).sum(axis=(0, 2))
    if training:
        count = max(1, x.shape[0] * x.shape[2])
        dx = dz - _per_channel(dbias) / count - x_hat * _per_channel(dweight) / count
    grads = w / sigma * dx, dweight, dbias
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))  # type: ignore[return-value]
