"""Products of many matrices, forward and with gradients, against PyTorch."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

# Matrices, then m, k, n: scores of attention heads, and matrices smaller than a task
SHAPES = [(64, 128, 64, 128), (512, 16, 16, 16)]


def contenders(shape, gradients):
    count, m, k, n = shape
    rng = np.random.default_rng(0)
    sizes = (count, m, k), (count, k, n), (count, m, n)
    arrays = [rng.standard_normal(size, dtype=np.float32) for size in sizes]

    def make(library):
        a, b, dy = map(library.from_numpy, arrays)
        if not gradients:
            return lambda: library.bmm(a, b)
        a.requires_grad_()
        b.requires_grad_()

        def step():
            a.grad = b.grad = None
            library.bmm(a, b).backward(dy)

        return step

    return {"fastnn": make(fastnn), "torch": make(torch)}


@pytest.mark.parametrize("gradients", [False, True], ids=["fwd", "fwd+bwd"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bmm(race, threads, shape, gradients):
    name = f"bmm {'fwd+bwd ' * gradients}{shape}"
    work = 2.0 * np.prod(shape) * (3 if gradients else 1)
    race(name, threads, contenders(shape, gradients), work)
