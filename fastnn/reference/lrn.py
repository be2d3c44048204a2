"""Local response normalisation (Krizhevsky et al. 2012, section 3.3) over planes (N, C, S)."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["local_response_norm_backward", "local_response_norm_forward"]


def _window_sums(a: np.ndarray, below: int, above: int) -> np.ndarray:
    """sum_j a_nj, j from c - below to c + above."""
    channels = a.shape[1]
    out = np.zeros_like(a)
    for c in range(channels):
        out[:, c] = a[:, max(0, c - below) : c + above + 1].sum(axis=1)
    return out


def _expect(size: int, **arrays: np.ndarray) -> None:
    expect_same_dtype(**arrays)
    expect_rank(3, **arrays)
    expect_shape(next(iter(arrays.values())).shape, **arrays)
    if size < 1:
        raise ValueError(f"size is {size}, expected at least 1")


@np.errstate(all="ignore")
def local_response_norm_forward(
    x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> tuple[np.ndarray, np.ndarray]:
    """base_c = k + alpha / size sum_j x_j^2, y = x base^-beta: x (N, C, S) -> y, base.

    j from c - size // 2 to c + (size - 1) // 2, as far as there are channels.
    """
    _expect(size, x=x)
    one = x.dtype.type
    base = one(k) + one(alpha / size) * _window_sums(x * x, size // 2, (size - 1) // 2)
    return x * base ** one(-beta), base


@np.errstate(all="ignore")
def local_response_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    base: np.ndarray,
    size: int,
    alpha: float,
    beta: float,
) -> np.ndarray:
    """dx_c = dy_c base_c^-beta - 2 alpha beta / size x_c sum_j dy_j y_j / base_j.

    j over the channels whose window holds c; y and base from the forward.
    """
    _expect(size, x=x, dy=dy, y=y, base=base)
    one = x.dtype.type
    sums = _window_sums(dy * y / base, (size - 1) // 2, size // 2)
    return dy * base ** one(-beta) - one(2 * alpha * beta / size) * x * sums
