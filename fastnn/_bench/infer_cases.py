"""Inference I2, I3, I4, I7 and I8: NumPy array in, NumPy array out, eval mode, nothing recorded."""

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
    "I7 lenet5 b256",
    "I8 resnet18 small b32",
)
GFLOP = {"I2": 0.0008, "I3": 1.3158, "I4": 3.3608, "I7": 0.2082, "I8": 30.839}
SHAPES: dict[str, tuple[int, ...]] = {
    "I2": (1, 1, 28, 28),
    "I3": (1, 3, 224, 224),
    "I4": (1, 3, 224, 224),
    "I7": (256, 1, 28, 28),
    "I8": (32, 3, 32, 32),
}


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
    }
    return makers[case.split()[1]]().eval()


def fastnn_run(model: Any, x: np.ndarray) -> Step:
    """fastnn's contender."""
    import fastnn

    def run() -> Any:
        with fastnn.no_grad():
            return model(fastnn.from_numpy(x)).numpy()

    return run


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
    }
    return makers[case.split()[1]]().eval()


def torch_run(model: Any, x: np.ndarray, last: bool, compiled: bool) -> Step:
    """PyTorch's contender, with channels last or not, compiled or not."""
    import torch

    form = torch.channels_last if last else torch.contiguous_format
    model = model.to(memory_format=form)
    if compiled:
        model = torch_compile(model)

    def run() -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(x).contiguous(memory_format=form)).numpy()

    return run


def torch_runs(case: str, x: np.ndarray, compiled: bool) -> dict[str, Step]:
    """PyTorch eager, with channels last ("tuned"), and both compiled."""
    runs = {
        "torch": torch_run(torch_model(case), x, False, False),
        "torch tuned": torch_run(torch_model(case), x, True, False),
    }
    if compiled:
        runs["torch compile"] = torch_run(torch_model(case), x, False, True)
        runs["torch compile tuned"] = torch_run(torch_model(case), x, True, True)
    return runs


def exported(case: str, folder: str) -> Path:
    """PyTorch's network as an ONNX file.  The TorchScript exporter: the other needs onnxscript."""
    import torch

    path = Path(folder) / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.zeros(SHAPES[case.split()[0]]),)
        torch.onnx.export(torch_model(case), example, str(path), dynamo=False, input_names=["x"])
    return path


def onnxruntime_run(path: Path, x: np.ndarray, threads: int) -> Step:
    """ONNX Runtime in float32, its threads spinning as by default, also after a run: in a loop of
    runs they are awake for the next one.  `timing.SPINNERS` keeps them from the others' turns."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def openvino_run(path: Path, x: np.ndarray, threads: int) -> Step:
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
    return lambda: request.infer({0: x}, share_inputs=True, share_outputs=False)[0]


def inference(case: str, against: list[str], threads: int) -> dict[str, Step]:
    """The contenders of a case; a library that is not installed is left out."""
    x = np.random.default_rng(0).random(SHAPES[case.split()[0]], dtype=np.float32)
    found: dict[str, Step] = {"fastnn": fastnn_run(fastnn_model(case), x)}
    if "torch" in against and has("torch"):
        found |= torch_runs(case, x, "compile" in against and compiles())
    runtimes: dict[str, Any] = {"onnxruntime": onnxruntime_run, "openvino": openvino_run}
    wanted = [name for name in runtimes if name in against and not lacks(name, against)]
    if wanted:
        with tempfile.TemporaryDirectory() as folder:
            path = exported(case, folder)
            for name in wanted:
                found[name] = runtimes[name](path, x, threads)
                found[name]()  # before the file goes
    return found
