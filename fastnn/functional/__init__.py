"""Functions on Tensors (`torch.nn.functional`): checks, the kernel, the record."""

from .activation import exp, leaky_relu, log, log_softmax, relu, sigmoid, softmax, tanh
from .adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    max_unpool1d,
    max_unpool2d,
)
from .arithmetic import abs, add, add_relu, clamp, div, matmul, mul, neg, pow, sqrt, sub
from .attention import scaled_dot_product_attention
from .conv import conv1d, conv2d, conv3d
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dropout import dropout
from .embedding import embedding, embedding_bag
from .fold import fold, unfold
from .linear import linear
from .local import locally_connected1d, locally_connected2d
from .loss import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, mse_loss
from .norm import batch_norm, local_response_norm
from .padding import pad
from .pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .reduce import argmax, argmin, max, mean, min, std, sum, var
from .resample import interpolate, pixel_shuffle, pixel_unshuffle
from .rnn import recurrent_layer
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
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "add",
    "add_relu",
    "argmax",
    "argmin",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
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
    "embedding",
    "embedding_bag",
    "exp",
    "expand",
    "flatten",
    "fold",
    "interpolate",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "locally_connected1d",
    "locally_connected2d",
    "log",
    "log_softmax",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "mean",
    "min",
    "mse_loss",
    "mul",
    "neg",
    "pad",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pow",
    "recurrent_layer",
    "relu",
    "reshape",
    "sigmoid",
    "scaled_dot_product_attention",
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
    "unfold",
    "unsqueeze",
    "var",
]
