"""Training steps in TensorFlow: one tf.function with channels last, plain and compiled by XLA.
Runs in a worker."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import nets, rnn_tensorflow
from .train_cases import FLAT, LR, SEQUENCES, Step, batches
from .train_jax import STATISTICS


class Ops:
    """The operators that `nets` asks for; p holds variables."""

    def __init__(self, params: Any) -> None:
        self.p = params

    def conv(self, x: Any, w: Any, stride: int, padding: Any) -> Any:
        import tensorflow as tf

        pads: Any = padding
        if not isinstance(padding, str):
            pads = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        return tf.nn.conv2d(x, w, stride, pads)

    def conv_transpose(self, x: Any, w: Any, stride: int, padding: int) -> Any:
        import tensorflow as tf

        n, h, width = x.shape[0], x.shape[1], x.shape[2]
        grow = w.shape[0] - 2 * padding - stride
        shape = (n, h * stride + grow, width * stride + grow, w.shape[2])
        return tf.nn.conv2d_transpose(x, w, shape, stride, "SAME" if padding else "VALID")

    def bias(self, x: Any, b: Any) -> Any:
        import tensorflow as tf

        return tf.nn.bias_add(x, b)

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        import tensorflow as tf

        return tf.nn.bias_add(x @ w, b)

    def max_pool(self, x: Any, kernel: int, stride: int) -> Any:
        import tensorflow as tf

        return tf.nn.max_pool2d(x, kernel, stride, "VALID")

    def norm(self, x: Any, name: str) -> Any:
        import tensorflow as tf

        p = self.p
        y, mean, var, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=p[f"{name}.g"],
            offset=p[f"{name}.b"],
            mean=p[f"{name}.mean"],
            variance=p[f"{name}.var"],
            epsilon=1e-5,
            exponential_avg_factor=0.1,
            is_training=True,
        )
        p[f"{name}.mean"].assign(mean)
        p[f"{name}.var"].assign(var)
        return y

    def relu(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.relu(x)

    def leaky(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.leaky_relu(x, 0.2)

    def tanh(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.tanh(x)

    def mean(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.reduce_mean(x, [1, 2])

    def flatten(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.reshape(x, (x.shape[0], -1))

    def dropout(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.dropout(x, 0.5)

    def lookup(self, x: Any, w: Any) -> Any:
        import tensorflow as tf

        return tf.gather(w, x)

    def recurrent(self, x: Any, name: str, reverse: bool = False) -> Any:
        return rnn_tensorflow.layer(x, **nets.recurrent_weights(self.p, name), reverse=reverse)

    def join(self, a: Any, b: Any) -> Any:
        import tensorflow as tf

        return tf.concat([a, b], -1)

    def rows(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.reshape(x, (-1, x.shape[-1]))

    def exp(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.exp(x)

    def total(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.reduce_sum(x)

    def bce(self, z: Any, x: Any) -> Any:
        import tensorflow as tf

        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, z))

    def mse(self, y: Any, x: Any) -> Any:
        import tensorflow as tf

        return tf.reduce_mean(tf.math.squared_difference(y, x))

    def cross_entropy(self, logits: Any, y: Any) -> Any:
        return _loss(logits, y)


def contenders(case: str) -> dict[str, Step]:
    """TensorFlow's steps of one case; what XLA cannot compile is left out."""
    make = _gan if case.startswith("T9") else _stepper
    steps: dict[str, Step] = {}
    for name, xla in (("tensorflow", False), ("tensorflow xla", True)):
        step = make(case, xla)
        try:
            step()
        except Exception:
            if not xla:
                raise
            continue
        steps[name] = step
    return steps


def _variables(shapes: nets.Shapes) -> dict[str, Any]:
    """First values: convolutions (KH, KW, in, out), transposed ones (KH, KW, out, in), dense (in,
    out)."""
    import tensorflow as tf

    found = {}
    for name, a in nets.values(shapes).items():
        if a.ndim == 4:
            a = a.transpose(2, 3, 1, 0)
        trained = name.rpartition(".")[2] not in STATISTICS
        found[name] = tf.Variable(a.T if a.ndim == 2 else a, trainable=trained)
    return found


class _Sgd:
    def __init__(self, variables: list[Any]) -> None:
        import tensorflow as tf

        self.variables = variables
        self.m = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def update(self, gradients: list[Any]) -> None:
        for v, m, g in zip(self.variables, self.m, gradients, strict=True):
            m.assign(0.9 * m + g)
            v.assign_sub(LR * m)


class _Adam:
    def __init__(self, variables: list[Any]) -> None:
        import tensorflow as tf

        self.variables, self.t = variables, tf.Variable(0.0)
        self.m, self.s = ([tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2))

    def update(self, gradients: list[Any]) -> None:
        import tensorflow as tf

        t = self.t.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for v, m, s, g in zip(self.variables, self.m, self.s, gradients, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.999 * s + 0.001 * g * g)
            v.assign_sub(rate * m / (tf.sqrt(s) + 1e-8))


def _loss(logits: Any, y: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def _last(x: np.ndarray) -> np.ndarray:
    x = x[:, :, None] if x.ndim == 3 else x
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _stepper(case: str, xla: bool) -> Step:
    import tensorflow as tf

    _, shapes, kind = nets.NETS[case.split()[0]]
    p = _variables(shapes())
    trained = [v for v in p.values() if v.trainable]
    optimizer: Any = _Adam(trained) if kind == "adam" else _Sgd(trained)

    @tf.function(jit_compile=xla)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = nets.loss(case, Ops(p), p, x, y)
        gradients = tape.gradient(loss, trained)
        if case.startswith("T6"):
            gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.update([tf.convert_to_tensor(g) for g in gradients])  # an embedding's is sparse
        return loss

    data, count = batches(case), [0]

    def run() -> Any:
        x, y = data[count[0] % len(data)]
        count[0] += 1
        image = x if case.split()[0] in SEQUENCES + FLAT else _last(x)
        return step(tf.constant(image), tf.constant(y)).numpy()

    return run


def _gan(case: str, xla: bool) -> Step:
    import tensorflow as tf

    p = _variables(nets.dcgan_shapes())
    g, d = (
        [v for k, v in p.items() if k.startswith(part) and v.trainable] for part in ("g.", "d.")
    )
    of_g, of_d = _Adam(g), _Adam(d)

    @tf.function(jit_compile=xla)
    def step(x: Any, z: Any) -> Any:
        o = Ops(p)
        real = tf.ones(x.shape[0], tf.int32)
        with tf.GradientTape() as made_tape:
            made = nets.generator(o, p, z)
            with tf.GradientTape() as tape:
                loss = _loss(nets.discriminator(o, p, x), real)
                loss += _loss(nets.discriminator(o, p, tf.stop_gradient(made)), 0 * real)
            of_d.update(tape.gradient(loss, d))
            loss = _loss(nets.discriminator(o, p, made), real)
        of_g.update(made_tape.gradient(loss, g))
        return loss

    data, count = batches(case), [0]

    def run() -> Any:
        x, z = data[count[0] % len(data)]
        count[0] += 1
        return step(tf.constant(_last(x)), tf.constant(_last(z))).numpy()

    return run
