"""fastnn.functional: every gradient against differences, in float64; awkward shapes; memory."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd, nn, tensor
from fastnn import functional as F


def inputs(rng, *shapes, away=0.0, positive=False, layout="C"):
    """float64 leaves; elements at least `away` from 0 (where a derivative may jump)."""
    found = []
    for shape in shapes:
        a = rng.normal(size=shape)
        a = np.sign(a) * (np.abs(a) + away) if not positive else np.abs(a) + 0.1
        if layout == "strided":  # a view with holes, its axes in reverse order
            wide = np.zeros((*a.shape[::-1], 2))
            wide[..., 0] = a.T
            a = wide[..., 0].T
        found.append(fastnn.from_numpy(np.asarray(a)).requires_grad_())
    return found


def check(function, tensors):
    assert autograd.gradcheck(function, tensors)
    y = function(*tensors)
    assert y.dtype == np.float64
    if y.requires_grad:
        y.backward(fastnn.ones(*y.shape, dtype="float64"))
        for t in tensors:
            assert t.grad is None or t.grad.shape == t.shape


SHAPES = [(), (1,), (0,), (5,), (2, 3), (3, 1, 2), (2, 0, 3)]
ELEMENTWISE = {
    "neg": (F.neg, {}), "abs": (F.abs, {"away": 0.1}), "sqrt": (F.sqrt, {"positive": True}),
    "exp": (F.exp, {}), "log": (F.log, {"positive": True}), "relu": (F.relu, {"away": 0.1}),
    "tanh": (F.tanh, {}), "sigmoid": (F.sigmoid, {}), "square": (lambda x: x**2, {}),
    "cube": (lambda x: x**3, {}), "pow0": (lambda x: x**0, {}), "pow1": (lambda x: x**1, {}),
    "inverse": (lambda x: x**-1, {"away": 0.3}), "root": (lambda x: x**0.5, {"positive": True}),
    "pow2.5": (lambda x: x**2.5, {"positive": True}), "add1": (lambda x: 1 + x + 1, {}),
    "rsub": (lambda x: 2 - x, {}), "mul": (lambda x: 3 * x * 2, {}),
    "self": (lambda x: x * x + x, {}),
    "rdiv": (lambda x: 2 / x, {"away": 0.3}), "div": (lambda x: x / 2, {}),
    "clamp": (lambda x: F.clamp(x, -0.75, 0.75), {}), "clone": (F.clone, {}),
    "clamp_min": (lambda x: x.clamp(min=-0.2), {}), "clamp_max": (lambda x: x.clamp(max=0.2), {}),
    "sum": (lambda x: F.sum(x), {}), "mean": (lambda x: F.mean(x), {}),
    "dropout0": (lambda x: F.dropout(x, 0.0), {}),
    "dropout1": (lambda x: F.dropout(x, 1.0), {}), "reshape": (lambda x: x.reshape(-1) * 2, {}),
    "flatten": (lambda x: x.flatten() * 2, {}), "unsqueeze": (lambda x: x.unsqueeze(0) * 2, {}),
    "squeeze": (lambda x: x.squeeze() * 2, {}), "index": (lambda x: x[...] * 2, {}),
    "to": (lambda x: x.to("float64") * 2, {}), "none": (lambda x: x[None] * x, {}),
    "softmax": (lambda x: F.softmax(x, -1), {}), "log_softmax": (lambda x: F.log_softmax(x, 0), {}),
    "mse": (lambda x: F.mse_loss(x, x * 0.5, reduction="none"), {}),
    "mse_sum": (lambda x: F.mse_loss(x, x * 0.5, reduction="sum"), {}),
}  # fmt: skip


@pytest.mark.parametrize("layout", ["C", "strided"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_one_tensor(name, layout):
    function, options = ELEMENTWISE[name]
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        if name == "mean" and 0 in shape:
            continue  # NaN of no elements, see below
        check(function, inputs(rng, shape, layout=layout, **options))


BINARY = {
    "add": F.add, "sub": F.sub, "mul": F.mul, "div": F.div, "mix": lambda a, b: a * b + a / b - b,
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_broadcasts(name):
    rng = np.random.default_rng(1)
    for a, b in [((), ()), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1, 3), (4, 1)), ((1,), (2, 2)),
                 ((0, 3), (3,)), ((1, 3), (0, 3)), ((2, 3), ()), ((2, 1), (1, 3)), ((1,),
                 (1, 1))]:  # fmt: skip
        for layout in ("C", "strided"):
            check(BINARY[name], inputs(rng, a, b, away=0.3, layout=layout))


def test_matmul():
    rng = np.random.default_rng(2)
    for a, b in [((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((0, 3), (3, 2)),
                 ((2, 0), (0, 3)), ((2, 2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)),
                 ((2, 3), (4, 3, 2)), ((4, 2, 3), (3,)), ((1, 1), (1, 1)), ((0, 2, 3),
                 (3, 2))]:  # fmt: skip
        for layout in ("C", "strided"):
            x, y = inputs(rng, a, b, layout=layout)
            want = np.matmul(x.detach().numpy(), y.detach().numpy())
            assert (x @ y).shape == want.shape and np.allclose((x @ y).detach().numpy(), want)
            check(F.matmul, [x, y])


REDUCTIONS = {
    "sum": F.sum, "mean": F.mean, "var": F.var, "std": F.std,
    "var0": lambda x, dim, **k: F.var(x, dim, correction=0, **k),
    "max": lambda x, dim, **k: F.max(x, dim, **k)[0] if isinstance(dim, int) else F.max(x),
    "min": lambda x, dim, **k: F.min(x, dim, **k).values if isinstance(dim, int) else F.min(x),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    rng = np.random.default_rng(3)
    function = REDUCTIONS[name]
    reference = {"var0": np.var}.get(name) or getattr(np, name)
    ddof = {"ddof": 1} if name in ("var", "std") else {}
    for shape in [(3,), (2, 3), (2, 3, 4), (2, 2, 3, 2)]:
        for dim in [None, (), 0, -1, tuple(range(len(shape))), (0, -1)]:
            for keepdim in (False, True):
                if len(shape) == 1 and dim == (0, -1) or dim in ((), None) and keepdim:
                    continue
                (x,) = inputs(rng, shape, layout="strided" if keepdim else "C")
                options = {"keepdim": keepdim} if keepdim else {}
                y = function(x, dim, **options)
                if not (name in ("max", "min") and isinstance(dim, tuple)):
                    axis = dim if dim != () else None
                    want = reference(x.detach().numpy(), axis=axis, keepdims=keepdim, **ddof)
                    assert np.allclose(y.detach().numpy(), want) and y.shape == want.shape
                check(lambda x, d=dim, o=options: function(x, d, **o), [x])


def test_reductions_of_nothing_and_of_equal_elements():
    empty = fastnn.zeros(0, 3)
    assert empty.sum().item() == 0 and empty.sum(0).tolist() == [0] * 3
    assert np.isnan(empty.mean().item()) and np.isnan(empty.mean(0).numpy()).all()
    assert empty.max(1).values.shape == empty.argmax(1).shape == (0,)
    assert np.isnan(fastnn.ones(1).var().item()) and fastnn.ones(1).var(correction=0).item() == 0
    assert tensor(3.0).max(0).indices.item() == tensor(3.0).argmax(0).item() == 0
    x = fastnn.ones(4, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0] * 4
    x = tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]], requires_grad=True)
    (x.max() + x.max(1)[0].sum()).backward()
    assert x.grad.tolist() == [[0, 1.5, 0.5], [1, 0, 0]]
    nan = tensor([1.0, np.nan, 2.0], requires_grad=True)
    assert np.isnan(nan.max().item()) and nan.argmax().item() == nan.min(0).indices.item() == 1
    nan.max().backward()
    assert nan.grad.tolist() == [0, 1, 0]
    x = tensor([[3, 1], [0, 2]])
    assert (
        x.argmax().item() == 0 and x.argmin(1).tolist() == [1, 0] and x.max(0)[0].tolist() == [3, 2]
    )
    assert x.argmax(0, keepdim=True).tolist() == [[0, 1]] and x.sum(0).dtype == np.int64


SHAPING = [
    ((2, 3, 4), lambda x: x.permute(2, 0, 1)), ((2, 3, 4), lambda x: x.transpose(0, -1)),
    ((), lambda x: x.transpose(0, 0)), ((2, 1, 3), lambda x: x.squeeze(1)), ((),
    lambda x: x.expand(2)),
    ((2, 1), lambda x: x.expand(3, 2, 4)), ((2, 1), lambda x: x.expand(-1, 5)), ((2, 1),
    lambda x: x.squeeze((0, 1))),
    ((2, 3), lambda x: x.reshape(3, -1)), ((2, 3, 4), lambda x: x.flatten(0, 1)), ((0, 3),
    lambda x: x.flatten(1)),
    ((2, 3, 4, 2), lambda x: x.transpose(1, 3).flatten(1)), ((4, 3), lambda x: x[1:3, ::2]),
    ((4,), lambda x: x[::-1]),
    ((4, 3), lambda x: x[-1]), ((4,), lambda x: x[2]), ((4, 3), lambda x: x[[0, 0, 2]]),
    ((4, 3), lambda x: x[tensor([1, 1])]),
    ((4, 3), lambda x: x[np.array([True, False, True, True])]), ((4, 3),
    lambda x: x[[0, 1], [2, 2]]),
    ((4, 3), lambda x: x[tensor([[0], [3]]), 1:]), ((4, 3), lambda x: x[..., None, 0]),
    ((4, 3), lambda x: x[1:1]),
    ((5, 2), lambda x: F.cat(x.split([1, 4]), 0)),
    ((5, 2), lambda x: F.cat([x, x[:2], x[:0]])), ((2, 2), lambda x: F.cat(x.chunk(2, 1), 0)),
    ((2, 3), lambda x: F.stack([x, x * 2], 1)), ((), lambda x: F.stack([x, x])), ((2, 3),
    lambda x: F.stack(x.split(1), -1)),
    ((2, 3), lambda x: F.pad(x, (1, 2))), ((2, 3), lambda x: F.pad(x, (0, 1, 2, 0), value=7.0)),
    ((3,), lambda x: F.pad(x, (0, 0))),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SHAPING)))
def test_shapes_and_indexing(i):
    shape, function = SHAPING[i]
    rng = np.random.default_rng(4)
    for layout in ("C", "strided"):
        check(lambda x: function(x) * 2.0, inputs(rng, shape, layout=layout))
        (x,) = inputs(rng, shape, layout=layout)
        assert function(x.detach()).dtype == np.float64


def test_softmax_along_any_axis():
    rng = np.random.default_rng(5)
    for shape in [(3,), (2, 3), (2, 3, 2), (1, 1), (2, 0), (0, 2)]:
        for dim in range(-len(shape), len(shape)):
            for function in (F.softmax, F.log_softmax):
                check(lambda x, f=function, d=dim: f(x, d), inputs(rng, shape, layout="strided"))
            if 0 not in shape:
                y = F.softmax(fastnn.randn(*shape), dim)
                assert np.allclose(y.sum(dim).numpy(), 1, atol=1e-6)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_linear(activation):
    rng = np.random.default_rng(6)
    for x, out in [
        ((2, 3), 4),
        ((3,), 2),
        ((2, 2, 3), 1),
        ((0, 3), 2),
        ((2, 0), 3),
        ((2, 3), 0),
        ((1, 1), 1),
    ]:
        for layout in ("C", "strided"):
            tensors = inputs(rng, x, (out, x[-1]), (out,), away=0.2, layout=layout)
            check(lambda *t: F.linear(*t, activation=activation), tensors)
            check(lambda *t: F.linear(*t, activation=activation), tensors[:2])


CONV = [
    ((2, 3, 5, 4), (4, 3, 3, 2), {}), ((1, 2, 6, 5), (4, 1, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 2, 7, 6), (2, 2, 2, 3), {"stride": (2, 3), "padding": (1, 2)}), ((1, 1, 7, 7),
    (1, 1, 3, 2), {"dilation": (2, 3)}),
    ((3, 5, 5), (2, 3, 2, 2), {"padding": "same"}), ((2, 1, 4, 5), (1, 1, 3, 3),
    {"padding": "same", "dilation": 2}),
    ((0, 2, 4, 4), (3, 2, 3, 3), {}), ((1, 1, 1, 1), (1, 1, 1, 1), {"stride": 3}), ((2, 3, 3, 3),
    (3, 1, 3, 3), {"groups": 3}),
    ((1, 2, 3, 3), (2, 2, 3, 3), {"padding": "valid"}),
    ((1, 1, 6, 7), (1, 1, 3, 5), {"padding": "same"}),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CONV)))
def test_conv2d(i):
    x, w, options = CONV[i]
    rng = np.random.default_rng(7)
    for activation in (None, "relu", "tanh"):
        tensors = inputs(rng, x, w, (w[0],), layout="strided")
        check(lambda *t, a=activation: F.conv2d(*t, **options, activation=a), tensors)
    check(lambda *t: F.conv2d(*t, **options), tensors[:2])
    if options.get("padding") == "same":
        assert F.conv2d(*tensors, **options).shape[-2:] == x[-2:]


POOL = [
    ((2, 2, 4, 4), 2, {}), ((1, 2, 5, 6), 3, {"stride": 2, "padding": 1}), ((3, 5, 5), (2, 3),
    {"stride": (1, 2)}),
    ((1, 1, 5, 5), 2, {"ceil_mode": True}), ((1, 1, 5, 4), 3,
    {"stride": 2, "ceil_mode": True, "padding": 1}),
    ((0, 2, 4, 4), 2, {}), ((1, 1, 1, 1), 1, {}),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(POOL)))
def test_pools(i):
    shape, kernel, options = POOL[i]
    rng = np.random.default_rng(8)
    (x,) = inputs(rng, shape, layout="strided")
    check(lambda x: F.max_pool2d(x, kernel, **options), [x])
    check(lambda x: F.max_pool2d(x, kernel, return_indices=True, **options)[0], [x])
    for count in (True, False):
        check(lambda x, c=count: F.avg_pool2d(x, kernel, **options, count_include_pad=c), [x])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy(reduction, smoothing):
    rng = np.random.default_rng(9)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    for shape in [(4, 3), (3,), (2, 3, 2), (2, 3, 2, 2), (1, 1), (0, 3)]:
        labels = shape[:1] + shape[2:] if len(shape) > 1 else ()
        classes = shape[min(1, len(shape) - 1)]
        y = fastnn.from_numpy(np.asarray(rng.integers(0, classes, labels)))
        if y.numel() > 1:
            y.view(-1)[0] = -100
        weight = fastnn.from_numpy(rng.random(classes) + 0.5)
        (x,) = inputs(rng, shape)
        check(lambda x, y=y: F.cross_entropy(x, y, **options), [x])
        check(lambda x, y=y, w=weight: F.cross_entropy(x, y, w, **options), [x])
        if 0 not in shape:
            soft = F.softmax(fastnn.randn(*shape, dtype="float64"), 0).requires_grad_()
            check(lambda x, t, w=weight: F.cross_entropy(x, t, w, **options), [x, soft])


def test_mse_loss():
    rng = np.random.default_rng(10)
    for shape in [(), (3,), (2, 3), (0, 2)]:
        for reduction in ("mean", "sum", "none"):
            if reduction == "mean" and 0 in shape:
                continue
            tensors = inputs(rng, shape, shape, layout="strided")
            check(lambda a, b, r=reduction: F.mse_loss(a, b, reduction=r), tensors)


def test_reference_backend_runs_lenet_like_the_kernels():
    fastnn.manual_seed(0)
    model = fastnn.models.LeNet5()
    x, y = fastnn.rand(4, 1, 28, 28), fastnn.randint(10, (4,))
    results = []
    for name in ("kernels", "reference"):
        with fastnn.backend(name):
            assert fastnn.backend.name() == name
            model.zero_grad()
            loss = nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
        results.append([loss.item(), *(p.grad.numpy() for p in model.parameters())])
    assert fastnn.backend.name() == "kernels"
    for got, want in zip(*results, strict=True):
        assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    with (
        pytest.raises(ValueError, match="backend: name is 'x', expected one of"),
        fastnn.backend("x"),
    ):
        pass
