"""The oracle: each kernel of `fastnn._kernels` from its equation in NumPy, float32 and float64."""

from .activation import (
    exp_forward,
    leaky_relu_backward,
    leaky_relu_forward,
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
from .arithmetic import add_forward, add_relu_forward
from .attention import attention_backward, attention_forward
from .bce import bce_backward, bce_forward, bce_with_logits_backward, bce_with_logits_forward
from .bias import bias_activation
from .clip import clamp_grads, grad_norm, scale_grads
from .conv import (
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from .conv3d import (
    conv3d_backward_input,
    conv3d_backward_weight,
    conv3d_forward,
)
from .ctc import ctc_backward, ctc_forward
from .embedding import (
    embedding_backward,
    embedding_bag_backward,
    embedding_bag_backward_scale,
    embedding_bag_forward,
    embedding_bag_max_backward,
    embedding_bag_max_forward,
    renorm_rows,
)
from .fold import fold, unfold
from .gather import gather_rows
from .gemm import batched_matmul, matmul
from .group_norm import group_norm_backward, group_norm_forward
from .layer_norm import (
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from .linear import linear_backward, linear_forward
from .local import (
    locally_connected2d_backward_input,
    locally_connected2d_backward_weight,
    locally_connected2d_forward,
)
from .loss import (
    cross_entropy_backward,
    cross_entropy_forward,
    mse_backward,
    mse_forward,
)
from .lrn import local_response_norm_backward, local_response_norm_forward
from .nll import nll_backward, nll_forward
from .norm import batch_norm_backward, batch_norm_forward
from .pad import pad_backward, pad_forward
from .pair_loss import (
    huber_backward,
    huber_forward,
    kl_div_backward,
    kl_div_forward,
    l1_backward,
    l1_forward,
    smooth_l1_backward,
    smooth_l1_forward,
)
from .pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_backward_tap,
    max_pool2d_forward,
)
from .random import dropout, plane_dropout, random_bits, random_normal, random_uniform
from .reduce import sum_axis
from .resample import resample2d_backward, resample2d_forward
from .rnn import recurrent_backward, recurrent_forward
from .update import (
    adadelta_step,
    adagrad_step,
    adam_step,
    adamax_step,
    lion_step,
    nadam_step,
    radam_step,
    rmsprop_step,
    rprop_step,
    sgd_step,
)

__all__ = [
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool2d_forward",
    "adaptive_max_pool2d_forward",
    "add_forward",
    "add_relu_forward",
    "attention_backward",
    "attention_forward",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batched_matmul",
    "bce_backward",
    "bce_forward",
    "bce_with_logits_backward",
    "bce_with_logits_forward",
    "bias_activation",
    "clamp_grads",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "conv3d_backward_input",
    "conv3d_backward_weight",
    "conv3d_forward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "ctc_backward",
    "ctc_forward",
    "dropout",
    "embedding_backward",
    "embedding_bag_backward",
    "embedding_bag_backward_scale",
    "embedding_bag_forward",
    "embedding_bag_max_backward",
    "embedding_bag_max_forward",
    "exp_forward",
    "fold",
    "gather_rows",
    "grad_norm",
    "group_norm_backward",
    "group_norm_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "huber_backward",
    "huber_forward",
    "kl_div_backward",
    "kl_div_forward",
    "l1_backward",
    "l1_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "lion_step",
    "local_response_norm_backward",
    "local_response_norm_forward",
    "locally_connected2d_backward_input",
    "locally_connected2d_backward_weight",
    "locally_connected2d_forward",
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
    "nadam_step",
    "nll_backward",
    "nll_forward",
    "pad_backward",
    "pad_forward",
    "radam_step",
    "plane_dropout",
    "random_bits",
    "random_normal",
    "random_uniform",
    "recurrent_backward",
    "recurrent_forward",
    "relu_backward",
    "relu_forward",
    "renorm_rows",
    "resample2d_backward",
    "resample2d_forward",
    "rmsprop_step",
    "rprop_step",
    "rms_norm_backward",
    "rms_norm_forward",
    "scale_grads",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "smooth_l1_backward",
    "smooth_l1_forward",
    "softmax_backward",
    "softmax_forward",
    "sum_axis",
    "tanh_backward",
    "tanh_forward",
    "unfold",
]
