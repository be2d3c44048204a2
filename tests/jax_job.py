"""Prints nothing; writes values and gradients by JAX to the .npz file that is its argument.

A program of its own, since a process that has used JAX may not fork, and other tests do.
For each case NAME: NAME/x0, x1 ... the inputs, NAME/y the value, NAME/weight, and NAME/g0, g1 ...
the gradients of sum(y weight) for the inputs.  All float64.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def conv(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    y = lax.conv_general_dilated(
        x,
        w,
        (stride, stride),
        [(padding, padding)] * 2,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
        feature_group_count=groups,
    )
    return y + b[:, None, None]


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def standardised(x, axis):
    centred = x - x.mean(axis, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)


def attention(q, k, v):
    return jax.nn.softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5, axis=-1) @ v


def cross_entropy(z):
    labels = np.arange(len(z)) % z.shape[1]
    return -jax.nn.log_softmax(z)[np.arange(len(z)), labels].mean()


def lstm(x, w_ih, w_hh, b_ih, b_hh):
    """x (T, N, I) -> the hidden state of each step; gates in the order i, f, g, o."""
    h = c = jnp.zeros((x.shape[1], w_hh.shape[1]))
    states = []
    for row in x:
        i, f, g, o = jnp.split(row @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        states.append(h)
    return jnp.stack(states)


def mlp(x, *parameters):
    """Mean cross-entropy of tanh layers and a linear last one: w1, b1, w2, b2 ..."""
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = jnp.tanh(x @ w.T + b)
    return cross_entropy(x @ parameters[-2].T + parameters[-1])


def convolutional(x, y, k, b, w, c):
    """Half the squared error, summed, of convolution, ReLU, max-pooling, linear layer."""
    hidden = max_pool(jnp.maximum(conv(x, k, b), 0)).reshape(len(x), -1)
    return 0.5 * ((hidden @ w.T + c - y) ** 2).sum()


IMAGE, KERNEL = (2, 4, 7, 6), (6, 2, 3, 3)
CASES = {
    "linear": (lambda x, w, b: x @ w.T + b, [(5, 4), (3, 4), (3,)]),
    "conv2d": (lambda *a: conv(*a, 2, 1, 1, 2), [IMAGE, KERNEL, (6,)]),
    "conv2d_dilated": (lambda *a: conv(*a, 1, 2, 2, 2), [IMAGE, KERNEL, (6,)]),
    "max_pool2d": (max_pool, [(2, 3, 6, 4)]),
    "batch_norm": (lambda x, w, b: standardised(x, 0) * w + b, [(6, 3), (3,), (3,)]),
    "layer_norm": (lambda x, w, b: standardised(x, -1) * w + b, [(4, 5), (5,), (5,)]),
    "attention": (attention, [(2, 2, 5, 3)] * 3),
    "softmax": (lambda x: jax.nn.softmax(x, axis=-1), [(3, 6)]),
    "gelu": (lambda x: jax.nn.gelu(x, approximate=False), [(4, 5)]),
    "silu": (jax.nn.silu, [(4, 5)]),
    "softplus": (jax.nn.softplus, [(4, 5)]),
    "cross_entropy": (cross_entropy, [(5, 4)]),
    "mse_loss": (lambda a, b: ((a - b) ** 2).mean(), [(3, 4)] * 2),
    "broadcast": (
        lambda a, b, c: jnp.exp(a * b - c) / (1 + b * b),
        [(3, 1, 4), (2, 1), (4,)],
    ),
    "lstm": (lstm, [(6, 3, 4), (20, 4), (20, 5), (20,), (20,)]),
    "mlp": (mlp, [(7, 6), (8, 6), (8,), (5, 8), (5,), (3, 5), (3,)]),
    "convolutional": (
        convolutional,
        [(2, 2, 6, 6), (2, 2), (3, 2, 3, 3), (3,), (2, 12), (2,)],
    ),
}


def main(path):
    jax.config.update("jax_enable_x64", True)
    found = {}
    for n, (name, (function, shapes)) in enumerate(CASES.items()):
        rng = np.random.default_rng(n)
        arrays = [rng.standard_normal(shape) for shape in shapes]
        y = jax.eval_shape(function, *arrays)
        weight = np.cos(np.arange(y.size)).reshape(y.shape) + 1.5

        def loss(*a, function=function, weight=weight):
            y = function(*a)
            return (y * weight).sum(), y

        both = jax.jit(jax.grad(loss, range(len(arrays)), has_aux=True))
        gradients, y = both(*arrays)
        found |= {f"{name}/x{i}": a for i, a in enumerate(arrays)}
        found |= {f"{name}/g{i}": np.asarray(g) for i, g in enumerate(gradients)}
        found |= {f"{name}/y": np.asarray(y), f"{name}/weight": weight}
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
