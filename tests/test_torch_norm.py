"""PyTorch says the same: normalisation, sums, leaky ReLU and binary cross-entropy, over seeded
random configurations: values, gradients, buffers after several steps, state_dict."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import TOLERANCE, backward, close, compare, random_array  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

DTYPES = ["float32", "float64"]
# Sizes around the vector width, the transposed planes and the pieces of the kernels.
SIZES = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33)


def random_shape(rng, ndim, largest=40_000):
    while True:
        shape = tuple(int(rng.choice(SIZES)) for _ in range(ndim))
        if np.prod(shape) <= largest:
            return shape


def ill_conditioned(a):
    """Channels with almost no variance: two values, or only equal ones.  The gradient is then a
    difference of equal numbers."""
    if a.shape[0] * np.prod(a.shape[2:]) < 4:
        return True
    spread = np.moveaxis(a.astype(np.float64), 1, 0).reshape(a.shape[1], -1).std(1)
    return bool((spread < 1e-2 * np.abs(a).max()).any())


def batch_norm_config(rng):
    """(name, arguments, shape, steps) of a layer."""
    ndim = int(rng.integers(2, 6))
    name = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}[ndim]
    options = {
        "eps": float(rng.choice([1e-5, 1e-3, 0.3])),
        "momentum": [None, 0.1, 0.0, 1.0, 0.37][rng.integers(5)],
        "affine": bool(rng.random() < 0.75),
        "track_running_stats": bool(rng.random() < 0.75),
        "bias": bool(rng.random() < 0.8),
    }
    while True:
        shape = random_shape(rng, ndim)
        a = random_array(rng, shape, "float64")
        if not ill_conditioned(a):
            break
    return name, options, shape, int(rng.integers(1, 4))


@pytest.mark.parametrize("seed", range(240))
def test_batch_norm_layer(seed):
    """Several steps of training, a round trip of the state, then evaluation."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[seed % 2]
    name, options, shape, steps = batch_norm_config(rng)
    fused = seed % 3 == 0
    ours = getattr(nn, name)(shape[1], **options, activation="relu" if fused else None).to(dtype)
    theirs = getattr(torch.nn, name)(shape[1], **options).to(getattr(torch, dtype))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    state = {
        key: torch.tensor(np.abs(random_array(rng, tuple(value.shape), dtype)) + 0.1)
        for key, value in theirs.state_dict().items()
        if key != "num_batches_tracked"
    }
    theirs.load_state_dict(state, strict=False)
    ours.load_state_dict(theirs.state_dict())

    def run(lib, x):
        y = (ours if lib is fastnn else theirs)(x)
        return torch.relu(y) if fused and lib is torch else y

    def step():
        a = random_array(rng, shape, dtype)
        while ill_conditioned(a):
            a = random_array(rng, shape, dtype)
        a = a * 2 + np.asarray(rng.normal(), dtype)
        if fused:  # outputs that are zero within rounding may be on either side of the kink
            with torch.no_grad():
                kept = {k: v.clone() for k, v in theirs.state_dict().items()}
                z = theirs(torch.tensor(a)).numpy()
                theirs.load_state_dict(kept)
            dy_mask = np.abs(z) > 1e-4
        else:
            dy_mask = np.ones(shape, bool)
        x, t = (lib.tensor(a, requires_grad=True) for lib in (fastnn, torch))
        y, u = run(fastnn, x), run(torch, t)
        close(y, u, "output", size=1.0)
        dy = random_array(rng, shape, dtype) * dy_mask
        y.backward(fastnn.tensor(dy))
        u.backward(torch.tensor(dy))
        spread = float(np.abs(t.grad.numpy()).max(initial=1e-2))
        np.testing.assert_allclose(
            x.grad.numpy(), t.grad.numpy(), rtol=0, atol=10 * TOLERANCE[dtype] * spread
        )
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad, f"gradient of {key}", size=a.size**0.5)
        for (key, b), c in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            close(b, c, key)

    for _ in range(steps):
        step()
    again = getattr(nn, name)(shape[1], **options, activation=ours.activation).to(dtype)
    again.load_state_dict(ours.state_dict())
    for key, value in again.state_dict().items():
        assert np.array_equal(value.numpy(), ours.state_dict()[key].numpy()), key
    ours = again
    for model in (ours, theirs):
        model.eval()
        model.zero_grad()
    step()


@pytest.mark.parametrize("seed", range(60))
def test_batch_norm_function(seed):
    rng = np.random.default_rng(1000 + seed)
    dtype = DTYPES[seed % 2]
    ndim = int(rng.integers(2, 6))
    shape = random_shape(rng, ndim, 5000)
    while ill_conditioned(random_array(np.random.default_rng(seed), shape, dtype)):
        shape = random_shape(rng, ndim, 5000)
    arrays = [random_array(np.random.default_rng(seed), shape, dtype)]
    has_weight, has_bias, training = (bool(rng.integers(2)) for _ in range(3))
    arrays += [random_array(rng, shape[1:2], dtype) for _ in range(has_weight + has_bias)]
    running = [random_array(rng, shape[1:2], dtype), (0.1 + rng.random(shape[1])).astype(dtype)]
    momentum, eps = float(rng.random()), float(rng.choice([1e-5, 0.1]))
    results = []

    def run(lib, F, x, *affine):
        buffers = [lib.tensor(a) for a in running]
        weight = affine[0] if has_weight else None
        bias = affine[-1] if has_bias else None
        y = F.batch_norm(x, *buffers, weight, bias, training, momentum, eps)
        results.append(buffers)
        return y

    compare(run, arrays)
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, "running")


@pytest.mark.parametrize("seed", range(60))
def test_local_response_norm(seed):
    rng = np.random.default_rng(2000 + seed)
    shape = random_shape(rng, int(rng.integers(3, 6)), 5000)
    size = int(rng.integers(1, 9))
    alpha, k = float(rng.choice([1e-4, 0.1, 2.0])), float(rng.choice([1.0, 2.0]))
    beta = float(rng.choice([0.75, 0.5, 1.0, 0.3, 2.0]))

    def run(lib, F, x):
        module = lib.nn.LocalResponseNorm(size, alpha, beta, k)
        return module(x), F.local_response_norm(x, size, alpha, beta, k)

    compare(run, [random_array(rng, shape, DTYPES[seed % 2])])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (0, 3), (2, 3, 0)], ids=str)
def test_nothing_to_normalise(shape, dtype):
    a = np.zeros(shape, dtype)
    for lib in (fastnn, torch):
        x = lib.tensor(a, requires_grad=True)
        mean, var = lib.tensor(np.ones(3, dtype)), lib.tensor(np.ones(3, dtype))
        y = lib.nn.functional.batch_norm(x, mean, var, training=True)
        assert tuple(y.shape) == shape and mean.numpy().tolist() == [1, 1, 1]
        y.sum().backward()
        assert tuple(x.grad.shape) == shape


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("slope", [0.01, 0.2, 0.0, -0.3, 1.5])
@pytest.mark.parametrize("shape", [(), (5,), (3, 17), (0, 3), (1031,)], ids=str)
def test_leaky_relu(shape, slope, dtype):
    x = random_array(np.random.default_rng(0), shape, dtype)
    compare(lambda lib, F, x: F.leaky_relu(x, slope), [x])
    if slope >= 0:
        compare(lambda lib, F, x: F.leaky_relu(x * 2, slope, inplace=True), [x])
        compare(lambda lib, F, x: lib.nn.LeakyReLU(slope, True)(x * 1) * x, [x])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (5,), (3, 17), (0, 3), (5001,), (70, 80)], ids=str)
def test_sums(shape, dtype):
    """Of large arrays a kernel's, and so is the sum of the gradients of x, used three times."""
    rng = np.random.default_rng(0)
    arrays = [random_array(rng, shape, dtype), random_array(rng, shape, dtype)]
    compare(lambda lib, F, x, y: (x + y, x * 2 + y * x + x, (x + x) + x), arrays)

    def residual(lib, F, x, y):
        return F.add_relu(x * 3, y) if lib is fastnn else torch.relu(x * 3 + y)

    compare(residual, arrays)


@pytest.mark.parametrize("seed", range(72))
def test_binary_cross_entropies(seed):
    rng = np.random.default_rng(3000 + seed)
    dtype = DTYPES[seed % 2]
    reduction = ("mean", "sum", "none")[seed % 3]
    ndim = int(rng.integers(0, 4))
    shape = tuple(int(rng.choice(SIZES)) for _ in range(ndim))
    x = np.asarray(rng.normal(size=shape) * float(rng.choice([1, 5, 50])), dtype)
    p = np.asarray(rng.uniform(0.01, 0.99, shape), dtype)
    t = np.asarray(rng.random(shape), dtype)
    hard = np.asarray(np.round(t))

    def small():
        """A shape that broadcasts to `shape`."""
        kept = tuple(n if rng.random() < 0.6 else 1 for n in shape)
        return np.asarray(rng.uniform(0.2, 3, kept[int(rng.integers(ndim + 1)) :]), dtype)

    weight = small() if rng.random() < 0.5 else None
    pos_weight = small() if rng.random() < 0.5 else None

    def run(lib, F, x, t):
        w, pw = (None if a is None else lib.tensor(a) for a in (weight, pos_weight))
        f = F.binary_cross_entropy_with_logits
        return (
            f(x, t, w, reduction=reduction, pos_weight=pw),
            f(x, lib.tensor(hard), w, reduction=reduction),
        )

    def of_probabilities(lib, F, p, t):
        w = None if weight is None else lib.tensor(weight)
        return (
            F.binary_cross_entropy(p, t, w, reduction=reduction),
            F.binary_cross_entropy(p, lib.tensor(hard), reduction=reduction),
        )

    compare(run, [x, t])
    compare(of_probabilities, [p, t])


@pytest.mark.parametrize("dtype", DTYPES)
def test_certain_probabilities(dtype):
    """The loss of a wrong certainty is 100, not infinity."""
    p, t = (np.array(v, dtype) for v in ([0, 0, 1, 1, 0.5], [0, 1, 0, 1, 1]))
    for lib in (fastnn, torch):
        x = lib.tensor(p, requires_grad=True)
        loss = lib.nn.functional.binary_cross_entropy(x, lib.tensor(t), reduction="none")
        assert np.allclose(loss.detach().numpy(), [0, 100, 100, 0, np.log(2)], atol=1e-6)
        loss.sum().backward()
        assert np.allclose(x.grad.numpy(), [0, -1e12, 1e12, 0, -2])


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 2, 2)], ids=str)
def test_a_channel_of_equal_values(shape):
    """Variance 0: the output is the bias."""
    a = np.full(shape, 3.25, np.float32)
    b = np.array([1, -2, 0.5], np.float32)
    y = fastnn.functional.batch_norm(fastnn.tensor(a), None, None, None, fastnn.tensor(b), True)
    assert np.array_equal(y.numpy(), np.broadcast_to(b.reshape(-1, *[1] * (len(shape) - 2)), shape))


@pytest.mark.parametrize("shape", [(40, 3), (40, 3, 7), (4, 3, 30, 30), (2, 3, 400, 400)], ids=str)
def test_a_mean_far_from_zero_costs_no_digits(shape):
    rng = np.random.default_rng(0)
    a = (rng.normal(size=shape) + 3000).astype(np.float32)
    mean, var = fastnn.zeros(3), fastnn.zeros(3)
    fastnn.functional.batch_norm(fastnn.tensor(a), mean, var, training=True, momentum=1.0)
    axes = (0, *range(2, len(shape)))
    exact = a.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), exact.mean(axes), rtol=1e-7)
    np.testing.assert_allclose(var.numpy(), exact.var(axes, ddof=1), rtol=1e-5)


@pytest.mark.parametrize(
    "shape", [(600, 1, 100), (6000, 1), (9000, 1, 4), (2, 1, 300_000)], ids=str
)
def test_a_wild_start_costs_no_digits(shape):
    """The first piece far from all others, which are relative to the mean before them."""
    a = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    a.reshape(-1)[: a.size // 100] += 5000
    mean, var = fastnn.zeros(1), fastnn.zeros(1)
    fastnn.functional.batch_norm(fastnn.tensor(a), mean, var, training=True, momentum=1.0)
    assert np.allclose(var.numpy(), a.astype(np.float64).var(ddof=1), rtol=1e-5)
    assert np.allclose(mean.numpy(), a.astype(np.float64).mean(), rtol=1e-6)


def test_signatures():
    """Names and order of arguments are PyTorch's; ours may end with a keyword more."""
    import inspect

    def names(f):
        return [n for n in inspect.signature(f).parameters if n not in ("size_average", "reduce")]

    for name in ("batch_norm", "local_response_norm", "leaky_relu", "binary_cross_entropy",
                 "binary_cross_entropy_with_logits"):  # fmt: skip
        ours, theirs = (names(getattr(lib.nn.functional, name)) for lib in (fastnn, torch))
        assert [n for n in ours if n != "activation"] == theirs, name
    for name in ("BatchNorm1d", "LocalResponseNorm", "LeakyReLU", "BCELoss", "BCEWithLogitsLoss"):
        ours, theirs = (names(getattr(lib.nn, name)) for lib in (fastnn, torch))
        assert [n for n in ours if n != "activation"] == [
            n for n in theirs if n not in ("device", "dtype")
        ], name


def test_a_network_of_all():
    rng = np.random.default_rng(0)
    a = random_array(rng, (6, 4, 5, 5), "float64")

    def block(lib):
        n = lib.nn
        return n.Sequential(
            n.Conv2d(4, 6, 3, padding=1, bias=False), n.BatchNorm2d(6), n.ReLU(),
            n.Conv2d(6, 4, 3, padding=1), n.BatchNorm2d(4), n.LeakyReLU(0.1),
            n.LocalResponseNorm(2),
        )  # fmt: skip

    ours, theirs = block(fastnn).to("float64"), block(torch).double()
    ours.load_state_dict(theirs.state_dict())
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        x, t = (lib.tensor(a, requires_grad=True) for lib in (fastnn, torch))
        backward(ours(x), theirs(t))
        close(x.grad, t.grad, "input", size=1e-2)
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad, key, size=1.0)
