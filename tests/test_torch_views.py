"""Changes in place of views within the graph, against PyTorch's: values and gradients of the base
and of its other views, and what is refused."""

import gc
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import autograd

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

VIEWS = {
    "slice": lambda h: h[1:, :, ::2],
    "row": lambda h: h[0],
    "element": lambda h: h[1, 2, 3],
    "new axis": lambda h: h[:, None, 1],
    "view": lambda h: h.view(4, 6),
    "reshape": lambda h: h.reshape(2, -1),
    "flatten": lambda h: h.flatten(1),
    "transpose": lambda h: h.transpose(0, 2),
    "permute": lambda h: h.permute(2, 0, 1),
    "unsqueeze": lambda h: h.unsqueeze(1),
    "squeeze": lambda h: h[:, :1].squeeze(1),
    "narrow": lambda h: h.narrow(2, 1, 2),
    "expand to its own shape": lambda h: h.expand(2, 3, 4),
    "chain": lambda h: h.transpose(0, 1)[1].unsqueeze(0)[:, :, 1:3].reshape(2, 2),
    "reshape of a part": lambda h: h[:, 1:].transpose(0, 1)[0].view(2, 2, 2)[:, 1],
    "view of what is not contiguous": lambda h: h[:, :2, 1:3].view(2, 2, 2, 1),
    "nothing": lambda h: h[2:],
    "diagonal": lambda h: h.diagonal(),
    "part of a diagonal": lambda h: h.transpose(0, 1).diagonal(-1, 2, 0)[:, 1:],
}
CHANGES = {
    "add_": lambda lib, F, v, w: v.add_(2 * w[0, 0, 0]),
    "mul_": lambda lib, F, v, w: v.mul_(3),
    "mul_ tensor": lambda lib, F, v, w: v.mul_(w[0, 0, 0]),
    "exp_": lambda lib, F, v, w: v.exp_(),
    "relu": lambda lib, F, v, w: F.relu(v, inplace=True),
    "silu": lambda lib, F, v, w: F.silu(v, inplace=True),
    "zero_": lambda lib, F, v, w: v.zero_(),
    "copy_": lambda lib, F, v, w: v.copy_(w[1, 1, 1]),
    "copy_ constant": lambda lib, F, v, w: v.copy_(lib.tensor(0.5, dtype=w.dtype)),
    "setitem": lambda lib, F, v, w: v.__setitem__(..., w[0, 2, 0] * 2),
}


def arrays(dtype="float64"):
    rng = np.random.default_rng(6)
    return [random_array(rng, (2, 3, 4), dtype) for _ in range(2)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("view", VIEWS)
def test_the_base_and_its_views(view, change, dtype):
    def function(lib, F, a, w):
        h = a * 1.5
        before, whole, v = h[:, 1], h.view(-1), VIEWS[view](h)
        square = h * h.detach().clone()  # made before the change, from the old values
        CHANGES[change](lib, F, v, w)
        return [v * 2, h * 3, before * 4, whole.exp(), VIEWS[view](h) + 1, square, w * 1]

    compare(function, arrays(dtype))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_a_constant_that_gets_a_history(view, change):
    def function(lib, F, a, w):
        h = lib.tensor(np.linspace(-1, 2, 24).reshape(2, 3, 4))
        before, v = h[:, 1], VIEWS[view](h)
        CHANGES[change](lib, F, v, w)
        return [v * 2, h * 3, before * 4, a * 1, w * 1]

    compare(function, arrays())


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_what_is_told_of_tensors_and_gradients_that_are_asked_for(lib):
    w = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = lib.zeros(3)
    v, other = h[:2], h[1:]
    assert other.is_leaf and not other.requires_grad and h._version == 0
    v.add_(w[1:])
    assert h._version == v._version == other._version == 1
    assert other.requires_grad and not other.is_leaf and other.grad_fn is not None
    assert h.requires_grad and not h.is_leaf and v.grad_fn is not h.grad_fn
    seen = []
    other.register_hook(lambda g: seen.append(g.tolist()))
    v.retain_grad()
    h.retain_grad()
    ((other * lib.tensor([2.0, 5.0])).sum() + (h * 10).sum()).backward()
    assert seen == [[2, 5]] and v.grad is None and h.grad.tolist() == [10, 12, 15]
    assert w.grad.tolist() == [0, 10, 12]

    h = w * 1
    v, other = h[:2], h[:]
    v *= 3
    (g,) = lib.autograd.grad((h * 2).sum(), [w], retain_graph=True)
    assert g.tolist() == [6, 6, 2]
    g_other, g_v = lib.autograd.grad((other * 2).sum(), [other, v], allow_unused=True)
    assert g_other.tolist() == [2, 2, 2] and g_v is None


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_unrecorded_views_and_changes(lib):
    w = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = w * 1
    saved, v = h * h, h[0]
    with lib.no_grad():
        v += 5
        assert not (v * 1).requires_grad
    assert h.tolist() == [6, 2, 3] and h[0].requires_grad
    (h * 2).sum().backward()
    assert w.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match=r"changed in\s+place|inplace operation"):
        saved.sum().backward()

    h = w * 1
    apart = h.detach()
    apart[1:].mul_(w[1:])  # a history of its own, in h's memory
    assert h.tolist() == [1, 4, 9] and apart.requires_grad
    w.grad = None
    (apart.sum() + h.sum() * 10).backward()
    assert w.grad.tolist() == [10, 12, 13]

    part = lib.zeros(4)[1:]
    part.requires_grad_()
    assert part.is_leaf and part.requires_grad
    (part * 2).sum().backward()
    assert part.grad.tolist() == [2, 2, 2]


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_values_that_a_gradient_needs(lib):
    w = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for needed in (lambda h: h, lambda h: h[:2], lambda h: h.view(3, 1)):
        h = w * 1
        y = needed(h)
        y = (y * y).sum()
        h[1:].add_(1)
        with pytest.raises(RuntimeError, match=r"changed in\s+place|inplace operation"):
            y.backward()


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_what_is_refused(lib):
    w = lib.tensor([[1.0], [2.0]], requires_grad=True)
    for view in (w[0], w.view(-1), w.transpose(0, 1)[0], w[:, None]):
        for change in (
            lambda v: v.add_(1),
            lambda v: v.zero_(),
            lambda v: v.__setitem__(..., 1.0),
            lambda v: lib.relu_(v) if lib is torch else fastnn.functional.relu(v, inplace=True),
        ):
            with pytest.raises(RuntimeError, match=r"a view of a leaf"):
                change(view)
    h = w * 1
    with lib.no_grad():
        unrecorded = h[0]
    with pytest.raises(RuntimeError, match="no_grad"):
        unrecorded += w[1]
    for spread in (h.expand(2, 3), h[0].expand(3)):
        with pytest.raises(RuntimeError, match="clone()"):
            spread += 1
    assert w.tolist() == h.tolist() == [[1], [2]]


def test_views_behind_a_backward_hook():
    """A module's input is then an identity in the same memory, whose history cannot be made again
    from another tensor's change; nor can that of its views."""

    class Keeps(fastnn.nn.Module):
        def forward(self, x):
            self.input, self.part = x, x[0]
            return x * 1

    net = Keeps()
    net.register_full_backward_hook(lambda *args: None)
    h = fastnn.ones(2, requires_grad=True) * 1
    net(h)
    for change in (lambda: net.input.add_(1), lambda: net.part.add_(1)):
        with pytest.raises(RuntimeError, match="by a backward hook of a module, is changed"):
            change()
    h += 1
    for use in (lambda: net.input * 1, lambda: net.part * 1, net.part.backward):
        with pytest.raises(RuntimeError, match="a backward hook between the two"):
            use()


def test_parts_one_after_the_other():
    """As a loop writes them: rows and columns of one tensor, each from others."""

    def function(lib, F, a, w):
        h = a.clone()
        first, last = h[0], h[-1]
        h[0] += w[1]
        h[:, 1] *= h[:, 0].clone()
        last -= first * 2
        h[1, 2] = first[0]
        h += 1
        h.transpose(0, 1)[2] *= w[:, 0] + 2
        F.relu(h.view(-1)[5:], inplace=True)
        return [h, first, last, h.view(4, 6) * w.view(4, 6)]

    compare(function, arrays())


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_in_another_order(order):
    def function(lib, F, a, w):
        base = np.array(np.linspace(-1, 1, 24).reshape(2, 3, 4), order=order)
        h = lib.from_numpy(base)
        h *= a
        v = (h if order == "C" else h.permute(2, 1, 0)).view(6, -1)
        v[1:, ::2] *= 2
        return [v, h]

    compare(function, arrays())


def test_nothing_is_kept_in_a_cycle():
    gc.disable()
    try:
        w = fastnn.ones(3, requires_grad=True)
        h = w * 1
        v, other = h[:2], h.view(3, 1)
        v += 1
        (other.sum() + v.sum() + h.sum()).backward()
        kept = [weakref.ref(t) for t in (w, h, v, other)]
        del w, h, v, other
        assert [t() for t in kept] == [None] * 4
    finally:
        gc.enable()


def test_gradcheck():
    x = fastnn.tensor(arrays()[0], requires_grad=True)

    def function(x):
        h = x * 2
        part = h.permute(2, 0, 1)[1:3]
        part.mul_(x[0, 0, 0]).tanh_()
        h.view(-1)[::5] += x[1, 1, 1]
        return h * part.sum()

    assert autograd.gradcheck(function, (x,))


def test_layers_in_place():
    def function(lib, F, a, w):
        h = a * 2
        net = lib.nn.Sequential(lib.nn.Flatten(), lib.nn.SiLU(True), lib.nn.ReLU(inplace=True))
        return [net(h) * w.flatten(1), h]

    compare(function, arrays())
