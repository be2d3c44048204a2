"""JAX, an automatic differentiation that shares no code with ours, gives the same gradients."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from programs import run_python

import fastnn
from fastnn import functional as F
from fastnn import nn
from fastnn.demos.back_propagation import conv_by_hand, mlp_by_hand

if importlib.util.find_spec("jax") is None:
    pytest.skip("needs jax", allow_module_level=True)

TOLERANCE = {"float32": 2e-5, "float64": 1e-11}  # of the largest element
CASES = {
    "linear": F.linear,
    "conv2d": lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2),
    "conv2d_dilated": lambda x, w, b: F.conv2d(x, w, b, 1, 2, 2, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    "layer_norm": lambda x, w, b: F.layer_norm(x, (5,), w, b),
    "attention": F.scaled_dot_product_attention,
    "softmax": lambda x: F.softmax(x, -1),
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "cross_entropy": lambda z: F.cross_entropy(z, fastnn.tensor(np.arange(5) % 4)),
    "mse_loss": F.mse_loss,
    "broadcast": lambda a, b, c: (a * b - c).exp() / (1 + b * b),
}


@pytest.fixture(scope="module")
def by_jax(tmp_path_factory):
    path = tmp_path_factory.mktemp("jax") / "found.npz"
    done = run_python(Path(__file__).with_name("jax_job.py"), path, JAX_PLATFORMS="cpu")
    assert done.returncode == 0, done.stderr
    return np.load(path)


def read(found, name):
    """Inputs, gradients, value and weight of a case."""
    n = sum(key.startswith(f"{name}/x") for key in found.files)
    x, g = ([found[f"{name}/{letter}{i}"] for i in range(n)] for letter in "xg")
    return x, g, found[f"{name}/y"], found[f"{name}/weight"]


def close(found, exact, dtype="float64"):
    scale = max(np.abs(exact).max(), 1e-3)
    np.testing.assert_allclose(found, exact, rtol=0, atol=TOLERANCE[dtype] * scale)


def test_every_case_is_compared(by_jax):
    names = {key.partition("/")[0] for key in by_jax.files}
    assert names == {*CASES, "lstm", "mlp", "convolutional"}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CASES)
def test_functions(name, dtype, by_jax):
    arrays, gradients, y, weight = read(by_jax, name)
    inputs = [fastnn.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    found = CASES[name](*inputs)
    close(found.detach().numpy(), y, dtype)
    (found * fastnn.tensor(weight.astype(dtype))).sum().backward()
    for x, gradient in zip(inputs, gradients, strict=True):
        close(x.grad.numpy(), gradient, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_back_propagation_through_time(dtype, by_jax):
    arrays, gradients, y, weight = read(by_jax, "lstm")
    layer = nn.LSTM(4, 5).to(dtype)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    cast = [fastnn.tensor(a.astype(dtype)) for a in arrays]
    layer.load_state_dict(dict(zip(names, cast[1:], strict=True)))
    x = cast[0].requires_grad_()
    found = layer(x)[0]
    close(found.detach().numpy(), y, dtype)
    (found * fastnn.tensor(weight.astype(dtype))).sum().backward()
    ours = [x, *(getattr(layer, name) for name in names)]
    for parameter, gradient in zip(ours, gradients, strict=True):
        close(parameter.grad.numpy(), gradient, dtype)


def test_the_derivation_by_hand_of_the_mlp(by_jax):
    (x, *parameters), (_, *gradients), _, weight = read(by_jax, "mlp")
    labels = np.arange(len(x)) % 3
    by_hand, deltas = mlp_by_hand(x, labels, parameters[::2], parameters[1::2])
    for found, gradient in zip(by_hand, gradients, strict=True):
        close(weight * found, gradient)
    for found, gradient in zip(deltas, gradients[::-2], strict=True):
        close(weight * found.sum(axis=0), gradient)  # of the biases


def test_the_derivation_by_hand_of_the_convolutional_network(by_jax):
    arrays, gradients, _, weight = read(by_jax, "convolutional")
    for found, gradient in zip(conv_by_hand(*arrays), gradients[2:], strict=True):
        close(weight * found, gradient)
