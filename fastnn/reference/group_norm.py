"""Group normalisation (Wu & He 2018, arXiv:1803.08494) over planes (N, C, S)."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["group_norm_backward", "group_norm_forward"]

Maybe = np.ndarray | None


def _expect(x: np.ndarray, groups: int, weight: Maybe, bias: Maybe = None) -> None:
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(3, x=x)
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups is {groups}, which does not divide {x.shape[1]} channels")
    given = {name: a for name, a in (("weight", weight), ("bias", bias)) if a is not None}
    expect_shape(x.shape[1:2], **given)


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """(N, C, S) as (N, groups, elements)."""
    n, c, s = x.shape
    return x.reshape(n, groups, c // groups * s)


def _mean(a: np.ndarray) -> np.ndarray:
    """(N, groups, elements) -> (N, groups, 1), in float64; 0 of no elements."""
    return a.sum(axis=2, keepdims=True, dtype=np.float64) / max(1, a.shape[2])


@np.errstate(all="ignore")
def group_norm_forward(
    x: np.ndarray, weight: Maybe, bias: Maybe, groups: int, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = (x - mean) rstd weight + bias, x (N, C, S), weight and bias (C,) or None.

    mean and rstd = 1 / sqrt(var + eps), var over the C / groups S elements of a group, are those of
    each image and group -> y, mean, rstd (N, groups).
    """
    _expect(x, groups, weight, bias)
    rows = _grouped(x, groups)
    mean = _mean(rows)
    rstd = 1 / np.sqrt(_mean((rows - mean) ** 2) + eps)
    if not rows.shape[2] or not rows.shape[0]:
        mean, rstd = np.zeros_like(mean), np.zeros_like(rstd)
    mean, rstd = mean.astype(x.dtype), rstd.astype(x.dtype)
    y = ((rows - mean) * rstd).reshape(x.shape)
    y = y if weight is None else y * weight[:, None]
    return y if bias is None else y + bias[:, None], mean[:, :, 0], rstd[:, :, 0]


@np.errstate(all="ignore")
def group_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: Maybe,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: tuple[bool, bool, bool],
) -> tuple[Maybe, Maybe, Maybe]:
    """dx, dweight, dbias, each None unless needed; mean and rstd from the forward.

    With g = dy weight, x_hat = (x - mean) rstd, and means over a group:
    dx = rstd (g - mean(g) - x_hat mean(g x_hat)); dweight = sum dy x_hat, dbias = sum dy.
    """
    groups = mean.shape[1]
    _expect(x, groups, weight)
    expect_same_dtype(dy=dy, x=x, mean=mean, rstd=rstd)
    expect_shape(x.shape, dy=dy)
    expect_shape((x.shape[0], groups), mean=mean, rstd=rstd)
    scale = rstd[:, :, None]
    x_hat = (_grouped(x, groups) - mean[:, :, None]) * scale
    g = _grouped(dy if weight is None else dy * weight[:, None], groups)
    dx = (scale * (g - _mean(g) - x_hat * _mean(g * x_hat))).astype(x.dtype).reshape(x.shape)
    dweight = (dy * x_hat.reshape(x.shape)).sum(axis=(0, 2))
    grads = dx, dweight, dy.sum(axis=(0, 2))
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))  # type: ignore[return-value]
