"""Training steps in JAX: one jitted function of (state, batch), with channels second and last.
Runs in a worker."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import nets, rnn_jax
from .train_cases import FLAT, LR, SEQUENCES, Step, batches

STATISTICS = ("mean", "var")


class Ops:
    """The operators that `nets` asks for."""

    def __init__(self, last: bool, params: Any, key: Any = None) -> None:
        self.last, self.p, self.key = last, params, key
        self.statistics: dict[str, Any] = {}  # running means and variances after this step
        self.layout = ("NHWC", "HWIO", "NHWC") if last else ("NCHW", "OIHW", "NCHW")

    def conv(self, x: Any, w: Any, stride: int, padding: Any) -> Any:
        import jax

        pads = padding if isinstance(padding, str) else [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(
            x, w, (stride, stride), pads, dimension_numbers=self.layout
        )

    def conv_transpose(self, x: Any, w: Any, stride: int, padding: int) -> Any:
        import jax

        kernel = w.shape[0] if self.last else w.shape[2]
        pads = [(kernel - 1 - padding,) * 2] * 2
        return jax.lax.conv_general_dilated(
            *(x, w, (1, 1), pads), lhs_dilation=(stride, stride), dimension_numbers=self.layout
        )

    def bias(self, x: Any, b: Any) -> Any:
        return x + b if self.last else x + b[:, None, None]

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return x @ w + b

    def max_pool(self, x: Any, kernel: int, stride: int) -> Any:
        import jax

        def spatial(n: int) -> tuple[int, ...]:
            return (1, n, n, 1) if self.last else (1, 1, n, n)

        return jax.lax.reduce_window(
            x, -np.inf, jax.lax.max, spatial(kernel), spatial(stride), "VALID"
        )

    def norm(self, x: Any, name: str) -> Any:
        import jax

        axes = (0, 1, 2) if self.last else (0, 2, 3)
        mean = x.mean(axes)
        var = (x * x).mean(axes) - mean * mean
        for part, now in (("mean", mean), ("var", var)):
            self.statistics[f"{name}.{part}"] = 0.9 * self.p[f"{name}.{part}"] + 0.1 * now
        scale = self.p[f"{name}.g"] * jax.lax.rsqrt(var + 1e-5)
        shift = self.p[f"{name}.b"] - mean * scale
        if self.last:
            return x * scale + shift
        return x * scale[:, None, None] + shift[:, None, None]

    def relu(self, x: Any) -> Any:
        import jax

        return jax.nn.relu(x)

    def leaky(self, x: Any) -> Any:
        import jax

        return jax.nn.leaky_relu(x, 0.2)

    def tanh(self, x: Any) -> Any:
        import jax

        return jax.numpy.tanh(x)

    def mean(self, x: Any) -> Any:
        return x.mean((1, 2) if self.last else (2, 3))

    def flatten(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)

    def dropout(self, x: Any) -> Any:
        import jax

        self.key, key = jax.random.split(self.key)
        return jax.numpy.where(jax.random.bernoulli(key, 0.5, x.shape), 2 * x, 0)

    def lookup(self, x: Any, w: Any) -> Any:
        return w[x]

    def recurrent(self, x: Any, name: str, reverse: bool = False) -> Any:
        return rnn_jax.layer(x, **nets.recurrent_weights(self.p, name), reverse=reverse)

    def join(self, a: Any, b: Any) -> Any:
        import jax

        return jax.numpy.concatenate([a, b], -1)

    def rows(self, x: Any) -> Any:
        return x.reshape(-1, x.shape[-1])

    def exp(self, x: Any) -> Any:
        import jax

        return jax.numpy.exp(x)

    def total(self, x: Any) -> Any:
        return x.sum()

    def bce(self, z: Any, x: Any) -> Any:
        import jax

        return (jax.nn.softplus(z) - x * z).sum()

    def mse(self, y: Any, x: Any) -> Any:
        return ((y - x) ** 2).mean()

    def cross_entropy(self, logits: Any, y: Any) -> Any:
        return _loss(logits, y)


def contenders(case: str) -> dict[str, Step]:
    """JAX's steps of one case."""
    make = _gan if case.startswith("T9") else _stepper
    if case.split()[0] in SEQUENCES + FLAT:
        return {"jax": make(case, False)}
    return {name: make(case, last) for name, last in (("jax nchw", False), ("jax nhwc", True))}


def _placed(shapes: nets.Shapes, last: bool) -> dict[str, Any]:
    """First values in the layout of the operators; dense weights (in, out)."""
    import jax

    found = {}
    for name, a in nets.values(shapes).items():
        if ".t" in name and a.ndim == 4:  # transposed: (in, out, KH, KW)
            a = a.transpose(1, 0, 2, 3)
        if a.ndim == 4 and last:
            a = a.transpose(2, 3, 1, 0)
        found[name] = jax.numpy.asarray(a.T if a.ndim == 2 else a)
    return found


def _loss(logits: Any, y: Any) -> Any:
    import jax

    rows = jax.nn.log_softmax(logits)
    return -jax.numpy.take_along_axis(rows, y[:, None], 1).mean()


def _split(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trained values, running statistics."""
    kept = {k: v for k, v in params.items() if k.rpartition(".")[2] in STATISTICS}
    return {k: v for k, v in params.items() if k not in kept}, kept


def _sgd(p: Any, m: Any, g: Any, _: Any) -> tuple[Any, Any]:
    m = {k: 0.9 * m[k] + g[k] for k in g}
    return {k: p[k] - LR * m[k] for k in g}, m


def _adam(p: Any, m: Any, g: Any, t: Any) -> tuple[Any, Any]:
    import jax

    first = {k: 0.9 * m[0][k] + 0.1 * g[k] for k in g}
    second = {k: 0.999 * m[1][k] + 0.001 * g[k] * g[k] for k in g}
    rate = 1e-3 * jax.numpy.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return {k: p[k] - rate * first[k] / (jax.numpy.sqrt(second[k]) + 1e-8) for k in g}, (
        first,
        second,
    )


def _zeros(p: Any) -> Any:
    import jax

    return jax.tree_util.tree_map(jax.numpy.zeros_like, p)


def _clipped(g: Any) -> Any:
    """Gradients of norm 1 at most."""
    import jax

    norm = jax.numpy.sqrt(sum((a * a).sum() for a in g.values()))
    return {k: a * jax.numpy.minimum(1.0, 1.0 / (norm + 1e-6)) for k, a in g.items()}


def _image(x: np.ndarray, last: bool) -> np.ndarray:
    if x.ndim == 3:
        x = x[:, :, None]
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if last else x


def _stepper(case: str, last: bool) -> Step:
    import jax

    _, shapes, kind = nets.NETS[case.split()[0]]
    p, kept = _split(_placed(shapes(), last))
    update = _adam if kind == "adam" else _sgd
    state: Any = p, kept, (_zeros(p), _zeros(p)) if kind == "adam" else _zeros(p), 0

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, x: Any, y: Any) -> Any:
        p, kept, m, t = state

        def loss_of(p: Any) -> Any:
            o = Ops(last, {**p, **kept}, jax.random.key(t))
            return nets.loss(case, o, {**p, **kept}, x, y), o.statistics

        (loss, kept), g = jax.value_and_grad(loss_of, has_aux=True)(p)
        p, m = update(p, m, _clipped(g) if case.startswith("T6") else g, t + 1.0)
        return (p, kept, m, t + 1), loss

    data, count = batches(case), [0]

    def run() -> Any:
        nonlocal state
        x, y = data[count[0] % len(data)]
        count[0] += 1
        image = x if case.split()[0] in SEQUENCES + FLAT else _image(x, last)
        labels = y if y.dtype == np.float32 else y.astype(np.int32)
        state, loss = step(state, image, labels)
        return jax.block_until_ready((state, loss))

    return run


def _gan(case: str, last: bool) -> Step:
    import jax

    p, kept = _split(_placed(nets.dcgan_shapes(), last))
    g, d = ({k: v for k, v in p.items() if k.startswith(part)} for part in ("g.", "d."))
    state: Any = g, d, kept, (_zeros(g),) * 2, (_zeros(d),) * 2, 0
    state = jax.tree_util.tree_map(lambda a: jax.numpy.array(a), state)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, x: Any, z: Any) -> Any:
        g, d, kept, mg, md, t = state
        real = jax.numpy.ones(x.shape[0], int)

        def made_by(g: Any) -> Any:
            o = Ops(last, {**g, **kept})
            return nets.generator(o, g, z), o.statistics

        def judge(d: Any, x: Any) -> Any:
            return nets.discriminator(Ops(last, d), d, x)

        made, back, statistics = jax.vjp(made_by, g, has_aux=True)
        gd = jax.grad(lambda d: _loss(judge(d, x), real) + _loss(judge(d, made), 0 * real))(d)
        d, md = _adam(d, md, gd, t + 1.0)
        (gg,) = back(jax.grad(lambda made: _loss(judge(d, made), real))(made))
        g, mg = _adam(g, mg, gg, t + 1.0)
        return g, d, statistics, mg, md, t + 1

    data, count = batches(case), [0]

    def run() -> Any:
        nonlocal state
        x, z = data[count[0] % len(data)]
        count[0] += 1
        state = jax.block_until_ready(step(state, _image(x, last), _image(z, last)))
        return state

    return run
