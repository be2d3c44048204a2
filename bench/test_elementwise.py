"""Activations, losses, dropout and optimizer steps: a million elements, against PyTorch."""

import numpy as np
import pytest
from shapes import ELEMENTS

import fastnn
from fastnn import functional as F

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("op", ["relu", "tanh", "sigmoid", "exp", "log"])
def test_activation(race, threads, op):
    x = np.random.default_rng(0).random(ELEMENTS, dtype=np.float32)
    ours, theirs = fastnn.from_numpy(x), torch.from_numpy(x)
    contenders = {
        "fastnn": lambda: getattr(F, op)(ours),
        "torch": lambda: getattr(torch, op)(theirs),
    }
    race(f"{op} 1M", threads, contenders)


@pytest.mark.parametrize("op", ["gelu", "silu", "elu", "softplus", "mish"])
def test_smooth_activation(race, threads, op):
    _activation(race, threads, op, ELEMENTS, "1M")


@pytest.mark.parametrize("op", ["relu", "tanh", "sigmoid", "gelu"])
def test_activation_of_more_than_the_caches(race, threads, op):
    _activation(race, threads, op, 4 * ELEMENTS, "4M")


def _activation(race, threads, op, n, size):
    """Of both signs, on which these branch."""
    x = np.random.default_rng(0).standard_normal(n, dtype=np.float32)

    def run(library):
        function, values = getattr(library.nn.functional, op), library.from_numpy(x)
        return lambda: function(values)

    race(f"{op} normal {size}", threads, {"fastnn": run(fastnn), "torch": run(torch)})


def test_dropout(race, threads):
    x = np.random.default_rng(0).random(ELEMENTS, dtype=np.float32)
    ours, theirs = fastnn.from_numpy(x), torch.from_numpy(x)
    contenders = {
        "fastnn": lambda: F.dropout(ours, 0.5),
        "torch": lambda: torch.nn.functional.dropout(theirs, 0.5),
    }
    race("dropout 1M", threads, contenders)


def test_cross_entropy(race, threads):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1024, 1000), dtype=np.float32), rng.integers(0, 1000, 1024)

    def run(library, functional):
        logits, target = library.from_numpy(x).requires_grad_(), library.from_numpy(y)

        def step():
            logits.grad = None
            functional.cross_entropy(logits, target).backward()

        return step

    contenders = {"fastnn": run(fastnn, F), "torch": run(torch, torch.nn.functional)}
    race("cross_entropy 1024x1000", threads, contenders)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_optimizer(race, threads, name):
    x = np.random.default_rng(0).random((4, ELEMENTS), dtype=np.float32)

    def run(library, options):
        params = [library.from_numpy(row.copy()).requires_grad_() for row in x]
        for p in params:
            p.grad = library.from_numpy(x[0].copy())
        return getattr(library.optim, name)(params, lr=1e-3, **options).step

    extra = {"momentum": 0.9} if name == "SGD" else {}
    contenders = {"fastnn": run(fastnn, extra), "torch": run(torch, {**extra, "fused": True})}
    race(f"{name} 4M", threads, contenders)
