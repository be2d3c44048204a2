"""Optimizer steps: five million parameters in one array and in 60, against PyTorch."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

ONE = [5_000_000]
# 60 arrays of a deep network: wide weights, narrow ones, biases; 5.0 million together
MANY = [234_375] * 20 + [15_000] * 20 + [625] * 20

# name, class, options, what PyTorch's fused kernels have
RULES = [
    ("sgd momentum", "SGD", {"momentum": 0.9}, True),
    ("adam", "Adam", {}, True),
    ("adamw", "AdamW", {}, True),
    ("rmsprop", "RMSprop", {}, False),
    ("adagrad", "Adagrad", {}, True),
    ("adadelta", "Adadelta", {}, False),
    ("nadam", "NAdam", {}, False),
    ("radam", "RAdam", {}, False),
    ("adamax", "Adamax", {}, False),
    ("rprop", "Rprop", {}, False),
]


@pytest.mark.parametrize("sizes", [ONE, MANY], ids=["1 array", "60 arrays"])
@pytest.mark.parametrize(("name", "kind", "options", "is_fused"), RULES, ids=lambda v: str(v)[:12])
def test_step(race, threads, name, kind, options, is_fused, sizes):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, n), dtype=np.float32) for n in sizes]

    def run(library, **more):
        params = [library.from_numpy(p.copy()).requires_grad_() for p, _ in arrays]
        for p, (_, g) in zip(params, arrays, strict=True):
            p.grad = library.from_numpy(g.copy())
        return getattr(library.optim, kind)(params, lr=1e-4, **options, **more).step

    contenders = {"fastnn": run(fastnn), "torch foreach": run(torch, foreach=True)}
    if is_fused:
        contenders["torch fused"] = run(torch, fused=True)
    race(f"{name} 5M in {len(sizes)}", threads, contenders)
