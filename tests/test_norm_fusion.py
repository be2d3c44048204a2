"""Batch normalisation in one kernel with a ReLU (the same bits), and folded into the layer before
it in evaluation (the same within rounding, never stale)."""

import copy
import gc

import numpy as np
import pytest
from test_fusion import arrays, equal_bits, one_by_one, run

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.nn import fused
from fastnn.nn.utils import fuse_conv_bn_eval, fuse_conv_bn_weights


def close(a, b):
    a, b = arrays(a, b)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max(initial=1))


def used(*channels_of):
    """Give batch norms statistics and parameters as after some training."""
    rng = np.random.default_rng(3)
    for bn in channels_of:
        with fastnn.no_grad():
            lows = {"running_mean": -1, "running_var": 0.5, "weight": -2, "bias": -1}
            for name, low in lows.items():
                tensor = getattr(bn, name)
                if tensor is not None:
                    values = rng.uniform(low, 2, tensor.shape).astype(np.float32)
                    tensor.copy_(fastnn.from_numpy(values))
    return channels_of[0]


@pytest.mark.parametrize("level", fastnn._kernels._csrc.available_isas())
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "shape",
    [(5, 3), (4, 17, 3), (3, 5, 4, 9), (9, 2, 2, 3, 7), (300, 1, 21, 20), (2, 1, 300, 300)],
    ids=str,
)
def test_batch_norm_with_relu_is_bit_equal(shape, training, level):
    fastnn._kernels._csrc.force_isa(level)
    c = shape[1]
    mean, var = fastnn.randn(c), fastnn.rand(c) + 0.1

    def norm(x, w, b, **options):
        return F.batch_norm(x, mean, var, w, b, training, 0.0, **options)

    tensors = [fastnn.randn(*s, requires_grad=True) for s in (shape, (c,), (c,))]
    together = run(lambda *t: norm(*t, activation="relu"), tensors)
    assert equal_bits(together, run(lambda *t: F.relu(norm(*t)), tensors))
    x, y = (fastnn.randn(*shape, requires_grad=True) for _ in range(2))
    assert equal_bits(run(F.add_relu, [x, y]), run(lambda x, y: F.relu(x + y), [x, y]))


def networks():
    yield [nn.BatchNorm2d(2), nn.ReLU()]
    yield [nn.Conv2d(2, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(True)]
    yield [nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    yield [nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.BatchNorm2d(2)]
    yield [nn.Conv2d(2, 4, 3, activation="relu"), nn.BatchNorm2d(4), nn.Tanh(), nn.ReLU()]
    yield [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, activation="relu"), nn.Sigmoid()]
    yield [nn.Flatten(), nn.Linear(128, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)]
    yield [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, affine=False), nn.LeakyReLU(0.2)]
    yield [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, track_running_stats=False), nn.ReLU()]
    yield [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3), nn.Tanh())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("hooks", [None, "first", "second", "every"])
def test_sequential_is_bit_equal_where_it_is_recorded(hooks, training):
    fastnn.manual_seed(0)
    calls = []
    for modules in networks():
        model = nn.Sequential(*modules).train(training)
        used(*[m for m in model.modules() if isinstance(m, fused._BatchNorm)])
        for i, module in enumerate(modules):
            if isinstance(module, nn.Sequential):
                continue  # one_by_one goes through it
            if hooks == "every" or hooks == "first" and not i % 2 or hooks == "second" and i % 2:
                module.register_forward_hook(lambda m, args, y: calls.append((m, y.shape)))
                module.register_forward_pre_hook(lambda m, args: calls.append(m))
        x = fastnn.randn(3, 2, 8, 8)
        state = {name: t.clone() for name, t in model.state_dict().items()}
        results = []
        for function in (model, lambda x, m=modules: one_by_one(m, x)):
            model.load_state_dict(state)
            calls.clear()
            inner = x.clone().requires_grad_()
            model.zero_grad()
            y = function(inner * 1)
            (y * y).sum().backward()
            grads = [inner.grad, *(p.grad for p in model.parameters())]
            results.append((arrays(y, *grads, *model.buffers()), list(calls)))
        assert equal_bits(results[0][0], results[1][0])
        assert results[0][1] == results[1][1] and bool(results[0][1]) == (hooks is not None)


@pytest.mark.parametrize("hooks", [None, "first", "second"])
def test_sequential_folds_in_evaluation(hooks):
    fastnn.manual_seed(0)
    calls = []
    for modules in networks():
        model = nn.Sequential(*modules).eval()
        used(*[m for m in model.modules() if isinstance(m, fused._BatchNorm)])
        for i, module in enumerate(modules):
            if isinstance(module, nn.Sequential):
                continue  # one_by_one goes through it
            if hooks == "first" and not i % 2 or hooks == "second" and i % 2:
                module.register_forward_hook(lambda m, args, y: calls.append(m))
        x = fastnn.randn(3, 2, 8, 8)
        with fastnn.no_grad():
            for _ in range(2):
                y = model(x)
                seen, calls[:] = list(calls), []
                assert close(y, one_by_one(modules, x))
                assert seen == calls
                calls.clear()


def pair():
    fastnn.manual_seed(1)
    conv, bn = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
    used(bn)
    return conv.eval(), bn.eval()


def counted(monkeypatch):
    folds = []
    fold = fused._fold
    monkeypatch.setattr(fused, "_fold", lambda *args: (folds.append(1), fold(*args))[1])
    return folds


def test_folding_is_kept_and_never_stale(monkeypatch):
    folds = counted(monkeypatch)
    conv, bn = pair()
    x = fastnn.randn(2, 3, 6, 6)

    def check(new):
        with fastnn.no_grad():
            folds.clear()
            for _ in range(3):
                y = fused.conv_bn(conv, bn, x, "relu")
            assert len(folds) == new
            assert close(y, F.relu(bn(conv(x))))

    check(1)
    check(0)
    with fastnn.no_grad():
        conv.weight.mul_(2.0)
        check(1)
        conv.bias.add_(1.0)
        check(1)
        bn.weight.mul_(-1.0)
        check(1)
        bn.bias.zero_()
        check(1)
        bn.running_mean.add_(0.5)
        check(1)
        bn.running_var.mul_(3.0)
        check(1)
    bn.eps = 0.1
    check(1)
    conv.weight = nn.Parameter(fastnn.randn(4, 3, 3, 3))
    check(1)
    bn.running_mean = fastnn.randn(4)
    check(1)
    bn.load_state_dict(used(nn.BatchNorm2d(4)).state_dict())
    check(1)
    bn.train()(fastnn.randn(5, 4, 2, 2) + 1)  # the running statistics move
    bn.eval()
    check(1)
    step = optim.SGD([*conv.parameters(), *bn.parameters()], lr=0.1)
    fused.conv_bn(conv, bn, x).sum().backward()
    step.step()
    check(1)
    conv.stride, conv.padding = (2, 2), (0, 0)  # settings are not part of what is kept
    check(0)
    conv.bias = None
    check(1)
    other = nn.Conv2d(3, 4, 1).eval()
    with fastnn.no_grad():
        assert close(fused.conv_bn(other, bn, x), bn(other(x)))
    check(1)
    conv.to("float64"), bn.to("float64")
    x = x.double()
    check(1)


def test_what_folds_and_what_does_not(monkeypatch):
    folds = counted(monkeypatch)
    conv, bn = pair()
    x = fastnn.randn(2, 3, 6, 6)
    y = fused.conv_bn(conv, bn, x)
    assert y.requires_grad and not folds  # recorded
    for module in (conv, bn):
        module.requires_grad_(False)
    y = fused.conv_bn(conv, bn, x)
    assert not y.requires_grad and folds
    folds.clear()
    assert fused.conv_bn(conv, bn, x.clone().requires_grad_()).requires_grad and not folds
    bn.train()
    fused.conv_bn(conv, bn, x)
    assert not folds
    bn.eval()
    conv.activation = "tanh"
    assert close(fused.conv_bn(conv, bn, x, "relu"), F.relu(bn(conv(x)))) and not folds
    conv.activation = None
    bn.forward = lambda x: x * 0
    assert not fused.conv_bn(conv, bn, x).numpy().any() and not folds
    del bn.forward

    class Own(nn.BatchNorm2d):
        def forward(self, input):
            return input * 0

    own = used(Own(4)).eval().requires_grad_(False)
    for activation in (None, "relu", "sigmoid"):
        y = fused.conv_bn(conv, own, x, activation)
        assert np.all(y.numpy() == (0.5 if activation == "sigmoid" else 0)) and not folds
    with pytest.raises(ValueError, match="BatchNorm2d: expected 4D input, got 3D"):
        fused.conv_bn(conv, bn, fastnn.randn(3, 6, 6))
    with pytest.raises(ValueError, match="conv2d: input has 2 channels"):
        fused.conv_bn(conv, bn, fastnn.randn(1, 2, 6, 6))
    bn.activation = "relu"
    for activation in (None, "relu", "tanh", "sigmoid"):
        y = fused.conv_bn(conv, bn, x, activation)
        want = bn(conv(x))
        assert close(y, want if activation is None else getattr(F, activation)(want))


def test_folds_die_with_their_module():
    before = len(fused._folded)
    conv, bn = pair()
    with fastnn.no_grad():
        fused.conv_bn(conv, bn, fastnn.randn(1, 3, 5, 5))
    assert len(fused._folded) == before + 1
    copied = copy.deepcopy(bn)
    del bn
    gc.collect()
    assert len(fused._folded) == before and copied not in fused._folded


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"activation": "relu"}])
@pytest.mark.parametrize("bias", [True, False])
def test_fuse_conv_bn_eval(bias, options):
    conv = nn.Conv2d(3, 4, 3, 2, 1, bias=bias).eval()
    bn = nn.BatchNorm2d(4, **options).eval()
    used(bn)
    x = fastnn.randn(2, 3, 7, 7)
    both = fuse_conv_bn_eval(conv, bn)
    assert type(both) is nn.Conv2d and both.weight is not conv.weight
    assert close(both(x), bn(conv(x)))
    assert both.weight.requires_grad and both.bias.requires_grad


def test_fuse_refuses():
    conv, bn = pair()
    with pytest.raises(ValueError, match="must be in eval mode"):
        fuse_conv_bn_eval(conv.train(), bn)
    with pytest.raises(ValueError, match="no running_mean"):
        fuse_conv_bn_eval(conv.eval(), nn.BatchNorm2d(4, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="activation='relu' before bn"):
        fuse_conv_bn_eval(nn.Conv2d(3, 4, 3, activation="relu").eval(), bn)


def test_fuse_weights_as_pytorch():
    torch = pytest.importorskip("torch")
    from torch.nn.utils.fusion import fuse_conv_bn_weights as theirs

    rng = np.random.default_rng(0)
    for transpose in (False, True):
        for shape in ((4, 4), (4, 4, 3), (4, 4, 3, 2)):
            a = [rng.random(s).astype(np.float32) for s in (shape, 4, 4, 4, 4, 4)]
            for left_out in ((), (1,), (4,), (1, 4, 5)):
                args = [None if i in left_out else v for i, v in enumerate(a)]
                results = []
                for lib, fuse in ((fastnn, fuse_conv_bn_weights), (torch, theirs)):
                    t = [None if v is None else lib.tensor(v) for v in args]
                    results.append(fuse(*t[:4], 1e-3, *t[4:], transpose))
                for ours, other in zip(*results, strict=True):
                    assert np.allclose(ours.detach().numpy(), other.detach().numpy(), rtol=1e-5)


def test_the_plan():
    def plan(*modules):
        model = nn.Sequential(*modules)
        model.eval()(fastnn.randn(2, 2, 8, 8))
        return [type(step).__name__.strip("_") for step in model._planned[1]]

    conv, bn, relu, pool = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)
    assert plan(conv, bn, relu) == ["WithNorm"]
    assert plan(conv, bn, relu, pool) == ["WithNorm", "ReluThenPool"]
    assert plan(bn, relu, pool) == ["BatchNorm2d", "ReluThenPool"]
    assert plan(bn, relu, conv, bn, nn.Tanh(), pool) == ["WithNorm", "WithNorm", "MaxPool2d"]
    assert plan(conv, relu, bn, nn.Tanh()) == ["WithActivation", "BatchNorm2d", "Tanh"]
    assert plan(conv, bn, bn, relu) == ["WithNorm", "WithNorm"]


@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_folded_convolution_runs_on_arrays(activation, monkeypatch):
    """Where nothing is recorded: its own forward is not reached, and what it refuses, it names."""
    conv, bn = nn.Conv2d(2, 3, 3, padding=1), used(nn.BatchNorm2d(3))
    conv.eval(), bn.eval()
    x = fastnn.randn(2, 2, 5, 6)
    expected = fused.norm_relu(bn, conv(x), activation)

    def forward_with(self, input, activation):
        raise RuntimeError("the layer ran")

    with fastnn.no_grad():
        with pytest.raises(ValueError, match="3 channels"):
            fused.conv_bn(conv, bn, fastnn.randn(2, 3, 5, 6), activation)
        monkeypatch.setattr(nn.Conv2d, "forward_with", forward_with)
        assert close(fused.conv_bn(conv, bn, x, activation), expected)


@pytest.mark.parametrize(
    "channels, size, options",
    [
        ((16, 48), 9, {"padding": 1}),  # Winograd's
        ((16, 80), 4, {"padding": 1}),  # of few tiles
        ((3, 5), 8, {"stride": 2}),
        ((6, 6), 7, {"groups": 6, "padding": 1}),
        ((4, 7), 5, {"padding": 1, "padding_mode": "circular"}),
    ],
)
def test_a_residual_is_added_in_the_folded_convolution(channels, size, options, monkeypatch):
    conv, bn = nn.Conv2d(*channels, 3, **options), used(nn.BatchNorm2d(channels[1]))
    conv.eval(), bn.eval()
    x = fastnn.randn(2, channels[0], size, size)
    with fastnn.no_grad():
        apart = fused.conv_bn(conv, bn, x)
        residual = fastnn.randn(*apart.shape)
        expected = F.add_relu(apart, residual).numpy()
        found = fused.conv_bn_add_relu(conv, bn, x, residual)
        assert found.numpy().tobytes() == expected.tobytes()
        with pytest.raises(ValueError, match="broadcast"):
            fused.conv_bn_add_relu(conv, bn, x, residual[:1])
        if conv.padding_mode == "zeros":
            monkeypatch.setattr(F, "add_relu", None)
            fused.conv_bn_add_relu(conv, bn, x, residual)
    monkeypatch.undo()
    assert close(fused.conv_bn_add_relu(conv, bn, x, residual), fastnn.from_numpy(expected))


def test_a_block_without_a_batch_norm_adds_its_residual():
    conv, x, residual = nn.Conv2d(2, 3, 3), fastnn.randn(1, 2, 5, 5), fastnn.randn(1, 3, 3, 3)
    with fastnn.no_grad():
        found = fused.conv_bn_add_relu(conv, nn.Identity(), x, residual)
        assert found.numpy().tobytes() == F.add_relu(conv(x), residual).numpy().tobytes()


def test_the_residual_has_to_be_there():
    x, weight = np.ones((1, 2, 4, 4), np.float32), np.ones((3, 2, 3, 3), np.float32)
    for bad in (None, np.ones((1, 3, 2, 2)), np.ones((1, 3, 1, 2), np.float32)):
        with pytest.raises((TypeError, ValueError), match="residual"):
            fastnn._kernels.conv2d_add_relu_forward(x, weight, None, bad, (1, 1), (0, 0), (1, 1), 1)
