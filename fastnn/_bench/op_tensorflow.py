"""Convolution and pooling operators in TensorFlow: tf.function with channels last, and the same
compiled by XLA.  Runs in a worker."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .op_cases import Conv, Pool, Step, case


def contenders(spec: dict[str, Any]) -> dict[str, Step]:
    """TensorFlow's for one case; what XLA cannot compile is left out."""
    import tensorflow as tf

    op = case(spec)
    function, arrays = _conv(op) if isinstance(op, Conv) else _pool(op)
    values = [tf.constant(a) for a in arrays]
    steps: dict[str, Step] = {}
    for name, xla in (("tensorflow", False), ("tensorflow xla", True)):
        compiled = tf.function(function, jit_compile=xla)
        try:
            compiled(*values)
        except Exception:
            if not xla:
                raise
            continue
        steps[name] = functools.partial(compiled, *values)  # its results are ready
    return steps


def _last(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1))


def _conv(op: Conv) -> tuple[Any, list[np.ndarray]]:
    import tensorflow as tf

    x, w, dy = op.arrays()
    x, dy = _last(x), _last(dy)
    w = np.ascontiguousarray(w.transpose(2, 3, 1, 0))
    options: dict[str, Any] = {"strides": [1, op.s, op.s, 1], "padding": "EXPLICIT"}
    options["explicit_paddings"] = [0, 0, op.p, op.p, op.p, op.p, 0, 0]
    kind = "Conv2D"
    if op.groups > 1:
        kind, w = "DepthwiseConv2dNative", np.ascontiguousarray(w.transpose(0, 1, 3, 2))
    raw: Any = tf.raw_ops
    if op.which == "fwd":
        return lambda x, w: getattr(raw, kind)(input=x, filter=w, **options), [x, w]
    if op.which == "bwd_input":
        backward = getattr(raw, f"{kind}BackpropInput")
        sizes = list(x.shape)
        return (lambda dy, w: backward(input_sizes=sizes, filter=w, out_backprop=dy, **options)), [
            dy,
            w,
        ]
    backward = getattr(raw, f"{kind}BackpropFilter")
    sizes = list(w.shape)
    return (lambda dy, x: backward(input=x, filter_sizes=sizes, out_backprop=dy, **options)), [
        dy,
        x,
    ]


def _pool(op: Pool) -> tuple[Any, list[np.ndarray]]:
    import tensorflow as tf

    x, dy = map(_last, op.arrays())
    kernel, stride, padding = op.window
    pool: Any = tf.nn.max_pool2d if op.kind == "max" else tf.nn.avg_pool2d

    def forward(x: Any) -> Any:  # avg_pool2d has no explicit padding; "SAME" is as much work
        return pool(x, kernel, stride, "SAME" if padding else "VALID")

    if not op.backward:
        return forward, [x]

    def both(x: Any, dy: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = forward(x)
        return y, tape.gradient(y, x, dy)

    return both, [x, dy]
