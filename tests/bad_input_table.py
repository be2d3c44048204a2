"""Rows of wrong arguments for test_bad_inputs.py: (what, call, exception, part of the message).

The message names the argument.
"""

import math

import numpy as np
from bad_input_attention import ATTENTION_ROWS
from bad_input_conv import CONV_ND
from bad_input_embedding import EMBEDDING_ROWS
from bad_input_losses import LOSS_ROWS
from bad_input_pool import MORE_POOLING
from bad_norm_inputs import NORM_ROWS
from bad_row_norm_inputs import ROW_NORM_ROWS

import fastnn
from fastnn import autograd, nn, optim, tensor
from fastnn import functional as F

NAN, INF = math.nan, math.inf
HUGE = 1 << 62


def x4(*shape, **options):
    return fastnn.ones(*(shape or (1, 2, 5, 5)), **options)


def conv(x=(1, 2, 5, 5), w=(4, 2, 3, 3), b=None, **options):
    x, w = (fastnn.ones(*s) if isinstance(s, tuple) else s for s in (x, w))
    return F.conv2d(x, w, fastnn.ones(*b) if isinstance(b, tuple) else b, **options)


CONVOLUTION = [
    ("channels differ", lambda: conv((1, 3, 5, 5)), ValueError, "input has 3 channels, but weight"),
    ("rank 2", lambda: conv((5, 5)), ValueError, r"conv2d: input has shape \(5, 5\)"),
    ("rank 5", lambda: conv((1, 1, 2, 5, 5)), ValueError, "conv2d: input has shape"),
    ("weight rank 3", lambda: conv(w=(2, 3, 3)), ValueError, "and weight"),
    ("float64 input", lambda: conv(x4().double()),
     TypeError, "weight has dtype float32, but input"),
    ("float64 weight", lambda: conv(w=x4(4, 2, 3, 3).double()),
     TypeError, "weight has dtype float64"),
    ("float64 bias", lambda: conv(b=x4(4).double()), TypeError, "bias has dtype float64"),
    ("integer input", lambda: conv(x4().int()),
     TypeError, "input has dtype int32, expected float32"),
    ("boolean weight", lambda: conv(w=x4(4, 2, 3, 3).bool()), TypeError, "weight has dtype bool"),
    ("no Tensor", lambda: conv(np.ones((1, 2, 5, 5), np.float32)),
     TypeError, "input must be a Tensor"),
    ("bias no Tensor", lambda: conv(b=[1.0]), TypeError, "bias must be a Tensor, got list"),
    ("kernel too large", lambda: conv((1, 2, 2, 5)), ValueError, "kernel .* larger than the input"),
    ("dilated too large", lambda: conv(dilation=3), ValueError, r"dilation \(3, 3\) is larger"),
    ("negative padding", lambda: conv(padding=-1),
     ValueError, "padding is -1, expected at least 0"),
    ("padding name", lambda: conv(padding="full"), ValueError, "padding is 'full'"),
    ("same with stride", lambda: conv(padding="same", stride=2),
     ValueError, "padding 'same' needs"),
    ("three paddings", lambda: conv(padding=(1, 1, 1)), ValueError, r"padding is \(1, 1, 1\)"),
    ("huge padding", lambda: conv(padding=HUGE), ValueError, "padding is .* less than 2"),
    ("stride 0", lambda: conv(stride=0), ValueError, "stride is 0, expected at least 1"),
    ("stride 1.5", lambda: conv(stride=1.5), TypeError, "stride must be an integer, got 1.5"),
    ("stride True", lambda: conv(stride=True), TypeError, "stride must be an integer, got True"),
    ("dilation 0", lambda: conv(dilation=(1, 0)), ValueError, "dilation is 0"),
    ("groups 0", lambda: conv(groups=0), ValueError, "groups is 0, expected at least 1"),
    ("groups and channels", lambda: conv(groups=2), ValueError, "groups=2 expects 4"),
    ("groups and outputs", lambda: conv((1, 4, 5, 5), (3, 2, 3, 3), groups=2),
     ValueError, "groups=2 does"),
    ("bias size", lambda: conv(b=(3,)), ValueError, r"bias has shape \(3,\), expected \(4,\)"),
    ("zero-size image", lambda: conv((1, 2, 0, 5)), ValueError, "input .* axis of size 0"),
    ("zero-size kernel", lambda: conv(w=(4, 2, 0, 3)), ValueError, "weight .* axis of size 0"),
    ("activation", lambda: conv(activation="gelu"), ValueError, "activation is 'gelu'"),
    ("layer: channels 0", lambda: nn.Conv2d(0, 1, 3), ValueError, "Conv2d: in_channels is 0"),
    ("layer: groups", lambda: nn.Conv2d(3, 4, 3, groups=2),
     ValueError, "groups=2 does not divide in_ch"),
    ("layer: kernel 0", lambda: nn.Conv2d(1, 1, 0), ValueError, "Conv2d: kernel_size is 0"),
    ("layer: kernel text", lambda: nn.Conv2d(1, 1, "3"),
     TypeError, "kernel_size must be an integer"),
    ("layer: mode", lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
     ValueError, "padding_mode is"),
    ("layer: array", lambda: nn.Conv2d(2, 1, 3)(np.ones((1, 2, 5, 5))),
     TypeError, "input must be a Tensor"),
]  # fmt: skip

POOLING = [
    ("kernel 0", lambda: F.max_pool2d(x4(), 0), ValueError, "max_pool2d: kernel_size is 0"),
    ("average 0", lambda: F.avg_pool2d(x4(), (2, 0)), ValueError, "avg_pool2d: kernel_size is 0"),
    ("stride 0", lambda: F.max_pool2d(x4(), 2, 0), ValueError, "max_pool2d: stride is 0"),
    ("much padding", lambda: F.max_pool2d(x4(), 2, padding=2),
     ValueError, "padding is .*half of kernel"),
    ("average padding", lambda: F.avg_pool2d(x4(), 3, padding=2),
     ValueError, "avg_pool2d: padding is"),
    ("negative padding", lambda: F.max_pool2d(x4(), 2, padding=-1), ValueError, "padding is -1"),
    ("dilation 0", lambda: F.max_pool2d(x4(), 2, dilation=0), ValueError, "dilation is 0"),
    ("large kernel", lambda: F.max_pool2d(x4(), 6),
     ValueError, "kernel_size .* larger than the input"),
    ("rank 2", lambda: F.avg_pool2d(x4(5, 5), 2), ValueError, r"input has shape \(5, 5\)"),
    ("empty image", lambda: F.max_pool2d(x4(1, 1, 0, 4), 1), ValueError, "input .* axis of size 0"),
    ("integers", lambda: F.max_pool2d(x4().long(), 2), TypeError, "input has dtype int64"),
    ("array", lambda: F.avg_pool2d(np.ones((1, 1, 2, 2)), 2), TypeError, "input must be a Tensor"),
    ("layer: kernel 0", lambda: nn.MaxPool2d(0), ValueError, "MaxPool2d: kernel_size is 0"),
    ("layer: padding", lambda: nn.MaxPool2d(2, padding=2), ValueError, "MaxPool2d: padding is 2"),
    ("layer: stride", lambda: nn.AvgPool2d(2, 0), ValueError, "AvgPool2d: stride is 0"),
    ("layer: average padding", lambda: nn.AvgPool2d(2, padding=2),
     ValueError, "AvgPool2d: padding is 2"),
]  # fmt: skip

LINEAR = [
    ("sizes", lambda: F.linear(x4(2, 3), x4(4, 5)),
     ValueError, r"input has shape \(2, 3\) and weight \(4, 5\)"),
    ("sizes, 3-D", lambda: F.linear(x4(2, 2, 3), x4(4, 5)), ValueError, "linear: input has shape"),
    ("rank 0", lambda: F.linear(tensor(1.0), x4(4, 5)), ValueError, "linear: input has shape"),
    ("weight rank", lambda: F.linear(x4(2, 3), x4(3)), ValueError, "weight"),
    ("bias", lambda: F.linear(x4(2, 3), x4(4, 3), x4(3)),
     ValueError, r"bias has shape \(3,\), expected \(4,\)"),
    ("bias rank", lambda: F.linear(x4(2, 3), x4(4, 3), x4(1, 4)), ValueError, "bias has shape"),
    ("double input", lambda: F.linear(x4(2, 3).double(), x4(4, 3)),
     TypeError, "weight has dtype float32, but input"),
    ("double weight", lambda: F.linear(x4(2, 3), x4(4, 3).double()),
     TypeError, "weight has dtype float64, but input"),
    ("double bias", lambda: F.linear(x4(2, 3), x4(4, 3), x4(4).double()),
     TypeError, "bias has dtype float64"),
    ("double, float bias", lambda: F.linear(x4(2, 3).double(), x4(4, 3).double(), x4(4)),
     TypeError, "bias has dtype float32"),
    ("integers", lambda: F.linear(x4(2, 3).int(), x4(4, 3)), TypeError, "input has dtype int32"),
    ("array", lambda: F.linear(x4(2, 3), np.ones((4, 3))), TypeError, "weight must be a Tensor"),
    ("activation", lambda: F.linear(x4(2, 3), x4(4, 3), activation="elu"),
     ValueError, "activation is 'elu'"),
    ("layer", lambda: nn.Linear(-1, 2), ValueError, "Linear: in_features is -1"),
    ("layer: float", lambda: nn.Linear(2, 2.0), TypeError, "out_features must be an integer"),
    ("layer: activation", lambda: nn.Linear(2, 2, activation=3),
     ValueError, "Linear: activation is 3"),
    ("layer: array", lambda: nn.Linear(2, 2)(np.ones((1, 2))),
     TypeError, "linear: input must be a Tensor"),
    ("matmul", lambda: x4(2, 3) @ x4(2, 3), ValueError, "matmul: shapes"),
    ("matmul, leading axes", lambda: x4(2, 2, 3) @ x4(3, 3, 2),
     ValueError, "matmul: shapes .* broadcast"),
    ("matmul of numbers", lambda: tensor(1.0) @ tensor(1.0), ValueError, "matmul: shapes"),
]  # fmt: skip


def ce(x=(2, 3), t=(0, 1), **options):
    target = t if isinstance(t, fastnn.Tensor) else tensor(list(t))
    return F.cross_entropy(fastnn.ones(*x), target, **options)


LOSSES = [
    ("label too large", lambda: ce(t=(0, 3)),
     IndexError, r"target\[1\] is 3, expected 0 <= class < 3"),
    ("label -1", lambda: ce(t=(-1, 0)), IndexError, r"target\[0\] is -1"),
    ("label 2**40", lambda: ce(t=(1 << 40, 0)), IndexError, r"target\[0\] is 1099511627776"),
    ("label of a pixel", lambda: ce((1, 3, 2, 2), tensor([[[0, 1], [2, 5]]])),
     IndexError, r"target\[\(0, 1, 1\)\] is 5"),
    ("label of one row", lambda: ce((3,), tensor(7)), IndexError, "is 7"),
    ("float labels", lambda: ce(t=(0.0, 1.0)),
     TypeError, "target has dtype float32 .* must be integers"),
    ("boolean labels", lambda: ce(t=(True, False)), TypeError, "target has dtype bool"),
    ("labels' shape", lambda: ce(t=(0, 1, 2)), ValueError, r"target \(3,\)"),
    ("probabilities' shape", lambda: ce(t=x4(2, 4)),
     ValueError, "target holds probabilities of shape"),
    ("probabilities' dtype", lambda: ce(t=x4(2, 3).double()),
     TypeError, "target has dtype float64"),
    ("integer input", lambda: F.cross_entropy(x4(2, 3).long(), tensor([0, 1])),
     TypeError, "input has dtype int64"),
    ("no classes", lambda: ce((2, 0)), ValueError, "no classes"),
    ("rank 0", lambda: ce((), tensor(0)), ValueError, "input has shape"),
    ("array", lambda: F.cross_entropy(x4(2, 3), np.zeros(2, int)),
     TypeError, "target must be a Tensor"),
    ("weight's shape", lambda: ce(weight=x4(2)), ValueError, "weight has shape"),
    ("weight's dtype", lambda: ce(weight=x4(3).double()), TypeError, "weight has dtype float64"),
    ("weight is a leaf", lambda: ce(weight=x4(3, requires_grad=True)),
     ValueError, "weight is a constant"),
    ("reduction", lambda: ce(reduction="avg"), ValueError, "reduction is 'avg'"),
    ("smoothing 2", lambda: ce(label_smoothing=2), ValueError, "label_smoothing is 2"),
    ("smoothing NaN", lambda: ce(label_smoothing=NAN), ValueError, "label_smoothing is nan"),
    ("layer: smoothing", lambda: nn.CrossEntropyLoss(label_smoothing=-0.1),
     ValueError, "label_smoothing is -0.1"),
    ("layer: reduction", lambda: nn.CrossEntropyLoss(reduction=None),
     ValueError, "reduction is None"),
    ("layer: weight", lambda: nn.CrossEntropyLoss([1.0]), TypeError, "'weight' is a buffer"),
    ("mse (4,1) and (4,)", lambda: F.mse_loss(x4(4, 1), x4(4)),
     ValueError, "mse_loss: input .* target"),
    ("mse dtypes", lambda: F.mse_loss(x4(4), x4(4).double()),
     TypeError, "target has dtype float64"),
    ("mse integers", lambda: F.mse_loss(x4(4).int(), x4(4).int()),
     TypeError, "input has dtype int32"),
    ("mse array", lambda: F.mse_loss(x4(4), [1.0] * 4),
     TypeError, "target must be a Tensor, got list"),
    ("mse reduction", lambda: nn.MSELoss(reduction="max"), ValueError, "reduction is 'max'"),
]  # fmt: skip

NUMBERS = [
    *[(f"dropout p={p}", lambda p=p, f=f: f(p), ValueError, "p is") for p in (1.5, -0.1, NAN, INF)
      for f in (nn.Dropout, lambda p: F.dropout(x4(), p))],
    ("dropout p text", lambda: nn.Dropout("0.5"), TypeError, "p must be a number"),
    ("dropout p True", lambda: F.dropout(x4(), True), TypeError, "p must be a number"),
    ("dropout integers", lambda: F.dropout(x4().int()),
     TypeError, "dropout: input has dtype int32"),
    ("dropout generator", lambda: F.dropout(x4(), generator=3), TypeError, "generator must be"),
    ("seed text", lambda: fastnn.manual_seed("1"), TypeError, "seed must be an integer"),
    ("seed 2**64", lambda: fastnn.manual_seed(1 << 64), ValueError, "seed is"),
    ("seed 0.5", lambda: fastnn.Generator(0.5), TypeError, "seed must be an integer"),
    ("randint empty", lambda: fastnn.randint(3, 3, (1,)), ValueError, "low is 3 and high 3"),
    ("randint float", lambda: fastnn.randint(0.5, 3, (1,)), TypeError, "low is 0.5"),
    ("randperm -1", lambda: fastnn.randperm(-1), ValueError, "negative"),
    ("relu of bools", lambda: F.relu(x4() > 0), TypeError, "relu: input has dtype bool"),
    ("softmax of integers", lambda: F.softmax(x4().int(), 1),
     TypeError, "softmax: input has dtype int32"),
    ("mean of integers", lambda: x4().int().mean(), TypeError, "mean: input has dtype int32"),
    ("sigmoid of an array", lambda: F.sigmoid(np.ones(2)),
     TypeError, "input must be a Tensor, got ndarray"),
    ("clamp without bounds", lambda: F.clamp(x4()), ValueError, "clamp: min and max"),
    ("clamp text", lambda: F.clamp(x4(), "a"), TypeError, "clamp: min must be a number"),
    *[(f"threads {n}", lambda n=n: fastnn.set_num_threads(n), ValueError, "n must be from 1 to")
      for n in (0, -1, 100_000, 1 << 70)],
    ("threads 1.5", lambda: fastnn.set_num_threads(1.5), TypeError, "n must be an integer"),
]  # fmt: skip

SHAPES = [
    *[(f"{name} dim {dim}", lambda f=f, dim=dim: f(x4(2, 3), dim), IndexError, f"{name}: dim")
      for name, f in (("sum", F.sum), ("mean", F.mean), ("var", F.var), ("max", F.max),
                      ("softmax", F.softmax),
                      ("log_softmax", F.log_softmax), ("argmax", F.argmax), ("squeeze", F.squeeze))
      for dim in (2, -3, HUGE)],
    *[(f"{name} dim (0, -2)", lambda f=f: f(x4(2, 3), (0, -2)), IndexError, f"{name}: dim .* twice")
      for name, f in (("sum", F.sum), ("mean", F.mean), ("var", F.var), ("squeeze", F.squeeze))],
    *[(f"dim {dim} of {n} axes", lambda n=n, dim=dim: F.sum(x4(*[3] * n), dim) if n else
       tensor(1.0).softmax(dim), IndexError, "dim is")
      for n, dim in ((0, 1), (0, -2), (1, 1), (1, -2), (3, 3), (3, -4))],
    ("dim 0.5", lambda: F.sum(x4(2), 0.5), TypeError, "sum: dim must be an integer"),
    ("dim True", lambda: F.softmax(x4(2), True), TypeError, "softmax: dim must be an integer"),
    ("max of nothing", lambda: x4(0).max(),
     ValueError, r"max: input of shape \(0,\) has no elements"),
    ("argmax of nothing", lambda: x4(2, 0).argmax(1), IndexError, "argmax: axis 1"),
    ("transpose", lambda: x4(2, 3).transpose(0, 2), IndexError, "transpose: dim is 2"),
    ("permute twice", lambda: x4(2, 3).permute(0, 0), ValueError, "permute: dims"),
    ("permute short", lambda: x4(2, 3).permute(0), ValueError, "permute: dims"),
    ("unsqueeze", lambda: x4(2).unsqueeze(3), IndexError, "unsqueeze: dim is 3"),
    ("flatten order", lambda: x4(2, 3, 4).flatten(2, 1),
     ValueError, "start_dim 2 comes after end_dim 1"),
    ("flatten dim", lambda: x4(2, 3).flatten(0, 5), IndexError, "flatten: dim is 5"),
    *[(f"reshape {s}", lambda s=s: x4(2, 3).reshape(s), ValueError, "reshape: shape")
      for s in ((4,), (-1, 4), (-1, -1), (-2, 3), (0, -1), (HUGE, HUGE), ())],
    ("reshape float", lambda: x4(2, 3).reshape(2, 3.0),
     TypeError, "reshape: sizes must be integers"),
    ("reshape text", lambda: F.reshape(x4(2), "ab"), TypeError, "reshape: sizes must be integers"),
    ("reshape array", lambda: F.reshape(np.ones(2), (2,)),
     TypeError, "reshape: input must be a Tensor"),
    ("view", lambda: x4(2, 3).view(4), ValueError, "shape"),
    ("expand", lambda: x4(2, 3).expand(4, 3), ValueError, "expand: shape"),
    ("expand -2", lambda: x4(2, 1).expand(2, -2), ValueError, "expand: shape"),
    ("cat nothing", lambda: F.cat([]), ValueError, "cat: no tensors"),
    ("cat shapes", lambda: F.cat([x4(2, 3), x4(3, 2)]), ValueError, "cat: shapes"),
    ("cat ranks", lambda: F.cat([x4(2, 3), x4(2)]), ValueError, "cat: shapes"),
    ("cat dtypes", lambda: F.cat([x4(2), x4(2).int()]), TypeError, "cat: dtypes differ"),
    ("cat array", lambda: F.cat([x4(2), np.ones(2)]), TypeError, r"tensors\[1\] must be a Tensor"),
    ("cat numbers", lambda: F.cat([tensor(1.0)] * 2), ValueError, "use stack"),
    ("stack", lambda: F.stack([x4(2), x4(3)]), ValueError, "stack: shapes differ"),
    ("stack array", lambda: F.stack([np.ones(2)]), TypeError, r"tensors\[0\] must be a Tensor"),
    ("split 0", lambda: x4(4).split(0), ValueError, "split: split_size is 0"),
    ("split sums", lambda: x4(4).split([1, 2]), ValueError, "must add up to 4"),
    ("split -1", lambda: x4(4).split([5, -1]), ValueError, "section is -1"),
    ("chunk 0", lambda: x4(4).chunk(0), ValueError, "chunk: chunks is 0"),
    ("pad mode", lambda: F.pad(x4(2), (1, 1), "mirror"), ValueError, "pad: mode is 'mirror'"),
    ("pad odd", lambda: F.pad(x4(2), (1,)), ValueError, "pad: pad"),
    ("pad many", lambda: F.pad(x4(2), (1, 1, 1, 1)), ValueError, "1 axes"),
    ("pad cuts all", lambda: F.pad(x4(2), (-2, -1)), ValueError, "leaves nothing of an axis of 2"),
    ("index", lambda: x4(2)[2], IndexError, "out of bounds"),
    ("index text", lambda: x4(2)["a"], IndexError, "valid indices"),
    ("index twice", lambda: x4(2)[0, 0], IndexError, "too many indices"),
    ("negative size", lambda: fastnn.zeros(2, -1),
     ValueError, r"zeros: size \(2, -1\) has a negative axis"),
    ("size overflow", lambda: fastnn.zeros(1 << 40, 1 << 40), ValueError, "size .* more than 2"),
    ("size overflow, rand", lambda: fastnn.rand(HUGE, 8), ValueError, "rand: size"),
    ("size 2**70", lambda: fastnn.ones(1 << 70), ValueError, "ones: size"),
    ("256 TiB of zeros", lambda: fastnn.zeros(1 << 46), MemoryError, "256. TiB"),
    ("256 TiB of numbers", lambda: fastnn.randn(1 << 46), MemoryError, "281,474,976,710,656 bytes"),
    ("size 2.5", lambda: fastnn.empty(2.5), TypeError, "empty: sizes must be integers, got 2.5"),
    ("size text", lambda: fastnn.full("a", 1), TypeError, "full: sizes must be integers"),
    ("dtype", lambda: fastnn.zeros(1, dtype="float16"), TypeError, "zeros: dtype is 'float16'"),
    ("dtype 3", lambda: fastnn.ones(1, dtype=3), TypeError, "ones: dtype is 3"),
]  # fmt: skip


def leaf():
    return fastnn.ones(2, requires_grad=True)


def read_only():
    a = np.ones(2, np.float32)
    a.flags.writeable = False
    return fastnn.from_numpy(a).requires_grad_()


OPTIMIZERS = [
    *[(f"{make.__name__} {name}={value}", lambda m=make, n=name, v=value: m([leaf()], **{n: v}),
       ValueError, f"{make.__name__}: {name} is")
      for make, names in ((optim.SGD, ("lr", "momentum", "weight_decay", "l1_decay")),
                          (optim.Adam, ("lr", "eps", "weight_decay", "l1_decay")))
      for name in names for value in (-1.0, NAN, INF, -INF)],
    *[(f"betas {b}", lambda b=b: optim.Adam([leaf()], betas=b), ValueError, "Adam: betas is")
      for b in ((1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, NAN), (0.9,), (0.9, 0.9, 0.9), 0.9,
                ("a", 0.5))],
    *[(f"dampening {d}", lambda d=d: optim.SGD([leaf()], dampening=d), ValueError, "dampening is")
      for d in (NAN, INF)],
    ("nesterov alone", lambda: optim.SGD([leaf()], nesterov=True),
     ValueError, "nesterov needs momentum"),
    ("nesterov, dampening", lambda: optim.SGD([leaf()], momentum=0.9, dampening=0.1, nesterov=True),
     ValueError, "nesterov needs momentum"),
    ("lr text", lambda: optim.SGD([leaf()], lr="0.1"), TypeError, "lr must be a number, got str"),
    ("lr None", lambda: optim.Adam([leaf()], lr=None),
     TypeError, "lr must be a number, got NoneType"),
    ("no parameters", lambda: optim.SGD([]), ValueError, "SGD: params is empty"),
    ("empty generator", lambda: optim.Adam(nn.ReLU().parameters()), ValueError, "params is empty"),
    ("a Tensor", lambda: optim.SGD(leaf()), TypeError, "params is a Tensor"),
    ("a set", lambda: optim.SGD({leaf()}), TypeError, "params is a set"),
    ("a dict", lambda: optim.SGD({"params": [leaf()]}), TypeError, "params is a dict"),
    ("arrays", lambda: optim.SGD([np.ones(1)]), TypeError, "params holds a ndarray"),
    ("same twice", lambda: (lambda w: optim.SGD([w, w]))(leaf()), ValueError, "same tensor twice"),
    ("same in two groups", lambda: (lambda w: optim.SGD([{"params": w}, {"params": w}]))(leaf()),
     ValueError, "same tensor twice"),
    ("no leaf", lambda: optim.SGD([leaf() * 1]),
     ValueError, "params holds .* result of an operation"),
    ("read-only", lambda: optim.SGD([read_only()]), ValueError, "params holds .* read-only"),
    ("strided", lambda: optim.SGD([fastnn.ones(2, 3).T.detach()]),
     ValueError, "params holds .* contiguous"),
    ("integers", lambda: optim.SGD([fastnn.arange(2)]), ValueError, "params holds .* float"),
    ("unknown option", lambda: optim.SGD([{"params": leaf(), "speed": 1}]),
     ValueError, "no option speed"),
    ("group of lr -1", lambda: optim.SGD([{"params": leaf(), "lr": -1}]), ValueError, "lr is -1"),
    ("group without params", lambda: optim.SGD([{"lr": 1}]), TypeError, "no dict with 'params'"),
]  # fmt: skip


TAPE = [
    ("backward twice", lambda: (lambda y: (y.backward(), y.backward()))((leaf() ** 2).sum()),
     RuntimeError, "retain_graph"),
    ("no gradient", lambda: (leaf() * 2).backward(),
     RuntimeError, "needs a gradient of that shape"),
    ("nothing recorded", lambda: fastnn.ones(1).backward(), RuntimeError, "does not require grad"),
    ("integers that require", lambda: tensor([1], requires_grad=True),
     RuntimeError, "only floating-point"),
    ("backward of a list", lambda: autograd.backward([1.0]),
     TypeError, "expected a Tensor, got float"),
    ("into a leaf", lambda: leaf().add_(1), RuntimeError, "add_: a leaf tensor"),
    ("into read-only memory", lambda: read_only().detach().zero_(),
     ValueError, "zero_: input is read-only"),
    ("write over the numpy view", lambda: leaf().numpy(), RuntimeError, "detach"),
    ("copy_ of an array", lambda: fastnn.ones(1).copy_(np.ones(1)),
     TypeError, "source must be a Tensor"),
]  # fmt: skip

ROWS = {"n-d convolution": CONV_ND, "convolution": CONVOLUTION,
        "pooling": [*POOLING, *MORE_POOLING], "linear": LINEAR, "losses": LOSSES,
        "numbers": NUMBERS, "shapes": SHAPES, "optimizers": OPTIMIZERS, "tape": TAPE,
        **ATTENTION_ROWS, **EMBEDDING_ROWS, **LOSS_ROWS, **NORM_ROWS, **ROW_NORM_ROWS}  # fmt: skip
