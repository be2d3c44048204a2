"""The compiled kernels, float32: the same names and arguments as `fastnn.reference`."""

import os as _os


def _load_openmp_quietly():
    """Let idle OpenMP threads sleep soon after a region.

    libgomp reads its settings when it is loaded, and by default its threads spin for milliseconds
    between regions.  Unless the user chose otherwise, 20,000 turns (about 0.1-0.2 ms): enough to
    bridge the gap between two layers, little enough for a machine that is shared.
    """
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & _os.environ.keys()
    if not chosen:
        _os.environ["GOMP_SPINCOUNT"] = "20000"
    try:
        from . import _threads
    except ImportError as error:
        if "_threads" not in str(error):
            raise
        raise ImportError(
            f"the kernels are not built in {_os.path.dirname(__file__)}: if this is the source "
            "tree, run `pip install .` and work in another folder (python puts the present one "
            "first; the commands fastnn and pytest do not)"
        ) from None
    finally:
        if not chosen:
            del _os.environ["GOMP_SPINCOUNT"]
    return _threads


_threads = _load_openmp_quietly()

from . import _csrc  # noqa: E402
from ._array import cache_info, empty_cache  # noqa: E402
from .activation import (  # noqa: E402
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
from .adaptive import (  # noqa: E402
    adaptive_avg_pool2d_backward,
    adaptive_avg_pool2d_forward,
    adaptive_max_pool2d_forward,
    max_unpool2d_backward,
    max_unpool2d_forward,
)
from .arithmetic import add_relu_forward, arithmetic_forward  # noqa: E402
from .attention import attention_forward  # noqa: E402
from .attention_grad import attention_backward  # noqa: E402
from .batched import batched_matmul  # noqa: E402
from .bce import (  # noqa: E402
    bce_backward,
    bce_forward,
    bce_with_logits_backward,
    bce_with_logits_forward,
)
from .bias import bias_activation  # noqa: E402
from .clip import clamp_grads, grad_norm, scale_grads  # noqa: E402
from .conv import (  # noqa: E402
    conv2d_add_relu_forward,
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_forward,
)
from .conv3d import (  # noqa: E402
    conv3d_backward_input,
    conv3d_backward_weight,
    conv3d_forward,
)
from .conv_prepared import conv2d_prepared  # noqa: E402
from .conv_weight import conv2d_backward_weight  # noqa: E402
from .ctc import ctc_backward, ctc_forward  # noqa: E402
from .embedding import (  # noqa: E402
    embedding_backward,
    embedding_bag_backward,
    embedding_bag_backward_scale,
    embedding_bag_forward,
    embedding_bag_max_backward,
    embedding_bag_max_forward,
    renorm_rows,
)
from .fold import fold, unfold  # noqa: E402
from .gather import gather_rows  # noqa: E402
from .gemm import matmul  # noqa: E402
from .group_norm import group_norm_backward, group_norm_forward  # noqa: E402
from .hopfield import hopfield_step, hopfield_sweep, rows_differ  # noqa: E402
from .layer_norm import (  # noqa: E402
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from .linear import linear_backward, linear_forward  # noqa: E402
from .linear_prepared import linear_prepared  # noqa: E402
from .local import (  # noqa: E402
    locally_connected2d_backward_input,
    locally_connected2d_backward_weight,
    locally_connected2d_forward,
)
from .loss import (  # noqa: E402
    cross_entropy_backward,
    cross_entropy_forward,
    mse_backward,
    mse_forward,
)
from .lrn import local_response_norm_backward, local_response_norm_forward  # noqa: E402
from .nll import nll_backward, nll_forward  # noqa: E402
from .norm import batch_norm_backward, batch_norm_forward  # noqa: E402
from .pad import pad_backward, pad_forward  # noqa: E402
from .pair_loss import (  # noqa: E402
    huber_backward,
    huber_forward,
    kl_div_backward,
    kl_div_forward,
    l1_backward,
    l1_forward,
    smooth_l1_backward,
    smooth_l1_forward,
)
from .pool import (  # noqa: E402
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_backward_tap,
    max_pool2d_forward,
)
from .random import (  # noqa: E402
    dropout,
    plane_dropout,
    random_bernoulli,
    random_bits,
    random_normal,
    random_uniform,
)
from .rectifier import (  # noqa: E402
    elu_backward,
    elu_forward,
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    hardsigmoid_backward,
    hardsigmoid_forward,
    hardswish_backward,
    hardswish_forward,
    mish_backward,
    mish_forward,
    silu_backward,
    silu_forward,
    softplus_backward,
    softplus_forward,
)
from .reduce import sum_axis  # noqa: E402
from .resample import resample2d_backward, resample2d_forward  # noqa: E402
from .rnn import recurrent_forward, recurrent_prepared, recurrent_stack  # noqa: E402
from .rnn_grad import recurrent_backward  # noqa: E402
from .som import som_online  # noqa: E402
from .update import (  # noqa: E402
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
    "_csrc",
    "_threads",
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool2d_forward",
    "adaptive_max_pool2d_forward",
    "add_relu_forward",
    "arithmetic_forward",
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
    "cache_info",
    "clamp_grads",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_add_relu_forward",
    "conv2d_forward",
    "conv2d_prepared",
    "conv3d_backward_input",
    "conv3d_backward_weight",
    "conv3d_forward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "ctc_backward",
    "ctc_forward",
    "dropout",
    "elu_backward",
    "elu_forward",
    "embedding_backward",
    "embedding_bag_backward",
    "embedding_bag_backward_scale",
    "embedding_bag_forward",
    "embedding_bag_max_backward",
    "embedding_bag_max_forward",
    "empty_cache",
    "exp_forward",
    "fold",
    "gather_rows",
    "gelu_backward",
    "gelu_forward",
    "gelu_tanh_backward",
    "gelu_tanh_forward",
    "grad_norm",
    "group_norm_backward",
    "group_norm_forward",
    "hardsigmoid_backward",
    "hardsigmoid_forward",
    "hardswish_backward",
    "hardswish_forward",
    "hopfield_step",
    "hopfield_sweep",
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
    "linear_prepared",
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
    "mish_backward",
    "mish_forward",
    "mse_backward",
    "mse_forward",
    "nadam_step",
    "nll_backward",
    "nll_forward",
    "pad_backward",
    "pad_forward",
    "radam_step",
    "plane_dropout",
    "random_bernoulli",
    "random_bits",
    "random_normal",
    "random_uniform",
    "recurrent_backward",
    "recurrent_forward",
    "recurrent_prepared",
    "recurrent_stack",
    "relu_backward",
    "relu_forward",
    "renorm_rows",
    "resample2d_backward",
    "resample2d_forward",
    "rows_differ",
    "rmsprop_step",
    "rprop_step",
    "rms_norm_backward",
    "rms_norm_forward",
    "scale_grads",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "smooth_l1_backward",
    "smooth_l1_forward",
    "softmax_backward",
    "softmax_forward",
    "softplus_backward",
    "softplus_forward",
    "som_online",
    "sum_axis",
    "tanh_backward",
    "tanh_forward",
    "unfold",
]
