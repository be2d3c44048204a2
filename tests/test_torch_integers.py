"""Activations of integer tensors, against PyTorch: which dtype comes out, what is refused."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import close  # noqa: E402

DTYPES = ["int64", "int32", "uint8"]
VALUES = np.array([[-3, 0, 2], [9, 1, -2]])
FUNCTIONS = {
    "relu": lambda F, x, **how: F.relu(x, **how),
    "relu6": lambda F, x, **how: F.relu6(x, **how),
    "hardtanh": lambda F, x, **how: F.hardtanh(x, **how),
    "hardtanh fractions": lambda F, x, **how: F.hardtanh(x, -1.5, 2.5, **how),
    "hardtanh above 0": lambda F, x, **how: F.hardtanh(x, 0.5, 2.5, **how),
    "threshold": lambda F, x, **how: F.threshold(x, 1, 5, **how),
    "threshold fractions": lambda F, x, **how: F.threshold(x, 1.5, 5.5, **how),
    "threshold below 0": lambda F, x, **how: F.threshold(x, -1.5, -5.5, **how),
    "threshold to below 0": lambda F, x, **how: F.threshold(x, 1, -5, **how),
}
TO_FLOAT = {"softsign": lambda F, x: F.softsign(x), "tanhshrink": lambda F, x: F.tanhshrink(x)}


def test_softsign_of_uint8_does_not_overflow():
    """PyTorch's 1 + |x| is 0 for 255, and its result infinite."""
    x = fastnn.tensor(np.array([255], np.uint8))
    assert fastnn.functional.softsign(x).tolist() == [255 / 256]


def tensors(dtype):
    array = VALUES.astype(dtype)
    return fastnn.tensor(array), torch.tensor(array)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_keep_their_dtype(name, dtype):
    function = FUNCTIONS[name]
    x, t = tensors(dtype)
    if dtype == "uint8" and name in ("hardtanh", "hardtanh fractions", "threshold below 0"):
        for lib, value in ((fastnn.nn, x), (torch.nn, t)):
            with pytest.raises((ValueError, RuntimeError), match="hardtanh|uint8"):
                function(lib.functional, value)
        return
    y, expected = function(fastnn.functional, x), function(torch.nn.functional, t)
    assert y.dtype == x.dtype and y is not x
    close(y, expected, name)
    close(function(fastnn.functional, x.T), function(torch.nn.functional, t.T), name)
    close(function(fastnn.functional, x[0, 0]), function(torch.nn.functional, t[0, 0]), name)
    assert x.tolist() == t.tolist()
    assert function(fastnn.functional, x, inplace=True) is x
    close(x, expected, f"{name} in place")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TO_FLOAT)
def test_integers_become_float32(name, dtype):
    x, t = tensors(dtype)
    y = TO_FLOAT[name](fastnn.functional, x)
    assert y.dtype == np.float32
    close(y, TO_FLOAT[name](torch.nn.functional, t), name)


@pytest.mark.parametrize("name", [*FUNCTIONS, *TO_FLOAT])
def test_bools_are_refused(name):
    function = {**FUNCTIONS, **TO_FLOAT}[name]
    x, t = tensors("bool")
    with pytest.raises(TypeError, match="has dtype bool, expected float32 or float64"):
        function(fastnn.functional, x)
    with pytest.raises(RuntimeError):  # NotImplementedError is one
        function(torch.nn.functional, t)


@pytest.mark.parametrize("bound", [float("inf"), float("nan"), 2.0**31])
def test_numbers_that_no_integer_holds(bound):
    x = fastnn.tensor(VALUES.astype(np.int32))
    with pytest.raises(ValueError, match="threshold: value is .*does not fit into int32"):
        fastnn.functional.threshold(x, 1, bound)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers(dtype):
    x, t = tensors(dtype)
    build = lambda nn: nn.Sequential(nn.ReLU(), nn.ReLU6(), nn.Threshold(1, 4))  # noqa: E731
    expected = build(torch.nn)(t)
    close(build(fastnn.nn)(x), expected, "recorded")
    with fastnn.no_grad():
        close(build(fastnn.nn)(x), expected, "not recorded")
