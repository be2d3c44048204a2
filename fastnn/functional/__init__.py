"""Functions on Tensors (`torch.nn.functional`): checks, the kernel, the record."""

from .activation import exp, leaky_relu, log, log_softmax, relu, sigmoid, softmax, tanh
from .arithmetic import abs, add, add_relu, clamp, div, matmul, mul, neg, pow, sqrt, sub
from .conv import conv1d, conv2d, conv3d
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dropout import dropout
from .linear import linear
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from .norm import batch_norm, local_response_norm
from .padding import pad
from .pool import avg_pool2d, max_pool2d
from .reduce import argmax, argmin, max, mean, min, std, sum, var
from .shape import (
    cat,
    chunk,
    clone,
    expand,
    flatten,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)

__all__ = [
    "abs",
    "add",
    "add_relu",
    "argmax",
    "argmin",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cat",
    "chunk",
    "clamp",
    "clone",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "div",
    "dropout",
    "exp",
    "expand",
    "flatten",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "mean",
    "min",
    "mse_loss",
    "mul",
    "neg",
    "pad",
    "permute",
    "pow",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "unsqueeze",
    "var",
]
