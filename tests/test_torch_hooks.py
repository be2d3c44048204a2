"""Hooks of modules against PyTorch's: what they see, what they replace, in which order."""

import copy
import inspect
import pickle
import warnings
from collections import namedtuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import close, compare_parameters, same_parameters  # noqa: E402

import fastnn  # noqa: E402

BOTH = pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
MODELS = {
    "linear": (lambda nn: nn.Linear(3, 4), (5, 3)),
    "linear-of-one": (lambda nn: nn.Linear(3, 4), (3,)),
    "conv": (lambda nn: nn.Conv2d(2, 3, 3, padding=1), (2, 2, 5, 5)),
    "batch-norm": (lambda nn: nn.BatchNorm2d(2), (3, 2, 4, 4)),
    "identity": (lambda nn: nn.Identity(), (2, 3)),
    "sequential": (
        lambda nn: nn.Sequential(
            nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(12, 2),
        ),  # a bias before batch normalisation has no gradient but rounding
        (2, 2, 6, 6),
    ),
}  # fmt: skip


def both(build, dtype="float64"):
    return same_parameters(build(fastnn.nn), build(torch.nn), dtype)


def array(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def same_gradients(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert type(a[0]) is type(b[0]) is str and a[0] == b[0]
        assert len(a) == len(b)
        for grads, expected in zip(a[1:], b[1:], strict=True):
            assert type(grads) is type(expected) is tuple and len(grads) == len(expected)
            for g, e in zip(grads, expected, strict=True):
                close(g, e, a[0])


def watch(model, seen, replace):
    """Both kinds of hooks on each module; with `replace`, they scale what passes."""
    for name, module in model.named_modules():

        def before(module, grad_output, name=name):
            seen.append((f"pre {name}", tuple(g.clone() for g in grad_output)))
            return tuple(g * 2 for g in grad_output) if replace else None

        def after(module, grad_input, grad_output, name=name):
            kept = tuple(None if g is None else g.clone() for g in grad_input)
            seen.append((name, kept, tuple(g.clone() for g in grad_output)))
            return tuple(None if g is None else g * 3 for g in grad_input) if replace else None

        module.register_full_backward_pre_hook(before)
        module.register_full_backward_hook(after)


@pytest.mark.parametrize("replace", [False, True], ids=["see", "replace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", MODELS)
def test_gradients_of_modules(case, dtype, replace):
    build, shape = MODELS[case]
    results = []
    for lib, model in zip((fastnn, torch), both(build, dtype), strict=True):
        seen = []
        watch(model, seen, replace)
        x = lib.tensor(array(shape).astype(dtype), requires_grad=True)
        y = model(x)
        y.backward(lib.tensor(array(tuple(y.shape), 1).astype(dtype)))
        results.append((seen, x, model))
    (ours, x, model), (theirs, t, other) = results
    assert ours
    same_gradients(ours, theirs)
    close(x.grad, t.grad, "gradient of the input")
    compare_parameters(model, other)


def mixer(lib):
    """Several inputs, of which some are no tensors or need no gradient, and several outputs."""

    class Mixer(lib.nn.Module):
        def forward(self, a, scale, b, fixed, factor=1.0):
            return a * b * scale, b + fixed, lib.tensor([1.0], dtype=lib.float64), "note"

    return Mixer()


@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)], ids=str)
def test_several_inputs_and_outputs(used):
    results = []
    for lib in (fastnn, torch):
        seen, model = [], mixer(lib)
        model.register_full_backward_pre_hook(lambda m, dy, seen=seen: seen.append(("pre", dy)))
        model.register_full_backward_hook(
            lambda m, dx, dy, seen=seen: (
                seen.append(("hook", dx, dy)) or tuple(None if g is None else -g for g in dx)
            )
        )
        leaves = [lib.tensor(array((2, 3), i), requires_grad=i != 2) for i in range(3)]
        y = model(leaves[0], 2.0, leaves[1], leaves[2], factor=2.0)
        assert y[3] == "note" and not y[2].requires_grad
        sum((y[i] * y[i]).sum() for i in used).backward()
        results.append((seen, leaves))
    (ours, leaves), (theirs, others) = results
    missing = [0 not in used, 1 not in used, True, True]
    assert [g is None for g in ours[0][1]] == missing and len(ours) == 2
    same_gradients(ours, theirs)
    for a, b in zip(leaves, others, strict=True):
        close(a.grad, b.grad, "leaf")


@BOTH
def test_order_prepend_and_removal(lib):
    layer = lib.nn.Linear(2, 2)
    calls = []

    def note(name):
        return lambda *args: calls.append(name)

    same = note("same")
    handles = [
        layer.register_forward_pre_hook(note("b")),
        layer.register_forward_pre_hook(note("a"), prepend=True),
        layer.register_forward_hook(same),
        layer.register_forward_hook(note("d")),
        layer.register_forward_hook(note("c"), prepend=True),
        layer.register_forward_hook(same),
        layer.register_full_backward_pre_hook(note("f")),
        layer.register_full_backward_pre_hook(note("e"), prepend=True),
        layer.register_full_backward_hook(note("h")),
        layer.register_full_backward_hook(note("g"), True),
    ]

    def step():
        calls.clear()
        layer(lib.ones(1, 2).requires_grad_()).sum().backward()
        return " ".join(calls)

    assert step() == "a b c same d same e f g h"
    handles[2].remove()
    assert step() == "a b c d same e f g h"
    handles[2].remove()
    for i in (0, 4, 6, 9):
        handles[i].remove()
    assert step() == "a d same e h"
    with layer.register_full_backward_hook(note("i")):
        assert step() == "a d same e h i"
    assert step() == "a d same e h"
    for handle in handles:
        handle.remove()
    assert step() == ""


@BOTH
def test_hooks_of_a_recorded_call_stay(lib):
    layer, calls = lib.nn.Linear(2, 2), []
    handle = layer.register_full_backward_hook(lambda m, dx, dy: calls.append(len(dx)))
    y = layer(lib.ones(1, 2).requires_grad_()).sum()
    handle.remove()
    y.backward(retain_graph=True)
    y.backward()
    assert calls == [1, 1]


@BOTH
def test_keyword_arguments(lib):
    class Scale(lib.nn.Module):
        def forward(self, x, factor=1.0):
            return x * factor

    model, seen = Scale(), []
    model.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"factor": kwargs["factor"] + 1}), with_kwargs=True
    )
    model.register_forward_hook(
        lambda m, args, kwargs, y: seen.append((len(args), kwargs)) or y + 0.5, with_kwargs=True
    )
    model.register_forward_hook(lambda m, args, y: seen.append(y.tolist()))
    assert model(lib.ones(1), factor=2.0).tolist() == [3.5]
    assert seen == [(1, {"factor": 3.0}), [3.5]]
    model.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook"):
        model(lib.ones(1), factor=2.0)


@BOTH
def test_hooks_that_are_always_called(lib):
    class Fails(lib.nn.Module):
        def forward(self, x):
            raise ValueError("forward")

    model, seen = Fails(), []

    def angry(module, args, kwargs, y):
        raise KeyError("hook")

    model.register_forward_hook(lambda m, args, y: seen.append(y), always_call=True)
    model.register_forward_hook(lambda m, args, y: seen.append("never"))
    model.register_forward_hook(angry, always_call=True, with_kwargs=True)
    with pytest.raises(ValueError, match="forward"), pytest.warns(UserWarning, match="hook"):
        model(lib.ones(1))
    assert seen == [None]
    layer = lib.nn.Linear(1, 1)
    layer.register_forward_hook(lambda m, args, y: seen.append("once"), always_call=True)
    layer(lib.ones(1))
    assert seen == [None, "once"]


@BOTH
@pytest.mark.parametrize("kind", ["pre", "full"])
def test_a_tuple_of_another_length_is_refused(lib, kind):
    layer = lib.nn.Linear(2, 2)
    if kind == "pre":
        layer.register_full_backward_pre_hook(lambda m, dy: dy + dy)
    else:
        layer.register_full_backward_hook(lambda m, dx, dy: dx + dx)
    with pytest.raises(RuntimeError, match="got 2, .*expected 1"):
        layer(lib.ones(1, 2).requires_grad_()).sum().backward()


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (lambda g: g, RuntimeError),
        (lambda g: (g.sum(),), RuntimeError),
        (lambda g: (g.double(),), RuntimeError),
        (lambda g: (1.0,), TypeError),
    ],
)
def test_other_results_are_refused(result, error):
    for kind in ("pre", "full"):
        layer = fastnn.nn.Linear(2, 2)
        if kind == "pre":
            layer.register_full_backward_pre_hook(lambda m, dy: result(dy[0]))
        else:
            layer.register_full_backward_hook(lambda m, dx, dy: result(dx[0]))
        with pytest.raises(error, match="a backward"):
            layer(fastnn.ones(1, 2).requires_grad_()).sum().backward()
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        layer.register_full_backward_hook(3)


@BOTH
def test_no_input_requires_a_gradient(lib):
    layer, seen = lib.nn.Linear(2, 2), []
    layer.register_full_backward_hook(lambda m, dx, dy: seen.append((dx, dy[0].tolist())))
    with pytest.warns(UserWarning, match="no input"):
        layer(lib.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0, 1.0]])] and layer.weight.grad is not None
    layer.register_full_backward_hook(lambda m, dx, dy: dy)
    with pytest.raises(RuntimeError, match="should always return None|must return None"):
        with warnings.catch_warnings(action="ignore"):
            layer(lib.ones(1, 2)).sum().backward()


@BOTH
def test_a_result_that_is_no_tensor_warns(lib):
    class Named(lib.nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    model, calls = Named(), []
    model.register_full_backward_hook(lambda m, dx, dy: calls.append(dx))
    x = lib.ones(2).requires_grad_()
    with pytest.warns(UserWarning, match="ackward hooks"):
        y = model(x)["y"]
    y.sum().backward()
    assert calls == [] and x.grad.tolist() == [2.0, 2.0]


Pair = namedtuple("Pair", "first second")


@BOTH
def test_named_tuples_stay(lib):
    class Twice(lib.nn.Module):
        def forward(self, x):
            return Pair(x * 2, x * 3)

    model, seen = Twice(), []
    model.register_full_backward_hook(lambda m, dx, dy: seen.append(len(dy)))
    x = lib.ones(2).requires_grad_()
    y = model(x)
    assert type(y) is Pair
    (y.first + y.second).sum().backward()
    assert seen == [2] and x.grad.tolist() == [5.0, 5.0]


@BOTH
@pytest.mark.parametrize("place", [0, 1, 2])
def test_changes_in_place_are_refused(lib, place):
    nn = lib.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Linear(2, 2))
    if place == 2:
        model[2].register_full_backward_hook(lambda m, dx, dy: None)
        model(lib.ones(1, 2)).sum().backward()  # its input is changed no more
        return
    model[place].register_full_backward_hook(lambda m, dx, dy: None)
    with pytest.raises(RuntimeError, match="view"):
        model(lib.ones(1, 2).requires_grad_())


@BOTH
def test_nothing_is_recorded_without_gradients(lib):
    layer, calls = lib.nn.Linear(2, 2), []
    layer.register_full_backward_hook(lambda m, dx, dy: calls.append(dx))
    with lib.no_grad():
        assert not layer(lib.ones(1, 2).requires_grad_()).requires_grad
    assert calls == []


def test_fused_paths_give_way():
    nn = fastnn.nn
    build = lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))  # noqa: E731
    model, plain = build(), build()
    plain.load_state_dict(model.state_dict())
    x = fastnn.ones(1, 2)
    expected = plain(x).tolist()
    assert model(x).tolist() == expected  # the steps are planned now
    calls = []
    for layer in model:
        layer.register_full_backward_hook(lambda m, dx, dy: calls.append(type(m).__name__))
    y = model(fastnn.ones(1, 2).requires_grad_())
    assert y.tolist() == expected
    y.sum().backward()
    assert calls == ["Linear", "ReLU", "Linear"]


def double_gradient(module, grad_input, grad_output):
    return tuple(g * 2 for g in grad_input)


def keep(module, args, kwargs):
    return None


@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_hooks_survive_copies(twin):
    layer = fastnn.nn.Linear(2, 2)
    handle = layer.register_full_backward_hook(double_gradient)
    layer.register_forward_pre_hook(keep, with_kwargs=True)
    other = twin(layer)
    handle.remove()
    grads = []
    for module in (layer, other):
        x = fastnn.ones(1, 2).requires_grad_()
        module(x).sum().backward()
        grads.append(x.grad.numpy())
    assert np.array_equal(grads[0] * 2, grads[1]) and grads[0].any()


@pytest.mark.parametrize(
    "name",
    [
        "register_forward_pre_hook",
        "register_forward_hook",
        "register_full_backward_pre_hook",
        "register_full_backward_hook",
    ],
)
def test_signatures(name):
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
        for f in (getattr(m, name) for m in (fastnn.nn.Module, torch.nn.Module))
    )
    assert ours == theirs
