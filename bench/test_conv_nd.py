"""Convolution of one and three axes, transposed, locally connected, and padding against PyTorch."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F

torch = pytest.importorskip("torch")

# function, input, weight, settings
LAYERS = [
    ("conv1d", (32, 16, 128), (32, 16, 5), {"padding": 2}),
    ("conv1d", (1, 1, 16000), (32, 1, 80), {"stride": 4}),
    ("conv1d", (8, 64, 500), (64, 1, 7), {"padding": 3, "groups": 64}),
    ("conv3d", (2, 1, 32, 32, 32), (8, 1, 3, 3, 3), {"padding": 1}),
    ("conv3d", (2, 16, 16, 16, 16), (32, 16, 3, 3, 3), {"padding": 1}),
    ("conv_transpose2d", (8, 64, 16, 16), (64, 32, 4, 4), {"stride": 2, "padding": 1}),
    ("conv_transpose3d", (2, 16, 8, 8, 8), (16, 8, 4, 4, 4), {"stride": 2, "padding": 1}),
]


def both(*shapes):
    """(fastnn tensors, torch tensors) that require gradients."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    ours = [fastnn.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def race_steps(race, name, threads, ours, theirs, call, torch_call):
    """Forward and backward."""
    y = call(*ours)
    dy = np.ones(y.shape, np.float32)
    gradient, torch_gradient = fastnn.tensor(dy), torch.tensor(dy)
    contenders = {
        "fastnn": lambda: call(*ours).backward(gradient),
        "torch": lambda: torch_call(*theirs).backward(torch_gradient),
    }
    race(name, threads, contenders)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_step(race, threads, layer):
    name, x, w, settings = layer
    ours, theirs = both(x, w)
    race_steps(
        race,
        f"{name} {x} {w}",
        threads,
        ours,
        theirs,
        lambda x, w: getattr(F, name)(x, w, **settings),
        lambda x, w: getattr(torch.nn.functional, name)(x, w, **settings),
    )


@pytest.mark.parametrize("n", [1, 16, 64])
def test_locally_connected(race, threads, n):
    """PyTorch has no such layer: unfold and a batched product there."""
    ours, theirs = both((n, 16, 16, 16), (14, 14, 16, 16, 3, 3))

    def unfolded(x, w):
        cols = torch.nn.functional.unfold(x, 3)
        y = torch.bmm(w.reshape(196, 16, 144), cols.permute(2, 1, 0))
        return y.permute(2, 1, 0).reshape(n, 16, 14, 14)

    name = f"locally_connected2d batch {n}"
    race_steps(race, name, threads, ours, theirs, F.locally_connected2d, unfolded)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(race, threads, mode):
    ours, theirs = both((8, 16, 56, 56))
    widths = (1, 1, 1, 1)
    race_steps(
        race,
        f"pad {mode}",
        threads,
        ours,
        theirs,
        lambda x: F.pad(x, widths, mode),
        lambda x: torch.nn.functional.pad(x, widths, mode),
    )


@pytest.mark.parametrize("name", ["unfold", "fold"])
def test_unfold(race, threads, name):
    ours, theirs = both((8, 16, 56, 56) if name == "unfold" else (8, 144, 3136))
    size = () if name == "unfold" else ((56, 56),)
    race_steps(
        race,
        name,
        threads,
        ours,
        theirs,
        lambda x: getattr(F, name)(x, *size, 3, 1, 1),
        lambda x: getattr(torch.nn.functional, name)(x, *size, 3, 1, 1),
    )
