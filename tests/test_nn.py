"""Module, its state, its hooks; layers' settings; dropout; clipping."""

import copy
import math
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn, tensor
from fastnn.nn import utils


class Net(nn.Module):
    """Parameters, buffers and children in a known order; a tied weight."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(fastnn.ones(1))
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5))
        self.register_buffer("mean", fastnn.zeros(3))
        self.register_buffer("scratch", fastnn.zeros(2), persistent=False)
        self.head = nn.Linear(4, 4, bias=False)
        self.tied = nn.Linear(3, 4)
        self.tied.weight = self.body[0].weight
        self.nothing = None

    def forward(self, x):
        return self.head(self.body(x - self.mean)) * self.scale


KEYS = ["scale", "mean", "body.0.weight", "body.0.bias", "head.weight", "tied.weight", "tied.bias"]
PARAMETERS = ["scale", "body.0.weight", "body.0.bias", "head.weight", "tied.bias"]


# ---- attributes and names


def test_names_and_their_order():
    net = Net()
    assert list(net.state_dict()) == KEYS
    assert [name for name, _ in net.named_parameters()] == PARAMETERS
    assert [name for name, _ in net.named_parameters("net")][0] == "net.scale"
    assert len(list(net.parameters())) == 5 and len(list(net.parameters(recurse=False))) == 1
    assert [name for name, _ in net.named_buffers()] == ["mean", "scratch"]
    assert [b.shape for b in net.buffers()] == [(3,), (2,)]
    assert [name for name, _ in net.named_children()] == ["body", "head", "tied"]
    paths = ["", "body", "body.0", "body.1", "body.2", "head", "tied"]
    assert [path for path, _ in net.named_modules()] == paths
    assert len(list(net.modules())) == 7 and list(net.children())[1] is net.head
    assert net.get_submodule("body.0") is net.body[0] and net.get_submodule("") is net
    with pytest.raises(AttributeError, match="Sequential has no module '9'"):
        net.get_submodule("body.9")
    assert {"scale", "mean", "body", "forward"} <= set(dir(net))


def test_attributes_find_their_room():
    net = Net()
    net.scale = nn.Parameter(fastnn.zeros(1))
    assert net.scale.item() == 0 and "scale" in net._parameters
    net.mean = fastnn.ones(3)
    assert dict(net.named_buffers())["mean"].tolist() == [1] * 3
    net.head = nn.Identity()
    assert isinstance(net.get_submodule("head"), nn.Identity)
    net.scale = net.mean = net.head = None
    assert net.scale is None and net.mean is None and net.head is None
    assert "scale" not in dict(net.named_parameters()) and "head" not in dict(net.named_children())
    net.scale = nn.Parameter(fastnn.ones(1))
    assert net.scale.item() == 1
    net.nothing = nn.Linear(1, 1)  # was a plain attribute
    assert "nothing.weight" in net.state_dict()
    net.plain = fastnn.zeros(2)  # a Tensor is an attribute like any other
    assert "plain" not in net.state_dict() and net.plain.shape == (2,)
    for name in ("nothing", "scale", "mean", "plain"):
        delattr(net, name)
        assert not hasattr(net, name)
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'absent'"):
        net.absent  # noqa: B018
    with pytest.raises(AttributeError):
        del net.absent


@pytest.mark.parametrize(
    "change, error, words",
    [
        (lambda net: setattr(net, "scale", fastnn.ones(1)), TypeError, "'scale' is a parameter"),
        (lambda net: setattr(net, "scale", 3), TypeError, "'scale' is a parameter.*got int"),
        (lambda net: setattr(net, "mean", [1]), TypeError, "'mean' is a buffer.*got list"),
        (lambda net: setattr(net, "body", F.relu), TypeError, "'body' is a module.*got function"),
        (lambda net: net.register_buffer("b", 1.0), TypeError, "'b' is a buffer"),
        (lambda net: net.register_parameter("p", fastnn.ones(1)), TypeError, "'p' is a parameter"),
        (lambda net: net.add_module("m", 3), TypeError, "'m' is a module"),
        (lambda net: net.add_module("a.b", nn.ReLU()), KeyError, "a.b"),
        (lambda net: net.add_module("", nn.ReLU()), KeyError, "cannot name"),
        (lambda net: net.add_module("forward", nn.ReLU()), KeyError, "'forward' is an attribute"),
        (lambda net: nn.Sequential(nn.ReLU(), F.relu), TypeError, "'1' is a module"),
    ],
)
def test_wrong_attributes_are_refused(change, error, words):
    net = Net()
    with pytest.raises(error, match=words):
        change(net)
    assert list(net.state_dict()) == KEYS


def test_forgotten_super_init():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    class Plain(nn.Module):
        def __init__(self):
            self.number = 3

    with pytest.raises(AttributeError, match=r"Early: call super\(\).__init__\(\) before"):
        Early()
    with pytest.raises(AttributeError):
        Plain().weight  # noqa: B018
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


# ---- state


def test_state_dict_shares_memory_and_loads_back():
    fastnn.manual_seed(0)
    a, b = Net(), Net()
    state = a.state_dict()
    assert all(not t.requires_grad for t in state.values())
    assert np.shares_memory(state["scale"].numpy(), a.scale.detach().numpy())
    for source in (state, {k: t.numpy() for k, t in state.items()}, a.state_dict()):
        with fastnn.no_grad():
            for p in b.parameters():
                p.zero_()
        found = b.load_state_dict(source)
        assert found.missing_keys == found.unexpected_keys == []
        for name, t in b.state_dict().items():
            assert np.array_equal(t.numpy(), state[name].numpy())
    assert b.tied.weight is b.body[0].weight
    version = b.scale._version
    b.load_state_dict(state)
    assert b.scale._version == version + 1


def test_load_state_dict_is_all_or_nothing():
    net = Net()
    before = {name: t.numpy().copy() for name, t in net.state_dict().items()}
    good = {name: t + 1 for name, t in before.items()}
    bad = dict(good)
    bad.pop("scale")
    bad |= {"extra": np.ones(1), "mean": np.zeros(4, np.float32), "head.weight": np.ones((4, 4))}
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(bad)
    for part in (
        "load_state_dict of Net, nothing was loaded",
        "missing: scale",
        "unexpected: extra",
        "mean has shape (4,) and dtype float32, expected (3,) and float32",
        "head.weight has shape (4, 4) and dtype float64",
    ):
        assert part in str(error.value)
    with pytest.raises(RuntimeError, match="mean has shape"):
        net.load_state_dict(bad, strict=False)
    frozen = net.tied.bias.detach().numpy()
    frozen.flags.writeable = False
    with pytest.raises(RuntimeError, match="tied.bias has read-only memory"):
        net.load_state_dict(good)
    frozen.flags.writeable = True
    for name, t in net.state_dict().items():
        assert np.array_equal(t.numpy(), before[name])
    found = net.load_state_dict({"scale": good["scale"], "extra": 3}, strict=False)
    assert found.missing_keys == KEYS[1:] and found.unexpected_keys == ["extra"]
    assert net.scale.item() == 2 and "missing=" in repr(found)
    for wrong in (net, list(good), None):
        with pytest.raises(TypeError, match="state_dict must be a dict"):
            net.load_state_dict(wrong)


def test_deepcopy_and_pickle():
    fastnn.manual_seed(0)
    net = Net().eval()
    x = fastnn.randn(2, 3)
    want = net(x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin(x).tolist() == want.tolist() and not twin.training
        assert twin.tied.weight is twin.body[0].weight and list(twin.state_dict()) == KEYS
        with fastnn.no_grad():
            twin.scale.zero_()
        assert net.scale.item() == 1


def test_modes_gradients_dtypes_and_apply():
    net = Net()
    assert net.training and net.eval() is net
    assert not any(m.training for m in net.modules()) and net.train().body[2].training
    with pytest.raises(ValueError, match="train: mode is 3"):
        net.train(3)
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(fastnn.ones(2, 3)).sum().backward()
    grad = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is grad and grad.item() == 0
    assert net.float() is net and net.scale.grad is grad
    net.double()
    assert {t.dtype.name for t in net.state_dict().values()} == {"float64"}
    assert (
        net.scale.grad.dtype == np.float64
        and net.eval()(fastnn.ones(1, 3).double()).dtype == np.float64
    )
    net.zero_grad()
    assert net.scale.grad is None and net.to("cpu") is net.cpu() is net
    for wrong, error in (("int64", TypeError), ("float16", TypeError), ("cuda", RuntimeError)):
        with pytest.raises(error, match="to: "):
            net.to(wrong)
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "ReLU", "Dropout", "Sequential", "Linear", "Linear", "Net"]


def test_train_reaches_modules_that_override_it():
    class Frozen(nn.Dropout):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(Frozen(), nn.Dropout())
    net.train()
    assert [m.training for m in net.modules()] == [True, False, True]


# ---- calls


def test_hooks():
    net = Net().eval()
    calls = []
    handles = [
        net.register_forward_pre_hook(lambda m, args: calls.append("pre")),
        net.register_forward_pre_hook(lambda m, args: (args[0] * 0,)),
        net.register_forward_pre_hook(lambda m, args: args[0] + 1),
        net.register_forward_hook(lambda m, args, y: calls.append(args[0].tolist())),
        net.register_forward_hook(lambda m, args, y: y + 100),
    ]
    y = net(fastnn.full((1, 3), 5.0))
    assert calls == ["pre", [[1.0] * 3]] and y.detach().numpy().min() > 50
    for handle in handles:
        handle.remove()
        handle.remove()
    assert net(fastnn.zeros(1, 3)).detach().numpy().max() < 50 and calls == ["pre", [[1.0] * 3]]


def test_errors_name_the_modules_path():
    class Outer(nn.Module):
        def __init__(self, direct):
            super().__init__()
            self.net, self.direct = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.ReLU()), direct

        def forward(self, x):
            return self.net[1](x) if self.direct else self.net(x)

    wide = fastnn.ones(2, 5)
    for model, path in (
        (Outer(False), "in Outer.net > Sequential.1 > Linear"),  # fused with ReLU
        (Outer(True), "in Outer.net.1 > Linear"),
        (nn.Sequential(nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2)), "in Sequential.0 > Conv2d"),
        (nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), "in Sequential.1 > MaxPool2d"),
        (
            nn.Sequential(nn.Identity(), Outer(False)),
            "in Sequential.1 > Outer.net > Sequential.1 > Linear",
        ),
    ):
        for _ in range(2):
            with pytest.raises(ValueError, match="(linear|conv2d|max_pool2d): input") as error:
                model(wide)
            assert error.value.__notes__ == [path]


def test_repr():
    text = repr(Net())
    assert "(body): Sequential(\n    (0): Linear(in_features=3, out_features=4, bias=True)" in text
    assert repr(nn.Conv2d(1, 2, 3, padding=2, dilation=(1, 3), activation="relu")) == (
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(2, 2), dilation=(1, 3), "
        "activation='relu')"
    )
    assert repr(nn.MaxPool2d(2)) == (
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    )
    modules = [nn.AvgPool2d(2), nn.Dropout(0.1), nn.Softmax(1), nn.Flatten(), nn.ReLU(True)]
    modules += [nn.Linear(1, 2, activation="tanh"), nn.Conv2d(1, 1, 2, bias=False, groups=1)]
    for module in modules:
        assert repr(module).startswith(type(module).__name__ + "(") and "=" in repr(module)


def test_containers():
    named = nn.Sequential(dict(a=nn.Linear(2, 3), b=nn.ReLU()))
    assert list(named.state_dict()) == ["a.weight", "a.bias"] and named.a is named[0]
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(model) == 3 and model[-1] is model[2] and list(model)[1] is model[1]
    assert isinstance(model[:2], nn.Sequential) and model[:2][0] is model[0]
    model[1] = nn.Tanh()
    assert type(model[1]) is nn.Tanh
    del model[0:2]
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    with pytest.raises(IndexError, match="Sequential: index 3 of 1 modules"):
        model[3]
    assert nn.Sequential()(5) == 5 and nn.Identity(1, a=2)(3) == 3


# ---- dropout, clipping


def test_dropout_statistics_and_seeds():
    fastnn.manual_seed(0)
    x = fastnn.ones(200_000)
    for p in (0.1, 0.5, 0.9):
        y = nn.Dropout(p)(x).numpy()
        kept = y != 0
        assert np.allclose(y[kept], 1 / (1 - p), rtol=1e-6)
        assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / x.numel())
    layer = nn.Dropout(0.5, generator=fastnn.Generator(3))
    first, second = layer(x).numpy(), layer(x).numpy()
    assert not np.array_equal(first, second)
    assert np.array_equal(nn.Dropout(0.5, generator=fastnn.Generator(3))(x).numpy(), first)
    assert layer.eval()(x) is x and nn.Dropout(0.0)(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()
    w = fastnn.ones(1000, requires_grad=True)
    y = F.dropout(w, 0.5)
    y.sum().backward()
    assert np.array_equal(w.grad.numpy(), y.detach().numpy())  # the same mask
    z = fastnn.ones(100)
    assert F.dropout(z, 0.5, inplace=True) is z and set(z.tolist()) == {0.0, 2.0}
    fastnn.manual_seed(7)
    first = F.dropout(x).numpy()
    fastnn.manual_seed(7)
    assert np.array_equal(F.dropout(x).numpy(), first)
    seven = fastnn.Generator(7)
    assert np.array_equal(F.dropout(x.double(), generator=seven).numpy() != 0, first != 0)


def test_clip_grad_norm():
    def fresh():
        ps = [fastnn.zeros(2, 3, requires_grad=True), fastnn.zeros(4, requires_grad=True)]
        for p in ps:
            p.grad = fastnn.full(p.shape, 3.0)
        return [*ps, fastnn.zeros(1, requires_grad=True)]

    ps = fresh()
    norm = utils.clip_grad_norm_(iter(ps), 1.0)
    assert norm == pytest.approx(math.sqrt(90)) and ps[2].grad is None
    total = sum(float((p.grad.numpy().astype(float) ** 2).sum()) for p in ps[:2])
    assert math.sqrt(total) == pytest.approx(1.0, rel=1e-5)
    ps = fresh()
    assert utils.clip_grad_norm_(ps, 100.0) == pytest.approx(math.sqrt(90))
    assert set(ps[0].grad.numpy().flat) == {3.0}
    assert utils.clip_grad_norm_(ps, 1.5, math.inf) == 3.0
    assert np.allclose(ps[1].grad.numpy(), 1.5)
    assert utils.clip_grad_norm_(ps[2], 1.0) == 0.0 and utils.clip_grad_norm_([], 1.0) == 0.0
    utils.clip_grad_value_(ps, 0.25)
    assert set(ps[0].grad.numpy().flat) == {0.25}
    utils.clip_grad_value_(ps[1], 0.0)
    assert not ps[1].grad.numpy().any()
    ps[0].grad[0, 0] = math.nan
    with pytest.raises(RuntimeError, match="norm of the gradients is nan"):
        utils.clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    assert math.isnan(utils.clip_grad_norm_(ps, 1.0)) and math.isnan(ps[1].grad[0].item())
    for function, words in (
        (lambda: utils.clip_grad_norm_(ps, -1.0), "max_norm is -1"),
        (lambda: utils.clip_grad_norm_(ps, math.nan), "max_norm is nan"),
        (lambda: utils.clip_grad_norm_(ps, 1.0, 0), "norm_type is 0"),
        (lambda: utils.clip_grad_value_(ps, -1.0), "clip_value is -1"),
    ):
        with pytest.raises(ValueError, match=words):
            function()


def test_losses_as_modules():
    x, y = fastnn.randn(3, 4), tensor([0, 3, 1])
    weight = fastnn.rand(4)
    loss = nn.CrossEntropyLoss(weight, ignore_index=3, reduction="sum", label_smoothing=0.1)
    assert list(loss.state_dict()) == ["weight"]
    want = F.cross_entropy(x, y, weight, ignore_index=3, reduction="sum", label_smoothing=0.1)
    assert loss(x, y).item() == want.item()
    assert nn.MSELoss(reduction="none")(x, x).tolist() == [[0.0] * 4] * 3
    assert list(nn.CrossEntropyLoss().state_dict()) == []
