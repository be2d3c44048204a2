"""PyTorch says the same of every activation, and central differences agree with each gradient."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, compare_parameters, random_array, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import autograd, nn  # noqa: E402
from fastnn import functional as F  # noqa: E402

DTYPES = ["float32", "float64"]

# Not smooth everywhere: gradcheck keeps away from these places.
LAYERS = [
    (lambda n: n.CELU(), ()),
    (lambda n: n.CELU(1.3), ()),
    (lambda n: n.ELU(), ()),
    (lambda n: n.ELU(0.7), ()),
    (lambda n: n.GELU(), ()),
    (lambda n: n.GELU("tanh"), ()),
    (lambda n: n.GLU(0), ()),
    (lambda n: n.GLU(1), ()),
    (lambda n: n.Hardshrink(), (-0.5, 0.5)),
    (lambda n: n.Hardsigmoid(), (-3, 3)),
    (lambda n: n.Hardswish(), (-3, 3)),
    (lambda n: n.Hardtanh(), (-1, 1)),
    (lambda n: n.Hardtanh(-0.3, 2.0), (-0.3, 2)),
    (lambda n: n.LeakyReLU(0.2), (0,)),
    (lambda n: n.LogSigmoid(), ()),
    (lambda n: n.LogSoftmax(-1), ()),
    (lambda n: n.Mish(), ()),
    (lambda n: n.PReLU(), (0,)),
    (lambda n: n.PReLU(6, 0.1), (0,)),
    (lambda n: n.RReLU().eval(), (0,)),
    (lambda n: n.RReLU(0.2, 0.2), (0,)),
    (lambda n: n.ReLU(), (0,)),
    (lambda n: n.ReLU6(), (0, 6)),
    (lambda n: n.SELU(), (0,)),
    (lambda n: n.SiLU(), ()),
    (lambda n: n.Sigmoid(), ()),
    (lambda n: n.Softmax(1), ()),
    (lambda n: n.Softmax2d(), ()),
    (lambda n: n.Softmin(2), ()),
    (lambda n: n.Softplus(), ()),
    (lambda n: n.Softplus(2.0, 3.0), (1.5,)),
    (lambda n: n.Softshrink(), (-0.5, 0.5)),
    (lambda n: n.Softshrink(0.1), (-0.1, 0.1)),
    (lambda n: n.Softsign(), ()),
    (lambda n: n.Tanh(), ()),
    (lambda n: n.Tanhshrink(), ()),
    (lambda n: n.Threshold(0.1, -2.0), (0.1,)),
]
INPLACE = [
    (lambda n: n.CELU(1.0, True)), (lambda n: n.ELU(inplace=True)),
    (lambda n: n.Hardsigmoid(True)), (lambda n: n.Hardswish(True)),
    (lambda n: n.Hardtanh(inplace=True)), (lambda n: n.LeakyReLU(0.2, True)),
    (lambda n: n.Mish(True)), (lambda n: n.RReLU(0.3, 0.3, True)), (lambda n: n.ReLU(True)),
    (lambda n: n.ReLU6(True)), (lambda n: n.SELU(True)), (lambda n: n.SiLU(True)),
    (lambda n: n.Threshold(0.1, -2.0, True)),
]  # fmt: skip
ACTIVATIONS = {type(make(nn)).__name__ for make, _ in LAYERS} | {"Step"}


def coarse(layer, dtype):
    """PyTorch has constants of CELU and Hardsigmoid in float32: 3e-8 in float64."""
    return dtype == "float64" and type(layer).__name__ in ("CELU", "Hardsigmoid", "Hardswish")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("i", range(len(LAYERS)))
def test_values_and_gradients(i, dtype, monkeypatch):
    make, _ = LAYERS[i]
    model, theirs = same_parameters(make(nn), make(torch.nn), dtype)
    if coarse(model, dtype):
        monkeypatch.setitem(compare.__globals__["TOLERANCE"], "float64", 1e-7)
    rng = np.random.default_rng(i)
    for scale in (1, 4, 30):
        a = scale * random_array(rng, (2, 6, 4, 5), dtype)
        compare(lambda lib, F, x: (model if lib is fastnn else theirs)(x), [a.astype(dtype)])
    compare_parameters(model, theirs)


@pytest.mark.parametrize("i", range(len(INPLACE)))
def test_in_place(i, monkeypatch):
    ours, theirs = INPLACE[i](nn), INPLACE[i](torch.nn)
    a = random_array(np.random.default_rng(i), (3, 40), "float32")

    def run(lib, functional, x):
        y = x * 1.5
        out = (ours if lib is fastnn else theirs)(y)
        assert out is y or out._data is y._data if lib is fastnn else out is y
        return out + y  # both names hold the result and its gradient

    compare(run, [a])


FUNCTIONS = {
    "relu_": (), "leaky_relu_": (0.2,), "elu_": (0.7,), "selu_": (), "celu_": (1.0,),
    "hardtanh_": (-0.5, 0.8), "threshold_": (0.1, 3.0), "rrelu_": (0.3, 0.3, True),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_place(name):
    a = random_array(np.random.default_rng(3), (4, 33), "float32")
    compare(lambda lib, F, x: getattr(F, name)(x * 0.9, *FUNCTIONS[name]), [a])


@pytest.mark.parametrize("i", range(len(LAYERS)))
def test_gradcheck(i):
    make, corners = LAYERS[i]
    layer = make(nn).to("float64")
    x = 3 * np.random.default_rng(i).standard_normal((2, 6, 2, 4))
    for corner in corners:
        near = np.abs(x - corner) < 1e-3
        x[near] = corner + 1e-3
    inputs = [fastnn.tensor(x, requires_grad=True), *layer.parameters()]
    assert autograd.gradcheck(lambda x, *parameters: layer(x), inputs, atol=1e-7, rtol=1e-5)


def test_every_function_is_here():
    names = {n for n in F.__all__ if n.rstrip("_") in dir(torch.nn.functional)}
    kinds = ("elu", "silu", "mish", "shrink", "hard", "soft", "thres", "gl", "tanh", "sigmoid")
    functions = {n for n in names if any(k in n for k in kinds) and "margin" not in n}
    layers = {n.lower() for n in ACTIVATIONS}
    for name in functions - {"gumbel_softmax"}:
        assert name.rstrip("_").replace("_", "") in layers, name


# ---- drawn: RReLU, Gumbel softmax


@pytest.mark.parametrize("dtype", DTYPES)
def test_rrelu_draws_slopes(dtype):
    fastnn.manual_seed(0)
    x = fastnn.tensor(np.full((200, 100), -2.0, dtype), requires_grad=True)
    y = nn.RReLU(0.1, 0.5)(x)
    slope = y.detach().numpy() / -2
    assert slope.min() >= 0.1 and slope.max() <= 0.5
    assert abs(slope.mean() - 0.3) < 5 * 0.4 / np.sqrt(12 * slope.size)
    assert abs(slope.std() - 0.4 / np.sqrt(12)) < 0.002
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-6)
    positive = fastnn.tensor(np.ones(7, dtype))
    assert np.array_equal(nn.RReLU()(positive).numpy(), positive.numpy())


def test_rrelu_in_place_and_from_a_generator():
    a = np.linspace(-3, -1, 50, dtype="float32")
    one = nn.RReLU(generator=fastnn.Generator(5))(fastnn.tensor(a))
    x = fastnn.tensor(a)
    F.rrelu_(x, training=True, generator=fastnn.Generator(5))
    assert np.array_equal(x.numpy(), one.numpy())


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax(hard):
    """Classes are drawn with the probabilities of softmax(logits), whatever tau is."""
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], "float32"))
    x = fastnn.tensor(np.tile(logits, (40000, 1)), requires_grad=True)
    y = F.gumbel_softmax(x, 0.7, hard, generator=fastnn.Generator(1))
    np.testing.assert_allclose(y.detach().numpy().sum(1), 1, rtol=1e-5)
    share = np.bincount(y.detach().numpy().argmax(1), minlength=4) / 40000
    np.testing.assert_allclose(share, [0.5, 0.3, 0.15, 0.05], atol=0.012)
    if hard:
        assert set(np.unique(y.detach().numpy())) == {0.0, 1.0}
    w = np.array([1.0, 2.0, 3.0, 4.0], "float32")
    (y * fastnn.tensor(w)).sum().backward()
    smooth = F.gumbel_softmax(x.detach(), 0.7, generator=fastnn.Generator(1)).numpy()
    expected = smooth * (w - (smooth * w).sum(1, keepdims=True)) / 0.7
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=2e-6)


# ---- Step


def test_step_is_exact_and_has_no_gradient():
    x = fastnn.tensor([-1.0, -1e-30, 0.0, 2.0, float("nan")], requires_grad=True)
    y = nn.Step()(x)
    np.testing.assert_array_equal(y.detach().numpy(), [0, 0, 1, 1, np.nan])
    with pytest.raises(RuntimeError, match="step has no gradient.*perceptron rule.*surrogate"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", DTYPES)
def test_step_with_a_surrogate(dtype):
    a = random_array(np.random.default_rng(0), (5, 9), dtype) * 2
    s = 1 / (1 + np.exp(-a))
    slopes = {
        "sigmoid": s * (1 - s),
        "triangle": np.maximum(1 - np.abs(a), 0),
        "fast_sigmoid": 1 / (1 + np.abs(a)) ** 2,
    }
    for surrogate, slope in slopes.items():
        x = fastnn.tensor(a, requires_grad=True)
        y = nn.Step(surrogate)(x)
        assert np.array_equal(y.detach().numpy(), (a >= 0).astype(dtype))
        (3 * y).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), 3 * slope, rtol=1e-6, atol=1e-7)
    with pytest.raises(ValueError, match="surrogate is 'relu', expected None, 'sigmoid'"):
        nn.Step("relu")


def test_a_net_of_steps_learns_xor():
    fastnn.manual_seed(0)
    x = fastnn.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    t = fastnn.tensor([[0.0], [1], [1], [0]])
    net = nn.Sequential(nn.Linear(2, 16), nn.Step("sigmoid"), nn.Linear(16, 1))
    optimizer = fastnn.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(net(x), t).backward()
        optimizer.step()
    assert np.array_equal(net(x).detach().numpy() > 0.5, t.numpy() > 0.5)


# ---- refused


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: F.gelu(x, "erf"), "gelu: approximate is 'erf', expected"),
        (lambda x: F.celu(x, 0.0), "alpha is 0"),
        (lambda x: F.softplus(x, -1.0), "beta is -1"),
        (lambda x: F.softshrink(x, -0.1), "lambd is -0.1"),
        (lambda x: nn.Hardtanh(1.0, 1.0), "min_val is 1.0, expected below max_val"),
        (lambda x: F.glu(x, 0), "glu"),
        (lambda x: F.prelu(x, fastnn.ones(2)), "prelu"),
        (lambda x: F.rrelu(x, 0.5, 0.1), "rrelu: lower is 0.5"),
        (lambda x: F.gumbel_softmax(x, 0.0), "gumbel_softmax: tau is 0"),
        (lambda x: nn.Softmax2d()(x), "Softmax2d: expected 3D or 4D input, got 2D"),
        (lambda x: nn.PReLU(0), "PReLU: num_parameters is 0"),
    ],
)
def test_bad_values(call, message):
    with pytest.raises(ValueError, match=message):
        call(fastnn.ones(3, 4))
