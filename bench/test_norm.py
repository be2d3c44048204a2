"""Normalisation and the elementwise work around convolutions, against PyTorch in both layouts."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

SHAPE = (32, 64, 32, 32)
BATCH_NORMS = [SHAPE, (32, 256, 8, 8), (64, 512, 7, 7), (128, 16, 32, 32), (256, 512), (4096, 64)]


def images(library, shape, channels_last=False):
    a = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    t = library.from_numpy(a)
    return t.contiguous(memory_format=torch.channels_last) if channels_last else t


def training(library, function, shape, channels_last=False):
    """Forward and backward."""
    x, dy = (images(library, shape, channels_last) for _ in range(2))
    x.requires_grad_()

    def step():
        x.grad = None
        function(x).backward(dy)

    return step


def against_both_layouts(make, shape, work):
    contenders = {
        "fastnn": work(fastnn, make(fastnn), shape),
        "torch": work(torch, make(torch), shape),
    }
    if len(shape) == 4:
        contenders["torch channels-last"] = work(torch, make(torch), shape, True)
    return contenders


@pytest.mark.parametrize("shape", BATCH_NORMS, ids=str)
def test_batch_norm_training(race, threads, shape):
    def make(library):
        return getattr(library.nn, f"BatchNorm{max(1, len(shape) - 2)}d")(shape[1])

    race(f"batch_norm train {shape}", threads, against_both_layouts(make, shape, training))


@pytest.mark.parametrize("shape", BATCH_NORMS, ids=str)
def test_batch_norm_evaluation(race, threads, shape):
    def make(library):
        return getattr(library.nn, f"BatchNorm{max(1, len(shape) - 2)}d")(shape[1]).eval()

    def forward(library, bn, shape, channels_last=False):
        x = images(library, shape, channels_last)

        def run():
            with library.no_grad():
                bn(x)

        return run

    race(f"batch_norm eval {shape}", threads, against_both_layouts(make, shape, forward))


def test_batch_norm_with_relu(race, threads):
    def make(library):
        n = library.nn
        return n.Sequential(n.BatchNorm2d(SHAPE[1]), n.ReLU())

    race("batch_norm + relu", threads, against_both_layouts(make, SHAPE, training))


def test_local_response_norm(race, threads):
    def make(library):
        return library.nn.LocalResponseNorm(5, k=2.0)

    race("local_response_norm", threads, against_both_layouts(make, (32, 64, 27, 27), training))


@pytest.mark.parametrize("name", ["add", "add_relu", "leaky_relu"])
def test_elementwise(race, threads, name):
    def make(library):
        if name == "leaky_relu":
            return library.nn.LeakyReLU(0.2)
        other = images(library, SHAPE)
        if name == "add":
            return lambda x: x + other
        if library is torch:
            return lambda x: torch.relu_(x + other)
        return lambda x: fastnn.functional.add_relu(x, other)

    contenders = {
        "fastnn": training(fastnn, make(fastnn), SHAPE),
        "torch": training(torch, make(torch), SHAPE),
    }
    race(f"{name} {SHAPE}", threads, contenders)


def test_binary_cross_entropy_with_logits(race, threads):
    def make(library):
        target = library.from_numpy(np.random.default_rng(1).random((128, 1000), np.float32))
        loss = library.nn.functional.binary_cross_entropy_with_logits
        return lambda x: loss(x, target)

    def work(library, loss, shape, channels_last=False):
        x = images(library, shape).requires_grad_()

        def step():
            x.grad = None
            loss(x).backward()

        return step

    contenders = against_both_layouts(make, (128, 1000), work)
    race("bce_with_logits 128x1000", threads, contenders)


ROW_NORMS = [
    ("layer_norm", (4096, 512), lambda n: n.LayerNorm(512)),
    ("rms_norm", (4096, 512), lambda n: n.RMSNorm(512)),
    ("group_norm", SHAPE, lambda n: n.GroupNorm(8, SHAPE[1])),
]


@pytest.mark.parametrize(("name", "shape", "make"), ROW_NORMS, ids=lambda v: str(v)[:20])
def test_row_norm_training(race, threads, name, shape, make):
    contenders = {lib.__name__: training(lib, make(lib.nn), shape) for lib in (fastnn, torch)}
    race(f"{name} train {shape}", threads, contenders)
