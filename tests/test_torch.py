"""PyTorch says the same: functions and layers, values and gradients, float32 and float64."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_torch_activation import ACTIVATIONS  # noqa: E402
from test_torch_conv import COMPARED_LAYERS  # noqa: E402
from test_torch_embedding import TABLES  # noqa: E402
from test_torch_losses import MODULES  # noqa: E402
from test_torch_mha import ATTENTION  # noqa: E402
from test_torch_pool import POOLS  # noqa: E402
from test_torch_rearranged import REARRANGED  # noqa: E402
from test_torch_rnn import RECURRENT  # noqa: E402
from test_torch_row_norm import ROW_NORM_LAYERS  # noqa: E402
from test_torch_transformer import TRANSFORMERS  # noqa: E402
from test_torch_tree import TREES  # noqa: E402
from torch_compare import (  # noqa: E402
    backward,
    close,
    compare,
    compare_parameters,
    random_array,
    same_parameters,
)

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
DTYPES = ["float32", "float64"]


def inputs(dtype, *shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [random_array(rng, shape, dtype) for shape in shapes]


CONV = [
    # input, weight, settings
    ((2, 3, 8, 9), (4, 3, 3, 3), {}),
    ((2, 3, 8, 9), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 9, 8), (5, 3, 3, 2), {"stride": 2}),
    ((1, 2, 9, 11), (3, 2, 3, 3), {"stride": (2, 3), "padding": (1, 2)}),
    ((2, 2, 11, 10), (3, 2, 3, 3), {"dilation": 2}),
    ((2, 2, 11, 12), (3, 2, 2, 3), {"dilation": (3, 2), "padding": (2, 1), "stride": (1, 2)}),
    ((2, 4, 7, 7), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 4, 7, 7), (8, 1, 3, 3), {"groups": 4}),  # depthwise with a multiplier
    ((2, 6, 8, 7), (6, 1, 3, 3), {"groups": 6, "padding": 1, "stride": 2}),
    ((2, 3, 7, 8), (4, 3, 3, 3), {"padding": "same"}),
    ((2, 3, 7, 8), (4, 3, 2, 4), {"padding": "same"}),
    ((2, 3, 9, 8), (4, 3, 3, 2), {"padding": "same", "dilation": (2, 3)}),
    ((2, 3, 7, 8), (4, 3, 3, 3), {"padding": "valid"}),
    ((3, 7, 8), (4, 3, 3, 3), {"padding": 1}),  # no batch axis
    ((3, 7, 8), (4, 3, 2, 2), {"padding": "same"}),
    ((3, 5, 6, 6), (7, 5, 1, 1), {}),
    ((3, 5, 6, 6), (7, 5, 1, 1), {"stride": 3}),
    ((2, 3, 4, 5), (2, 3, 4, 5), {}),  # one output pixel
    ((1, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    ((2, 6, 14, 14), (16, 6, 5, 5), {}),
    ((1, 2, 4, 4), (3, 2, 2, 2), {"stride": 5}),
    ((1, 2, 2, 2), (3, 2, 3, 3), {"padding": 4}),  # windows of padding only
    ((0, 2, 6, 6), (3, 2, 3, 3), {}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("x", "w", "options"), CONV, ids=str)
def test_conv2d(x, w, options, bias, dtype):
    arrays = inputs(dtype, x, w, *([w[:1]] if bias else []))
    compare(lambda lib, F, *t: F.conv2d(*t, **options), arrays)


POOL = [
    ((2, 3, 8, 9), 2, {}),
    ((2, 3, 8, 9), (3, 2), {}),
    ((2, 3, 9, 8), 3, {"stride": 2}),
    ((2, 3, 9, 8), 3, {"stride": (1, 2), "padding": (1, 0)}),
    ((2, 3, 9, 8), 2, {"stride": 3, "padding": 1}),
    ((2, 3, 9, 10), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    ((1, 2, 10, 7), (2, 3), {"stride": (3, 2), "ceil_mode": True}),
    ((1, 2, 5, 5), 2, {"ceil_mode": True}),
    ((1, 2, 7, 6), 4, {"stride": 3, "padding": 2, "ceil_mode": True}),
    ((1, 1, 3, 3), 2, {"stride": 5, "padding": 1, "ceil_mode": True}),
    ((1, 1, 1, 3), 2, {"stride": 2, "ceil_mode": True}),  # hangs over a single row
    ((3, 8, 9), 2, {}),
    ((3, 8, 9), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    ((1, 2, 4, 5), (4, 5), {}),
    ((2, 2, 6, 6), 1, {}),
    ((0, 2, 6, 6), 2, {}),
]
DILATED = [
    ((2, 3, 9, 8), 2, {"dilation": 2}),
    ((2, 3, 9, 8), (2, 3), {"dilation": (3, 2), "stride": 1}),
    ((1, 2, 11, 10), 3, {"dilation": 2, "padding": 1, "stride": 2, "ceil_mode": True}),
    ((1, 2, 9, 9), 3, {"dilation": (1, 3), "padding": (1, 1), "stride": (2, 1)}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("x", "kernel", "options"), POOL + DILATED, ids=str)
def test_max_pool2d(x, kernel, options, dtype):
    arrays = inputs(dtype, x)
    compare(lambda lib, F, x: F.max_pool2d(x, kernel, **options), arrays)
    compare(lambda lib, F, x: F.max_pool2d(x, kernel, **options, return_indices=True), arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(("x", "kernel", "options"), POOL, ids=str)
def test_avg_pool2d(x, kernel, options, count_include_pad, dtype):
    count = {"count_include_pad": count_include_pad}
    compare(lambda lib, F, x: F.avg_pool2d(x, kernel, **options, **count), inputs(dtype, x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize(
    "shape", [(6, 5), (5,), (4, 5, 3), (3, 4, 2, 5), (33, 17), (1, 2)], ids=str
)
def test_cross_entropy(shape, ignore_index, weighted, smoothing, reduction, dtype):
    (x,) = inputs(dtype, shape)
    x *= 4
    rng = np.random.default_rng(2)
    n_classes = shape[min(1, len(shape) - 1)]
    labels = np.array(rng.integers(0, n_classes, shape[:1] + shape[2:] if shape[1:] else ()))
    if labels.size > 2:
        labels.reshape(-1)[:2] = ignore_index
    elif ignore_index == 1:
        labels[...] = 0  # all ignored would be NaN there
    weight = (rng.random(n_classes) + 0.25).astype(dtype)

    def loss(lib, F, x, y):
        w = lib.tensor(weight) if weighted else None
        options = {"reduction": reduction, "label_smoothing": smoothing}
        return F.cross_entropy(x, y, w, ignore_index=ignore_index, **options)

    compare(loss, [x, labels])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (5,), (4, 5, 3), (2, 3, 2, 4)], ids=str)
def test_cross_entropy_of_probabilities(shape, weighted, smoothing, reduction, dtype):
    x, target, weight = inputs(dtype, shape, shape, (shape[min(1, len(shape) - 1)],))
    target = np.exp(target) / np.exp(target).sum(min(1, len(shape) - 1), keepdims=True)

    def loss(lib, F, x, t):
        w = lib.tensor(np.abs(weight)) if weighted else None
        return F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing)

    compare(loss, [x, target])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(7, 3), (), (1,), (2, 3, 4, 5), (1000,)], ids=str)
def test_mse_loss(shape, reduction, dtype):
    compare(lambda lib, F, x, t: F.mse_loss(x, t, reduction=reduction), inputs(dtype, shape, shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    ("shape", "dim"),
    [((4, 7), 1), ((4, 7), 0), ((5,), 0), ((), 0), ((2, 3, 4), 1), ((2, 3, 4), -1)]
    + [((2, 3, 4, 5), d) for d in (0, 1, 2, -4)]
    + [((0, 3), 1), ((3, 1), 1), ((3, 70), -1)],
    ids=str,
)
def test_softmax(shape, dim, name, dtype):
    (x,) = inputs(dtype, shape)
    for scale in (1, 60):
        compare(lambda lib, F, x: getattr(F, name)(x, dim), [x * x.dtype.type(scale)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("lead", "n_in", "n_out"),
    [((5,), 7, 3), ((), 4, 6), ((2, 3), 5, 1), ((2, 1, 3), 1, 4), ((65,), 130, 33), ((0,), 3, 2)],
    ids=str,
)
def test_linear(lead, n_in, n_out, bias, dtype):
    arrays = inputs(dtype, (*lead, n_in), (n_out, n_in), *([(n_out,)] if bias else []))
    compare(lambda lib, F, *t: F.linear(*t), arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 3, 4, 5), (0, 3), (1031,)], ids=str)
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations(name, shape, dtype):
    (x,) = inputs(dtype, shape)
    for scale in (1, 1e-3, 30):
        compare(lambda lib, F, x: getattr(F, name)(x), [(x * scale).astype(dtype)])
        compare(lambda lib, F, x: getattr(x, name)(), [(x * scale).astype(dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_in_place(dtype):
    def run(lib, F, x):
        h = x * 2
        y = F.relu(h, inplace=True)
        assert y is h
        return [y, y * x]

    compare(run, inputs(dtype, (4, 9)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("p", "training"), [(0.0, True), (1.0, True), (0.0, False), (0.7, False)])
def test_dropout_without_chance(p, training, dtype):
    (x,) = inputs(dtype, (4, 9))
    compare(lambda lib, F, x: F.dropout(x * 3, p, training), [x])
    compare(lambda lib, F, x: F.dropout(x * 3, p, training, inplace=True), [x])


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "exp", "log", "sqrt"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(name, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 200.0, -200.0], dtype)
    ours = getattr(fastnn.tensor(x), name)().numpy()
    theirs = getattr(torch.tensor(x), name)().numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


# ---- layers: (what makes it, of fastnn.nn or torch.nn; shape of its input)

LAYERS = [
    (lambda nn: nn.Linear(7, 5), (4, 7)),
    (lambda nn: nn.Linear(7, 5, bias=False), (2, 3, 7)),
    (lambda nn: nn.Conv2d(3, 4, 3), (2, 3, 7, 6)),
    (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 1), 1, 2, False), (2, 4, 7, 6)),
    (lambda nn: nn.Conv2d(3, 4, 3, padding="same", dilation=2), (2, 3, 7, 6)),
    (lambda nn: nn.Conv2d(3, 3, 3, groups=3, padding_mode="zeros"), (3, 7, 6)),
    (lambda nn: nn.MaxPool2d(2), (2, 3, 7, 6)),
    (lambda nn: nn.MaxPool2d(3, 2, 1, 1, True, True), (2, 3, 7, 6)),
    (lambda nn: nn.AvgPool2d(2), (2, 3, 7, 6)),
    (lambda nn: nn.AvgPool2d(3, 2, 1, True, False), (3, 7, 6)),
    (lambda nn: nn.BatchNorm1d(5), (4, 5)),
    (lambda nn: nn.BatchNorm2d(3, 1e-3, None), (4, 3, 2, 5)),
    (lambda nn: nn.BatchNorm3d(3, affine=False).eval(), (4, 3, 2, 1, 5)),
    (lambda nn: nn.LocalResponseNorm(3, 0.5, k=2.0), (4, 7, 2, 3)),
    (lambda nn: nn.ReLU(), (4, 5)),
    (lambda nn: nn.LeakyReLU(0.2), (4, 5)),
    (lambda nn: nn.Tanh(), (4, 5)),
    (lambda nn: nn.Sigmoid(), (4, 5)),
    (lambda nn: nn.Softmax(1), (4, 5, 2)),
    (lambda nn: nn.LogSoftmax(dim=-1), (4, 5)),
    (lambda nn: nn.Identity(54, unused=3), (4, 5)),
    (lambda nn: nn.Flatten(), (4, 5, 2, 3)),
    (lambda nn: nn.Flatten(0, 1), (4, 5, 2)),
    (lambda nn: nn.Dropout(0.0), (4, 5)),
    (lambda nn: nn.Dropout(1.0), (4, 5)),
    (lambda nn: nn.Dropout(0.4).eval(), (4, 5)),
    (lambda nn: nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 2), nn.Tanh()), (5, 7)),
    (lambda nn: nn.Sequential(nn.Linear(7, 9), nn.ReLU(inplace=True), nn.Sigmoid()), (5, 7)),
    (lambda nn: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)), (2, 2, 9, 8)),
    (lambda nn: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.AvgPool2d(2)), (2, 2, 9, 8)),
    (
        lambda nn: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)),
        (2, 2, 9, 8),
    ),
]
LOSSES = {"BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("i", range(len(LAYERS)))
def test_layers(i, dtype):
    make, shape = LAYERS[i]
    torch.manual_seed(i)
    model, theirs = same_parameters(make(nn), make(torch.nn), dtype)
    compare(lambda lib, F, x: (model if lib is fastnn else theirs)(x), inputs(dtype, shape))
    compare_parameters(model, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_modules(dtype):
    x, t, w = inputs(dtype, (6, 5), (6, 5), (5,))
    labels = np.array([0, 4, 2, 2, 3, 1])
    for reduction in ("mean", "sum", "none"):
        compare(lambda lib, F, x, t, r=reduction: lib.nn.MSELoss(reduction=r)(x, t), [x, t])

        def loss(lib, F, x, r=reduction):
            module = lib.nn.CrossEntropyLoss(
                lib.tensor(w * w), ignore_index=2, reduction=r, label_smoothing=0.1
            )
            return module(x, lib.tensor(labels))

        compare(loss, [x])

        def binary(lib, F, x, r=reduction):
            w = lib.tensor(t * t)  # at most 16
            p = lib.nn.BCELoss(w, reduction=r)(lib.sigmoid(x), lib.tensor(w.numpy() / 16))
            bce = lib.nn.BCEWithLogitsLoss(w, reduction=r, pos_weight=w)
            return p, bce(x, lib.tensor(w.numpy() / 16))

        compare(binary, [x])


# They hold modules and parameters and compute nothing: tests/test_collections.py; GaussianCell and
# Residual are not PyTorch's.
CONTAINERS = {
    "GaussianCell",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "Residual",
}


def test_every_layer_is_compared():
    found = {type(m).__name__ for make, _ in LAYERS for m in make(nn).modules()} | LOSSES
    found |= ATTENTION | COMPARED_LAYERS | CONTAINERS | MODULES | POOLS | RECURRENT
    found |= ACTIVATIONS | REARRANGED | ROW_NORM_LAYERS | TABLES | TRANSFORMERS | TREES
    layers = {
        name
        for name in nn.__all__
        if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
    }
    assert layers - {"Module"} == found


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_activations(activation, dtype):
    def act(lib, F, x, w, b):
        if lib is fastnn:
            return F.linear(x, w, b, activation=activation)
        return getattr(lib, activation)(F.linear(x, w, b))

    def conv(lib, F, x, w, b):
        if lib is fastnn:
            return F.conv2d(x, w, b, padding=1, activation=activation)
        return getattr(lib, activation)(F.conv2d(x, w, b, padding=1))

    compare(act, inputs(dtype, (9, 5), (7, 5), (7,)))
    compare(conv, inputs(dtype, (2, 3, 6, 7), (5, 3, 3, 3), (5,)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_parameter_used_twice_and_a_frozen_one(dtype):
    x, w, b = inputs(dtype, (4, 6), (6, 6), (6,))
    models = []
    for lib, make in ((fastnn, fastnn.tensor), (torch, torch.tensor)):
        t, tw, tb = make(x), make(w, requires_grad=True), make(b)
        linear = lib.nn.functional.linear
        models.append((linear(lib.tanh(linear(t, tw, tb)), tw), tw, tb))
    (y, ow, ob), (t, tw, tb) = models
    backward(y, t)
    close(ow.grad, tw.grad, "weight")
    assert ob.grad is None and tb.grad is None
