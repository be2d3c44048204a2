"""Recall by a Hopfield network (1982, doi:10.1073/pnas.79.8.2554)."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["hopfield_step", "hopfield_sweep", "rows_differ"]


def hopfield_sweep(
    states: np.ndarray,
    net: np.ndarray,
    weights: np.ndarray,
    order: np.ndarray,
    diagonal: np.ndarray | None = None,
) -> np.ndarray:
    """In each row of states (n, N), of -1 and 1, each unit once, in the given order (N,) int64:
    where h_i s_i < 0, s_i = -s_i and h += 2 s_i w_i.  The net values h begin as net (n, N), less
    diagonal (N,) times states unless it is None; weights (N, N).  Returns the new states.
    ValueError for wrong shapes or places.
    """
    _check(states, net, "net")
    n_units = states.shape[1]
    expect_same_dtype(states=states, weights=weights)
    expect_shape((n_units, n_units), weights=weights)
    if order.dtype != np.int64 or order.shape != (n_units,):
        raise ValueError(f"order must be int64 of shape ({n_units},)")
    for j in np.flatnonzero((order < 0) | (order >= n_units))[:1]:
        raise ValueError(f"order[{j}] is {order[j]}, expected 0 to {n_units - 1}")
    s, h = states.copy(), _less(net, diagonal, states)
    for i in order:
        moved = np.flatnonzero(h[:, i] * s[:, i] < 0)
        s[moved, i] *= -1
        h[moved] += 2 * s[moved, i, None] * weights[i]
    return s


def hopfield_step(
    states: np.ndarray, net: np.ndarray, diagonal: np.ndarray | None = None
) -> np.ndarray:
    """The sign of h, and where h is 0 the element of states (n, N); h as hopfield_sweep's."""
    _check(states, net, "net")
    h = _less(net, diagonal, states)
    return np.where(h == 0, states, np.copysign(states.dtype.type(1), h))


def rows_differ(states: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each row of states (n, N) has other elements than that of others: bool (n,)."""
    _check(states, others, "others")
    return (states != others).any(axis=1)


def _less(net: np.ndarray, diagonal: np.ndarray | None, states: np.ndarray) -> np.ndarray:
    if diagonal is None:
        return net.copy()
    expect_same_dtype(net=net, diagonal=diagonal)
    expect_shape(states.shape[1:], diagonal=diagonal)
    return net - diagonal * states


def _check(states: np.ndarray, other: np.ndarray, name: str) -> None:
    expect_same_dtype(**{"states": states, name: other})
    expect_rank(2, states=states)
    expect_shape(states.shape, **{name: other})
