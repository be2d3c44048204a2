"""One optimizer step over a whole list of parameters, in place: SGD and Adam."""

from collections.abc import Iterator

import numpy as np

from ._check import expect_same_dtype, expect_shape

__all__ = ["adam_step", "sgd_step"]


def _each(**lists: list[np.ndarray] | None) -> Iterator[tuple[np.ndarray, ...]]:
    """The i-th array of every list, checked to be alike; lists that are None are left out."""
    given = {name: arrays for name, arrays in lists.items() if arrays is not None}
    if len({len(arrays) for arrays in given.values()}) > 1:
        raise ValueError("the lists of parameters, gradients and states differ in length")
    for i, arrays in enumerate(zip(*given.values(), strict=True)):
        named = {f"{name}[{i}]": array for name, array in zip(given, arrays, strict=True)}
        expect_same_dtype(**named)
        expect_shape(arrays[0].shape, **named)
        yield arrays


def _decayed(
    p: np.ndarray, g: np.ndarray, weight_decay: float, l1_decay: float, maximize: bool
) -> np.ndarray:
    """Gradient of the objective with the penalties weight_decay/2 |p|^2 + l1_decay |p|_1."""
    return (-g if maximize else g) + weight_decay * p + l1_decay * np.sign(p)


@np.errstate(all="ignore")
def sgd_step(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    buffers: list[np.ndarray] | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    l1_decay: float,
    first: bool,
) -> None:
    """SGD with momentum (Sutskever et al. 2013) in PyTorch's form, in place on params and buffers.

    g <- grad + weight_decay p + l1_decay sign(p)     (maximize: -grad)
    b <- momentum b + (1 - dampening) g               (first: b <- g)
    p <- p - lr (nesterov: g + momentum b, else b)    (no buffers: g)
    """
    for p, grad, *state in _each(params=params, grads=grads, buffers=buffers):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        if state:
            (b,) = state
            b[...] = g if first else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p[...] = p - lr * g


@np.errstate(all="ignore")
def adam_step(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    ms: list[np.ndarray],
    vs: list[np.ndarray],
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1), in place on params, ms and vs.

    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
    p <- p - lr mhat / (sqrt(vhat) + eps),  mhat = m / (1 - beta1^t),  vhat = v / (1 - beta2^t).
    step is t and counts from 1; the decays are added to the gradient.
    """
    for p, grad, m, v in _each(params=params, grads=grads, ms=ms, vs=vs):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g * g
        mhat = m / (1 - beta1**step)
        vhat = v / (1 - beta2**step)
        p[...] = p - lr * mhat / (np.sqrt(vhat) + eps)
