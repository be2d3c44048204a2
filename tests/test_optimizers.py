"""Every optimizer: one call a step, resumed to the bit, wrong options; Lion, L1, L-BFGS."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import nn, optim

CLASSES = [
    value
    for value in vars(optim).values()
    if inspect.isclass(value) and value not in (optim.Optimizer, optim.LBFGS)
]
MAKES = [(make, {}) for make in CLASSES] + [
    (optim.SGD, {"momentum": 0.9}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (optim.Adam, {"amsgrad": True}),
    (optim.NAdam, {"decoupled_weight_decay": True, "weight_decay": 0.1}),
]
NAN, INF = float("nan"), float("inf")


def parameters(dtype="float32", n=4):
    rng = np.random.default_rng(0)
    shapes = [(7, 3), (20_000,), (), (0, 2)][:n]
    return [nn.Parameter(fastnn.tensor(np.asarray(rng.normal(size=s), dtype))) for s in shapes]


def set_gradients(params, step):
    rng = np.random.default_rng(step)
    for p in params:
        p.grad = fastnn.tensor(np.asarray(rng.normal(size=p.shape), p.dtype))


def bits(params):
    return [p.detach().numpy().tobytes() for p in params]


@pytest.mark.parametrize(("make", "options"), MAKES, ids=str)
def test_a_step_is_one_kernel_call_of_the_same_bits_for_any_threads(make, options):
    calls, found = [], []

    class Spy:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(before, name)

    before = fastnn.backend.kernels
    for n in (1, 2, 5):
        params = parameters()
        optimizer = make(params, **options)
        with fastnn.threads(n):
            for step in range(4):
                set_gradients(params, step)
                calls.clear()
                fastnn.backend.kernels = Spy()
                try:
                    optimizer.step()
                finally:
                    fastnn.backend.kernels = before
                assert calls == [f"{make.__name__.lower().removesuffix('w')}_step"]
        found.append(bits(params))
    assert found[0] == found[1] == found[2] != bits(parameters())


@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize(("make", "options"), MAKES, ids=str)
def test_resumed_to_the_bit(make, options, backend):
    params = parameters()
    optimizer = make([{"params": params[:2], "lr": 0.03}, {"params": params[2:]}], **options)
    with fastnn.backend(backend):
        for step in range(3):
            set_gradients(params, step)
            optimizer.step()
        state = pickle.loads(pickle.dumps(optimizer.state_dict()))
        twins = copy.deepcopy(params)
        other = make([{"params": twins[:2]}, {"params": twins[2:]}], lr=9.0, **options)
        other.load_state_dict(state)
        for step in range(3, 6):
            for some, its in ((params, optimizer), (twins, other)):
                set_gradients(some, step)
                its.step()
    assert bits(params) == bits(twins)
    bad = copy.deepcopy(optimizer.state_dict())
    bad["state"][0] = {"speed": 3}
    with pytest.raises(ValueError, match="has a state of speed"):
        other.load_state_dict(bad)
    assert bits(params) == bits(twins)


@pytest.mark.parametrize("make", CLASSES)
def test_l1_decay_makes_weights_sparse(make):
    """Without a gradient of the loss the penalty alone draws every weight to zero."""
    w = nn.Parameter(fastnn.tensor(np.array([0.2, -0.1, 0.0], np.float32)))
    optimizer = make([w], lr=0.005, l1_decay=1.0)
    start = np.abs(w.detach().numpy()).sum()
    for _ in range(25):
        w.grad = fastnn.zeros(3)
        optimizer.step()
    after = w.detach().numpy()
    assert np.abs(after).sum() < start and after[2] == 0


@pytest.mark.parametrize("make", CLASSES)
def test_a_nan_gradient_is_seen_in_its_parameter_only(make):
    w = nn.Parameter(fastnn.ones(40))
    optimizer = make([w])
    for _ in range(2):
        gradient = np.full(40, 0.5, np.float32)
        gradient[7] = np.nan
        w.grad = fastnn.tensor(gradient)
        optimizer.step()
    assert np.isnan(w.detach().numpy()).nonzero()[0].tolist() == [7]


def test_lion_follows_the_paper():
    rng = np.random.default_rng(1)
    w = nn.Parameter(fastnn.tensor(rng.normal(size=(30, 5))))
    theta, m = w.detach().numpy().copy(), np.zeros((30, 5))
    optimizer = optim.Lion([w], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    for _ in range(20):
        g = rng.normal(size=(30, 5))
        w.grad = fastnn.tensor(g)
        optimizer.step()
        c = 0.9 * m + (1 - 0.9) * g
        theta = theta - 0.01 * (np.sign(c) + 0.1 * theta)
        m = 0.95 * m + (1 - 0.95) * g
    np.testing.assert_allclose(w.detach().numpy(), theta, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_finds_the_minimum_of_a_network(dtype):
    fastnn.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 1)).to(dtype)
    x = fastnn.tensor(np.linspace(-2, 2, 50, dtype=dtype)[:, None])
    y = fastnn.tensor(np.sin(2 * x.numpy()))
    optimizer = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=50)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(x), y)
        loss.backward()
        losses.append(loss.item())
        return loss.detach()

    with fastnn.no_grad():
        assert optimizer.step(closure).item() == losses[0]
    for _ in range(4):
        optimizer.step(closure)
    assert losses[-1] < 1e-4 < losses[0] and len(losses) <= 5 * 63
    state = optimizer.state_dict()["state"][0]
    assert state["func_evals"] == len(losses)
    twin = copy.deepcopy(optimizer)
    twin.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))


def test_lbfgs_with_l1_decay_finds_the_soft_threshold():
    """min (w - a)^2 / 2 + |w| is at a - sign(a) where |a| > 1."""
    a = np.array([3.0, -2.0, 5.0])
    w = nn.Parameter(fastnn.tensor(np.zeros(3) + 0.5))
    optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", l1_decay=1.0)

    def closure():
        optimizer.zero_grad()
        loss = ((w - fastnn.tensor(a)) * (w - fastnn.tensor(a))).sum() * 0.5
        loss.backward()
        return loss.detach()

    for _ in range(5):
        optimizer.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), a - np.sign(a), atol=1e-5)


def leaf(dtype="float32"):
    return nn.Parameter(fastnn.ones(1, dtype=dtype))


BAD = [
    (make, {name: value}, ValueError, f"{name} is")
    for make in CLASSES
    for name in ("lr", "eps", "weight_decay", "l1_decay")
    if name in inspect.signature(make).parameters
    for value in (-1.0, NAN, INF)
] + [
    (make, {"betas": betas}, ValueError, "betas is")
    for make in CLASSES
    if "betas" in inspect.signature(make).parameters
    for betas in ((1.0, 0.9), (0.9, -0.1), (0.9,), 0.9, ("a", 0.5))
] + [
    (optim.NAdam, {"momentum_decay": -1.0}, ValueError, "momentum_decay is"),
    (optim.RMSprop, {"alpha": -0.1}, ValueError, "alpha is"),
    (optim.RMSprop, {"momentum": NAN}, ValueError, "momentum is"),
    (optim.Adagrad, {"lr_decay": -1.0}, ValueError, "lr_decay is"),
    (optim.Adagrad, {"initial_accumulator_value": -1.0}, ValueError, "initial_accumulator_value"),
    (optim.Adadelta, {"rho": 1.1}, ValueError, "rho is 1.1"),
    (optim.Adadelta, {"rho": "0.9"}, TypeError, "rho must be a number"),
    (optim.Rprop, {"etas": (1.1, 1.2)}, ValueError, "etas is"),
    (optim.Rprop, {"etas": (0.5,)}, ValueError, "etas is"),
    (optim.Rprop, {"step_sizes": (2.0, 1.0)}, ValueError, "step_sizes is"),
    (optim.LBFGS, {"max_iter": 0}, ValueError, "max_iter is 0"),
    (optim.LBFGS, {"history_size": 1.5}, TypeError, "history_size must be an integer"),
    (optim.LBFGS, {"tolerance_grad": NAN}, ValueError, "tolerance_grad is"),
    (optim.LBFGS, {"line_search_fn": "armijo"}, ValueError, "line_search_fn is 'armijo'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "options", "error", "words"), BAD, ids=str)
def test_wrong_options(make, options, error, words):
    with pytest.raises(error, match=f"{make.__name__}: {words}"):
        make([leaf()], **options)


def test_lbfgs_takes_one_group_one_dtype_and_a_closure():
    for params, words in (
        ([{"params": [leaf()]}, {"params": [leaf()]}], "one parameter group"),
        ([leaf(), leaf("float64")], "several dtypes"),
        ([{"params": []}], "params is empty"),
    ):
        with pytest.raises(ValueError, match=words):
            optim.LBFGS(params)
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([leaf()]).step()
