"""Rows of wrong arguments for bad_input_table.py: normalisation, sums, binary cross-entropy."""

import math

import numpy as np

import fastnn
from fastnn import functional as F
from fastnn import nn

NAN, INF = math.nan, math.inf


def x4(*shape):
    return fastnn.ones(*(shape or (1, 2, 5, 5)))


def leaf():
    return fastnn.ones(4, requires_grad=True)


def norm(x=(2, 3, 4), mean=(3,), var=(3,), weight=None, bias=None, **options):
    t = [fastnn.ones(*s) if isinstance(s, tuple) else s for s in (x, mean, var, weight, bias)]
    return F.batch_norm(*t, **options)


NORMALISATION = [
    ("rank 1", lambda: norm((3,)), ValueError, r"batch_norm: input has shape \(3,\)"),
    ("no Tensor", lambda: norm(np.ones((2, 3))), TypeError, "batch_norm: input must be a Tensor"),
    ("integers", lambda: norm(fastnn.ones(2, 3).int()), TypeError, "input has dtype int32"),
    ("channels", lambda: norm((2, 4)), ValueError,
     r"running_mean has shape \(3,\), expected \(4,\)"),
    ("variance", lambda: norm(var=(3, 1)), ValueError, r"running_var has shape \(3, 1\)"),
    ("weight", lambda: norm(weight=(2,)), ValueError, r"weight has shape \(2,\), expected \(3,\)"),
    ("bias", lambda: norm(bias=[1.0] * 3), TypeError, "bias must be a Tensor, got list"),
    ("double weight", lambda: norm(weight=fastnn.ones(3).double()),
     TypeError, "weight has dtype float64, but input"),
    ("double variance", lambda: norm(var=fastnn.ones(3).double(), training=True),
     TypeError, "running_var has dtype float64"),
    ("recorded mean", lambda: norm(mean=fastnn.ones(3, requires_grad=True)),
     ValueError, "running_mean must not require"),
    ("no mean", lambda: norm(mean=None), ValueError, "running_mean is None, but training is False"),
    ("half of them", lambda: norm(mean=None, training=True), ValueError,
     "one of running_mean and running_var is None"),
    ("no variance", lambda: norm(var=None), ValueError, "running_var is None"),
    *[(f"one value {x}", lambda x=x: norm(x, training=True),
       ValueError, "expected more than 1 value per channel when training")
      for x in ((1, 3), (1, 3, 1), (1, 3, 1, 1))],
    *[(f"eps {e}", lambda e=e: norm(eps=e), ValueError, "batch_norm: eps is")
      for e in (-1e-5, NAN, INF)],
    ("eps 0 in training", lambda: norm(eps=0.0, training=True), ValueError, "eps is 0.0"),
    ("eps text", lambda: norm(eps="1"), TypeError, "eps must be a number, got '1'"),
    ("momentum None", lambda: norm(momentum=None, training=True),
     TypeError, "momentum must be a number"),
    ("activation", lambda: norm(activation="tanh"), ValueError, "activation is 'tanh'"),
    ("layer: rank", lambda: nn.BatchNorm2d(3)(fastnn.ones(2, 3)),
     ValueError, "BatchNorm2d: expected 4D input, got 2D"),
    ("layer: rank 4", lambda: nn.BatchNorm1d(3)(x4()),
     ValueError, "BatchNorm1d: expected 2D or 3D input, got 4D"),
    ("layer: array", lambda: nn.BatchNorm3d(3)(np.ones(3)),
     TypeError, "BatchNorm3d: input must be a Tensor"),
    ("layer: channels", lambda: nn.BatchNorm2d(3)(x4()), ValueError, r"expected \(2,\), one for"),
    *[(f"layer: eps {e}", lambda e=e: nn.BatchNorm1d(3, e), ValueError, "BatchNorm1d: eps is")
      for e in (-1.0, NAN, INF)],
    ("layer: features", lambda: nn.BatchNorm1d(-1), ValueError, "num_features is -1"),
    ("layer: momentum", lambda: nn.BatchNorm1d(3, momentum="0.1"),
     TypeError, "momentum must be a number or None"),
    ("layer: activation", lambda: nn.BatchNorm1d(3, activation="sigmoid"),
     ValueError, "BatchNorm1d: activation is 'sigmoid'"),
    ("response: rank", lambda: F.local_response_norm(fastnn.ones(3, 4), 2),
     ValueError, r"local_response_norm: input has shape \(3, 4\)"),
    ("response: size", lambda: F.local_response_norm(x4(), 0), ValueError, "size is 0"),
    ("response: size 1.5", lambda: nn.LocalResponseNorm(1.5), TypeError, "size must be an integer"),
    ("response: alpha", lambda: F.local_response_norm(x4(), 2, "a"),
     TypeError, "alpha must be a number"),
    ("response: integers", lambda: F.local_response_norm(x4().int(), 2),
     TypeError, "input has dtype int32"),
    ("add_relu: shapes", lambda: F.add_relu(x4(), x4(1, 2, 5, 1)),
     ValueError, "add_relu: input has shape .* not broadcast"),
    ("add_relu: dtypes", lambda: F.add_relu(x4(), x4().double()),
     TypeError, "other has dtype float64"),
    ("add_relu: number", lambda: F.add_relu(x4(), 1.0), TypeError, "other must be a Tensor"),
    ("leaky: slope", lambda: F.leaky_relu(x4(), "0.1"),
     TypeError, "negative_slope must be a number"),
    ("leaky: integers", lambda: F.leaky_relu(x4().int()), TypeError, "input has dtype int32"),
    ("leaky: in place", lambda: F.leaky_relu(leaf() * 1, -0.1, True),
     RuntimeError, "negative_slope is -0.1"),
    ("conv_bn: activation", lambda: nn.fused.conv_bn(nn.ReLU(), nn.ReLU(), x4(), "gelu"),
     ValueError, "conv_bn: activation is 'gelu'"),
]  # fmt: skip


def entropy(x=(4,), t=(4,), w=None, f=F.binary_cross_entropy, **options):
    args = [fastnn.ones(*s) if isinstance(s, tuple) else s for s in (x, t, w)]
    return f(*args, **options)


def with_logits(*args, **options):
    return entropy(*args, f=F.binary_cross_entropy_with_logits, **options)


BINARY = [
    ("shapes", lambda: entropy((4, 1)), ValueError, r"binary_cross_entropy: input has shape"),
    ("shapes, logits", lambda: with_logits((4, 1)), ValueError, "with_logits: input has shape"),
    ("reduction", lambda: entropy(reduction="max"), ValueError, "reduction is 'max'"),
    ("dtypes", lambda: with_logits(t=fastnn.ones(4).double()),
     TypeError, "target has dtype float64"),
    ("integers", lambda: with_logits(fastnn.ones(4).int()), TypeError, "input has dtype int32"),
    ("labels", lambda: entropy(t=fastnn.ones(4).long()), TypeError, "target has dtype int64"),
    ("array", lambda: with_logits(t=np.ones(4)), TypeError, "target must be a Tensor"),
    ("weight", lambda: entropy(w=(3,)), ValueError, r"weight has shape \(3,\), which does not"),
    ("wide weight", lambda: entropy(w=(2, 4)), ValueError, r"weight has shape \(2, 4\), which"),
    ("recorded weight", lambda: entropy(w=leaf()), ValueError, "weight is a constant"),
    ("double weight", lambda: entropy(w=fastnn.ones(4).double()),
     TypeError, "weight has dtype float64"),
    ("pos_weight", lambda: with_logits(pos_weight=fastnn.ones(3)),
     ValueError, r"pos_weight has shape \(3,\)"),
    *[(f"probability {v}", lambda v=v: entropy(fastnn.tensor([0.5, v]), (2,)),
       RuntimeError, "input has elements from .* between 0 and 1") for v in (1.01, -0.01, NAN)],
    ("target 2", lambda: entropy(t=fastnn.ones(4) * 2), RuntimeError, "target has elements"),
    ("layer", lambda: nn.BCELoss(reduction="all"), ValueError, "BCELoss: reduction is 'all'"),
    ("layer, logits", lambda: nn.BCEWithLogitsLoss(reduction=1),
     ValueError, "BCEWithLogitsLoss: reduction is 1"),
]  # fmt: skip

NORM_ROWS = {"normalisation": NORMALISATION, "binary": BINARY}
