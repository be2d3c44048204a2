"""Layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450) and RMS normalisation (Zhang &
Sennrich 2019, arXiv:1910.07467) of rows (R, n)."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = [
    "layer_norm_backward",
    "layer_norm_forward",
    "rms_norm_backward",
    "rms_norm_forward",
]

Maybe = np.ndarray | None


def _expect(x: np.ndarray, weight: Maybe, bias: Maybe = None) -> None:
    expect_same_dtype(x=x, weight=weight, bias=bias)
    expect_rank(2, x=x)
    given = {name: a for name, a in (("weight", weight), ("bias", bias)) if a is not None}
    expect_shape(x.shape[1:], **given)


def _mean(a: np.ndarray) -> np.ndarray:
    """Of each row, in float64; 0 of no elements."""
    return a.sum(axis=1, dtype=np.float64) / max(1, a.shape[1])


def _inverse_root(square: np.ndarray, x: np.ndarray, eps: float) -> np.ndarray:
    rstd = 1 / np.sqrt(square + eps)
    return (rstd if x.shape[1] else np.zeros_like(square)).astype(x.dtype)


@np.errstate(all="ignore")
def layer_norm_forward(
    x: np.ndarray, weight: Maybe, bias: Maybe, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = (x - mean) rstd weight + bias, x (R, n), weight and bias (n,) or None.

    mean and rstd = 1 / sqrt(var + eps), var over n, are those of each row -> y, mean, rstd (R,).
    """
    _expect(x, weight, bias)
    mean = _mean(x)
    rstd = _inverse_root(_mean((x - mean[:, None]) ** 2), x, eps)
    mean = mean.astype(x.dtype)
    y = (x - mean[:, None]) * rstd[:, None]
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mean, rstd


@np.errstate(all="ignore")
def layer_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: Maybe,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: tuple[bool, bool, bool],
) -> tuple[Maybe, Maybe, Maybe]:
    """dx, dweight, dbias, each None unless needed; mean and rstd from the forward.

    With g = dy weight, x_hat = (x - mean) rstd: dx = rstd (g - mean(g) - x_hat mean(g x_hat)),
    dweight = sum dy x_hat, dbias = sum dy over the rows.
    """
    _expect(x, weight)
    expect_same_dtype(dy=dy, x=x, mean=mean, rstd=rstd)
    expect_shape(x.shape, dy=dy)
    expect_shape(x.shape[:1], mean=mean, rstd=rstd)
    x_hat = (x - mean[:, None]) * rstd[:, None]
    g = dy if weight is None else dy * weight
    lost = _mean(g)[:, None] + x_hat * _mean(g * x_hat)[:, None]
    dx = (rstd[:, None] * (g - lost)).astype(x.dtype)
    grads = dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))  # type: ignore[return-value]


@np.errstate(all="ignore")
def rms_norm_forward(x: np.ndarray, weight: Maybe, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """y = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps) of each row of x (R, n) -> y, rstd (R,).

    weight (n,) or None.
    """
    _expect(x, weight)
    rstd = _inverse_root(_mean(x.astype(np.float64) ** 2), x, eps)
    y = x * rstd[:, None]
    return y if weight is None else y * weight, rstd


@np.errstate(all="ignore")
def rms_norm_backward(
    dy: np.ndarray, x: np.ndarray, weight: Maybe, rstd: np.ndarray, needs: tuple[bool, bool]
) -> tuple[Maybe, Maybe]:
    """dx, dweight, each None unless needed; rstd from the forward.

    With g = dy weight, x_hat = x rstd: dx = rstd (g - x_hat mean(g x_hat)),
    dweight = sum dy x_hat over the rows.
    """
    _expect(x, weight)
    expect_same_dtype(dy=dy, x=x, rstd=rstd)
    expect_shape(x.shape, dy=dy)
    expect_shape(x.shape[:1], rstd=rstd)
    x_hat = x * rstd[:, None]
    g = dy if weight is None else dy * weight
    dx = (rstd[:, None] * (g - x_hat * _mean(g * x_hat)[:, None])).astype(x.dtype)
    return dx if needs[0] else None, (dy * x_hat).sum(axis=0) if needs[1] else None
