"""PyTorch says the same: optimizers, schedules, clipping, initial values, LeNet, signatures."""

import functools
import inspect
import math
import typing

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import close, compare_parameters, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import models, nn, optim  # noqa: E402

DTYPES = ["float32", "float64"]


def pairs(rng, dtype, shapes=((4, 3), (5,), (), (40, 33))):
    """The same parameters in both libraries."""
    arrays = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    ours = [nn.Parameter(fastnn.tensor(a)) for a in arrays]
    return ours, [torch.nn.Parameter(torch.tensor(a)) for a in arrays]


def set_gradients(rng, ours, theirs, scale=1.0):
    for p, q in zip(ours, theirs, strict=True):
        g = np.asarray(rng.standard_normal(p.shape) * scale, p.dtype)
        p.grad, q.grad = fastnn.tensor(g), torch.tensor(g)


def names(options):
    return ",".join(f"{k}={v}" for k, v in options.items())


SGD = [
    {},
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "weight_decay": 0.05},
    {"lr": 0.1, "maximize": True},
    {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "maximize": True},
    {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True, "maximize": True},
    {"lr": 0.0, "momentum": 0.5},
]
ADAM = [
    {},
    {"lr": 0.05},
    {"lr": 0.05, "betas": (0.8, 0.95)},
    {"lr": 0.05, "betas": (0.0, 0.0)},
    {"lr": 0.05, "eps": 0.1},
    {"lr": 0.05, "weight_decay": 0.1},
    {"lr": 0.05, "maximize": True},
    {"lr": 0.05, "weight_decay": 0.1, "maximize": True, "betas": (0.5, 0.9), "eps": 1e-3},
]
CASES = [("SGD", options) for options in SGD] + [("Adam", options) for options in ADAM]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "options"), CASES, ids=lambda v: v if type(v) is str else names(v)
)
def test_optimizers_take_the_same_20_steps(name, options, dtype):
    rng = np.random.default_rng(0)
    ours, theirs = pairs(rng, dtype)
    optimizer = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **options)
    for step in range(20):
        set_gradients(rng, ours, theirs)
        if step % 7 == 3:  # one without a gradient is left alone, and stays behind
            ours[1].grad = theirs[1].grad = None
        if step == 0:
            ours[0].grad = theirs[0].grad = None
        assert optimizer.step() is None
        other.step()
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            close(p, q, f"parameter {i} after step {step}", size=1.0)
    mine, its = optimizer.state_dict()["state"], other.state_dict()["state"]
    kept = {number: values for number, values in its.items() if None not in values.values()}
    assert list(sorted(mine)) == list(sorted(kept))
    for number, values in kept.items():
        assert set(mine[number]) == set(values)
        for key, value in values.items():
            if key == "step":
                assert mine[number][key] == int(value)
            else:
                close(fastnn.from_numpy(mine[number][key]), value, f"{key} of {number}")
    optimizer.zero_grad()
    assert all(p.grad is None for p in ours)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_groups_have_options_of_their_own(name, dtype):
    rng = np.random.default_rng(1)
    ours, theirs = pairs(rng, dtype)
    made = []
    for lib, p in ((optim, ours), (torch.optim, theirs)):
        groups = [{"params": p[:2], "lr": 0.3}, {"params": p[2], "weight_decay": 0.2}]
        optimizer = getattr(lib, name)(groups, lr=0.02)
        optimizer.add_param_group({"params": p[3:], "maximize": True})
        made.append(optimizer)
    for step in range(20):
        set_gradients(rng, ours, theirs)
        for optimizer in made:
            optimizer.param_groups[0]["lr"] = 0.3 / (1 + step)
            optimizer.step()
    for p, q in zip(ours, theirs, strict=True):
        close(p, q, "parameter", size=1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda lib, optimizer: lib.StepLR(optimizer, 4),
        lambda lib, optimizer: lib.StepLR(optimizer, step_size=1, gamma=0.93),
        lambda lib, optimizer: lib.StepLR(optimizer, 10, 1.5),
        lambda lib, optimizer: lib.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch)),
        lambda lib, optimizer: lib.LambdaLR(optimizer, [math.cos, lambda epoch: 0.9**epoch]),
    ],
)
def test_schedules_set_the_same_rates_for_30_steps(make):
    rates = []
    for lib, p in ((fastnn, fastnn.zeros), (torch, torch.zeros)):
        parameters = [p(2, requires_grad=True), p(3, requires_grad=True)]
        groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.7}]
        optimizer = lib.optim.SGD(groups, lr=0.1)
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        found = [scheduler.get_last_lr()]
        for _ in range(30):
            optimizer.step()
            scheduler.step()
            found.append(scheduler.get_last_lr())
            assert found[-1] == [group["lr"] for group in optimizer.param_groups]
        assert scheduler.last_epoch == 30
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 40.0])
def test_clip_grad_norm(max_norm, norm_type, scale, dtype):
    rng = np.random.default_rng(2)
    ours, theirs = pairs(rng, dtype)
    set_gradients(rng, ours, theirs, scale)
    ours[1].grad = theirs[1].grad = None
    norm = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    other = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert float(norm) == pytest.approx(float(other), rel=1e-5)
    for p, q in zip(ours, theirs, strict=True):
        close(p.grad, q.grad, "gradient")


@pytest.mark.parametrize("dtype", DTYPES)
def test_clip_grad_value(dtype):
    rng = np.random.default_rng(3)
    ours, theirs = pairs(rng, dtype)
    set_gradients(rng, ours, theirs)
    nn.utils.clip_grad_value_(ours, 0.4)
    torch.nn.utils.clip_grad_value_(theirs, 0.4)
    for p, q in zip(ours, theirs, strict=True):
        close(p.grad, q.grad, "gradient")


# ---- LeNet


class TorchLeNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layer = torch.nn
        self.features = layer.Sequential(
            layer.Conv2d(1, 6, 5, padding=2), layer.ReLU(), layer.MaxPool2d(2),
            layer.Conv2d(6, 16, 5), layer.ReLU(), layer.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = layer.Sequential(
            layer.Flatten(), layer.Linear(400, 120), layer.ReLU(),
            layer.Linear(120, 84), layer.ReLU(), layer.Linear(84, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(self.features(x))


@pytest.mark.parametrize(
    ("dtype", "name", "options", "steps"),
    [
        ("float32", "SGD", {"lr": 0.05, "momentum": 0.9}, 3),
        ("float64", "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}, 5),
        ("float64", "Adam", {"lr": 0.01, "weight_decay": 1e-3}, 5),
    ],
)
def test_lenet_with_pytorchs_weights_trains_alike(dtype, name, options, steps):
    torch.manual_seed(0)
    model, theirs = same_parameters(models.LeNet5(), TorchLeNet(), dtype)
    rng = np.random.default_rng(4)
    x = np.asarray(rng.random((16, 1, 28, 28)), dtype)
    labels = rng.integers(0, 10, 16)
    optimizer = getattr(optim, name)(model.parameters(), **options)
    other = getattr(torch.optim, name)(theirs.parameters(), **options)
    for step in range(steps):
        y, t = model(fastnn.tensor(x)), theirs(torch.tensor(x))
        close(y, t, f"logits of step {step}")
        loss = nn.CrossEntropyLoss()(y, fastnn.tensor(labels))
        its = torch.nn.CrossEntropyLoss()(t, torch.tensor(labels))
        close(loss, its, f"loss of step {step}")
        optimizer.zero_grad()
        other.zero_grad()
        loss.backward()
        its.backward()
        optimizer.step()
        other.step()
        compare_parameters(model, theirs, f"step {step},", size=1.0)
    assert float(loss) < 2.4


def test_weights_go_back_to_pytorch():
    model, theirs = models.LeNet5(), TorchLeNet()
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in model.state_dict().items()})
    compare_parameters(model, theirs)
    x = np.random.default_rng(5).random((3, 1, 28, 28), np.float32)
    close(model(fastnn.tensor(x)), theirs(torch.tensor(x)), "logits")


# ---- initial values: the same distributions, other numbers

INITIALISERS = [
    ("uniform_", {}), ("uniform_", {"a": -2.0, "b": 0.5}),
    ("normal_", {}), ("normal_", {"mean": 3.0, "std": 0.2}),
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}), ("xavier_normal_", {"gain": 0.5}),
    ("kaiming_uniform_", {}), ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {}), ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal_", {"nonlinearity": "linear", "a": 3}),
]  # fmt: skip


def same_distribution(a, b, where):
    """Mean, standard deviation and, of uniform ones, bounds agree, for some 10^5 numbers."""
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    spread = b.std()
    assert abs(a.mean() - b.mean()) < 6 * spread * math.sqrt(2 / a.size), where
    assert abs(a.std() / spread - 1) < 6 / math.sqrt(a.size), where
    if np.abs(b - b.mean()).max() < 2 * spread:  # uniform: sqrt(3)
        edge = 40 * spread / a.size
        assert abs(a.min() - b.min()) < edge and abs(a.max() - b.max()) < edge, where
    else:
        assert np.abs(a - a.mean()).max() > 3.5 * spread, where


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), INITIALISERS, ids=str)
def test_initialisers_have_pytorchs_distributions(name, options, dtype):
    fastnn.manual_seed(1)
    torch.manual_seed(1)
    for shape in ((400, 250), (64, 100, 3, 5)):
        a, b = fastnn.empty(shape, dtype=dtype), torch.empty(shape, dtype=getattr(torch, dtype))
        assert getattr(nn.init, name)(a, **options) is a
        getattr(torch.nn.init, name)(b, **options)
        same_distribution(a.numpy(), b.numpy(), (name, options, shape))


def test_constant_initialisers():
    for name, args in (("zeros_", ()), ("ones_", ()), ("constant_", (2.5,)), ("eye_", ())):
        a, b = fastnn.empty(3, 5), torch.empty(3, 5)
        getattr(nn.init, name)(a, *args)
        close(a, getattr(torch.nn.init, name)(b, *args), name)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu"])
def test_gains(nonlinearity):
    gain, other = nn.init.calculate_gain, torch.nn.init.calculate_gain
    assert gain(nonlinearity) == pytest.approx(other(nonlinearity))
    assert gain("leaky_relu") == pytest.approx(other("leaky_relu"))
    assert gain("leaky_relu", 0.3) == pytest.approx(other("leaky_relu", 0.3))


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Linear(37, 2000),
        lambda nn: nn.Conv2d(16, 700, 3),
        lambda nn: nn.Conv2d(24, 1200, (2, 5), groups=4),
    ],
)
def test_layers_begin_with_pytorchs_distributions(make):
    fastnn.manual_seed(2)
    torch.manual_seed(2)
    ours, theirs = make(nn), make(torch.nn)
    same_distribution(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), "weight")
    same_distribution(ours.bias.detach().numpy(), theirs.bias.detach().numpy(), "bias")
    bound = 1 / math.sqrt(math.prod(theirs.weight.shape[1:]))
    assert np.abs(ours.weight.detach().numpy()).max() <= bound
    assert np.abs(ours.bias.detach().numpy()).max() <= bound


def test_random_tensors_have_pytorchs_distributions():
    fastnn.manual_seed(3)
    torch.manual_seed(3)
    for draw in ("rand", "randn"):
        a, b = (getattr(lib, draw)(300, 400).numpy() for lib in (fastnn, torch))
        same_distribution(a, b, draw)
    a, b = (lib.randint(-3, 11, (300, 400)).numpy() for lib in (fastnn, torch))
    same_distribution(a, b, "randint")
    x = fastnn.nn.functional.dropout(fastnn.ones(300, 400), 0.3).numpy()
    y = torch.nn.functional.dropout(torch.ones(300, 400), 0.3).numpy()
    assert np.array_equal(np.unique(x), np.unique(y))
    assert abs((x == 0).mean() - (y == 0).mean()) < 6 * math.sqrt(2 * 0.21 / x.size)


# ---- signatures

DEPRECATED = {"size_average", "reduce"}
ABSENT = {"device", "dtype"}
OURS = {  # PyTorch has none
    "GaussianCell", "GaussianNoise", "GlobalAvgPool2d", "LearnedPositionalEncoding",
    "LocallyConnected1d", "LocallyConnected2d", "PositionalEncoding", "Residual", "RotaryEncoding",
    "Step", "TreeLSTM", "TreeRNN", "Trees",
}  # fmt: skip
CLASSES = [
    (nn, torch.nn, name)
    for name in nn.__all__
    if inspect.isclass(getattr(nn, name)) and name not in OURS
]
CLASSES += [(optim, torch.optim, name) for name in ("SGD", "Adam")]
CLASSES += [(optim.lr_scheduler, torch.optim.lr_scheduler, name) for name in ("StepLR", "LambdaLR")]
CLASSES += [(nn.init, torch.nn.init, name) for name, _ in INITIALISERS]
CLASSES += [(nn.init, torch.nn.init, name) for name in ("trunc_normal_", "dirac_", "sparse_")]
CLASSES += [(optim.swa_utils, torch.optim.swa_utils, name) for name in optim.swa_utils.__all__]
CLASSES += [
    (fastnn.functional, torch.nn.functional, name)
    for name in fastnn.functional.__all__
    if inspect.isfunction(getattr(torch.nn.functional, name, None))
]


def _declared(function):
    """What states the arguments: for a class that takes *args, the first of its overloads."""
    made_by = getattr(function, "__init__", None)
    overloads = typing.get_overloads(made_by) if inspect.isfunction(made_by) else []
    return functools.partial(overloads[0], None) if overloads else function


def _named(default):
    """A function as default is each library's own: F.relu."""
    return default.__name__ if inspect.isfunction(default) else default


@pytest.mark.parametrize(("lib", "other", "name"), CLASSES, ids=lambda v: getattr(v, "__name__", v))
def test_arguments_have_pytorchs_names_order_and_defaults(lib, other, name):
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    ours = inspect.signature(getattr(lib, name)).parameters.values()
    # what only passes on *args has the arguments of its private namesake
    source = f"_{name}" if hasattr(other, f"_{name}") else name
    theirs = inspect.signature(_declared(getattr(other, source))).parameters.values()
    theirs = [p for p in theirs if p.kind in kinds and p.name not in DEPRECATED | ABSENT]
    ours = [p for p in ours if p.kind in kinds]
    assert len(ours) <= len(theirs)
    for a, b in zip(ours, theirs, strict=False):
        assert a.name == b.name
        if a.default is not inspect.Parameter.empty:
            same = _named(a.default) == _named(b.default)
            assert same or b.default is None, a.name
