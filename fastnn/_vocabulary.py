"""PyTorch's words and ours: the table that `fastnn vocabulary` prints.

LEFT_OUT and DIFFERENT are all that is written down; the rest of the table is what fastnn has.
tests/test_torch_vocabulary.py compares with PyTorch: no word of it is missing here, and an argument
that fastnn does not take has its note.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

MODULES = {
    "torch.nn": "fastnn.nn",
    "torch.nn.functional": "fastnn.functional",
    "torch.nn.init": "fastnn.nn.init",
    "torch.optim": "fastnn.optim",
    "torch.optim.lr_scheduler": "fastnn.optim.lr_scheduler",
}

_LAZY = "input sizes are given, not found at the first call"
_OLD = "deprecated in PyTorch"
_DEVICES = "one process, one CPU"
_RARE = "none of the classical networks uses it"
_GPU = "an interface of GPU kernels"

LEFT_OUT: dict[str, dict[str, str]] = {
    "torch.nn": {
        **dict.fromkeys(
            [
                *(f"LazyBatchNorm{d}d" for d in (1, 2, 3)),
                *(f"LazyConv{d}d" for d in (1, 2, 3)),
                *(f"LazyConvTranspose{d}d" for d in (1, 2, 3)),
                *(f"LazyInstanceNorm{d}d" for d in (1, 2, 3)),
                "LazyLinear",
                "UninitializedBuffer",
                "UninitializedParameter",
            ],
            _LAZY,
        ),
        **dict.fromkeys(["Container", "NLLLoss2d"], _OLD),
        **dict.fromkeys(["DataParallel", "SyncBatchNorm"], _DEVICES),
        **dict.fromkeys(
            ["AdaptiveLogSoftmaxWithLoss", "FractionalMaxPool2d", "FractionalMaxPool3d"], _RARE
        ),
        "Buffer": "Module.register_buffer does it",
        "CrossMapLRN2d": "an older name of LocalResponseNorm",
        "LinearCrossEntropyLoss": "Linear, then CrossEntropyLoss",
        "LinearCrossEntropyOptions": "belongs to LinearCrossEntropyLoss",
        "RNNCellBase": "a base class without use of its own",
    },
    "torch.nn.functional": {
        **dict.fromkeys(
            [
                *(f"fractional_max_pool{d}d" for d in (2, 3)),
                *(f"fractional_max_pool{d}d_with_indices" for d in (2, 3)),
                "affine_grid",
                "grid_sample",
                "conv_tbc",
            ],
            _RARE,
        ),
        **dict.fromkeys(["upsample", "upsample_bilinear", "upsample_nearest"], _OLD),
        **dict.fromkeys(["grouped_mm", "scaled_grouped_mm", "scaled_mm"], _GPU),
        **dict.fromkeys(
            [
                *(f"max_pool{d}d_with_indices" for d in (1, 2, 3)),
                *(f"adaptive_max_pool{d}d_with_indices" for d in (1, 2, 3)),
            ],
            "the function without the suffix, return_indices=True",
        ),
        "linear_cross_entropy": "linear, then cross_entropy",
        "multi_head_attention_forward": "the inside of nn.MultiheadAttention",
        "native_channel_shuffle": "channel_shuffle",
    },
    "torch.nn.init": {
        **dict.fromkeys(
            [
                "constant",
                "dirac",
                "eye",
                "kaiming_normal",
                "kaiming_uniform",
                "normal",
                "orthogonal",
                "sparse",
                "uniform",
                "xavier_normal",
                "xavier_uniform",
            ],
            _OLD,
        ),
    },
    "torch.optim": {
        "ASGD": "SGD with swa_utils.AveragedModel",
        "Adafactor": "made for models that do not fit into memory",
        "Muon": "made for large transformers",
        "SparseAdam": "gradients are dense",
    },
    "torch.optim.lr_scheduler": {},
}

_IN_TORCH = frozenset(
    """
abs add argmax argmin cat cdist chunk clamp clone div exp expand flatten log matmul max mean
min mul neg permute pow reshape split sqrt squeeze stack std sub sum transpose unsqueeze var
""".split()
)

# PyTorch's arguments that no class and no function here takes.
NOWHERE = {
    "device": "there is one device",
    "dtype": "float32; .to(float64) afterwards",
    "size_average": _OLD,
    "reduce": _OLD,
    "foreach": "one kernel a step for all parameters",
    "fused": "one kernel a step for all parameters",
    "capturable": _GPU,
    "differentiable": "a step is not recorded",
    "decoupled_weight_decay": "AdamW has it",
}

DIFFERENT: dict[str, dict[str, str]] = {
    "torch.nn": {
        "Hardtanh": "without min_value and max_value, older names of min_val and max_val",
    },
    "torch.nn.functional": {
        "interpolate": "without antialias",
        "normalize": "without out",
    },
    "torch.nn.init": {},
    "torch.optim": {},
    "torch.optim.lr_scheduler": {},
}

# What PyTorch's module of the same name does not have.
ADDED: dict[str, dict[str, str]] = {
    "torch.nn": {
        "GaussianCell": "a mean and a standard deviation for each feature, and a draw",
        "GaussianNoise": "adds noise in training",
        "GlobalAvgPool2d": "AdaptiveAvgPool2d(1)",
        "LearnedPositionalEncoding": "a learned vector for each position",
        "LocallyConnected1d": "convolution without shared weights",
        "LocallyConnected2d": "convolution without shared weights",
        "PositionalEncoding": "sines and cosines added to a sequence",
        "Residual": "x + f(x)",
        "RotaryEncoding": "rotary positions of queries and keys",
        "Step": "0 or 1, with a surrogate gradient if wanted",
        "TreeLSTM": "over nn.Trees, level by level",
        "TreeRNN": "over nn.Trees, level by level",
        "Trees": "a batch of trees",
    },
    "torch.nn.functional": {
        "add_relu": "relu(a + b) in one pass",
        "gaussian_noise": "adds noise in training",
        "locally_connected1d": "convolution without shared weights",
        "locally_connected2d": "convolution without shared weights",
        "step": "0 or 1, with a surrogate gradient if wanted",
        "recurrent_layer": "one layer of an RNN, LSTM or GRU over a whole sequence",
        "rotary_encoding": "rotary positions of queries and keys",
    },
    "torch.nn.init": {
        "chrono_": "biases of an LSTM or GRU for long memories",
        "lecun_normal_": "variance 1 / fan_in",
        "lecun_uniform_": "variance 1 / fan_in",
        "lsuv_": "orthogonal, scaled layer by layer to variance 1",
    },
    "torch.optim": {"Lion": "Chen et al. 2023"},
    "torch.optim.lr_scheduler": {},
}


def words(module: str) -> list[str]:
    """The public names of fastnn's module that stands for `module` of PyTorch, sorted: functions
    and classes; of functional, none that PyTorch has in `torch` itself."""
    ours = import_module(MODULES[module])
    names = getattr(ours, "__all__", None) or [n for n in vars(ours) if n[0] != "_"]
    if module == "torch.nn.functional":
        names = [n for n in names if n not in _IN_TORCH]
    if module == "torch.nn.init":
        names = [n for n in names if n == "calculate_gain" or n[-1] == "_" and n != "default_"]
    return sorted(n for n in names if not isinstance(getattr(ours, n), ModuleType))


def table() -> Iterator[tuple[str, str, str]]:
    """(PyTorch's name or "-", fastnn's or "-", difference or reason), module by module, sorted."""
    for module, ours in MODULES.items():
        left_out, different, added = LEFT_OUT[module], DIFFERENT[module], ADDED[module]
        for word in sorted({*words(module), *left_out}):
            if word in left_out:
                yield f"{module}.{word}", "-", left_out[word]
            elif word in added:
                yield "-", f"{ours}.{word}", added[word]
            else:
                yield f"{module}.{word}", f"{ours}.{word}", different.get(word, "")
