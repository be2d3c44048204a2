"""PyTorch says the same: what a custom Function may say of its outputs; jacobian and vjp."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import close  # noqa: E402

import fastnn  # noqa: E402


def parts(lib, materialize, seen):
    """x and y -> x y, a marked sign of x, x + y; backward keeps what it gets."""

    class Parts(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.set_materialize_grads(materialize)
            sign = (x > 0) * 1.0
            ctx.mark_non_differentiable(sign)
            ctx.save_for_backward(x, y)
            return x * y, sign, x + y

        @staticmethod
        @lib.autograd.function.once_differentiable
        def backward(ctx, product, sign, total):
            seen.append([None if g is None else g.tolist() for g in (product, sign, total)])
            x, y = ctx.saved_tensors
            zero = x * 0
            product = zero if product is None else product
            total = zero if total is None else total
            return product * y + total, product * x + total

    return Parts


@pytest.mark.parametrize("materialize", [True, False])
@pytest.mark.parametrize("use", [(0,), (2,), (0, 2)])
def test_marked_outputs_and_missing_gradients(materialize, use):
    found = []
    for lib in (fastnn, torch):
        seen: list = []
        x = lib.tensor([1.0, -2.0, 3.0], requires_grad=True)
        y = lib.tensor([4.0, 5.0, -6.0], requires_grad=True)
        outputs = parts(lib, materialize, seen).apply(x, y)
        flags = [(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in outputs]
        sum((outputs[i] * (i + 2)).sum() for i in use).backward()
        (outputs[1] * outputs[0]).sum()  # a marked output is a constant
        found.append([flags, seen, x.grad.tolist(), y.grad.tolist()])
    assert found[0] == found[1]
    assert found[0][0][1] == (False, True, True)


FUNCTIONS = {
    "one of one": (lambda x: x**3, 1),
    "many of one": (lambda x: x.sum(0) * x[0], 1),
    "scalar": (lambda x: (x * x).sum(), 1),
    "two inputs": (lambda x, y: x @ y.T, 2),
    "two outputs": (lambda x: (x.exp(), x.sum(0)), 1),
    "two of two": (lambda x, y: (x * y, (x + y).sum(), y.T), 2),
    "one unused": (lambda x, y: x * 2, 2),
    "constant output": (lambda x: (x * 2, x.detach()), 1),
    "the input": (lambda x: x, 1),
}


def flat(value):
    if isinstance(value, tuple):
        return [("tuple", len(value)), *(item for v in value for item in flat(v))]
    return [value]


def same(ours, theirs, what):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, tuple):
            assert a == b, what
        else:
            assert not a.requires_grad and a.is_leaf
            close(a, b, what)


def arguments(count, as_tuple):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal((2, 3)).astype(np.float32) for _ in range(count)]
    ours, theirs = (
        tuple(lib.tensor(a, requires_grad=True) for a in arrays) for lib in (fastnn, torch)
    )
    return (ours, theirs) if as_tuple else (ours[0], theirs[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name):
    function, count = FUNCTIONS[name]
    for as_tuple in {True, count > 1}:
        ours, theirs = arguments(count, as_tuple)
        got = fastnn.autograd.functional.jacobian(function, ours)
        same(got, torch.autograd.functional.jacobian(function, theirs), name)
        assert all(t.grad is None for t in ([ours] if not as_tuple else ours))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vjp(name):
    function, count = FUNCTIONS[name]
    ours, theirs = arguments(count, count > 1)
    outputs = function(*(theirs if count > 1 else [theirs]))
    several = isinstance(outputs, tuple)
    rng = np.random.default_rng(2)
    arrays = [
        rng.standard_normal(tuple(y.shape)).astype(np.float32)
        for y in (outputs if several else [outputs])
    ]
    v, w = (tuple(map(lib.tensor, arrays)) for lib in (fastnn, torch))
    if not several:
        v, w = v[0], w[0]
    got = fastnn.autograd.functional.vjp(function, ours, v)
    same(got, torch.autograd.functional.vjp(function, theirs, w), name)


def test_float64_and_no_v():
    x = fastnn.randn(3, dtype="float64")
    y, g = fastnn.autograd.functional.vjp(lambda x: (x * x).sum(), x)
    assert np.allclose(g.numpy(), 2 * x.numpy()) and y.shape == () and g.dtype == np.float64
    with fastnn.no_grad():
        J = fastnn.autograd.functional.jacobian(lambda x: x * x, x)
    assert np.allclose(J.numpy(), np.diag(2 * x.numpy()))
    assert fastnn.autograd.functional.jacobian(lambda x: x * x, fastnn.ones(0)).shape == (0, 0)


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_errors(lib):
    functional = lib.autograd.functional
    x, y = lib.ones(2), lib.ones(3)
    for call, error, words in (
        (lambda: functional.jacobian(lambda x, y: x * 2, (x, y), strict=True), RuntimeError,
         "independent of"),
        (lambda: functional.jacobian(lambda x: x.detach(), x, strict=True), RuntimeError,
         "independent of|does not require grad"),
        (lambda: functional.vjp(lambda x: x * 2, x), RuntimeError, "single"),
        (lambda: functional.vjp(lambda x: x * 2, x, y), RuntimeError, "v"),
        (lambda: functional.vjp(lambda x: 3, x), TypeError, "int"),
        (lambda: functional.jacobian(lambda x: x, 3.0), TypeError, "float"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()
