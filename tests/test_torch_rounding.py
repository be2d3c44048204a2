"""PyTorch says the same: signs, whole numbers, comparisons and logic as functions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "round", "trunc"])
def test_step(name, dtype):
    a = random_array(np.random.default_rng(2), (6, 7), dtype) * 2
    a[0, :3] = [0.5, 1.5, -2.5]
    compare(lambda lib, F, a: [getattr(lib, name)(a), getattr(a, name)() * a], [a])


NAMES = ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]


@pytest.mark.parametrize("name", NAMES)
def test_comparison(name):
    rng = np.random.default_rng(2)
    a, b = [np.round(random_array(rng, s, "float32")) for s in [(6, 7), (6, 1)]]
    compare(lambda lib, F, a, b: [getattr(lib, name)(a, b), getattr(b, name)(a)], [a, b])


def test_logical_not():
    compare(lambda lib, F, a: a.logical_not(), [np.array([0, 1.5, -0.0], np.float32)])


def test_clamp_by_one_bound():
    a = random_array(np.random.default_rng(2), (6, 7), "float32")
    compare(lambda lib, F, a: [a.clamp_min(0.25), lib.clamp_max(a, 0.25)], [a])
