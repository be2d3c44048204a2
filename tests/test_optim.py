"""SGD and Adam against their equations in float64; groups, states, schedules, wrong options."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import nn, optim
from fastnn.optim import lr_scheduler

SHAPES = [(), (1,), (7, 3), (1000,), (0,)]


def parameters(dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    return [
        fastnn.from_numpy(np.asarray(rng.normal(size=s), dtype)).requires_grad_() for s in SHAPES
    ]


def set_gradients(params, step):
    rng = np.random.default_rng(100 + step)
    for p in params:
        p.grad = fastnn.from_numpy(np.asarray(rng.normal(size=p.shape), p.dtype))


def sgd(p, g, state, t, *, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False,
        maximize=False, l1_decay=0.0):  # fmt: skip
    g = (-g if maximize else g) + weight_decay * p + l1_decay * np.sign(p)
    if momentum:
        state["b"] = momentum * state["b"] + (1 - dampening) * g if t > 1 else g
        g = g + momentum * state["b"] if nesterov else state["b"]
    return p - lr * g


def adam(p, g, state, t, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
         maximize=False, l1_decay=0.0):  # fmt: skip
    g = (-g if maximize else g) + weight_decay * p + l1_decay * np.sign(p)
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
    m, v = state["m"] / (1 - betas[0] ** t), state["v"] / (1 - betas[1] ** t)
    return p - lr * m / (np.sqrt(v) + eps)


CASES = [
    *[(optim.SGD, sgd, {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n,
                        "maximize": x, "l1_decay": l1})
      for m, d, w, n, x, l1 in itertools.product((0, 0.9), (0, 0.3), (0, 0.01), (False, True),
                                                 (False, True), (0.0, 0.02))
      if not n or (m and not d)],
    *[(optim.Adam, adam, {"lr": 0.01, "betas": b, "eps": e, "weight_decay": w, "maximize": x,
                          "l1_decay": l1})
      for b, e, w, x, l1 in itertools.product(((0.9, 0.999), (0.0, 0.5), (0.5, 0.9)), (1e-8, 1e-2),
                                              (0, 0.01), (False, True), (0.0, 0.02))],
]  # fmt: skip


@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-6), ("float64", 1e-13)])
def test_updates_follow_the_equations(dtype, tolerance, backend):
    for make, equation, options in CASES:
        params = parameters(dtype)
        optimizer = make(params, **options)
        exact = [p.detach().numpy().astype(np.float64) for p in params]
        states = [{} for _ in params]
        for t in range(1, 6):
            set_gradients(params, t)
            gradients = [p.grad.numpy().copy() for p in params]
            with fastnn.backend(backend):
                optimizer.step()
            for i, g in enumerate(gradients):
                exact[i] = equation(exact[i], g.astype(np.float64), states[i], t, **options)
                assert np.array_equal(params[i].grad.numpy(), g)  # gradients are left alone
        for p, want in zip(params, exact, strict=True):
            assert np.abs(p.detach().numpy() - want).max(initial=0) <= tolerance * 5, options


def test_defaults_are_pytorchs():
    assert optim.SGD(parameters()).defaults == {
        "lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False,
        "maximize": False, "l1_decay": 0.0,
    }  # fmt: skip
    assert optim.Adam(parameters()).defaults == {
        "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False,
        "maximize": False, "decoupled_weight_decay": False, "l1_decay": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_groups_have_options_of_their_own(make):
    a, b = parameters()[2:4]
    before = b.detach().numpy().copy()
    optimizer = make([{"params": [a], "lr": 0.5}, {"params": b, "weight_decay": 0.1}], lr=0.0)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.0]
    assert [g["weight_decay"] for g in optimizer.param_groups] == [0, 0.1]
    set_gradients([a, b], 1)
    start = a.detach().numpy().copy()
    optimizer.step()
    assert np.array_equal(b.detach().numpy(), before)
    assert not np.array_equal(a.detach().numpy(), start)
    c = nn.Parameter(fastnn.ones(2))
    optimizer.add_param_group({"params": c, "lr": 1.0})
    set_gradients([c], 1)
    optimizer.step()
    assert (c.detach().numpy() != 1).all() and "group 2: 1 tensors, lr=1.0" in repr(optimizer)
    optimizer.param_groups[2]["lr"] = 0.0
    kept = c.tolist()
    optimizer.step()
    assert c.tolist() == kept


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_gradients_that_are_missing_strided_or_late(make):
    options = {"momentum": 0.9} if make is optim.SGD else {}
    a, b = parameters()[2:4]
    twins = [t.clone().detach().requires_grad_() for t in (a, b)]
    together = make([a, b], 0.1, **options)
    alone = [make([t], 0.1, **options) for t in twins]
    for step in range(6):
        set_gradients([a, b], step)
        if step % 2:
            b.grad = None
        else:
            a.grad = fastnn.from_numpy(np.asfortranarray(a.grad.numpy()))
        for twin, mine in zip(twins, (a, b), strict=True):
            twin.grad = None if mine.grad is None else mine.grad.clone()
        together.step()
        for optimizer in alone:
            optimizer.step()
    for twin, mine in zip(twins, (a, b), strict=True):
        assert np.array_equal(twin.detach().numpy(), mine.detach().numpy())
    version = a._version
    together.step()
    assert a._version == version + 1
    together.zero_grad(set_to_none=False)
    assert not a.grad.numpy().any() and b.grad is None
    together.zero_grad()
    assert a.grad is None
    before = a.tolist()
    together.step()
    assert a.tolist() == before


@pytest.mark.parametrize("exchange", [lambda o: o.state.clear(), lambda o: setattr(o, "state", {})])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_cleared_state_begins_anew(make, exchange):
    options = {"momentum": 0.9} if make is optim.SGD else {}
    params = parameters()
    optimizer = make(params, 0.1, **options)
    for step in range(3):
        set_gradients(params, step)
        optimizer.step()
    exchange(optimizer)
    twins = [fastnn.tensor(p.detach()).requires_grad_() for p in params]
    other = make(twins, 0.1, **options)
    for step in range(3):
        for some, its in ((params, optimizer), (twins, other)):
            set_gradients(some, step)
            its.step()
    for p, twin in zip(params, twins, strict=True):
        assert p.tolist() == twin.tolist()


def test_step_takes_a_closure_and_invalidates_what_was_saved():
    w = fastnn.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], 0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with fastnn.no_grad():
        assert optimizer.step(closure).item() == 2
    assert w.tolist() == [0, 0]
    loss = (w * w).sum()
    closure()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_state_dict_round_trip_is_bit_equal(make, backend):
    options = {"momentum": 0.9} if make is optim.SGD else {}
    params = parameters()
    optimizer = make([{"params": params[:2], "lr": 0.3}, {"params": params[2:]}], **options)
    with fastnn.backend(backend):
        for step in range(3):
            set_gradients(params, step)
            optimizer.step()
        state = copy.deepcopy(optimizer.state_dict())
        assert state["param_groups"][0]["params"] == [0, 1]
        twins = [fastnn.tensor(p.detach()).requires_grad_() for p in params]
        other = make([{"params": twins[:2]}, {"params": twins[2:]}], lr=9.0, **options)
        other.load_state_dict(pickle.loads(pickle.dumps(state)))
        assert [g["lr"] for g in other.param_groups] == [0.3, 1e-3]
        for step in range(3, 6):
            for some, its in ((params, optimizer), (twins, other)):
                set_gradients(some, step)
                its.step()
    for p, twin in zip(params, twins, strict=True):
        assert p.detach().numpy().tobytes() == twin.detach().numpy().tobytes()
    assert not np.array_equal(
        next(iter(state["state"].values()))[list(next(iter(state["state"].values())))[-1]],
        next(iter(optimizer.state.values()))[list(next(iter(optimizer.state.values())))[-1]],
    )


def test_wrong_states_change_nothing():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.1)
    set_gradients(params, 0)
    optimizer.step()
    good = copy.deepcopy(optimizer.state_dict())
    wrong = []
    for change in (
        lambda s: s["param_groups"][0]["params"].pop(),
        lambda s: s["state"][2].update(exp_avg=np.zeros(3)),
        lambda s: s["param_groups"][0].update(lr=math.nan),
        lambda s: s["state"].update({17: {}}),
        lambda s: s["param_groups"][0].update(momentum=0.9),
        lambda s: s["state"][2].pop("exp_avg"),
    ):
        state = copy.deepcopy(good)
        change(state)
        wrong.append(state)
    wrong.append(optim.SGD(params, momentum=0.9).state_dict())
    for state in wrong:
        with pytest.raises(ValueError, match="Adam: "):
            optimizer.load_state_dict(state)
        assert optimizer.param_groups[0]["lr"] == 0.1 and len(optimizer.state) == len(params)
        set_gradients(params, 1)
        optimizer.step()


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_backend_dtype_and_copies_are_looked_up_at_each_step(make):
    options = {"momentum": 0.9} if make is optim.SGD else {}
    model = nn.Linear(3, 2)
    optimizer = make(model.parameters(), 0.1, **options)
    calls = []

    class Spy:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(before, name)

    set_gradients(model.parameters(), 0)
    for _ in range(3):
        optimizer.step()
    before = fastnn.backend.kernels
    fastnn.backend.kernels = Spy()
    optimizer.step()
    fastnn.backend.kernels = before
    assert len(calls) == 1
    twin = copy.deepcopy({"model": model, "optimizer": optimizer})
    for twin_or_not in ((model, optimizer), (twin["model"], twin["optimizer"])):
        set_gradients(twin_or_not[0].parameters(), 1)
        twin_or_not[1].step()
    assert model.weight.tolist() == twin["model"].weight.tolist()


# ---- schedules


def test_schedules():
    w = fastnn.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": w, "lr": 1.0}, {"params": fastnn.ones(1), "lr": 0.5}])
    schedule = lr_scheduler.StepLR(optimizer, 2, 0.5)
    seen = []
    for _ in range(5):
        seen.append([g["lr"] for g in optimizer.param_groups])
        schedule.step()
    assert seen == [[1, 0.5], [1, 0.5], [0.5, 0.25], [0.5, 0.25], [0.25, 0.125]]
    assert schedule.get_last_lr() == [0.25, 0.125]
    state = schedule.state_dict()
    again = optim.SGD([{"params": w, "lr": 1.0}, {"params": fastnn.ones(1), "lr": 0.5}])
    again.load_state_dict(optimizer.state_dict())
    resumed = lr_scheduler.StepLR(again, 2, 0.5)
    resumed.load_state_dict(state)
    schedule.step()
    resumed.step()
    assert resumed.get_last_lr() == schedule.get_last_lr() == [0.125, 0.0625]
    functions = [lambda e: 1 / (1 + e), lambda e: 2.0]
    both = lr_scheduler.LambdaLR(
        optim.SGD([{"params": w}, {"params": fastnn.ones(1)}], 4.0), functions
    )
    both.step()
    assert both.get_last_lr() == [2, 8]
    optimizer.add_param_group({"params": fastnn.ones(1), "lr": 3.0})
    schedule.step()
    assert schedule.get_last_lr()[2] == 3.0


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "step_size is 0"),
        (lambda o: lr_scheduler.StepLR(None, 1), TypeError, "StepLR: optimizer is NoneType"),
        (lambda o: lr_scheduler.LambdaLR(None, abs), TypeError, "LambdaLR: optimizer is NoneType"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), ValueError, "2 functions for 1 groups"),
        (lambda o: lr_scheduler.LRScheduler(o), NotImplementedError, "has no get_lr"),
        (lambda o: lr_scheduler.StepLR(o, 1).load_state_dict({"last_epoch": 1, "base_lrs": []}),
         ValueError, "StepLR: the state has 0 groups"),
    ],
)  # fmt: skip
def test_wrong_schedules(make, error, words):
    with pytest.raises(error, match=words):
        make(optim.SGD([fastnn.ones(1, requires_grad=True)]))
