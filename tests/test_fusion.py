"""Fused kernels: the same bits as the operations one by one, also within Sequential."""

import functools

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def arrays(*tensors):
    return [t.detach().numpy() for t in tensors]


def equal_bits(ours, theirs):
    return all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True)
    )


def run(function, tensors):
    """Result and gradients."""
    for t in tensors:
        t.grad = None
    y = function(*tensors)
    dy = fastnn.from_numpy(np.cos(np.arange(y.numel(), dtype=np.float32)).reshape(y.shape))
    y.backward(dy)
    return arrays(y, *(t.grad for t in tensors))


@pytest.mark.parametrize("level", fastnn._kernels._csrc.available_isas())
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fused_activation_is_bit_equal(name, level):
    fastnn._kernels._csrc.force_isa(level)
    activation = getattr(F, name)
    for n, k, m in [(1, 1, 1), (3, 5, 17), (32, 100, 84), (64, 33, 130), (0, 3, 4)]:
        tensors = [fastnn.randn(*s, requires_grad=True) for s in [(n, k), (m, k), (m,)]]
        fused = run(lambda x, w, b: F.linear(x, w, b, activation=name), tensors)
        assert equal_bits(fused, run(lambda x, w, b: activation(F.linear(x, w, b)), tensors))
    for shape, weight, options in [
        ((2, 3, 9, 11), (5, 3, 3, 3), {"padding": 1}), ((4, 1, 28, 28), (6, 1, 5, 5), {}),
        ((1, 4, 8, 8), (8, 2, 2, 3), {"groups": 2, "stride": 2}), ((8, 3, 5), (4, 8, 1, 1), {}),
        ((2, 17, 7, 9), (33, 17, 3, 3), {"padding": 1}),
        ((2, 3, 8, 9), (3, 1, 3, 3), {"groups": 3}),
    ]:  # fmt: skip
        tensors = [fastnn.randn(*s, requires_grad=True) for s in (shape, weight, weight[:1])]
        fused = run(lambda x, w, b, o=options: F.conv2d(x, w, b, **o, activation=name), tensors)
        plain = run(lambda x, w, b, o=options: activation(F.conv2d(x, w, b, **o)), tensors)
        assert equal_bits(fused, plain)


FUSED_LAYERS = [  # layer, input
    (lambda: nn.Conv1d(3, 5, 3, padding=1), (2, 3, 9)),
    (lambda: nn.Conv3d(2, 4, 2), (2, 2, 4, 5, 3)),
    (lambda: nn.ConvTranspose1d(3, 4, 3, stride=2), (2, 3, 7)),
    (lambda: nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1), (2, 3, 5, 6)),
    (lambda: nn.ConvTranspose3d(2, 3, 2), (1, 2, 3, 4, 3)),
]


@pytest.mark.parametrize("act", ACTIVATIONS.values())
@pytest.mark.parametrize(("make", "shape"), FUSED_LAYERS)
def test_sequential_fuses_convolutions_of_all_kinds(make, shape, act, monkeypatch):
    layer, x = make(), fastnn.randn(*shape, requires_grad=True)
    model, used = nn.Sequential(layer, act()), []
    plain = run(lambda x, *_: act()(layer(x)), [x, *layer.parameters()])
    whole = type(layer).forward_with
    monkeypatch.setattr(type(layer), "forward_with", lambda *a: used.append(a[2]) or whole(*a))
    assert equal_bits(run(lambda x, *_: model(x), [x, *layer.parameters()]), plain)
    assert used and used[-1] is not None  # the layer's own kernel did it


def networks():
    for act in ACTIVATIONS.values():
        yield [
            nn.Conv2d(2, 5, 3, padding=1),
            act(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(80, 7),
            act(),
        ]
        yield [nn.Conv2d(2, 4, 3), act(), nn.AvgPool2d(2), act(), nn.Flatten(), nn.Linear(36, 3)]
    yield [nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    yield [
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    ]
    yield [nn.Conv2d(2, 3, 3, activation="tanh"), nn.ReLU(), nn.MaxPool2d(2), nn.Tanh(), nn.Tanh()]
    yield [
        nn.Conv2d(2, 3, 3, activation="relu"),
        nn.Sigmoid(),
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)),
    ]
    yield [
        nn.Flatten(),
        nn.Linear(128, 9, bias=False),
        nn.ReLU(),
        nn.Linear(9, 9),
        nn.Dropout(0.3),
        nn.ReLU(),
    ]


def one_by_one(modules, x):
    for module in modules:
        x = one_by_one(module, x) if isinstance(module, nn.Sequential) else module(x)
    return x


@pytest.mark.parametrize("hooks", [None, "first", "second", "every"])
def test_sequential_is_bit_equal_with_and_without_hooks(hooks):
    fastnn.manual_seed(0)
    calls = []
    for modules in networks():
        model = nn.Sequential(*modules)
        start = fastnn.random.default_generator.get_state()
        for i, module in enumerate(modules):
            if isinstance(module, nn.Sequential):
                continue  # one_by_one goes through it
            if hooks == "every" or hooks == "first" and not i % 2 or hooks == "second" and i % 2:
                module.register_forward_hook(lambda m, args, y: calls.append((m, y.shape)))
                module.register_forward_pre_hook(lambda m, args: calls.append(m))
        x = fastnn.randn(3, 2, 8, 8)
        results = []
        for function in (model, functools.partial(one_by_one, modules)):
            calls.clear()
            fastnn.random.default_generator.set_state(start)
            inner = x.clone().requires_grad_()
            model.zero_grad()
            y = function(inner * 1)
            (y * y).sum().backward()
            grads = [inner.grad, *(p.grad for p in model.parameters())]
            results.append((arrays(y, *grads), list(calls)))
        assert equal_bits(results[0][0], results[1][0])
        assert results[0][1] == results[1][1] and bool(results[0][1]) == (hooks is not None)


def test_hooks_may_replace_what_would_be_fused():
    fastnn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = fastnn.randn(2, 3)
    handle = model[0].register_forward_hook(lambda m, args, y: y * 0 - 1)
    assert model(x).sum().item() == 0
    handle.remove()
    assert model(x).sum().item() > 0
    model[1].register_forward_pre_hook(lambda m, args: (args[0] * 0 + 2,))
    assert model(x).tolist() == [[2] * 4] * 2


def test_the_plan_follows_changes():
    fastnn.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
    x = fastnn.randn(1, 1, 8, 8)

    def plan(model, x):
        model(x)
        return [type(step).__name__ for step in model._planned[1]]

    assert plan(model, x) == ["Conv2d", "_ReluThenPool"]
    longer = nn.Sequential(*model, nn.Flatten(), nn.Linear(18, 3), nn.Tanh(), nn.Sigmoid())
    want = ["Conv2d", "_ReluThenPool", "Flatten", "_WithActivation", "Sigmoid"]
    assert plan(longer, x) == want

    def same():
        return equal_bits(arrays(model(x)), arrays(one_by_one(list(model), x)))

    assert same()
    model[2].kernel_size = 3
    assert same() and model(x).shape == (1, 2, 2, 2)
    model[2].stride, model[2].padding = 1, 1
    assert same() and model(x).shape == (1, 2, 6, 6)
    model[0].padding = 1
    assert same() and model(x).shape == (1, 2, 8, 8)
    model[0].activation = "tanh"
    assert same()
    model[2] = nn.AvgPool2d(2)
    assert same()
    del model[1]
    assert same() and len(model) == 2
    model.append(nn.Flatten()).extend([nn.Linear(32, 2), nn.Tanh()])
    assert same() and model(x).shape == (1, 2)
    model[3].forward = lambda x: x.sum(1, keepdim=True)
    assert same() and model(x).shape == (1, 1)
    model[1].return_indices = True
    model = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2, return_indices=True))
    values, indices = model(x)
    assert indices.dtype == np.int64 and values.shape == indices.shape == (1, 1, 4, 4)


def test_an_inplace_relu_changes_what_the_caller_sees():
    for before in ([], [nn.Identity()]):
        x = fastnn.randn(1, 1, 4, 4)
        nn.Sequential(*before, nn.ReLU(inplace=True), nn.MaxPool2d(2))(x)
        assert x.numpy().min() == 0
