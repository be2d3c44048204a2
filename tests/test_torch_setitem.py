"""x[index] = value in the axis order in which x[index] reads, which is PyTorch's, not NumPy's:
integers are taken first, as views, so they do not count among the arrays of an index."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import backward, close  # noqa: E402

ALL = slice(None)
MASK = np.array([True, False, True])
CASES = {
    "integer, slice, list": (1, ALL, [0, 2]),
    "slice, integer, list": (ALL, 1, [0, 2]),
    "list, slice, integer": ([0, 1], ALL, 1),
    "integer, slices, list": (0, ALL, slice(1, None), [4, 1, 0]),
    "list, slice, list, integer": ([0, 1], ALL, [0, 2], 1),
    "integer, lists": (1, [0, 1], [0, 2]),
    "integer, None, list": (1, None, [0, 2]),
    "integer, ..., list": (-1, ..., [0, 1]),
    "integer, mask, slice, integer": (1, MASK, ALL, 2),
    "slice, mask, integer": (ALL, MASK, 3),
    "integer, slice, array": (1, ALL, np.array([[0, 2], [3, 3]])),
    "array without axes, slice, list": (np.array(1), ALL, [0, 2]),
    "list, slice, array without axes": ([0, 1], ALL, np.array(1)),
    "array without axes": (np.array(1),),
    "arrays without axes": (np.array(1), np.array(2), np.array(0), np.array(-1)),
    "lists apart": ([0, 1], ALL, [0, 2]),
    "mask": (np.arange(2) > 0,),
}


def index_of(lib, case):
    """The arrays as tensors; lists stay."""
    return tuple(lib.tensor(i) if isinstance(i, np.ndarray) else i for i in CASES[case])


def setting():
    return np.random.default_rng(5).standard_normal((2, 3, 4, 5))


def value_of(shape, case):
    """Random; equal where the index names an element twice, which PyTorch leaves open."""
    value = np.random.default_rng(6).standard_normal(shape)
    return value * 0 + 7 if case == "integer, slice, array" else value


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_whole_value(case, recorded):
    results = []
    for lib in (fastnn, torch):
        a = lib.tensor(setting(), requires_grad=recorded)
        x = a * 1
        part = x[index_of(lib, case)].clone()
        v = lib.tensor(value_of(tuple(part.shape), case), requires_grad=recorded)
        x[index_of(lib, case)] = v
        results.append((part, x, a, v))
    (part, x, a, v), (other_part, other_x, other_a, other_v) = results
    close(part, other_part, "read")
    close(x, other_x, "written")
    assert not np.array_equal(x.detach().numpy(), setting())
    if recorded:
        backward(x, other_x)
        close(a.grad, other_a.grad, "gradient of the tensor")
        if case != "integer, slice, array":
            close(v.grad, other_v.grad, "gradient of the value")


@pytest.mark.parametrize("case", ["integer, slice, list", "integer, None, list"])
def test_values_that_broadcast(case):
    results = []
    for lib in (fastnn, torch):
        x = lib.tensor(setting())
        shape = tuple(x[index_of(lib, case)].shape)
        v = lib.tensor(np.arange(shape[-2] * 1.0).reshape(-1, 1), requires_grad=True)
        x[index_of(lib, case)] = v
        x[index_of(lib, case)[:1]] = 2.0 * x[index_of(lib, case)[:1]]
        results.append((x, v))
    (x, v), (other_x, other_v) = results
    backward(x, other_x)
    close(v.grad, other_v.grad, "gradient of the value")


def test_a_value_of_numpys_order_is_refused():
    for requires_grad in (False, True):
        x = fastnn.zeros(2, 3, 4, 5)
        v = fastnn.ones(2, 3, 5).requires_grad_(requires_grad)
        with pytest.raises(ValueError, match="shape"):
            x[1, :, [0, 2]] = v
        assert not x.detach().numpy().any()


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("size", [(1,), (1, 1)])
@pytest.mark.parametrize("index", [(1, 2, 3, 4), (np.zeros((2, 3, 4, 5)) > 0,), (0, 1, 2, [0, 3])])
def test_value_with_more_axes_of_size_1(index, size, recorded):
    results = []
    for lib in (fastnn, torch):
        a = lib.tensor(setting(), requires_grad=recorded)
        v = lib.tensor(np.full(size, 7.0), requires_grad=recorded)
        x = a * 1
        x[tuple(lib.tensor(i) if isinstance(i, np.ndarray) else i for i in index)] = v
        if recorded:
            (x * x).sum().backward()
        results.append((x.detach(), *((a.grad, v.grad) if recorded else ())))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, "values and gradients")


@pytest.mark.parametrize("value", [[1.0, 2.0], np.ones((2, 1))])
def test_value_with_more_axes(value):
    x = fastnn.zeros(3)
    with pytest.raises(ValueError):
        x[1] = value
    assert x.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "index",
    [(ALL, [0, 2], ..., [1, 3], ALL), (0, ALL, np.array([True, False, True, True]), ..., [1])],
)
def test_ellipsis_for_no_axis_between_arrays(index):
    results = []
    for lib in (fastnn, torch):
        a = lib.tensor(setting(), requires_grad=True)
        parts = tuple(lib.tensor(i) if isinstance(i, np.ndarray) else i for i in index)
        part = a[parts]
        x = a * 1
        x[parts] = part.detach() * 2
        (part * part).sum().backward()
        results.append((part.detach(), x.detach(), a.grad))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, "values and gradients")
