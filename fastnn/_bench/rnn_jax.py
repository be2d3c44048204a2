"""Recurrent layers in JAX: the products with x as one, then a scan.  Runs in a worker."""

from __future__ import annotations

from typing import Any

from .op_cases import Step
from .rnn_cases import Recurrent


def layer(x: Any, w_ih: Any, w_hh: Any, b: Any, b_n: Any = None, reverse: bool = False) -> Any:
    """x (T, N, I), w_ih (I, G H), w_hh (H, G H), b (G H,) -> y (T, N, H): a GRU if b_n (H,) is
    given, otherwise an LSTM."""
    import jax

    n = w_hh.shape[0]
    act, tanh = jax.nn.sigmoid, jax.numpy.tanh
    h = jax.numpy.zeros((x.shape[1], n), x.dtype)

    def lstm(state: Any, z: Any) -> Any:
        h, c = state
        i, f, g, o = jax.numpy.split(z + h @ w_hh, 4, -1)
        c = act(f) * c + act(i) * tanh(g)
        h = act(o) * tanh(c)
        return (h, c), h

    def gru(h: Any, z: Any) -> Any:
        s = h @ w_hh
        r, u = jax.numpy.split(act(z[:, : 2 * n] + s[:, : 2 * n]), 2, -1)
        m = tanh(z[:, 2 * n :] + r * (s[:, 2 * n :] + b_n))
        h = m + u * (h - m)
        return h, h

    if b_n is None:
        return jax.lax.scan(lstm, (h, h), x @ w_ih + b, reverse=reverse)[1]
    return jax.lax.scan(gru, h, x @ w_ih + b, reverse=reverse)[1]


def contenders(spec: dict[str, Any]) -> dict[str, Step]:
    """JAX's for one case."""
    import jax

    op = Recurrent(**spec)
    dy, arrays = op.by_columns()
    values = [jax.numpy.array(a) for a in arrays]
    gradient = jax.numpy.asarray(dy)

    def both(dy: Any, *values: Any) -> Any:
        y, back = jax.vjp(layer, *values)
        return y, back(dy)

    if op.backward:
        compiled = jax.jit(both)
        return {"jax": lambda: jax.block_until_ready(compiled(gradient, *values))}
    forward = jax.jit(layer)
    return {"jax": lambda: forward(*values).block_until_ready()}
