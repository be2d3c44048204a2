"""Module's words for paths, state and their hooks, each said to fastnn and to PyTorch."""

import numpy as np
import pytest

import fastnn
from fastnn import nn

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])


def shared_net(lib):
    """A module at two paths, a parameter under two names, buffers of both kinds."""

    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.BatchNorm1d(3))
            self.again = self.inner[0]
            self.weight = self.inner[0].weight
            self.register_buffer("scale", lib.ones(2))
            self.register_buffer("passing", self.scale, persistent=False)
            self.none = None
            self.register_parameter("free", None)

    return Net()


LISTS = {
    "named_modules": [{}, {"prefix": "p"}, {"remove_duplicate": False}],
    "named_parameters": [{}, {"prefix": "p", "recurse": False}, {"remove_duplicate": False},
                         {"prefix": "p", "remove_duplicate": False}],
    "named_buffers": [{}, {"recurse": False}, {"remove_duplicate": False, "prefix": "p"}],
    "named_children": [{}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in LISTS for options in LISTS[name]]
)
def test_lists_of_names(name, options):
    ours, theirs = (
        [path for path, _ in getattr(shared_net(lib), name)(**options)] for lib in (fastnn, torch)
    )
    assert ours == theirs and ours


@BOTH
def test_modules_and_memo(lib):
    net = shared_net(lib)
    assert len(list(net.modules())) == 4 and len(list(net.modules(remove_duplicate=False))) == 5
    memo = {net.again}
    assert [n for n, _ in net.named_modules(memo, "p")] == ["p", "p.inner", "p.inner.1"]
    assert memo == set(net.modules())


@BOTH
def test_paths(lib):
    net = shared_net(lib)
    assert net.get_submodule("inner.0") is net.again and net.get_submodule("") is net
    assert net.get_parameter("inner.0.weight") is net.weight
    assert net.get_buffer("inner.1.running_mean") is net.inner[1].running_mean
    for call in (
        lambda: net.get_submodule("inner.7"),
        lambda: net.get_parameter("inner.0.nothing"),
        lambda: net.get_buffer("nothing"),
        lambda: net.set_submodule("outer.0", lib.nn.ReLU()),
        lambda: net.set_submodule("scale", lib.nn.ReLU()),
        lambda: net.set_submodule("inner.7", lib.nn.ReLU(), strict=True),
    ):
        with pytest.raises(AttributeError):
            call()
    for call in (
        lambda: net.set_submodule("", lib.nn.ReLU()),
        lambda: net.set_submodule("inner.0", lib.ones(2)),
    ):
        with pytest.raises(ValueError, match="target|odule"):
            call()
    x = lib.ones(2, 3)
    before = net.inner(x)
    net.set_submodule("inner.1", lib.nn.Identity(), strict=True)
    assert net.inner(x).tolist() == net.again(x).tolist() != before.tolist()
    net.set_submodule("inner.2", lib.nn.ReLU())
    net.set_submodule("extra", lib.nn.Tanh())
    net.register_module("more", lib.nn.Sigmoid())
    assert net.inner(x).tolist() == lib.relu(net.again(x)).tolist() and len(net.inner) == 3
    assert [n for n, _ in net.named_children()] == ["inner", "again", "extra", "more"]
    with pytest.raises(KeyError):
        net.register_module("a.b", lib.nn.ReLU())


@BOTH
def test_state_dict_arguments(lib):
    net = shared_net(lib)
    given = {"first": 1}
    state = net.state_dict(destination=given, prefix="model.", keep_vars=True)
    assert state is given and list(state)[:3] == ["first", "model.weight", "model.scale"]
    assert state["model.inner.0.weight"] is net.weight and state["model.scale"] is net.scale
    plain = net.state_dict()
    assert not plain["weight"].requires_grad and "passing" not in plain
    assert ["model." + name for name in plain] == list(state)[1:]


@BOTH
def test_hooks_around_state_dict(lib):
    net, calls = shared_net(lib), []

    def before(module, prefix, keep_vars):
        calls.append(("before", prefix, keep_vars))

    def after(module, state, prefix, local_metadata):
        calls.append(
            ("after", prefix, prefix + "1.bias" in state, isinstance(local_metadata, dict))
        )
        state[prefix + "note"] = lib.ones(1)

    handles = [
        net.register_state_dict_pre_hook(before),
        net.inner.register_state_dict_pre_hook(before),
        net.inner.register_state_dict_post_hook(after),
        net.register_state_dict_post_hook(after),
    ]
    state = net.state_dict(keep_vars=True)
    assert calls == [
        ("before", "", True), ("before", "inner.", True), ("after", "inner.", True, True),
        ("after", "", False, True),
    ]  # fmt: skip
    assert [k for k in state if "note" in k] == ["inner.note", "note"]
    for handle in handles:
        handle.remove()
    del calls[:]
    assert "note" not in net.state_dict() and not calls
    net.again.register_state_dict_post_hook(lambda *args: 5)
    with pytest.raises(RuntimeError, match="None"):
        net.state_dict()


@BOTH
def test_hooks_around_load_state_dict(lib):
    net = shared_net(lib)
    old = {k: v.clone() * 0 + 2 for k, v in net.state_dict().items()}
    old["inner.1.gamma"] = old.pop("inner.1.weight")
    kept = dict(old)
    calls = []

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        calls.append((prefix, sorted(state) == sorted(k for k in old if k.startswith(prefix))))
        if prefix + "gamma" in state:
            state[prefix + "weight"] = state.pop(prefix + "gamma")

    def loaded(module, incompatible):
        calls.append(("loaded", module is net, net.inner[1].bias[0].item()))
        incompatible.unexpected_keys.clear()

    with pytest.raises(RuntimeError, match=r"(?s)gamma"):
        net.load_state_dict(old)
    handle = net.inner[1].register_load_state_dict_pre_hook(rename)
    net.inner[1].register_load_state_dict_post_hook(loaded)
    net.register_load_state_dict_post_hook(loaded)
    missing, unexpected = net.load_state_dict({**old, "other": lib.ones(1)})
    assert missing == unexpected == [] and old == kept
    assert calls == [("inner.1.", True), ("loaded", False, 2.0), ("loaded", True, 2.0)]
    assert net.inner[1].weight.tolist() == [2, 2, 2]
    handle.remove()
    found = net.load_state_dict(old, strict=False)
    assert found.missing_keys == ["inner.1.weight"] and found.unexpected_keys == []

    net.again.register_load_state_dict_pre_hook(lambda *args: args[-1].append("not this one"))
    with pytest.raises(RuntimeError, match="not this one"):
        net.load_state_dict(old, strict=False)


def test_a_failed_load_with_hooks_leaves_the_module_as_it_was():
    for assign in (False, True):
        net = shared_net(fastnn)
        before = {k: v.tolist() for k, v in net.state_dict().items()}
        tensors = net.state_dict(keep_vars=True)
        new = {k: v.clone() * 0 + 2 for k, v in net.state_dict().items()}
        seen = []

        def add(module, incompatible, net=net, seen=seen):
            seen.append(net.scale.tolist())
            incompatible.missing_keys.append("what the hook misses")

        handle = net.inner.register_load_state_dict_post_hook(add)
        with pytest.raises(RuntimeError, match="nothing was loaded: missing: what the hook misses"):
            net.load_state_dict(new, assign=assign)
        handle.remove()
        net.register_load_state_dict_post_hook(lambda *args: 1)
        with pytest.raises(RuntimeError, match="post-hook returned int, expected None"):
            net.load_state_dict(new, assign=assign)
        assert seen == [[2, 2]]
        assert {k: v.tolist() for k, v in net.state_dict().items()} == before
        now = net.state_dict(keep_vars=True)
        assert all(now[k] is tensors[k] for k in now)


@BOTH
def test_assign(lib):
    net = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
    net[0].bias.requires_grad_(False)
    new = {k: v.double() if "num" not in k else v + 1 for k, v in net.state_dict().items()}
    new["0.weight"] = lib.nn.Parameter(new["0.weight"])
    old = net[0].weight
    assert net.load_state_dict(new, assign=True)[0] == []
    assert (
        net[0].weight is new["0.weight"] is not old and net[1].running_var is new["1.running_var"]
    )
    assert isinstance(net[0].bias, lib.nn.Parameter) and not net[0].bias.requires_grad
    assert net[1].weight.requires_grad and net(lib.ones(4, 2).double()).dtype == lib.float64
    with pytest.raises(RuntimeError, match=r"0\.bias"):
        net.load_state_dict({**new, "0.bias": lib.ones(2)}, assign=True)


def test_assign_of_arrays_and_other_kinds():
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": np.ones((1, 2)), "bias": torch.ones(1).double()}, assign=True)
    assert net.weight.dtype == "float64" and net(fastnn.ones(1, 2).double()).tolist() == [[3]]
    before = net.bias
    with pytest.raises(RuntimeError, match="weight has shape .* and dtype int64"):
        net.load_state_dict({"weight": np.ones((1, 2), np.int64), "bias": np.ones(1)}, assign=True)
    assert net.bias is before


@BOTH
def test_to(lib):
    net = lib.nn.Linear(2, 2)
    assert net.to("cpu") is net and net.to(device="cpu", dtype=lib.float64) is net
    assert net.weight.dtype == lib.float64
    assert net.to(lib.ones(1)).weight.dtype == lib.float32
    assert net.to("cpu", lib.float64).weight.dtype == lib.float64
    with pytest.raises(TypeError, match="to"):
        net.to(lib.float32, lib.float64, lib.float64)


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_extra_state(lib):
    class Counts(lib.nn.Module):
        def __init__(self, calls):
            super().__init__()
            self.weight = lib.nn.Parameter(lib.ones(1))
            self.inner, self.calls = lib.nn.Linear(1, 1), calls

        def get_extra_state(self):
            return {"calls": self.calls}

        def set_extra_state(self, state):
            self.calls = state["calls"]

    net, other = lib.nn.Sequential(Counts(3)), lib.nn.Sequential(Counts(0))
    state = net.state_dict()
    assert list(state) == ["0.weight", "0._extra_state", "0.inner.weight", "0.inner.bias"]
    assert other.load_state_dict(state).missing_keys == [] and other[0].calls == 3
    del state["0._extra_state"]
    state["0.inner._extra_state"] = 1
    found = other.load_state_dict(state, strict=False)
    assert found.missing_keys == ["0._extra_state"]
    assert found.unexpected_keys == ["0.inner._extra_state"]
    with pytest.raises(RuntimeError, match="0._extra_state"):
        other.load_state_dict(state)


def test_extra_state_that_cannot_be_set():
    """Nothing is loaded then."""

    class Refuses(fastnn.nn.Module):
        def __init__(self, value):
            super().__init__()
            self.weight, self.value = fastnn.nn.Parameter(fastnn.full((1,), float(value))), value

        def get_extra_state(self):
            return self.value

        def set_extra_state(self, state):
            if state == 9:
                raise KeyError("nine")
            self.value = state

    for assign in (False, True):
        net = fastnn.nn.Sequential(Refuses(1), Refuses(2))
        state = fastnn.nn.Sequential(Refuses(8), Refuses(9)).state_dict()
        with pytest.raises(KeyError, match="nine"):
            net.load_state_dict(state, assign=assign)
        assert [m.value for m in net] == [m.weight.item() for m in net] == [1, 2]
        net.register_load_state_dict_post_hook(lambda module, keys: "no None")
        with pytest.raises(RuntimeError, match="post-hook"):
            net.load_state_dict({**state, "1._extra_state": 7}, assign=assign)
        assert [m.value for m in net] == [m.weight.item() for m in net] == [1, 2]
    with pytest.raises(RuntimeError, match="set_extra_state"):
        fastnn.nn.Linear(1, 1).set_extra_state(1)
