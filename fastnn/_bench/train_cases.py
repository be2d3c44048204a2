"""Training steps T1 and T3-T12: the cases, and fastnn's and PyTorch's contenders.

One training step: a fresh NumPy batch converted as a user would, forward, loss, backward, update.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import twins
from .worker import worker
from .workloads import has

Step = Callable[[], Any]
LR = 0.01
TRAIN = (
    "T1 mlp",
    *("T3 lenet5", "T4 alexnet 224", "T5 resnet18 small"),
    *("T6 lstm lm", "T7 gru rows", "T8 bilstm tagger", "T9 dcgan"),
    *("T10 vae", "T11 fcn 1d", "T12 autoencoder"),
)
# GFLOP a step: 2 a multiply-add of the products and convolutions.
GFLOP = {
    **{"T1": 0.3082, "T10": 0.4198, "T12": 0.5641},
    **{"T3": 0.1424, "T4": 30.4668, "T5": 92.4084, "T9": 8.1792, "T11": 3.2254},
    **{"T6": 11.5763, "T7": 1.2121, "T8": 0.2683},
}
ADAM = ("T1", "T6", "T7", "T8", "T9", "T10", "T11", "T12")
SEQUENCES = ("T6", "T7", "T8")
FLAT = ("T1", "T10", "T12")  # rows of numbers: no layout to choose
# Rows of a batch, shape of one, classes; of sequences (T, N, ...) the second axis is the batch.
SHAPES: dict[str, tuple[int, tuple[int, ...], int]] = {
    "T1": (128, (784,), 10),
    "T3": (64, (1, 28, 28), 10),
    "T4": (8, (3, 224, 224), 1000),
    "T5": (32, (3, 32, 32), 10),
    "T6": (64, (32,), 96),
    "T7": (28, (128, 28), 10),
    "T8": (50, (16, 64), 10),
    "T9": (64, (1, 28, 28), 0),
    "T10": (128, (784,), 0),
    "T11": (32, (1, 256), 10),
    "T12": (256, (784,), 0),
}
# Shape of a row of the noise of those that have no labels.
NOISE: dict[str, tuple[int, ...]] = {"T9": (100, 1, 1), "T10": (20,), "T12": (0,)}


def flops(case: str) -> float:
    """Of one step."""
    return 1e9 * GFLOP[case.split()[0]]


def batches(case: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random batches: x float32 with labels, or with noise: (N, 100, 1, 1) of the GAN, (N, 20) of
    the VAE, (N, 0) of the autoencoder.  T6 has symbols (T, N) for x; T6 and T8 have a label (T N,)
    a step, T7 one a row of the batch."""
    rng = np.random.default_rng(0)
    key = case.split()[0]
    n, shape, classes = SHAPES[key]
    if key in SEQUENCES:
        labels = shape[0] if key == "T7" else n * shape[0]

        def first() -> np.ndarray:
            if key == "T6":
                return rng.integers(0, classes, (n, *shape))
            return rng.standard_normal((n, *shape), dtype=np.float32)

        return [(first(), rng.integers(0, classes, labels)) for _ in range(4)]

    def second() -> np.ndarray:
        if classes:
            return rng.integers(0, classes, n)
        return rng.standard_normal((n, *NOISE[key]), dtype=np.float32)

    return [(rng.random((n, *shape), dtype=np.float32), second()) for _ in range(4)]


def fastnn_model(case: str) -> Any:
    """fastnn's network of a case."""
    import fastnn
    from fastnn import models

    fastnn.manual_seed(0)
    makers: dict[str, Callable[[], Any]] = {
        **dense_nets(fastnn.nn),
        "T3": lambda: twins.lenet(fastnn.nn),
        "T4": models.AlexNet,
        "T5": lambda: models.resnet18(10, small_images=True),
        **sequence_nets(fastnn.nn),
        "T11": lambda: models.TimeSeriesFCN(1, 10, channels=(64, 128, 64)),
    }
    return makers[case.split()[0]]()


def dense_nets(nn: Any) -> dict[str, Callable[[], Any]]:
    """T1, T10 and T12 by either library."""
    return {
        "T1": lambda: twins.mlp(nn),
        "T10": lambda: twins.vae(nn),
        "T12": lambda: twins.autoencoder(nn),
    }


def sequence_nets(nn: Any) -> dict[str, Callable[[], Any]]:
    """T6, T7 and T8 by either library."""
    return {
        "T6": lambda: twins.language_model(nn),
        "T7": lambda: twins.row_reader(nn),
        "T8": lambda: twins.tagger(nn),
    }


def torch_model(case: str) -> Any:
    """PyTorch's."""
    import torch

    torch.manual_seed(0)
    makers: dict[str, Callable[[], Any]] = {
        **dense_nets(torch.nn),
        "T3": lambda: twins.lenet(torch.nn),
        "T4": twins.alexnet,
        "T5": lambda: twins.resnet(num_classes=10, small_images=True),
        **sequence_nets(torch.nn),
        "T11": twins.fcn,
    }
    return makers[case.split()[0]]()


def _optimizer(case: str, optim: Any, params: Any, **options: Any) -> Any:
    if case.split()[0] in ADAM:
        return optim.Adam(params, lr=1e-3, **options)
    return optim.SGD(params, lr=LR, momentum=0.9, **options)


def objective(case: str, lib: Any, model: Any) -> Callable[[Any, Any], Any]:
    """loss(x, y) of a batch by fastnn or PyTorch: cross-entropy, but for T10 the evidence bound
    (y is noise), summed over pixels and rows, and for T12 the squared error to x itself."""
    key = case.split()[0]
    if key == "T12":
        squared = lib.nn.MSELoss()
        return lambda x, _: squared(model(x), x)
    if key == "T10":
        bce = lib.nn.BCEWithLogitsLoss(reduction="sum")

        def bound(x: Any, noise: Any) -> Any:
            logits, mean, log_var = model(x, noise)
            divergence = -0.5 * (1 + log_var - mean * mean - log_var.exp()).sum()
            return bce(logits, x) + divergence

        return bound
    entropy = lib.nn.CrossEntropyLoss()
    return lambda x, y: entropy(model(x), y)


def stepper(case: str, lib: Any, model: Any, convert: Any, options: dict[str, Any]) -> Step:
    """A step of `model` by fastnn or PyTorch, Adam or SGD with `options`."""
    loss_of = objective(case, lib, model)
    optimizer = _optimizer(case, lib.optim, model.parameters(), **options)
    data, count = batches(case), [0]
    parameters = list(model.parameters())
    clips = case.startswith("T6")

    def step() -> Any:
        x, y = data[count[0] % len(data)]
        count[0] += 1
        optimizer.zero_grad()
        loss = loss_of(convert(x), lib.from_numpy(y))
        loss.backward()
        if clips:
            lib.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss

    return step


def _gan(case: str, lib: Any, nets: list[Any], convert: Any, options: dict[str, Any]) -> Step:
    """A step of the discriminator on real and made images, then one of the generator."""
    generator, discriminator = nets
    loss_of = lib.nn.CrossEntropyLoss()
    of_g, of_d = (_optimizer(case, lib.optim, net.parameters(), **options) for net in nets)
    data, count = batches(case), [0]
    real = lib.from_numpy(np.ones(len(data[0][0]), np.int64))
    made = lib.from_numpy(np.zeros(len(data[0][0]), np.int64))

    def step() -> Any:
        x, z = data[count[0] % len(data)]
        count[0] += 1
        images = generator(lib.from_numpy(z))
        of_d.zero_grad()
        loss = loss_of(discriminator(convert(x)), real)
        (loss + loss_of(discriminator(images.detach()), made)).backward()
        of_d.step()
        of_g.zero_grad()
        loss_of(discriminator(images), real).backward()
        of_g.step()

    return step


def fastnn_step(case: str) -> Step:
    """One step of fastnn."""
    import fastnn

    if case.startswith("T9"):
        fastnn.manual_seed(0)
        nets = [twins.generator(fastnn.nn), twins.discriminator(fastnn.nn)]
        return _gan(case, fastnn, nets, fastnn.from_numpy, {})
    return stepper(case, fastnn, fastnn_model(case), fastnn.from_numpy, {})


def torch_steps(case: str, compiled: bool) -> dict[str, Step]:
    """PyTorch eager, tuned (fused optimizer, and channels-last memory for images), and compiled
    (the tuned step with torch.compile)."""
    import torch

    steps: dict[str, Step] = {}
    for name in ("torch", "torch tuned", *(["torch compile"] if compiled else [])):
        tuned = name != "torch"
        last = tuned and len(SHAPES[case.split()[0]][1]) == 3
        if case.startswith("T9"):
            torch.manual_seed(0)
            found = [twins.generator(torch.nn), twins.discriminator(torch.nn)]
        else:
            found = [torch_model(case)]
        if last:
            found = [net.to(memory_format=torch.channels_last) for net in found]
        if name == "torch compile":
            found = [torch_compile(net) for net in found]
        convert = _channels_last if last else torch.from_numpy
        options = {"fused": True} if tuned else {}
        if case.startswith("T9"):
            steps[name] = _gan(case, torch, found, convert, options)
        else:
            steps[name] = stepper(case, torch, found[0], convert, options)
    return steps


def compiles() -> bool:
    """Whether torch.compile has the compiler that it needs."""
    return shutil.which("g++") is not None or shutil.which("clang++") is not None


def torch_compile(model: Any) -> Any:
    """torch.compile for the threads that are set; the number is part of the compiled code."""
    import torch

    return torch.compile(model, options={"cpp.threads": torch.get_num_threads()})


def _channels_last(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(x).contiguous(memory_format=torch.channels_last)


def training(case: str, against: list[str], threads: int) -> dict[str, Step]:
    """The contenders of a training step; a library that is not installed is left out."""
    found: dict[str, Step] = {"fastnn": fastnn_step(case)}
    if "torch" in against and has("torch"):
        found |= torch_steps(case, "compile" in against and compiles())
    for library in ("jax", "tensorflow"):
        if library in against and has(library):
            try:
                found |= worker(library, threads).build(f"train_{library}:contenders", case)
            except RuntimeError as error:
                warnings.warn(f"{case}: left out: {error}", stacklevel=2)
    return found
