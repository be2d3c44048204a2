"""PyTorch says the same: every optimizer's steps, states and state_dicts."""

import inspect
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import close  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn, optim  # noqa: E402

DTYPES = ["float32", "float64"]
SHAPES = ((4, 3), (5,), (), (40, 33), (2, 3, 1, 5), (0, 3))
NAMES = (
    "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "Rprop",
)  # fmt: skip


def variants(**options):
    """{} and, of the options' values, each alone and the last of all together."""
    alone = [{key: value} for key, values in options.items() for value in values]
    return [{}, *alone, {key: values[-1] for key, values in options.items()}]


MOMENTS = {"lr": [0.05], "betas": [(0.0, 0.5), (0.8, 0.95)], "eps": [0.1], "maximize": [True]}
DECAYED = MOMENTS | {"weight_decay": [0.1]}
OPTIONS = {
    "Adam": variants(**DECAYED, amsgrad=[True]) + variants(
        lr=[0.05], weight_decay=[0.1], decoupled_weight_decay=[True]),
    "AdamW": variants(**MOMENTS, weight_decay=[0.0, 0.3], amsgrad=[True]),
    "NAdam": variants(**DECAYED, momentum_decay=[0.0, 0.1], decoupled_weight_decay=[True]),
    "RAdam": variants(**DECAYED, decoupled_weight_decay=[True]),
    "Adamax": variants(**DECAYED),
    "RMSprop": variants(lr=[0.05], alpha=[0.5], eps=[0.1], weight_decay=[0.1], momentum=[0.9],
                        centered=[True], maximize=[True]),
    "Adagrad": variants(lr=[0.05], lr_decay=[0.3], weight_decay=[0.1], eps=[0.1],
                        initial_accumulator_value=[0.7], maximize=[True]),
    "Adadelta": variants(lr=[0.3], rho=[0.5, 1.0, 0.8], eps=[0.1], weight_decay=[0.1],
                         maximize=[True]),
    "Rprop": variants(lr=[0.05], etas=[(0.3, 1.7)], step_sizes=[(0.004, 0.03)], maximize=[True]),
}  # fmt: skip
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]


@pytest.fixture(params=DTYPES)
def dtype(request):
    """PyTorch keeps NAdam's product of momenta in its default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    torch.set_default_dtype(before)


def pairs(rng, dtype, shapes=SHAPES):
    arrays = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    ours = [nn.Parameter(fastnn.tensor(a)) for a in arrays]
    return ours, [torch.nn.Parameter(torch.tensor(a)) for a in arrays]


def set_gradients(rng, ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        g = np.asarray(rng.standard_normal(p.shape), p.dtype)
        p.grad, q.grad = fastnn.tensor(g), torch.tensor(g)


def to_torch(tree):
    """Our state_dict with tensors for arrays."""
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(tree.copy())
    if isinstance(tree, dict):
        return {key: to_torch(value) for key, value in tree.items()}
    return [to_torch(value) for value in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize(
    ("name", "options"), CASES, ids=lambda v: v if type(v) is str else str(v).replace(" ", "")
)
def test_same_20_steps_and_states(name, options, dtype):
    rng = np.random.default_rng(0)
    ours, theirs = pairs(rng, dtype)
    optimizer = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **options)
    for step in range(20):
        set_gradients(rng, ours, theirs)
        if step % 7 == 3:  # one without a gradient is left alone, and stays behind
            ours[1].grad = theirs[1].grad = None
        if step == 0:
            ours[0].grad = theirs[0].grad = None
        optimizer.step()
        other.step()
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            close(p, q, f"parameter {i} after step {step}", size=1.0)
    mine, its = optimizer.state_dict()["state"], other.state_dict()["state"]
    assert sorted(mine) == sorted(its)
    for number, values in its.items():
        assert set(mine[number]) == set(values)
        for key, value in values.items():
            got = mine[number][key]
            if isinstance(got, np.ndarray):
                close(fastnn.from_numpy(got), value, f"{key} of {number}")
            else:
                assert got == pytest.approx(float(value), rel=1e-6), key


@pytest.mark.parametrize("name", NAMES)
def test_state_dicts_go_both_ways(name, dtype):
    """Five steps by one library, its state_dict to the other, five more steps by both."""
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    more = {"amsgrad": True} if name in ("Adam", "AdamW") else {}
    for to_ours in (True, False):
        rng = np.random.default_rng(1)
        ours, theirs = pairs(rng, dtype)
        optimizer = getattr(optim, name)(ours, lr=0.03, **options, **more)
        other = getattr(torch.optim, name)(theirs, lr=0.03, **options, **more)
        for _ in range(5):
            set_gradients(rng, ours, theirs)
            optimizer.step()
            other.step()
        if to_ours:
            optimizer = getattr(optim, name)(ours, lr=9.0, **options, **more)
            optimizer.load_state_dict(other.state_dict())
        else:
            other = getattr(torch.optim, name)(theirs, lr=9.0, **options, **more)
            other.load_state_dict(to_torch(optimizer.state_dict()))
        assert optimizer.param_groups[0]["lr"] == other.param_groups[0]["lr"] == 0.03
        for _ in range(5):
            set_gradients(rng, ours, theirs)
            optimizer.step()
            other.step()
        for p, q in zip(ours, theirs, strict=True):
            close(p, q, "parameter", size=1.0)


def test_sgd_without_momentum_takes_pytorchs_empty_state():
    rng = np.random.default_rng(2)
    ours, theirs = pairs(rng, "float32")
    other = torch.optim.SGD(theirs, lr=0.5)
    set_gradients(rng, ours, theirs)
    other.step()
    optimizer = optim.SGD(ours)
    optimizer.load_state_dict(other.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.5 and not optimizer.state


@pytest.mark.parametrize("name", (*NAMES, "LBFGS"))
def test_arguments_and_defaults(name):
    ours = inspect.signature(getattr(optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    absent = {"foreach", "fused", "capturable", "differentiable"}
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for kind in (positional, None):
        mine = [n for n, p in ours.items() if kind is None or p.kind is kind]
        its = [n for n, p in theirs.items() if kind is None or p.kind is kind]
        its = [n for n in its if n not in absent]
        if kind:  # RMSprop's maximize is behind what we lack: a keyword here
            assert mine == [n for n in its if n in mine]
        else:
            assert set(mine) == {*its, "l1_decay"}
    for n, p in ours.items():
        assert n == "l1_decay" or p.default == theirs[n].default, n


# ---- L-BFGS

LBFGS = [
    {"line_search_fn": fn, **options}
    for fn, options in itertools.product(
        (None, "strong_wolfe"),
        ({}, {"lr": 0.3}, {"history_size": 3}, {"max_iter": 4}, {"max_eval": 6}, {"max_iter": 1},
         {"tolerance_grad": 0.5}, {"tolerance_change": 1e-2}),
    )
]  # fmt: skip


def rosenbrock(lib, w):
    """A curved valley in eight dimensions; its minimum is at ones."""
    a, b = w[1:], w[:-1]
    return (100 * (a - b * b) * (a - b * b) + (1 - b) * (1 - b)).sum()


def quadratic(lib, w):
    scale = lib.tensor(np.linspace(1.0, 30.0, 8).astype(str(w.dtype).removeprefix("torch.")))
    return (scale * (w - 1) * (w - 1)).sum()


@pytest.mark.parametrize("options", LBFGS, ids=str)
@pytest.mark.parametrize("loss", [rosenbrock, quadratic])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lbfgs_takes_the_same_steps(dtype, loss, options):
    if options["line_search_fn"] is None and loss is rosenbrock:
        options = options | {"lr": 1e-3}  # larger steps leave the valley, and chaos begins
    start = np.asarray(np.random.default_rng(3).uniform(-0.5, 0.5, 8), dtype)
    found, evaluations = [], []
    for lib in (fastnn, torch):
        w = lib.tensor(start)
        w.requires_grad_()
        optimizer = lib.optim.LBFGS([w], **options)
        calls, path = [0], []

        def closure(lib=lib, w=w, optimizer=optimizer, calls=calls):
            calls[0] += 1
            optimizer.zero_grad()
            value = loss(lib, w)
            value.backward()
            return value.detach()

        # in float32 the rounding of a sum decides after some iterations which trial is taken
        for _ in range(1 if dtype == "float32" else 5):
            first = float(optimizer.step(closure))
            path.append([first, *w.detach().numpy().tolist()])
        found.append(path)
        evaluations.append(calls[0])
        state = optimizer.state_dict()["state"][0]
        assert state["func_evals"] == calls[0]
    assert dtype == "float32" or evaluations[0] == evaluations[1]
    tolerance = {"float32": 2e-2, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(found[0], found[1], rtol=tolerance, atol=tolerance)


def test_lbfgs_state_dicts_go_both_ways():
    for to_ours in (True, False):
        rng = np.random.default_rng(4)
        start = rng.uniform(-0.5, 0.5, 8)
        weights, optimizers, closures = [], [], []
        for lib in (fastnn, torch):
            w = lib.tensor(start)
            w.requires_grad_()

            def closure(lib=lib, w=w):
                w.grad = None
                value = rosenbrock(lib, w)
                value.backward()
                return value.detach()

            weights.append(w)
            closures.append(closure)
            optimizers.append(lib.optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=3))
            optimizers[-1].step(closure)
        source, target = (1, 0) if to_ours else (0, 1)
        state = optimizers[source].state_dict()
        lib = (fastnn, torch)[target]
        optimizers[target] = lib.optim.LBFGS([weights[target]], lr=0.1)
        optimizers[target].load_state_dict(state if to_ours else to_torch(state))
        for optimizer, closure in zip(optimizers, closures, strict=True):
            optimizer.step(closure)
        a, b = (w.detach().numpy() for w in weights)
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_over_arrays_that_are_not_contiguous(name):
    array = np.random.default_rng(4).standard_normal((3, 4)).astype(np.float32).T
    ours, theirs = nn.Parameter(array), torch.nn.Parameter(torch.tensor(array.copy()))
    again = nn.Parameter(fastnn.zeros(4, 3))
    again.data = fastnn.from_numpy(array)
    steps = [getattr(lib.optim, name)([p]) for lib, p in
             ((fastnn, ours), (fastnn, again), (torch, theirs))]  # fmt: skip
    for _ in range(3):
        for p, step in zip((ours, again, theirs), steps, strict=True):
            p.grad = None
            (p * p).sum().backward()
            step.step()
    close(ours, theirs, name)
    close(again, theirs, name)
    assert ours.is_contiguous() and again.is_contiguous()
