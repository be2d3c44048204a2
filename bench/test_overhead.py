"""What an operator costs beside its arithmetic: tiny tensors, and opening a parallel region."""

import contextlib
import time

import numpy as np
from shapes import LINEAR

import fastnn
from fastnn import functional as F
from fastnn._bench import twins
from fastnn._bench.workloads import has


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


class AfterRest:
    """A call as a service makes it that is asked now and then: the rests before are not timed."""

    def __init__(self, call):
        self.call = call

    def rest(self):
        time.sleep(0.05)

    def seconds(self, n):
        total = 0.0
        for _ in range(n):
            self.rest()
            start = time.perf_counter()
            self.call()
            total += time.perf_counter() - start
        return total

    def __call__(self):
        self.seconds(1)


def test_call_after_rest(race, threads):
    """Threads that slept may wake up on the core of the one that calls."""
    x = np.zeros((1024, 784), np.float32)
    model, tensor = twins.mlp(fastnn.nn), fastnn.from_numpy(x)
    contenders = {"fastnn": AfterRest(lambda: model(tensor))}
    with contextlib.ExitStack() as stack:
        stack.enter_context(fastnn.no_grad())
        if has("torch"):
            import torch

            stack.enter_context(torch.no_grad())
            theirs, tx = twins.mlp(torch.nn), torch.from_numpy(x)
            contenders["torch"] = AfterRest(lambda: theirs(tx))
        race("mlp forward, after a rest", threads, contenders)
