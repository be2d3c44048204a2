"""Scaled dot-product attention, forward and backward, against PyTorch."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

# Batch, heads, steps, width of a head; causal
SHAPES = [((8, 8, 512, 64), False), ((8, 8, 512, 64), True), ((1, 1, 4096, 64), False)]


@pytest.mark.parametrize(("shape", "causal"), SHAPES, ids=str)
def test_attention(race, threads, shape, causal):
    def make(library):
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(shape, dtype=np.float32) for _ in range(4)]
        *inputs, dy = map(library.from_numpy, arrays)
        for x in inputs:
            x.requires_grad_()
        attend = library.nn.functional.scaled_dot_product_attention

        def step():
            for x in inputs:
                x.grad = None
            attend(*inputs, is_causal=causal).backward(dy)

        return step

    name = f"attention fwd+bwd {'causal ' * causal}{shape}"
    race(name, threads, {"fastnn": make(fastnn), "torch": make(torch)})
