"""The arguments of autograd.grad and backward, each said to fastnn and to PyTorch."""

import pytest

import fastnn

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])


def leaves(lib):
    return [lib.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])]


@BOTH
def test_grad(lib):
    a, b, unused = leaves(lib)
    h = a * b
    (g,) = lib.autograd.grad(h.sum(), h, None, True, False)
    assert g.tolist() == [1, 1]
    found = lib.autograd.grad((h * h).sum(), {"b": b, "h": h}, retain_graph=True)
    assert {k: g.tolist() for k, g in found.items()} == {"b": [6, 32], "h": [6, 16]}
    g, none = lib.autograd.grad(h.sum(), [a, unused], retain_graph=True, allow_unused=True)
    assert g.tolist() == [3, 4] and none is None
    found = lib.autograd.grad(h.sum(), [a, unused], retain_graph=True, materialize_grads=True)
    assert [g.tolist() for g in found] == [[3, 4], [0, 0]]
    for options in ({}, {"allow_unused": False}):
        with pytest.raises(RuntimeError, match="allow_unused=True|not used"):
            lib.autograd.grad(h.sum(), [a, unused], retain_graph=True, **options)
    with pytest.raises(ValueError, match="allow_unused"):
        lib.autograd.grad(h.sum(), [a], allow_unused=False, materialize_grads=True)
    assert a.grad is b.grad is unused.grad is None


def test_gradients_of_gradients_are_refused():
    a, b, _ = leaves(fastnn)
    with pytest.raises(RuntimeError, match="create_graph=True asks for gradients of gradients"):
        fastnn.autograd.grad((a * b).sum(), a, create_graph=True)


@BOTH
def test_backward_into_some_inputs(lib):
    a, b, unused = leaves(lib)
    seen = []
    a.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
    h = a * b
    y = (h * b).sum()
    y.backward(retain_graph=True, inputs=[a, unused])
    assert seen == [[9, 16]] and a.grad.tolist() == [90, 160] and b.grad is unused.grad is None
    y.backward(retain_graph=True, inputs=a)
    assert a.grad.tolist() == [180, 320]
    lib.autograd.backward([h, y], [lib.ones(2), None], retain_graph=True, inputs=[b])
    assert b.grad.tolist() == [7, 18] and a.grad.tolist() == [180, 320]
    b.grad = None
    y.backward(inputs=(b,))
    assert b.grad.tolist() == [6, 16] and len(seen) == 2


@BOTH
def test_bad_inputs(lib):
    a, b, _ = leaves(lib)
    y = (a * b).sum()
    with pytest.raises(RuntimeError, match="empty"):
        y.backward(inputs=[])
    with pytest.raises(RuntimeError, match="require"):
        y.backward(inputs=[lib.ones(2)])
    assert a.grad is None
