"""Recurrent layers in TensorFlow: the products with x as one, then a loop of the graph, plain and
compiled by XLA.  Runs in a worker."""

from __future__ import annotations

import functools
from typing import Any

from .op_cases import Step
from .rnn_cases import Recurrent


def layer(x: Any, w_ih: Any, w_hh: Any, b: Any, b_n: Any = None, reverse: bool = False) -> Any:
    """As rnn_jax.layer."""
    import tensorflow as tf

    n_steps, rows, n = x.shape[0], x.shape[1], w_hh.shape[0]
    z = tf.reshape(tf.reshape(x, (-1, x.shape[2])) @ w_ih + b, (n_steps, rows, -1))
    h = tf.zeros((rows, n))
    out = tf.TensorArray(tf.float32, n_steps, element_shape=h.shape)

    def lstm(t: Any, h: Any, c: Any, out: Any) -> Any:
        at = n_steps - 1 - t if reverse else t
        i, f, g, o = tf.split(z[at] + h @ w_hh, 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, h, c, out.write(at, h)

    def gru(t: Any, h: Any, out: Any) -> Any:
        at = n_steps - 1 - t if reverse else t
        zt, s = z[at], h @ w_hh
        r, u = tf.split(tf.sigmoid(zt[:, : 2 * n] + s[:, : 2 * n]), 2, -1)
        m = tf.tanh(zt[:, 2 * n :] + r * (s[:, 2 * n :] + b_n))
        h = m + u * (h - m)
        return t + 1, h, out.write(at, h)

    state = (0, h, h, out) if b_n is None else (0, h, out)
    *_, out = tf.while_loop(
        lambda t, *_: t < n_steps,
        lstm if b_n is None else gru,
        state,
        maximum_iterations=n_steps,
    )
    return out.stack()


def contenders(spec: dict[str, Any]) -> dict[str, Step]:
    """TensorFlow's for one case."""
    import tensorflow as tf

    op = Recurrent(**spec)
    dy, arrays = op.by_columns()
    values = [tf.constant(a) for a in arrays]
    dy = tf.constant(dy)

    def both(*values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            y = layer(*values)
        return y, tape.gradient(y, values, dy)

    steps: dict[str, Step] = {}
    for name, xla in (("tensorflow", False), ("tensorflow xla", True)):
        compiled = tf.function(both if op.backward else layer, jit_compile=xla)
        steps[name] = functools.partial(compiled, *values)
    return steps
