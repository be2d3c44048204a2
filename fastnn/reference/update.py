"""One optimizer step over a whole list of parameters, in place, from the papers' equations."""

from collections.abc import Iterator

import numpy as np

from ._check import expect_same_dtype, expect_shape

__all__ = [
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "lion_step",
    "nadam_step",
    "radam_step",
    "rmsprop_step",
    "rprop_step",
    "sgd_step",
]

Arrays = list[np.ndarray]


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


def _penalised(
    p: np.ndarray,
    g: np.ndarray,
    lr: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
    decoupled: bool,
) -> np.ndarray:
    """As `_decayed`; decoupled (Loshchilov & Hutter 2019, arXiv:1711.05101): the penalties' own
    step p <- p - lr (weight_decay p + l1_decay sign(p)) is made at once, in place."""
    if not decoupled:
        return _decayed(p, g, weight_decay, l1_decay, maximize)
    p[...] = p - lr * (weight_decay * p + l1_decay * np.sign(p))
    return -g if maximize else g


@np.errstate(all="ignore")
def sgd_step(
    params: Arrays,
    grads: Arrays,
    buffers: Arrays | None,
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
    params: Arrays,
    grads: Arrays,
    ms: Arrays,
    vs: Arrays,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
    max_vs: Arrays | None = None,
    decoupled: bool = False,
) -> None:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1), in place on params, ms and vs.

    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
    p <- p - lr mhat / (sqrt(vhat) + eps),  mhat = m / (1 - beta1^t),  vhat = v / (1 - beta2^t).
    step is t and counts from 1; the decays are added to the gradient, or decoupled (AdamW).
    max_vs: the largest v so far, in v's place (AMSGrad: Reddi et al. 2018, arXiv:1904.09237).
    """
    for p, grad, m, v, *top in _each(params=params, grads=grads, ms=ms, vs=vs, max_vs=max_vs):
        g = _penalised(p, grad, lr, weight_decay, l1_decay, maximize, decoupled)
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g * g
        if top:
            top[0][...] = np.maximum(top[0], v)
        mhat = m / (1 - beta1**step)
        vhat = (top[0] if top else v) / (1 - beta2**step)
        p[...] = p - lr * mhat / (np.sqrt(vhat) + eps)


@np.errstate(all="ignore")
def nadam_step(
    params: Arrays,
    grads: Arrays,
    ms: Arrays,
    vs: Arrays,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
    decoupled: bool,
    momentum_decay: float,
    mu_product: float,
) -> float:
    """NAdam (Dozat 2016, Incorporating Nesterov momentum into Adam), in place on params, ms, vs.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); m, v and vhat as in Adam;
    mhat = mu_{t+1} m / (1 - prod_{i<=t+1} mu_i) + (1 - mu_t) g / (1 - prod_{i<=t} mu_i).
    Returns the product of mu up to t; mu_product is that up to t - 1.
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    product = mu_product * mu
    for p, grad, m, v in _each(params=params, grads=grads, ms=ms, vs=vs):
        g = _penalised(p, grad, lr, weight_decay, l1_decay, maximize, decoupled)
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g * g
        mhat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        p[...] = p - lr * mhat / (np.sqrt(v / (1 - beta2**step)) + eps)
    return product


@np.errstate(all="ignore")
def radam_step(
    params: Arrays,
    grads: Arrays,
    ms: Arrays,
    vs: Arrays,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
    decoupled: bool,
) -> None:
    """RAdam (Liu et al. 2020, arXiv:1908.03265, Algorithm 2), in place on params, ms and vs.

    rho_inf = 2 / (1 - beta2) - 1,  rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t).
    Where rho_t > 5 (PyTorch's bound; the paper has 4): p <- p - lr r mhat l with
    r^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t) and
    l = sqrt(1 - beta2^t) / (sqrt(v) + eps); before: p <- p - lr mhat.
    """
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * step * beta2**step / (1 - beta2**step)
    for p, grad, m, v in _each(params=params, grads=grads, ms=ms, vs=vs):
        g = _penalised(p, grad, lr, weight_decay, l1_decay, maximize, decoupled)
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g * g
        update = m / (1 - beta1**step)
        if rho > 5:
            r = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            update = r**0.5 * update * (1 - beta2**step) ** 0.5 / (np.sqrt(v) + eps)
        p[...] = p - lr * update


@np.errstate(all="ignore")
def adamax_step(
    params: Arrays,
    grads: Arrays,
    ms: Arrays,
    us: Arrays,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Adamax (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2), in place on params, ms and us.

    m <- beta1 m + (1 - beta1) g,  u <- max(beta2 u, |g| + eps),  p <- p - lr / (1 - beta1^t) m / u.
    """
    for p, grad, m, u in _each(params=params, grads=grads, ms=ms, us=us):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        m[...] = beta1 * m + (1 - beta1) * g
        u[...] = np.maximum(beta2 * u, np.abs(g) + eps)
        p[...] = p - lr / (1 - beta1**step) * m / u


@np.errstate(all="ignore")
def rmsprop_step(
    params: Arrays,
    grads: Arrays,
    vs: Arrays,
    means: Arrays | None,
    buffers: Arrays | None,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5), in place on params and states.

    v <- alpha v + (1 - alpha) g^2;  means (Graves 2013, arXiv:1308.0850): c <- alpha c +
    (1 - alpha) g, and v - c^2 (at least 0) in v's place;  s = g / (sqrt(v) + eps);
    buffers: b <- momentum b + s, p <- p - lr b, else p <- p - lr s.
    """
    lists = {"params": params, "grads": grads, "vs": vs, "means": means, "buffers": buffers}
    for p, grad, v, *rest in _each(**lists):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        v[...] = alpha * v + (1 - alpha) * g * g
        variance = v
        if means is not None:
            c = rest[0]
            c[...] = alpha * c + (1 - alpha) * g
            variance = np.maximum(v - c * c, 0)
        update = g / (np.sqrt(variance) + eps)
        if buffers is not None:
            b = rest[-1]
            update = b[...] = momentum * b + update
        p[...] = p - lr * update


@np.errstate(all="ignore")
def adagrad_step(
    params: Arrays,
    grads: Arrays,
    sums: Arrays,
    step: int,
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Adagrad (Duchi, Hazan & Singer 2011), in place on params and sums.

    s <- s + g^2,  p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
    """
    rate = lr / (1 + (step - 1) * lr_decay)
    for p, grad, s in _each(params=params, grads=grads, sums=sums):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        s[...] = s + g * g
        p[...] = p - rate * g / (np.sqrt(s) + eps)


@np.errstate(all="ignore")
def adadelta_step(
    params: Arrays,
    grads: Arrays,
    vs: Arrays,
    deltas: Arrays,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Adadelta (Zeiler 2012, arXiv:1212.5701, Algorithm 1), in place on params, vs and deltas.

    v <- rho v + (1 - rho) g^2,  s = sqrt(d + eps) / sqrt(v + eps) g,
    d <- rho d + (1 - rho) s^2,  p <- p - lr s.
    """
    for p, grad, v, d in _each(params=params, grads=grads, vs=vs, deltas=deltas):
        g = _decayed(p, grad, weight_decay, l1_decay, maximize)
        v[...] = rho * v + (1 - rho) * g * g
        s = np.sqrt(d + eps) / np.sqrt(v + eps) * g
        d[...] = rho * d + (1 - rho) * s * s
        p[...] = p - lr * s


@np.errstate(all="ignore")
def rprop_step(
    params: Arrays,
    grads: Arrays,
    prevs: Arrays,
    sizes: Arrays,
    eta_minus: float,
    eta_plus: float,
    smallest: float,
    largest: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Rprop (Riedmiller & Braun 1993), in place on params, prevs (gradients before) and sizes.

    The size grows by eta_plus where g has the sign that it had, shrinks by eta_minus where it
    turned, and stays within [smallest, largest]; p <- p - sign(g) size, no step where g turned.
    """
    for p, grad, prev, size in _each(params=params, grads=grads, prevs=prevs, sizes=sizes):
        g = _decayed(p, grad, 0.0, l1_decay, maximize)
        agreement = g * prev
        factor = np.where(agreement > 0, eta_plus, np.where(agreement < 0, eta_minus, 1.0))
        size[...] = np.clip(size * factor, smallest, largest)
        g = np.where(agreement < 0, np.zeros_like(g), g)
        p[...] = p - np.sign(g) * size
        prev[...] = g


@np.errstate(all="ignore")
def lion_step(
    params: Arrays,
    grads: Arrays,
    ms: Arrays,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    l1_decay: float,
    maximize: bool,
) -> None:
    """Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2), in place on params and ms.

    p <- p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p + l1_decay sign(p)),
    m <- beta2 m + (1 - beta2) g.
    """
    for p, grad, m in _each(params=params, grads=grads, ms=ms):
        g = _penalised(p, grad, lr, weight_decay, l1_decay, maximize, decoupled=True)
        p[...] = p - lr * np.sign(beta1 * m + (1 - beta1) * g)
        m[...] = beta2 * m + (1 - beta2) * g
