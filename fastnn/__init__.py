"""fastnn: neural networks on the CPU, in PyTorch's vocabulary; NumPy arrays in and out."""

import importlib as _importlib
from typing import Any as _Any

from . import backend, functional, operators
from .config import get_num_threads, set_num_threads, show_config, threads
from .creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    linspace,
    ones,
    rand,
    randint,
    randn,
    randperm,
    tensor,
    zeros,
)
from .creation_like import (
    empty_like,
    full_like,
    ones_like,
    rand_like,
    randn_like,
    zeros_like,
)
from .dtypes import bool_, float32, float64, int32, int64, uint8
from .functional import (
    abs,
    add,
    argmax,
    argmin,
    cat,
    cdist,
    chunk,
    clamp,
    clone,
    div,
    exp,
    flatten,
    log,
    log_softmax,
    matmul,
    max,
    mean,
    min,
    mul,
    neg,
    one_hot,
    permute,
    pow,
    relu,
    reshape,
    sigmoid,
    softmax,
    split,
    sqrt,
    squeeze,
    stack,
    std,
    sub,
    sum,
    tanh,
    transpose,
    unsqueeze,
    var,
)
from .functional import vocabulary as _words
from .functional.vocabulary import *  # noqa: F403 (100 names and more)
from .grad_mode import (
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .random import Generator, default_generator, manual_seed
from .tensor import Parameter, Tensor
from .version import __version__

clip = functional.clamp

_LATER = (
    "autograd",
    "classic",
    "data",
    "datasets",
    "demos",
    "frozen",
    "io",
    "lab",
    "metrics",
    "models",
    "nn",
    "optim",
    "reference",
    "train",
    "viz",
)


def __getattr__(name: str) -> _Any:
    """Rooms that not every program needs are opened when they are named first."""
    if name in _LATER:
        return _importlib.import_module(f".{name}", __name__)
    if name in ("save", "load"):
        return getattr(_importlib.import_module(".io", __name__), name)
    if name == "freeze":
        return _importlib.import_module(".frozen", __name__).freeze
    if name == "summary":
        return _importlib.import_module(".nn.summary", __name__).summary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})


__all__ = [
    "Generator",
    "Parameter",
    "Tensor",
    "__version__",
    "abs",
    "add",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "autograd",
    "backend",
    "bool_",
    "cat",
    "cdist",
    "chunk",
    "clamp",
    "classic",
    "clip",
    "clone",
    "data",
    "datasets",
    "default_generator",
    "demos",
    "detect_anomaly",
    "div",
    "empty",
    "empty_like",
    "enable_grad",
    "exp",
    "eye",
    "flatten",
    "float32",
    "float64",
    "freeze",
    "from_numpy",
    "full",
    "full_like",
    "functional",
    "get_num_threads",
    "int32",
    "int64",
    "io",
    "is_grad_enabled",
    "lab",
    "linspace",
    "load",
    "log",
    "log_softmax",
    "manual_seed",
    "matmul",
    "max",
    "mean",
    "metrics",
    "min",
    "models",
    "mul",
    "neg",
    "nn",
    "no_grad",
    "one_hot",
    "ones",
    "ones_like",
    "operators",
    "optim",
    "permute",
    "pow",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "reference",
    "relu",
    "reshape",
    "save",
    "set_grad_enabled",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "softmax",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "summary",
    "tanh",
    "tensor",
    "threads",
    "train",
    "transpose",
    "uint8",
    "unsqueeze",
    "var",
    "viz",
    "zeros",
    "zeros_like",
]
__all__ += _words.__all__
