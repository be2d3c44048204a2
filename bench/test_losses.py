"""Losses with the gradient of their input, (4096, 1000), against PyTorch, cross-entropy also
against JAX."""

import pytest

import fastnn
from fastnn._bench.loss_cases import LOSSES, step
from fastnn._bench.worker import worker
from fastnn._bench.workloads import has

torch = pytest.importorskip("torch")

SHAPE = (4096, 1000)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(race, threads, peers, name):
    def contenders():
        found = {lib.__name__: step(lib, name, *SHAPE) for lib in (fastnn, torch)}
        if name == "cross_entropy" and "jax" in peers and has("jax"):
            found |= worker("jax", threads).build("loss_jax:contenders", *SHAPE)
        return found

    race(f"{name} fwd+bwd 4096x1000", threads, contenders)
