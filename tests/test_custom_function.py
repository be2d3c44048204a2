"""autograd.Function and gradcheck."""

import gc

import numpy as np
import pytest

import fastnn
from fastnn import autograd, tensor
from fastnn.tensor import Function


class Cube(autograd.Function):
    @staticmethod
    def forward(ctx, x, scale=1.0):
        ctx.save_for_backward(x, None)
        ctx.scale = scale
        return x * x * x * scale

    @staticmethod
    def backward(ctx, dy):
        x, nothing = ctx.saved_tensors
        assert nothing is None and not fastnn.is_grad_enabled()
        return dy * x * x * (3.0 * ctx.scale), None


class SumAndMax(autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        y = a + b
        ctx.save_for_backward(a, y)
        return y, (a - b), fastnn.arange(2)

    @staticmethod
    def backward(ctx, dy, dz, _):
        return (dy + dz if ctx.needs_input_grad[0] else None), dy - dz


def made(forward, backward=None):
    """A Function class from its functions."""
    members = {"forward": staticmethod(forward)}
    members["backward"] = staticmethod(backward or (lambda ctx, dy: dy))
    return type("Made", (autograd.Function,), members)


def test_custom_function():
    x = fastnn.randn(2, 3, dtype="float64", requires_grad=True)
    y = Cube.apply(x, 2.0)
    assert y.grad_fn.name() == "Cube" and repr(y.grad_fn) == "<CubeBackward>"
    assert autograd.gradcheck(lambda x: Cube.apply(x, 2.0), [x])
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), 6 * x.detach().numpy() ** 2)
    with fastnn.no_grad():
        assert Cube.apply(x).is_leaf
    assert Cube.apply(tensor(2.0)).item() == 8
    scalar = tensor(2.0, requires_grad=True)
    Cube.apply(scalar).backward()
    assert scalar.grad.shape == () and scalar.grad.item() == 12
    strided = fastnn.randn(3, 2, dtype="float64").T.requires_grad_()
    assert autograd.gradcheck(Cube.apply, [strided])


def test_several_outputs():
    a, b = fastnn.ones(2, requires_grad=True), fastnn.ones(2)
    y, z, n = SumAndMax.apply(a, b)
    assert y.requires_grad and not n.requires_grad and n.grad_fn is None
    (z * 3).sum().backward()  # y unused: its gradient arrives as zeros
    assert a.grad.tolist() == [3, 3] and b.grad is None
    with fastnn.no_grad():
        assert [t.is_leaf for t in SumAndMax.apply(a, b)] == [True] * 3


def test_changed_inputs_and_second_backward_are_errors():
    x = fastnn.ones(2, requires_grad=True)
    h = x * 1
    y = Cube.apply(h)
    with fastnn.no_grad():
        h.zero_()
    with pytest.raises(RuntimeError, match="Cube needs .* changed in place"):
        y.sum().backward()
    y = Cube.apply(x)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward(fastnn.ones(2))


def test_outputs_never_share_the_memory_of_inputs():
    x = fastnn.ones(2, 2)
    for forward in (lambda ctx, x: x, lambda ctx, x: x.reshape(4), lambda ctx, x: (x, x[0])):
        results = made(forward, lambda ctx, *dys: None).apply(x)
        for y in results if isinstance(results, tuple) else (results,):
            y.zero_()
        assert x.numpy().all()


@pytest.mark.parametrize(
    "function, error, words",
    [
        (made(lambda ctx, x: x.numpy()), TypeError, "forward returned ndarray"),
        (made(lambda ctx, x: x * 1, lambda ctx, dy: (dy, dy)), RuntimeError, "2 gradients for 1"),
        (made(lambda ctx, x: x * 1, lambda ctx, dy: dy.sum()), RuntimeError, r"\(\) as gradient 0"),
        (made(lambda ctx, x: x * 1, lambda ctx, dy: 3), RuntimeError, "int as gradient 0"),
    ],
)
def test_wrong_functions_are_named(function, error, words):
    with pytest.raises(error, match=words):
        function.apply(fastnn.ones(2, requires_grad=True)).sum().backward()


def test_subclasses_have_their_own_gradient():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, dy):
            return dy, None

    x = tensor(2.0, requires_grad=True)
    Cube.apply(x).backward()
    assert x.grad.item() == 12
    Wrong.apply(x).backward()
    assert x.grad.item() == 13
    assert len({f.apply(x).grad_fn.name() for f in (Cube, Wrong)}) == 2


def test_gradcheck_finds_wrong_gradients():
    x = fastnn.randn(3, dtype="float64", requires_grad=True)
    twice = made(lambda ctx, x: x * 2.0)
    with pytest.raises(RuntimeError, match=r"gradcheck: input 0, element \(0,\): backward gives"):
        autograd.gradcheck(twice.apply, [x])
    with pytest.raises(RuntimeError, match="input 1"):
        other = fastnn.randn(3, dtype="float64", requires_grad=True)
        autograd.gradcheck(lambda a, b: a * 2 + twice.apply(b), [x, other])
    forgotten = made(lambda ctx, x: x * 2.0, lambda ctx, dy: None)
    with pytest.raises(RuntimeError, match="backward gives 0"):
        autograd.gradcheck(forgotten.apply, [x])
    with pytest.raises(ValueError, match="must be float64"):
        autograd.gradcheck(lambda x: x * 2, [fastnn.ones(1, requires_grad=True)])
    before = x.detach().numpy().copy()
    assert autograd.gradcheck(lambda x: x * x, [x]) and x.grad is None
    assert np.array_equal(x.detach().numpy(), before)


def test_custom_functions_leave_no_cycles():
    import weakref

    gc.collect()
    gc.disable()
    try:
        x = fastnn.ones(2, requires_grad=True)
        y = Cube.apply(x)
        y.sum().backward()
        alive = [weakref.ref(x), weakref.ref(y)]
        del x, y
        assert [r() for r in alive] == [None, None]
    finally:
        gc.enable()


def test_once_differentiable_runs_unrecorded():
    seen = []

    class Halve(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

        @staticmethod
        @autograd.once_differentiable
        def backward(ctx, dy):
            """Half of dy."""
            seen.append(fastnn.is_grad_enabled())
            return dy / 2

    assert Halve.backward.__doc__ == "Half of dy."
    x = fastnn.ones(2, requires_grad=True)
    Halve.apply(x).sum().backward()
    assert x.grad.tolist() == [0.5, 0.5] and seen == [False]
    assert autograd.function.once_differentiable is autograd.once_differentiable


def test_only_outputs_are_marked_as_non_differentiable():
    def forward(ctx, x):
        ctx.mark_non_differentiable(x)
        return x * 2

    with pytest.raises(RuntimeError, match="marked a tensor that it does not return"):
        made(forward).apply(fastnn.ones(1))
    with pytest.raises(TypeError, match="expected Tensors, got int"):
        made(lambda ctx, x: ctx.mark_non_differentiable(1)).apply(fastnn.ones(1))


def test_a_marked_output_that_is_saved_may_not_change():
    def forward(ctx, x):
        sign = x / abs(x)
        ctx.mark_non_differentiable(sign)
        ctx.save_for_backward(sign)
        return abs(x), sign

    absolute = made(forward, lambda ctx, dy, _: dy * ctx.saved_tensors[0])
    x = tensor([2.0, -3.0], requires_grad=True)
    y, sign = absolute.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [1, -1]
    y, sign = absolute.apply(x)
    sign.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_gradients_of_reshaped_leaves_are_their_own():
    """A view's memory becomes .grad only where nobody else sees it."""
    a, b = (tensor(np.ones(4, np.float32), requires_grad=True) for _ in range(2))
    given = tensor(np.ones((2, 2), np.float32))
    (a.reshape(2, 2) + b.reshape(2, 2)).backward(given)
    arrays = [a.grad.numpy(), b.grad.numpy(), given.numpy()]
    for i, x in enumerate(arrays):
        assert all(not np.shares_memory(x, y) for y in arrays[i + 1 :])
    seen = []
    a.grad = None
    a.register_hook(seen.append)
    (3 * a.reshape(2, 2)).sum().backward()
    seen[0][0] = 7
    assert (a.grad.numpy() == 3).all()
    a.grad = None
    (3 * a.reshape(4, 1).T).sum().backward()
    assert a.grad.numpy().flags.c_contiguous and (a.grad.numpy() == 3).all()


def test_gradients_of_memory_that_is_not_ours(tmp_path):
    """Read-only bytes and files mapped into memory are copied."""
    mapped = np.memmap(tmp_path / "m", dtype=np.float32, mode="w+", shape=(4,))
    mapped[:] = 1

    class Given(Function):  # of arrays, as the operators are
        @staticmethod
        def forward(ctx, x, make):
            ctx.make = make
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            return ctx.make(), None

    makers = (
        lambda: np.asarray(mapped[:]),
        lambda: np.frombuffer(np.ones(4, np.float32).tobytes(), np.float32).reshape(4),
    )
    for make in makers:
        x = tensor(np.ones(4, np.float32), requires_grad=True)
        for count in (1, 2):
            Given.apply(x, make).backward(fastnn.ones(4))
            assert x.grad.tolist() == [count] * 4
    assert mapped.tolist() == [1] * 4
