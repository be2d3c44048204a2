"""PyTorch says the same: modes, tensors like others, and the shapes and shares of draws."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

import fastnn  # noqa: E402


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (7, 9), (1, 6), (2, 1, 3), (6, 2)])
def test_mode(shape, dtype):
    a = random_array(np.random.default_rng(1), shape, dtype)
    compare(lambda lib, F, a: [lib.mode(a)[0], a.mode(0)[0], a.round().mode(-2, True).values], [a])
    halves = (a * 2).round()

    def run(lib, F, a):
        a = a.detach()
        return [*a.mode(), *a.mode(0), *lib.mode(a, -2, keepdim=True), *a.long().mode(1)]

    compare(run, [np.asarray(halves, dtype)])
    compare(lambda lib, F, a: [v for d in (0, 1) for v in lib.mode(a, d)], [halves > 0])


def test_mode_of_equal_values_has_one_gradient():
    a = np.array([[1.0, 2, 1, 2, 2], [3, 3, 0, 0, 5]])
    compare(lambda lib, F, a: a.mode(1)[0], [a])
    compare(lambda lib, F, a: a.mode(0, keepdim=True)[0], [a])


def test_mode_of_nan_and_of_no_axes():
    for values in ([2, np.nan, np.nan], [np.nan] * 3, [np.nan, 1, 1], [np.inf, np.inf, 0]):
        compare(lambda lib, F, a: list(a.detach().mode()), [np.array(values)])
    compare(lambda lib, F, a: [*a.mode(), *a.mode(0, True)], [np.array(3)])


def test_like():
    for dtype in ("float32", "float64", "int64", "int32", "uint8", "bool"):
        a = np.ones((2, 3)).astype(dtype)

        def run(lib, F, a):
            a = a.detach()
            found = [lib.full_like(a, 3), lib.full_like(a, 1.5), lib.full_like(a, True)]
            found += [lib.full_like(a, 2.5, dtype=lib.float64), lib.ones_like(a)]
            return [*found, lib.zeros_like(a), lib.empty_like(a) * lib.zeros_like(a)]

        if dtype == "bool":
            compare(lambda lib, F, a: [lib.full_like(a, 2), lib.full_like(a, False)], [a])
        elif dtype[0] == "f":
            compare(lambda lib, F, a: [v for v in run(lib, F, a)[:-1]], [a])
        else:
            compare(run, [a])


SHAPES = {
    "bernoulli": lambda lib, x: lib.bernoulli(x),
    "bernoulli, p": lambda lib, x: lib.bernoulli(x, 0.3),
    "bernoulli of integers": lambda lib, x: x.long().bernoulli(0.3),
    "bernoulli_": lambda lib, x: x.clone().bernoulli_(),
    "normal": lambda lib, x: lib.normal(x, x[0]),
    "normal, number": lambda lib, x: lib.normal(x, 2.0),
    "normal, number first": lambda lib, x: lib.normal(0.0, x),
    "normal, size": lambda lib, x: lib.normal(1.0, 2.0, (4, 2)),
    "normal, keyword": lambda lib, x: lib.normal(mean=1.0, std=2.0, size=(4,)),
    "multinomial": lambda lib, x: lib.multinomial(x, 3, False),
    "multinomial, row": lambda lib, x: x[0].multinomial(9, replacement=True),
    "rand_like": lambda lib, x: lib.rand_like(x),
    "randn_like": lambda lib, x: lib.randn_like(x, dtype=lib.float32),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_dtypes_and_generators(name, dtype):
    a = np.random.default_rng(0).random((300, 40)).astype(dtype)
    ours, theirs = SHAPES[name](fastnn, fastnn.tensor(a)), SHAPES[name](torch, torch.tensor(a))
    assert ours.shape == tuple(theirs.shape)
    assert f"torch.{ours.dtype}" == str(theirs.dtype)
    x, y = ours.numpy().astype(np.float64), theirs.numpy().astype(np.float64)
    if x.size > 1000:
        wide = 6 * y.std() * np.sqrt(2 / x.size)
        assert abs(x.mean() - y.mean()) < wide and abs(x.std() - y.std()) < 2 * wide
    for lib, x in ((fastnn, fastnn.tensor(a)), (torch, torch.tensor(a))):
        lib.manual_seed(5)
        first = SHAPES[name](lib, x).numpy()
        lib.manual_seed(5)
        assert np.array_equal(SHAPES[name](lib, x).numpy(), first)
