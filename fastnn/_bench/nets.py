"""The networks of T1 and T3-T12 as functions of named arrays, for JAX and TensorFlow.

`o` holds a library's operators: conv(x, w, stride, padding), conv_transpose(x, w, stride, padding),
dense(x, w, b), max_pool(x, kernel, stride), norm(x, name), relu, leaky, tanh, mean (over pixels),
flatten, dropout, bias(x, b), lookup(x, w), recurrent(x, name, reverse): an LSTM or, with a bias of
the candidate, a GRU; join(a, b) of features, and rows: (T, N, I) -> (T N, I); cross_entropy, bce
(of logits, summed), mse, exp and total.  Shapes are PyTorch's; the library moves axes as it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Shapes = dict[str, tuple[int, ...]]


def _conv(shapes: Shapes, name: str, out: int, n_in: int, *kernel: int, bias: bool = True) -> None:
    shapes[f"{name}.w"] = (out, n_in, *kernel)
    if bias:
        shapes[f"{name}.b"] = (out,)


def _norm(shapes: Shapes, name: str, n: int) -> None:
    for part in ("g", "b", "mean", "var"):
        shapes[f"{name}.{part}"] = (n,)


def values(shapes: Shapes) -> dict[str, np.ndarray]:
    """First values: weights uniform in +-1 / sqrt(fan_in), the rest as batch norm has it."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in shapes.items():
        kind = name.rpartition(".")[2]
        if kind == "w":
            bound = 1 / np.sqrt(np.prod(shape[1:]))
            found[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
        else:
            found[name] = np.full(shape, float(kind in ("g", "var")), np.float32)
    return found


def _layer(o: Any, p: Any, x: Any, name: str, stride: int = 1, padding: Any = 0) -> Any:
    y = o.conv(x, p[f"{name}.w"], stride, padding)
    return o.bias(y, p[f"{name}.b"]) if f"{name}.b" in p else y


def _dense(o: Any, p: Any, x: Any, name: str) -> Any:
    return o.dense(x, p[f"{name}.w"], p[f"{name}.b"])


def _stack(*sizes: int) -> Shapes:
    """Dense layers f0, f1, ... of these sizes."""
    s: Shapes = {}
    for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        _conv(s, f"f{i}", b, a)
    return s


def _dense_net(o: Any, p: Any, x: Any, layers: int) -> Any:
    """Layers f0, f1, ... with ReLU between them."""
    for i in range(layers - 1):
        x = o.relu(_dense(o, p, x, f"f{i}"))
    return _dense(o, p, x, f"f{layers - 1}")


def mlp_shapes() -> Shapes:
    """T1."""
    return _stack(784, 512, 256, 10)


def mlp(o: Any, p: Any, x: Any) -> Any:
    """(N, 784) -> (N, 10)."""
    return _dense_net(o, p, x, 3)


def autoencoder_shapes() -> Shapes:
    """T12."""
    return _stack(784, 256, 64, 256, 784)


def autoencoder(o: Any, p: Any, x: Any) -> Any:
    """(N, 784) -> (N, 784)."""
    return _dense_net(o, p, x, 4)


def vae_shapes() -> Shapes:
    """T10."""
    s: Shapes = {}
    for name, a, b in (("encoder", 784, 400), ("mean", 400, 20), ("log_var", 400, 20)):
        _conv(s, name, b, a)
    _conv(s, "decoder", 400, 20)
    _conv(s, "pixels", 784, 400)
    return s


def vae(o: Any, p: Any, x: Any, noise: Any) -> Any:
    """(N, 784), (N, 20) -> logits, mean and logarithm of the variance of the code."""
    h = o.relu(_dense(o, p, x, "encoder"))
    mean, log_var = _dense(o, p, h, "mean"), _dense(o, p, h, "log_var")
    code = mean + noise * o.exp(0.5 * log_var)
    return _dense(o, p, o.relu(_dense(o, p, code, "decoder")), "pixels"), mean, log_var


def lenet_shapes() -> Shapes:
    """T3."""
    s: Shapes = {}
    _conv(s, "c1", 6, 1, 5, 5)
    _conv(s, "c3", 16, 6, 5, 5)
    for name, a, b in (("f5", 400, 120), ("f6", 120, 84), ("out", 84, 10)):
        _conv(s, name, b, a)
    return s


def lenet(o: Any, p: Any, x: Any) -> Any:
    """(N, 1, 28, 28) -> (N, 10)."""
    x = o.max_pool(o.relu(_layer(o, p, x, "c1", 1, 2)), 2, 2)
    x = o.flatten(o.max_pool(o.relu(_layer(o, p, x, "c3")), 2, 2))
    x = o.relu(_dense(o, p, x, "f5"))
    return _dense(o, p, o.relu(_dense(o, p, x, "f6")), "out")


_ALEXNET = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))


def alexnet_shapes() -> Shapes:
    """T4."""
    s: Shapes = {}
    for i, (out, n_in, kernel) in enumerate(_ALEXNET):
        _conv(s, f"c{i}", out, n_in, kernel, kernel)
    for name, a, b in (("f0", 9216, 4096), ("f1", 4096, 4096), ("f2", 4096, 1000)):
        _conv(s, name, b, a)
    return s


def alexnet(o: Any, p: Any, x: Any) -> Any:
    """(N, 3, 224, 224) -> (N, 1000)."""
    for i, (_, _, kernel) in enumerate(_ALEXNET):
        x = o.relu(_layer(o, p, x, f"c{i}", 1 if i else 4, kernel // 2 if i else 2))
        if i in (0, 1, 4):
            x = o.max_pool(x, 3, 2)
    x = o.flatten(x)
    for i in range(2):
        x = o.relu(_dense(o, p, o.dropout(x), f"f{i}"))
    return _dense(o, p, x, "f2")


def _blocks() -> list[tuple[str, int, int, int]]:
    """(name, channels in, channels out, stride) of ResNet-18's blocks."""
    found, n = [], 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for i in range(2):
            found.append((f"l{stage}.{i}", n, width, 2 if stage and not i else 1))
            n = width
    return found


def resnet_shapes() -> Shapes:
    """T5."""
    s: Shapes = {}
    _conv(s, "stem", 64, 3, 3, 3, bias=False)
    _norm(s, "stem.n", 64)
    for name, n_in, n, stride in _blocks():
        _conv(s, f"{name}.c0", n, n_in, 3, 3, bias=False)
        _norm(s, f"{name}.n0", n)
        _conv(s, f"{name}.c1", n, n, 3, 3, bias=False)
        _norm(s, f"{name}.n1", n)
        if stride != 1:
            _conv(s, f"{name}.down", n, n_in, 1, 1, bias=False)
            _norm(s, f"{name}.nd", n)
    _conv(s, "fc", 10, 512)
    return s


def resnet(o: Any, p: Any, x: Any) -> Any:
    """(N, 3, 32, 32) -> (N, 10)."""
    x = o.relu(o.norm(_layer(o, p, x, "stem", 1, 1), "stem.n"))
    for name, _, _, stride in _blocks():
        y = o.relu(o.norm(_layer(o, p, x, f"{name}.c0", stride, 1), f"{name}.n0"))
        y = o.norm(_layer(o, p, y, f"{name}.c1", 1, 1), f"{name}.n1")
        if stride != 1:
            x = o.norm(_layer(o, p, x, f"{name}.down", stride), f"{name}.nd")
        x = o.relu(y + x)
    return _dense(o, p, o.mean(x), "fc")


def fcn_shapes() -> Shapes:
    """T11; a signal is an image of one row."""
    s: Shapes = {}
    for i, (n_in, n, kernel) in enumerate(((1, 64, 8), (64, 128, 5), (128, 64, 3))):
        _conv(s, f"c{i}", n, n_in, 1, kernel)
        _norm(s, f"n{i}", n)
    _conv(s, "fc", 10, 64)
    return s


def fcn(o: Any, p: Any, x: Any) -> Any:
    """(N, 1, 1, 256) -> (N, 10)."""
    for i in range(3):
        x = o.relu(o.norm(_layer(o, p, x, f"c{i}", 1, "SAME"), f"n{i}"))
    return _dense(o, p, o.mean(x), "fc")


def dcgan_shapes() -> Shapes:
    """T9: generator g., discriminator d.; transposed weights are (in, out, KH, KW)."""
    s: Shapes = {"g.t0.w": (100, 128, 7, 7), "g.t1.w": (128, 64, 4, 4), "g.t2.w": (64, 1, 4, 4)}
    _norm(s, "g.n0", 128)
    _norm(s, "g.n1", 64)
    s["g.t2.b"] = (1,)
    _conv(s, "d.c0", 64, 1, 4, 4)
    _conv(s, "d.c1", 128, 64, 4, 4)
    _conv(s, "d.fc", 2, 128 * 49)
    return s


def generator(o: Any, p: Any, z: Any) -> Any:
    """(N, 100, 1, 1) -> (N, 1, 28, 28)."""
    x = o.relu(o.norm(o.conv_transpose(z, p["g.t0.w"], 1, 0), "g.n0"))
    x = o.relu(o.norm(o.conv_transpose(x, p["g.t1.w"], 2, 1), "g.n1"))
    return o.tanh(o.bias(o.conv_transpose(x, p["g.t2.w"], 2, 1), p["g.t2.b"]))


def discriminator(o: Any, p: Any, x: Any) -> Any:
    """(N, 1, 28, 28) -> (N, 2)."""
    x = o.leaky(_layer(o, p, x, "d.c0", 2, 1))
    x = o.leaky(_layer(o, p, x, "d.c1", 2, 1))
    return _dense(o, p, o.flatten(x), "d.fc")


def _recurrent(shapes: Shapes, name: str, gates: int, n_in: int, n: int) -> None:
    shapes[f"{name}.ih.w"], shapes[f"{name}.hh.w"] = (gates * n, n_in), (gates * n, n)
    shapes[f"{name}.b"] = (gates * n,)
    if gates == 3:
        shapes[f"{name}.n.b"] = (n,)


def recurrent_weights(p: Any, name: str) -> dict[str, Any]:
    """What rnn_jax.layer and rnn_tensorflow.layer take."""
    parts = {"w_ih": "ih.w", "w_hh": "hh.w", "b": "b", "b_n": "n.b"}
    return {argument: p.get(f"{name}.{part}") for argument, part in parts.items()}


def language_model_shapes() -> Shapes:
    """T6."""
    s: Shapes = {"embedding.w": (128, 96)}
    _recurrent(s, "l0", 4, 128, 256)
    _recurrent(s, "l1", 4, 256, 256)
    _conv(s, "head", 96, 256)
    return s


def language_model(o: Any, p: Any, x: Any) -> Any:
    """(T, N) -> (T N, 96)."""
    x = o.lookup(x, p["embedding.w"])
    x = o.recurrent(o.recurrent(x, "l0"), "l1")
    return _dense(o, p, o.rows(x), "head")


def row_reader_shapes() -> Shapes:
    """T7."""
    s: Shapes = {}
    _recurrent(s, "l0", 3, 28, 128)
    _conv(s, "head", 10, 128)
    return s


def row_reader(o: Any, p: Any, x: Any) -> Any:
    """(28, N, 28) -> (N, 10)."""
    return _dense(o, p, o.recurrent(x, "l0")[-1], "head")


def tagger_shapes() -> Shapes:
    """T8."""
    s: Shapes = {}
    _recurrent(s, "l0", 4, 64, 64)
    _recurrent(s, "r0", 4, 64, 64)
    _conv(s, "head", 10, 128)
    return s


def tagger(o: Any, p: Any, x: Any) -> Any:
    """(T, N, 64) -> (T N, 10)."""
    x = o.join(o.recurrent(x, "l0"), o.recurrent(x, "r0", reverse=True))
    return _dense(o, p, o.rows(x), "head")


def loss(case: str, o: Any, p: Any, x: Any, y: Any) -> Any:
    """Of one batch: cross-entropy, but the evidence bound of T10 and the squared error of T12."""
    key = case.split()[0]
    if key == "T10":
        logits, mean, log_var = vae(o, p, x, y)
        divergence = -0.5 * o.total(1 + log_var - mean * mean - o.exp(log_var))
        return o.bce(logits, x) + divergence
    out = NETS[key][0](o, p, x)
    return o.mse(out, x) if key == "T12" else o.cross_entropy(out, y)


NETS: dict[str, tuple[Any, Callable[[], Shapes], str]] = {
    "T1": (mlp, mlp_shapes, "adam"),
    "T3": (lenet, lenet_shapes, "sgd"),
    "T4": (alexnet, alexnet_shapes, "sgd"),
    "T5": (resnet, resnet_shapes, "sgd"),
    "T6": (language_model, language_model_shapes, "adam"),
    "T7": (row_reader, row_reader_shapes, "adam"),
    "T8": (tagger, tagger_shapes, "adam"),
    "T10": (vae, vae_shapes, "adam"),
    "T11": (fcn, fcn_shapes, "adam"),
    "T12": (autoencoder, autoencoder_shapes, "adam"),
}
