"""Inference I2-I8: NumPy array in, NumPy array out.  fastnn is frozen, as runtimes are."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import twins
from .peers import lacks
from .train_cases import compiles, torch_compile
from .workloads import has

Step = Callable[[], Any]
INFER = (
    "I2 lenet5 b1",
    "I3 alexnet 224 b1",
    "I4 resnet18 224 b1",
    "I5 lstm lm token b1",
    "I6 gru rows b1",
    "I7 lenet5 b256",
    "I8 resnet18 small b32",
)
INPUTS = ["x", "h", "c"]
GFLOP = {
    **{"I2": 0.0008, "I3": 1.3158, "I4": 3.3608, "I5": 0.0019},
    **{"I6": 0.0034, "I7": 0.2082, "I8": 30.839},
}
SHAPES: dict[str, tuple[int, ...]] = {
    "I2": (1, 1, 28, 28),
    "I3": (1, 3, 224, 224),
    "I4": (1, 3, 224, 224),
    "I6": (28, 1, 28),
    "I7": (256, 1, 28, 28),
    "I8": (32, 3, 32, 32),
}


def arrays(case: str) -> tuple[np.ndarray, ...]:
    """What goes in: one array, of I5 a symbol (1, 1) and the states h, c (2, 1, 256)."""
    rng = np.random.default_rng(0)
    if case.startswith("I5"):
        h, c = rng.standard_normal((2, 2, 1, 256), dtype=np.float32)
        return np.array([[7]]), h, c
    return (rng.random(SHAPES[case.split()[0]], dtype=np.float32),)


def flops(case: str) -> float:
    """2 a multiply-add of the products and convolutions."""
    return 1e9 * GFLOP[case.split()[0]]


def fastnn_model(case: str) -> Any:
    """fastnn's network."""
    import fastnn
    from fastnn import models

    fastnn.manual_seed(0)
    makers: dict[str, Callable[[], Any]] = {
        "lenet5": models.LeNet5,
        "alexnet": models.AlexNet,
        "resnet18": lambda: (
            models.resnet18(10, small_images=True) if "small" in case else models.resnet18()
        ),
        "lstm": lambda: twins.language_model(fastnn.nn),
        "gru": lambda: twins.row_reader(fastnn.nn),
    }
    return makers[case.split()[1]]().eval()


def frozen_run(model: Any, *x: np.ndarray) -> Step:
    """fastnn's contender."""
    import fastnn

    frozen = fastnn.freeze(model)
    return lambda: frozen(*x)


def fastnn_run(model: Any, *x: np.ndarray) -> Step:
    """The network itself."""
    import fastnn

    def run() -> Any:
        with fastnn.no_grad():
            return _numpy(model(*map(fastnn.from_numpy, x)))

    return run


def _numpy(y: Any) -> Any:
    return tuple(part.numpy() for part in y) if isinstance(y, tuple) else y.numpy()


def torch_model(case: str) -> Any:
    """PyTorch's network."""
    import torch

    torch.manual_seed(0)
    makers: dict[str, Callable[[], Any]] = {
        "lenet5": lambda: twins.lenet(torch.nn),
        "alexnet": twins.alexnet,
        "resnet18": lambda: (
            twins.resnet(num_classes=10, small_images=True) if "small" in case else twins.resnet()
        ),
        "lstm": lambda: twins.language_model(torch.nn),
        "gru": lambda: twins.row_reader(torch.nn),
    }
    return makers[case.split()[1]]().eval()


def torch_run(model: Any, last: bool, compiled: bool, *x: np.ndarray) -> Step:
    """PyTorch's contender, with channels last or not, compiled or not."""
    import torch

    form = torch.channels_last if last else torch.contiguous_format
    model = model.to(memory_format=form)
    if compiled:
        model = torch_compile(model)

    def run() -> Any:
        with torch.no_grad():
            if last:
                return _numpy(model(torch.from_numpy(x[0]).contiguous(memory_format=form)))
            return _numpy(model(*map(torch.from_numpy, x)))

    return run


def torch_runs(case: str, compiled: bool) -> dict[str, Step]:
    """PyTorch eager, for images with channels last ("tuned"), and all compiled."""
    x, runs = arrays(case), {}
    for last in (False, True) if x[0].ndim == 4 else (False,):
        suffix = " tuned" if last else ""
        runs[f"torch{suffix}"] = torch_run(torch_model(case), last, False, *x)
        if compiled:
            runs[f"torch compile{suffix}"] = torch_run(torch_model(case), last, True, *x)
    return runs


def exported(case: str, folder: str) -> Path:
    """PyTorch's network as an ONNX file.  The TorchScript exporter: the other needs onnxscript."""
    import torch

    path = Path(folder) / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = tuple(map(torch.from_numpy, arrays(case)))
        names = INPUTS[: len(example)]
        torch.onnx.export(torch_model(case), example, str(path), dynamo=False, input_names=names)
    return path


def onnxruntime_run(path: Path, x: tuple[np.ndarray, ...], threads: int) -> Step:
    """ONNX Runtime in float32, its threads spinning as by default, also after a run: in a loop of
    runs they are awake for the next one.  `timing.SPINNERS` keeps them from the others' turns."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    values = dict(zip(INPUTS, x, strict=False))
    return lambda: session.run(None, values)


def openvino_run(path: Path, x: tuple[np.ndarray, ...], threads: int) -> Step:
    """OpenVINO in float32, tuned for latency."""
    import openvino as ov

    core = ov.Core()
    settings = {
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO",
    }
    request = core.compile_model(core.read_model(str(path)), "CPU", settings).create_infer_request()
    values = dict(enumerate(x))
    return lambda: request.infer(values, share_inputs=True, share_outputs=False)


def inference(case: str, against: list[str], threads: int) -> dict[str, Step]:
    """The contenders of a case; a library that is not installed is left out."""
    x = arrays(case)
    model = fastnn_model(case)
    found: dict[str, Step] = {
        "fastnn": frozen_run(model, *x),
        "fastnn eager": fastnn_run(model, *x),
    }
    if "torch" in against and has("torch"):
        found |= torch_runs(case, "compile" in against and compiles())
    runtimes: dict[str, Any] = {"onnxruntime": onnxruntime_run, "openvino": openvino_run}
    wanted = [name for name in runtimes if name in against and not lacks(name, against)]
    if wanted:
        with tempfile.TemporaryDirectory() as folder:
            path = exported(case, folder)
            for name in wanted:
                found[name] = runtimes[name](path, x, threads)
                found[name]()  # before the file goes
    return found
