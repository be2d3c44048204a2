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
from .ctc import ctc_loss
from .distance import cdist, cosine_similarity, pairwise_distance, pdist
from .dropout import dropout
from .embedding import embedding, embedding_bag
from .feature_dropout import (
    alpha_dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    gaussian_noise,
)
from .fold import fold, unfold
from .group_norm import group_norm, instance_norm
from .layer_norm import layer_norm, rms_norm
from .linear import linear
from .local import locally_connected1d, locally_connected2d
from .loss import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, mse_loss
from .margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .nll import gaussian_nll_loss, nll_loss, poisson_nll_loss
from .norm import batch_norm, local_response_norm
from .normalize import normalize
from .padding import pad
from .pair_loss import huber_loss, kl_div, l1_loss, smooth_l1_loss
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
from .repeats import one_hot
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
    "alpha_dropout",
    "argmax",
    "argmin",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cat",
    "cdist",
    "chunk",
    "clamp",
    "clone",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "div",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "embedding",
    "embedding_bag",
    "exp",
    "expand",
    "feature_alpha_dropout",
    "flatten",
    "fold",
    "gaussian_noise",
    "group_norm",
    "instance_norm",
    "interpolate",
    "layer_norm",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
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
    "margin_ranking_loss",
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
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "neg",
    "normalize",
    "nll_loss",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "pow",
    "recurrent_layer",
    "relu",
    "reshape",
    "rms_norm",
    "sigmoid",
    "smooth_l1_loss",
    "soft_margin_loss",
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
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "unsqueeze",
    "var",
]
