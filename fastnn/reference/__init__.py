"""The oracle: each kernel of `fastnn._kernels` from its equation in NumPy, float32 and float64."""

from .activation import (
    exp_forward,
    log_forward,
    log_softmax_backward,
    log_softmax_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from .adaptive import (
    adaptive_avg_pool2d_backward,
    adaptive_avg_pool2d_forward,
    adaptive_max_pool2d_forward,
    max_unpool2d_backward,
    max_unpool2d_forward,
)
from .conv import (
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from .gather import gather_rows
from .gemm import matmul
from .linear import linear_backward, linear_forward
from .loss import (
    cross_entropy_backward,
    cross_entropy_forward,
    mse_backward,
    mse_forward,
)
from .pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_backward_tap,
    max_pool2d_forward,
)
from .random import dropout, random_bits, random_normal, random_uniform
from .reduce import sum_axis
from .resample import resample2d_backward, resample2d_forward
from .update import adam_step, sgd_step

__all__ = [
    "adam_step",
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool2d_forward",
    "adaptive_max_pool2d_forward",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "dropout",
    "exp_forward",
    "gather_rows",
    "linear_backward",
    "linear_forward",
    "log_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "matmul",
    "max_pool2d_backward",
    "max_pool2d_backward_tap",
    "max_pool2d_forward",
    "max_unpool2d_backward",
    "max_unpool2d_forward",
    "mse_backward",
    "mse_forward",
    "random_bits",
    "random_normal",
    "random_uniform",
    "relu_backward",
    "relu_forward",
    "resample2d_backward",
    "resample2d_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "sum_axis",
    "tanh_backward",
    "tanh_forward",
]
