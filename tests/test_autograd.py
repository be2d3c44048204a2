"""The tape: backward, in-place changes, modes, hooks, custom Functions, memory."""

import gc
import threading
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import autograd, tensor
from fastnn import functional as F


def leaf(*shape, **options):
    return fastnn.rand(*shape, requires_grad=True, **options)


# ---- backward


def test_backward_accumulates_and_grad_can_be_reset():
    w = tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    first = w.grad
    assert first.tolist() == [2, 4]
    (w * 3).sum().backward()
    assert w.grad is first and first.tolist() == [5, 7] and not first.requires_grad
    w.grad = None
    w.sum().backward()
    assert w.grad.tolist() == [1, 1]
    with pytest.raises(TypeError, match="grad must be a Tensor or None, got int"):
        w.grad = 1
    for wrong in (fastnn.ones(3), fastnn.ones(2, dtype="float64")):
        with pytest.raises(RuntimeError, match="grad has shape"):
            w.grad = wrong


def test_backward_of_a_leaf_and_of_several_roots():
    w = tensor(3.0, requires_grad=True)
    w.backward()
    assert w.grad.item() == 1 and w.grad.shape == ()
    a, b = leaf(2), leaf(2)
    start = fastnn.ones(2)
    autograd.backward([a * 2, a + b, a], [start, start, start])
    assert a.grad.tolist() == [4, 4] and b.grad.tolist() == [1, 1]


def test_gradient_of_several_elements_must_be_given():
    w = leaf(2, 3)
    y = w * 2
    with pytest.raises(RuntimeError, match=r"shape \(2, 3\) needs a gradient"):
        y.backward()
    y.backward(fastnn.full((2, 3), 3.0))
    assert np.array_equal(w.grad.numpy(), np.full((2, 3), 6))
    for wrong, error in (
        (fastnn.ones(3), RuntimeError),
        (fastnn.ones(2, 3).double(), RuntimeError),
        (np.ones((2, 3), np.float32), TypeError),
        (1.0, TypeError),
    ):
        with pytest.raises(error, match="gradient"):
            (w * 2).backward(wrong)
    with pytest.raises(RuntimeError, match="does not require grad"):
        fastnn.ones(1).backward()
    scalar = tensor(2.0, requires_grad=True)
    (scalar * 3).backward(tensor(2.0))
    assert scalar.grad.shape == () and scalar.grad.item() == 6
    w.grad = None
    (w * 1).backward(fastnn.rand(3, 2).T)
    assert w.grad.is_contiguous()


def test_backward_twice_needs_retain_graph():
    w = leaf(3)
    y = (w * w).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert np.allclose(w.grad.numpy(), 4 * w.detach().numpy())
    with pytest.raises(RuntimeError, match="second time.*retain_graph=True"):
        y.backward()


def test_nobody_shares_the_memory_of_grad():
    a, b, c = leaf(4), leaf(4), leaf(2, 2)
    gradient = fastnn.ones(4)
    (a + b + c.reshape(4)).backward(gradient)
    arrays = [t.grad.numpy() for t in (a, b, c)] + [gradient.numpy()]
    for i, x in enumerate(arrays):
        assert all(not np.shares_memory(x, y) for y in arrays[i + 1 :])
    seen = []
    y = a * 1
    y.register_hook(seen.append)
    d = leaf(4)
    (y + d).backward(gradient)
    a.grad.zero_()
    d.grad.zero_()
    assert gradient.tolist() == seen[0].tolist() == [1] * 4
    wide = leaf(1)
    wide.expand(3).backward(fastnn.ones(3))
    assert wide.grad.tolist() == [3] and wide.grad.numpy().flags.writeable


def test_integer_and_unused_outputs():
    x = leaf(3, 4)
    values, indices = x.max(1)
    assert not indices.requires_grad and values.requires_grad
    a, b, c = x.split(2, 1)[0], x[0], x * 2
    assert c.requires_grad
    (a.sum() + b.sum()).backward()
    want = np.zeros((3, 4))
    want[:, :2] += 1
    want[0] += 1
    assert np.array_equal(x.grad.numpy(), want)


# ---- in-place changes


@pytest.mark.parametrize(
    "build",
    [
        lambda x: (x * x, x),
        lambda x: (lambda y: (y, y))(F.exp(x)),
        lambda x: (lambda y: (y, y))(F.softmax(x.reshape(1, 2, 2), 2)),
        lambda x: (lambda y: (y, y[0]))(F.relu(x)),
        lambda x: (F.linear(x, x), x),
        lambda x: (lambda v: (v[0], v[1]))(x.max(1)),
        lambda x: (lambda t: (F.cross_entropy(x, t), t))(tensor([0, 1])),
        lambda x: (lambda t: (F.cross_entropy(x.T.reshape(2, 2, 1), t), t))(tensor([[0], [1]])),
        lambda x: (lambda w: (F.cross_entropy(x, tensor([0, 1]), w), w))(fastnn.ones(2)),
        lambda x: (lambda t: (F.mse_loss(x, t), t))(fastnn.ones(2, 2)),
        lambda x: (lambda w: (F.conv2d(x.reshape(1, 1, 2, 2), w), w))(fastnn.ones(1, 1, 2, 2)),
    ],
)
def test_changing_what_backward_needs_is_an_error(build):
    w = leaf(2, 2)
    x = w * 1
    y, victim = build(x)
    loss = y.sum()
    with fastnn.no_grad():
        victim.zero_()
    with pytest.raises(RuntimeError, match="changed in place: it is at version 1, expected 0"):
        loss.backward()


def test_what_backward_does_not_need_may_change():
    w = leaf(3)
    x = w * 2
    y = (x + 1) + x * 3 + x / 2
    with fastnn.no_grad():
        x.zero_()
    index = tensor([0, 0, 2])
    z = w[index]
    index.fill_(1)  # indexing keeps a copy of its index
    (y.sum() + z.sum()).backward()
    assert w.grad.tolist() == [11, 9, 10]


def test_inplace_on_leaves_and_views():
    w = leaf(3)
    for change in (
        lambda: w.add_(1),
        w.zero_,
        lambda: w.copy_(fastnn.ones(3)),
        lambda: F.relu(w, True),
    ):
        with pytest.raises(RuntimeError, match="a leaf tensor that requires grad"):
            change()
    with pytest.raises(RuntimeError, match="a view of a leaf tensor that requires grad"):
        w[0].add_(1)
    with pytest.raises(RuntimeError, match="setitem: a leaf tensor that requires grad"):
        w[0] = 1.0
    plain = fastnn.zeros(3)
    plain[:2].add_(w[:2])
    assert plain.requires_grad and plain.tolist() == [*w.tolist()[:2], 0]
    with fastnn.no_grad():
        w.fill_(1.0).add_(1)
        w[0] = 5.0
        w.detach().copy_(w * 2)
        w.data.copy_(w)
    assert w.tolist() == [10, 4, 4] and w.is_leaf and w.requires_grad


def test_recorded_inplace_changes_give_the_right_gradient():
    w = tensor([1.0, 2.0], requires_grad=True)
    x = w * 1
    x.mul_(3).add_(w)
    x *= 2
    x.sum().backward()
    assert w.grad.tolist() == [8, 8]
    w.grad = None
    buffer = fastnn.zeros(2)
    buffer.copy_(w)
    assert not buffer.is_leaf
    (buffer * tensor([1.0, 5.0])).sum().backward()
    assert w.grad.tolist() == [1, 5] and buffer.grad is None
    w.grad = None
    wide = fastnn.zeros(2, 2, dtype="float64")
    wide.copy_(w)
    wide.sum().backward()
    assert w.grad.tolist() == [2, 2] and w.grad.dtype == np.float32
    (w * fastnn.ones(2, 2)).T.reshape(-1).mul_(2).sum().backward()  # a copy, not a view
    assert w.grad.tolist() == [6, 6]
    y = w * 1
    assert F.relu(y, inplace=True) is y and y.grad_fn.name() == "Relu"
    y.zero_()
    y.sum().backward()
    assert w.grad.tolist() == [6, 6]  # nothing of w is left in y


def test_views_of_what_was_changed_on_the_tape_are_recorded_again():
    w = leaf(3)
    x = w * 1
    old, constant = x[:2], x.detach()[:2]
    with fastnn.no_grad():
        unrecorded = x[:2]
    x.mul_(3)
    for use in (lambda: old.sum(), lambda: old[0] + old[1], lambda: F.relu(old * 1).sum()):
        w.grad = None
        use().backward(retain_graph=True)
        assert w.grad.tolist() == [3, 3, 0]
    assert (constant * 1).tolist() == (unrecorded * 1).tolist() == x[:2].tolist()
    with fastnn.no_grad():
        assert (old * 1).tolist() == x[:2].tolist()


# ---- modes


def test_grad_modes_nest_and_decorate():
    w = leaf(2)
    with fastnn.no_grad():
        assert not fastnn.is_grad_enabled() and not (w * 2).requires_grad
        with fastnn.enable_grad():
            assert (w * 2).requires_grad
            with fastnn.set_grad_enabled(False):
                assert not (w * 2).requires_grad
            assert fastnn.is_grad_enabled()
        assert not fastnn.is_grad_enabled()
    switch = fastnn.no_grad()
    with switch, switch:
        assert not fastnn.is_grad_enabled()
    assert fastnn.is_grad_enabled()

    for decorate, recorded in (
        (lambda: fastnn.no_grad, False),
        (fastnn.no_grad, False),
        (fastnn.enable_grad, True),
        (lambda: fastnn.set_grad_enabled(False), False),
        (lambda: fastnn.set_grad_enabled(True), True),
    ):

        @decorate()
        def double(x, *, by=2):
            """Twice x."""
            return x * by

        assert double.__name__ == "double" and double.__doc__ == "Twice x."
        assert double(w, by=3).requires_grad is recorded and fastnn.is_grad_enabled()
    fastnn.set_grad_enabled(False)
    assert not (w * 2).requires_grad
    fastnn.set_grad_enabled(True)
    with pytest.raises(ZeroDivisionError), fastnn.no_grad():
        1 / 0  # noqa: B018
    assert fastnn.is_grad_enabled()


def test_each_thread_has_its_own_mode():
    seen = []
    thread = threading.Thread(target=lambda: seen.append((leaf(2) * 2).requires_grad))
    with fastnn.no_grad(), autograd.detect_anomaly():
        thread.start()
        thread.join()
        assert not fastnn.is_grad_enabled()
    assert seen == [True]


def test_detach_and_requires_grad():
    w = leaf(2)
    x = (w * 2).detach()
    assert x.is_leaf and not x.requires_grad and x.grad_fn is None
    assert x.requires_grad_().requires_grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3] and w.grad is None
    with pytest.raises(RuntimeError, match="leaf tensors only"):
        (w * 2).requires_grad = False
    w.requires_grad_(False)
    assert not (w * 2).requires_grad


# ---- hooks, grad, anomalies


def test_hooks_see_and_replace_gradients():
    w = tensor([1.0, 2.0], requires_grad=True)
    x = w * 1
    order = []
    x.register_hook(lambda g: order.append("x") or g * 10)
    x.register_hook(lambda g: order.append(g.tolist()))
    handle = w.register_hook(lambda g: order.append("w") or g + 1)
    (x * 2).sum().backward()
    assert order == ["x", [20, 20], "w"] and w.grad.tolist() == [21, 21]
    handle.remove()
    handle.remove()
    w.sum().backward()
    assert w.grad.tolist() == [22, 22]
    with pytest.raises(RuntimeError, match="register_hook"):
        fastnn.ones(1).register_hook(print)
    y = w * 1
    y.register_hook(lambda g: 3)
    with pytest.raises(TypeError, match="a hook returned int"):
        y.sum().backward()
    y = w * 1
    y.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="a hook returned shape"):
        y.sum().backward()


def test_retain_grad():
    w = tensor([1.0, 2.0], requires_grad=True)
    x = w * 3
    x.retain_grad()
    x.retain_grad()
    for n in (1, 2):
        (x * x).sum().backward(retain_graph=True)
        assert x.grad.tolist() == [6 * n, 12 * n]
    assert not np.shares_memory(x.grad.numpy(), w.grad.numpy())
    w.retain_grad()
    with pytest.raises(RuntimeError, match="retain_grad"):
        fastnn.ones(1).retain_grad()


def test_grad_leaves_dot_grad_alone():
    a, b, c = leaf(2), leaf(2), leaf(2)
    y = a * b
    z = (y * y).sum()
    da, dy = autograd.grad(z, [a, y], retain_graph=True)
    assert np.allclose(dy.numpy(), 2 * (a * b).detach().numpy())
    assert np.allclose(da.numpy(), dy.numpy() * b.detach().numpy())
    assert a.grad is None and b.grad is None
    assert autograd.grad(y, y, fastnn.ones(2))[0].tolist() == [1, 1]  # frees nothing below y
    with pytest.raises(RuntimeError, match="was not used"):
        autograd.grad(z, c, retain_graph=True)
    assert autograd.grad(z, [c], allow_unused=True) == (None,)
    with pytest.raises(RuntimeError, match="not a Tensor that requires grad"):
        autograd.grad(a.sum(), fastnn.ones(2))
    with pytest.raises(ValueError, match="grad: 1 tensors but 2 gradients"):
        autograd.grad(a.sum(), a, [fastnn.ones(()), fastnn.ones(())])
    a.register_hook(lambda g: g * 5)
    y = a * 2
    y.register_hook(lambda g: g * 7)
    assert [g.tolist() for g in autograd.grad(y.sum(), [a, y])] == [[70, 70], [7, 7]]


def test_detect_anomaly_names_the_operation():
    w = tensor([-1.0], requires_grad=True)
    with autograd.detect_anomaly(), pytest.raises(RuntimeError, match="Sqrt returned NaN"):
        F.sqrt(w).backward()
    F.sqrt(w).backward()
    assert np.isnan(w.grad.numpy()).all()


def root_of_a_negative_number(w):
    return F.sqrt(w * 1)


def test_detect_anomaly_shows_where_forward_was_recorded():
    w = tensor([-1.0], requires_grad=True)
    with autograd.detect_anomaly(), pytest.raises(RuntimeError, match="Sqrt returned") as caught:
        root_of_a_negative_number(w).backward()
    (note,) = caught.value.__notes__
    assert note.startswith("Sqrt was recorded at (most recent call last):")
    assert "in root_of_a_negative_number\n    return F.sqrt(w * 1)\n" in note
    assert note.index("test_detect_anomaly_shows") < note.index("in root_of_a_negative_number")
    y = root_of_a_negative_number(w)
    assert y.grad_fn._stack is None  # nothing is kept where nobody asked for it
    with autograd.detect_anomaly(), pytest.raises(RuntimeError) as caught:
        y.backward()
    assert caught.value.__notes__[0].startswith("Sqrt was recorded without detect_anomaly()")


def test_detect_anomaly_nests_and_may_let_nan_through():
    w = tensor([-1.0], requires_grad=True)
    switch = autograd.detect_anomaly()
    with switch, autograd.detect_anomaly(check_nan=False), switch:
        pass
    assert F.sqrt(w).grad_fn._stack is None
    with autograd.detect_anomaly(check_nan=False):
        F.sqrt(w).backward()
        assert np.isnan(w.grad.numpy()).all()
        y = (w * 2).exp()
        y.backward()
        with pytest.raises(RuntimeError, match="second time") as caught:
            y.backward()
    assert "Exp was recorded at" in caught.value.__notes__[0]


# ---- memory


def test_deep_graphs_need_no_recursion_and_are_freed():
    w = leaf(1)
    y = w
    for _ in range(20_000):
        y = y * 1.0
    y.backward()
    assert w.grad.tolist() == [1]
    alive = weakref.ref(y)
    del y
    assert alive() is None
    y = fastnn.ones(1)
    for _ in range(20_000):
        y = y + w
    del y
    wide = sum((w * i for i in range(2000)), fastnn.zeros(1))
    wide.backward()
    assert w.grad.item() == 1 + sum(range(2000))


def test_memory_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        w = leaf(8, 8)
        x = F.relu(F.linear(w, w)).reshape(4, 16)
        x.retain_grad()
        x.register_hook(lambda g: None)
        v = x[0]
        loss = F.softmax(x, 1).sum() + v.sum()
        loss.backward()
        arrays = [weakref.ref(t.detach().numpy()) for t in (x, loss)]
        tensors = [weakref.ref(t) for t in (x, v, loss, w)]
        del w, x, v, loss
        assert [r() for r in tensors + arrays] == [None] * 6
    finally:
        gc.enable()
