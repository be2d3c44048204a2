"""What the tests of frozen networks share."""

import numpy as np

import fastnn
from fastnn import nn


def arrays(value):
    """The arrays of Tensors and ndarrays in tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in arrays(part)]
    return [value.numpy() if isinstance(value, fastnn.Tensor) else value]


def same_bits(a, b):
    a, b = arrays(a), arrays(b)
    assert [(x.shape, x.dtype) for x in a] == [(y.shape, y.dtype) for y in b]
    for x, y in zip(a, b, strict=True):
        assert x.tobytes() == y.tobytes()


class Calls(nn.Module):
    """A Module around a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def run(model, *inputs):
    with fastnn.no_grad():
        return model(*[x if isinstance(x, fastnn.Tensor) else fastnn.from_numpy(x) for x in inputs])


def shuffled(array):
    """Another input of the same kind."""
    other = np.random.default_rng(7).permutation(array.reshape(-1)).reshape(array.shape)
    return other * np.float32(0.5) if other.dtype.kind == "f" else other


def agrees(model, *inputs):
    frozen = fastnn.freeze(model)
    others = [shuffled(x) for x in inputs]
    for given in (inputs, others, inputs):
        same_bits(frozen(*given), run(model, *given))
    assert frozen.inputs == 1
    return frozen


def tensors(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tensors(part)]
    return [value] if isinstance(value, fastnn.Tensor) else []
