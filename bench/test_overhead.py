"""What an operator costs beside its arithmetic: tiny tensors, and opening a parallel region."""

import numpy as np
from shapes import LINEAR

import fastnn
from fastnn import functional as F


def test_tiny_linear(race):
    """Linear 4 -> 16, batch 1, nothing recorded: the bar is 3 microseconds."""
    _, n, n_in, n_out = LINEAR[-1]
    layer, x = fastnn.nn.Linear(n_in, n_out), fastnn.randn(n, n_in)
    contenders = {"fastnn": lambda: layer(x)}
    try:
        import torch
    except ImportError:
        pass
    else:
        theirs, tx = torch.nn.Linear(n_in, n_out), torch.randn(n, n_in)

        def torch_call():
            with torch.no_grad():
                return theirs(tx)

        contenders["torch"] = torch_call
    with fastnn.no_grad():
        race("linear 4 -> 16, batch 1", 1, contenders)


def test_region(race, threads):
    """A relu just large enough for two threads: the cost of opening and closing a region."""
    x = fastnn.from_numpy(np.zeros(1 << 17, np.float32))
    race("relu 128 Ki", threads, {"fastnn": lambda: F.relu(x)})


def test_from_numpy(race):
    x = np.zeros((16, 4), np.float32)
    race("from_numpy", 1, {"fastnn": lambda: fastnn.from_numpy(x)})
