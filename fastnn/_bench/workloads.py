"""Training steps T1-T3 and matrix products, in fastnn and in the libraries it is compared with.

One training step: a fresh NumPy batch converted as a user would, forward, loss, backward, update.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

N_BATCHES = 8
GEMM_SIZES = [(n, n, n) for n in (128, 256, 512, 1024, 2048)]
GEMM_SIZES += [(128, 512, 784), (32, 1024, 256), (128, 256, 512), (4096, 4096, 8)]
# Dense layers, whose weights are (n, k): m samples, n outputs, k features.
DENSE_SIZES = [(16, 300, 784), (32, 1024, 256), (128, 512, 784), (256, 256, 784), (64, 4096, 9216)]
TRAIN = ("T1 mlp", "T2 tiny mlp", "T3 lenet5")

Step = Callable[[], Any]


def has(library: str) -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec(library) is not None


def batches(case: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random batches (x float32, y int64) of a workload."""
    rng = np.random.default_rng(0)
    n, shape, classes = {
        "T1 mlp": (128, (784,), 10),
        "T2 tiny mlp": (16, (4,), 3),
        "T3 lenet5": (64, (1, 28, 28), 10),
    }[case]
    return [
        (rng.random((n, *shape), dtype=np.float32), rng.integers(0, classes, n))
        for _ in range(N_BATCHES)
    ]


def flops(case: str) -> float:
    """Of the matrix products and convolutions of one step (the first layer has no dx)."""
    if case == "T1 mlp":
        sizes = [784, 512, 256, 10]
    elif case == "T2 tiny mlp":
        sizes = [4, 16, 16, 3]
    else:
        sizes = [400, 120, 84, 10]
    n = len(batches(case)[0][0])
    total = sum(6 * n * a * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))
    if case != "T3 lenet5":
        return total - 2 * n * sizes[0] * sizes[1]
    return total + 4 * n * 784 * 6 * 25 + 6 * n * 100 * 16 * 150


def _layers(case: str, nn: Any) -> list[Any]:
    if case == "T1 mlp":
        return [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)]
    if case == "T2 tiny mlp":
        return [nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)]
    return [
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    ]


def _optimizer(case: str, optim: Any, params: Any, **options: Any) -> Any:
    if case == "T1 mlp":
        return optim.Adam(params, lr=1e-3, **options)
    return optim.SGD(params, lr=0.01, momentum=0.9, **options)


def _stepper(library: Any, model: Any, optimizer: Any, case: str, convert: Any) -> Step:
    loss_of = library.nn.CrossEntropyLoss()
    data, count = batches(case), [0]

    def step() -> Any:
        x, y = data[count[0] % N_BATCHES]
        count[0] += 1
        optimizer.zero_grad()
        loss = loss_of(model(convert(x)), library.from_numpy(y))
        loss.backward()
        optimizer.step()
        return loss

    return step


def fastnn_step(case: str) -> Step:
    """One step of fastnn."""
    import fastnn

    fastnn.manual_seed(0)
    model = fastnn.nn.Sequential(*_layers(case, fastnn.nn))
    optimizer = _optimizer(case, fastnn.optim, model.parameters())
    return _stepper(fastnn, model, optimizer, case, fastnn.from_numpy)


def reference_step(case: str) -> Step:
    """The same step on the NumPy reference."""
    from .. import backend

    step = fastnn_step(case)

    def on_reference() -> Any:
        with backend.use("reference"):
            return step()

    return on_reference


def torch_steps(case: str) -> dict[str, Step]:
    """PyTorch eager and tuned: fused optimizer, and channels-last memory for images."""
    import torch

    steps: dict[str, Step] = {}
    for name in ("torch", "torch tuned"):
        torch.manual_seed(0)
        model: Any = torch.nn.Sequential(*_layers(case, torch.nn))
        tuned = name == "torch tuned"
        options: dict[str, Any] = {"fused": True} if tuned else {}
        convert: Any = torch.from_numpy
        if tuned and case == "T3 lenet5":
            model = model.to(memory_format=torch.channels_last)

            def convert(x: np.ndarray) -> Any:
                return torch.from_numpy(x).contiguous(memory_format=torch.channels_last)

        optimizer = _optimizer(case, torch.optim, model.parameters(), **options)
        steps[name] = _stepper(torch, model, optimizer, case, convert)
    return steps


def sklearn_step(case: str) -> Step:
    """scikit-learn's MLPClassifier.partial_fit, which is one step on one batch."""
    from sklearn.neural_network import MLPClassifier

    data, count = batches(case), [0]
    settings: dict[str, tuple[Any, dict[str, Any]]] = {
        "T1 mlp": ((512, 256), {"activation": "relu", "solver": "adam"}),
        "T2 tiny mlp": ((16, 16), {"activation": "tanh", "solver": "sgd", "momentum": 0.9}),
    }
    hidden, options = settings[case]
    n = len(data[0][0])
    model = MLPClassifier(hidden, alpha=0.0, batch_size=n, random_state=0, **options)
    classes = np.arange(10 if case == "T1 mlp" else 3)

    def step() -> Any:
        x, y = data[count[0] % N_BATCHES]
        count[0] += 1
        return model.partial_fit(x, y, classes=classes)

    return step


def training(case: str, against: list[str]) -> dict[str, Step]:
    """The contenders of a training step; a library that is not installed is left out."""
    found: dict[str, Step] = {"fastnn": fastnn_step(case)}
    if "reference" in against:
        found["reference"] = reference_step(case)
    if "torch" in against and has("torch"):
        found |= torch_steps(case)
    if "sklearn" in against and has("sklearn") and case != "T3 lenet5":
        found["sklearn"] = sklearn_step(case)
    return found


def gemm(m: int, n: int, k: int, against: list[str], transposed: bool = False) -> dict[str, Step]:
    """The contenders of C (m, n) = A (m, k) B (k, n); B may lie transposed in memory."""
    import fastnn

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s, dtype=np.float32) for s in ((m, k), (k, n)))
    kernels = fastnn.backend.kernels
    found: dict[str, Step] = {"fastnn": lambda: kernels.matmul(a, b)}
    if transposed:
        turned = np.ascontiguousarray(b.T)
        b = turned.T
        found = {"fastnn": lambda: kernels.matmul(a, turned, False, True)}
    if "numpy" in against:
        found["numpy"] = lambda: a @ b
    if "torch" in against and has("torch"):
        import torch

        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        found["torch"] = lambda: torch.matmul(ta, tb)
    return found
