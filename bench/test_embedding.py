"""Embeddings, bags of them and clipping of gradients, against PyTorch."""

import numpy as np
import pytest
from shapes import EMBEDDINGS, PARAMETERS

import fastnn

torch = pytest.importorskip("torch")


def integers(library, high, shape):
    return library.from_numpy(np.random.default_rng(0).integers(0, high, shape))


def numbers(library, *shape):
    return library.from_numpy(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))


def both(make):
    return {"fastnn": make(fastnn), "torch": make(torch)}


@pytest.mark.parametrize("rows, columns, tokens", EMBEDDINGS)
def test_embedding(race, threads, rows, columns, tokens):
    """Forward and backward: from zeros to a gradient of the whole table."""

    def make(library):
        table = library.nn.Embedding(rows, columns)
        x, dy = integers(library, rows, tokens), numbers(library, *tokens, columns)

        def step():
            table.weight.grad = None
            table(x).backward(dy)

        return step

    race(f"embedding {rows}x{columns} of {tokens}", threads, both(make))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(race, threads, mode):
    """256 bags of 16."""

    def make(library):
        table = library.nn.EmbeddingBag(10_000, 64, mode=mode)
        x, dy = integers(library, 10_000, (256, 16)), numbers(library, 256, 64)

        def step():
            table.weight.grad = None
            table(x).backward(dy)

        return step

    race(f"embedding_bag {mode}", threads, both(make))


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("function", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping(race, threads, name, function):
    """After the first call the norm is the limit, within rounding."""

    def make(library):
        parameters = [library.zeros(*shape).requires_grad_() for shape in PARAMETERS[name]]
        for p in parameters:
            p.grad = numbers(library, *p.shape)
        clip = getattr(library.nn.utils, function)
        return lambda: clip(parameters, 1.0)

    race(f"{function} {name}", threads, both(make))
