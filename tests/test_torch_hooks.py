"""Hooks of modules against PyTorch's: what they see, what they change, in which order."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import nn

torch = pytest.importorskip("torch")

LIBRARIES = [fastnn, torch]
pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # PyTorch's


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def plain(value):
    """Gradients as nested lists, to compare."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.numpy().tolist()


def assert_near(ours, theirs):
    """Nested lists of equal build, their numbers to float32's precision."""
    if isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-4)
    elif isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_near(a, b)
    else:
        assert ours == theirs


def both(run):
    """run(library) gives the same with each."""
    ours, theirs = (run(library) for library in LIBRARIES)
    assert_near(ours, theirs)
    return ours


def same_weights(library, module):
    """The module's parameters set to known numbers."""
    rng = np.random.default_rng(1)
    with library.no_grad():
        for p in module.parameters():
            p.copy_(library.from_numpy(rng.standard_normal(tuple(p.shape)).astype(np.float32)))
    return module


def pair(library):
    """A module of two inputs and two outputs, of which one may stay without gradient."""

    class Pair(library.nn.Module):
        def forward(self, a, b, *, times=1.0):
            return a * b * times, a + b

    return Pair()


MODULES = {
    "Linear": (lambda lib: lib.nn.Linear(3, 2), (4, 3)),
    "Conv2d": (lambda lib: lib.nn.Conv2d(2, 3, 3), (2, 2, 5, 5)),
    "Sequential": (
        lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.ReLU(), lib.nn.Linear(4, 2)),
        (4, 3),
    ),
}


@pytest.mark.parametrize("needs_x", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_gradients_that_hooks_see(name, needs_x):
    make, shape = MODULES[name]

    def run(library):
        module, log = same_weights(library, make(library)), []
        module.register_full_backward_hook(lambda m, *grads: log.append(("after", plain(grads))))
        module.register_full_backward_pre_hook(lambda m, gy: log.append(("before", plain(gy))))
        for child in module.children():
            child.register_full_backward_hook(lambda m, gx, gy: log.append(plain((gx, gy))))
        x = library.from_numpy(arrays(shape)[0])
        x.requires_grad_(needs_x)
        (module(x) ** 2).sum().backward()
        return [log, plain(x.grad), [plain(p.grad) for p in module.parameters()]]

    log = both(run)[0]
    assert len(log) >= 2


def test_gradients_that_hooks_change():
    def run(library):
        module = same_weights(library, library.nn.Linear(3, 2))
        module.register_full_backward_pre_hook(lambda m, gy: (gy[0] * 2,))
        module.register_full_backward_pre_hook(lambda m, gy: (gy[0] + 1,))
        module.register_full_backward_hook(lambda m, gx, gy: (gx[0] * 10,))
        module.register_full_backward_hook(lambda m, gx, gy: (gx[0] - 3,))
        x = library.from_numpy(arrays((4, 3))[0]).requires_grad_()
        module(x).sum().backward()
        return [plain(x.grad), plain(module.weight.grad), plain(module.bias.grad)]

    assert both(run)[2] == [12.0, 12.0]  # 4 rows of (1 * 2 + 1)


def test_order_with_prepend_and_removal():
    def run(library):
        module, log = library.nn.Linear(3, 2), []
        handles = {}
        for kind in ("forward_pre", "forward", "full_backward_pre", "full_backward"):
            register = getattr(module, f"register_{kind}_hook")
            for name, options in (("a", {}), ("b", {"prepend": True}), ("c", {})):
                key = kind + name
                handles[key] = register(lambda *args, key=key: log.append(key), **options)
        x = library.from_numpy(arrays((4, 3))[0]).requires_grad_()
        module(x).sum().backward()
        first, log[:] = list(log), []
        handles["forward_prea"].remove()
        handles["full_backwardb"].remove()
        handles["full_backwardb"].remove()
        with handles["forwardc"]:
            pass
        module(x).sum().backward()
        return [first, log]

    first, _ = both(run)
    assert first[:3] == ["forward_preb", "forward_prea", "forward_prec"]


def test_keyword_arguments():
    def run(library):
        module, seen = pair(library), []
        a, b = map(library.from_numpy, arrays((3,), (3,)))
        module.register_forward_pre_hook(
            lambda m, args, kwargs: (args[::-1], kwargs | {"times": 3.0}), with_kwargs=True
        )
        module.register_forward_pre_hook(
            lambda m, args, kwargs: seen.append(kwargs["times"]), with_kwargs=True
        )
        module.register_forward_hook(
            lambda m, args, kwargs, y: (y[0] * kwargs["times"], y[1]), with_kwargs=True
        )
        return [plain(module(a, b, times=2.0)), seen]

    assert both(run)[1] == [3.0]


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("needs", [(True, True), (False, True), (False, False)])
def test_several_inputs_and_outputs(used, needs):
    """An output that nothing uses has no gradient; an input that requires none neither."""

    def run(library):
        module, log = pair(library), []
        module.register_full_backward_hook(lambda m, *grads: log.append(plain(grads)))
        xs = [
            library.from_numpy(a).requires_grad_(n)
            for a, n in zip(arrays((3,), (3,)), needs, strict=True)
        ]
        out = module(*xs)
        if any(needs):
            sum(out[i].sum() for i in used).backward()
        return [log, [plain(x.grad) for x in xs]]

    log = both(run)[0]
    assert len(log) == any(needs)


def test_two_calls_before_one_backward():
    def run(library):
        module, log = same_weights(library, library.nn.Linear(2, 2)), []
        module.register_full_backward_hook(lambda m, *grads: log.append(plain(grads)))
        x = library.from_numpy(arrays((1, 2))[0]).requires_grad_()
        module(module(x)).sum().backward()
        return [log, plain(x.grad)]

    assert len(both(run)[0]) == 2


@pytest.mark.parametrize("library", LIBRARIES, ids=["fastnn", "torch"])
@pytest.mark.parametrize(
    "kind, text", [("full_backward_pre", "grad_output, got 2"), ("full_backward", "grad_input")]
)
def test_a_wrong_number_of_gradients(library, kind, text):
    module = library.nn.Linear(3, 2)
    getattr(module, f"register_{kind}_hook")(lambda m, *grads: (grads[0][0],) * 2)
    x = library.from_numpy(arrays((4, 3))[0]).requires_grad_()
    with pytest.raises(RuntimeError, match=text):
        module(x).sum().backward()


@pytest.mark.parametrize("library", LIBRARIES, ids=["fastnn", "torch"])
def test_a_gradient_for_inputs_that_want_none(library):
    module = library.nn.Linear(3, 2)
    module.register_full_backward_hook(lambda m, gx, gy: (gy[0],))
    x = library.from_numpy(arrays((4, 3))[0])
    with pytest.raises(RuntimeError):
        module(x).sum().backward()


@pytest.mark.parametrize("library", LIBRARIES, ids=["fastnn", "torch"])
def test_an_output_that_is_no_tensor(library):
    class Named(library.nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    module = Named()
    module.register_full_backward_hook(lambda m, *grads: None)
    with pytest.warns(UserWarning, match="output"):
        y = module(library.from_numpy(arrays((3,))[0]).requires_grad_())
    assert y["y"].shape == (3,)


def test_no_tape_no_hook():
    module = nn.Linear(3, 2)
    module.register_full_backward_hook(lambda m, *grads: pytest.fail("called"))
    with fastnn.no_grad():
        y = module(fastnn.ones(4, 3))
    assert not y.requires_grad


CALLS = []


def note(module, *grads):
    CALLS.append(type(module).__name__)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_hooks_are_copied(again):
    module = nn.Linear(3, 2)
    module.register_full_backward_hook(note)
    module.register_forward_hook(note, with_kwargs=True)
    other = again(module)
    CALLS.clear()
    other(fastnn.ones(1, 3, requires_grad=True)).sum().backward()
    assert CALLS == ["Linear", "Linear"]
    assert len(other._forward_hooks) == 2 and other._forward_hooks is not module._forward_hooks


def test_a_hook_switches_fusion_off():
    """The ReLU's own output gradient is seen, although Linear and ReLU run as one kernel else."""

    def run(library):
        linear, relu = same_weights(library, library.nn.Linear(3, 4)), library.nn.ReLU()
        net, log = library.nn.Sequential(linear, relu), []
        x = library.from_numpy(arrays((2, 3))[0]).requires_grad_()
        net(x)
        handle = relu.register_full_backward_hook(lambda m, *grads: log.append(plain(grads)))
        net(x).sum().backward()
        handle.remove()
        net(x).sum().backward()
        return log

    assert len(both(run)) == 1


def test_a_hook_must_be_callable():
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        nn.Linear(1, 1).register_forward_hook(3)
    with pytest.raises(RuntimeError, match="tuple of the new args and kwargs, got int"):
        module = nn.Linear(1, 1)
        module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        module(fastnn.ones(1, 1))
