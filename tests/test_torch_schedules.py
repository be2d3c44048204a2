"""PyTorch says the same: schedules over 100 epochs, their states, and schedules on schedules."""

import inspect
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import fastnn  # noqa: E402
from fastnn import optim  # noqa: E402
from fastnn.optim import lr_scheduler  # noqa: E402

EPOCHS = 100


def metric(epoch):
    """Falls, stays, and falls again, with noise."""
    return math.exp(-min(epoch, 30) / 10) + 0.01 * math.sin(7 * epoch) - (epoch > 70) * epoch / 500


def chained(s, o):
    return s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.95)])


def sequential(s, o):
    parts = [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 30), s.StepLR(o, 7, 0.5)]
    return s.SequentialLR(o, parts, milestones=[10, 45])


def nested(s, o):
    return s.SequentialLR(o, [chained(s, o), s.PolynomialLR(o, 40, 2.0)], milestones=[25])


SCHEDULES = {
    "step": lambda s, o: s.StepLR(o, 9, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [5, 30, 30, 80], 0.3),
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 + 0.001 * e),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 13),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 40),
    "linear to zero": lambda s, o: s.LinearLR(o, 1.0, 0.0, 60),
    "polynomial": lambda s, o: s.PolynomialLR(o, 70, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 30, 1e-3),
    "cosine of 7": lambda s, o: s.CosineAnnealingLR(o, 7),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 6, 2, 1e-4),
    "equal restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 11),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.5, 0.9], total_steps=EPOCHS),
    "one cycle, linear": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=10, steps_per_epoch=10, pct_start=0.4, anneal_strategy="linear",
        div_factor=10.0, final_div_factor=100.0, base_momentum=0.7, max_momentum=0.99),
    "one cycle, three phases": lambda s, o: s.OneCycleLR(
        o, 0.5, total_steps=EPOCHS, three_phase=True),
    "one cycle alone": lambda s, o: s.OneCycleLR(
        o, 0.5, total_steps=EPOCHS + 1, cycle_momentum=False),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8),
    "cyclic, two sides": lambda s, o: s.CyclicLR(
        o, [0.01, 0.02], [0.3, 0.4], 8, 15, "triangular2", base_momentum=0.5, max_momentum=0.99),
    "cyclic, exp": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8, mode="exp_range", gamma=0.98),
    "cyclic, own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.3, 8, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, factor=0.5, patience=3, cooldown=2),
    "plateau, abs": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.3, 5, 0.02, "abs", min_lr=[1e-2, 1e-3]),
    "chained": chained,
    "sequential": sequential,
    "nested": nested,
    "two at once": lambda s, o: (s.StepLR(o, 10, 0.5), s.ExponentialLR(o, 0.97)),
    "warm-up and cosine": lambda s, o: (
        s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 100)),
    "swa": lambda s, o: (
        s.ExponentialLR(o, 0.97), o.swa(o, [0.05, 0.02], anneal_epochs=20)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet():
    """PyTorch warns of jumps to an epoch, and of its own calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def begin(lib, name, kind="SGD", make=None):
    a, b = (lib.zeros(n, requires_grad=True) for n in (2, 3))
    options = {"momentum": 0.9} if kind == "SGD" else {}
    groups = [{"params": [a]}, {"params": [b], "lr": 0.7}]
    optimizer = getattr(lib.optim, kind)(groups, lr=0.1, **options)
    if name == "swa":
        optimizer.swa = lib.optim.swa_utils.SWALR
    found = (make or SCHEDULES[name])(lib.optim.lr_scheduler, optimizer)
    return optimizer, found if isinstance(found, tuple) else (found,)


def rates(optimizer):
    keys = ("lr", "momentum", "betas")
    return [
        v
        for group in optimizer.param_groups
        for key in keys
        if key in group
        for v in np.atleast_1d(group[key]).tolist()
    ]


def advance(optimizer, schedules, epochs):
    for epoch in epochs:
        optimizer.step()
        for schedule in schedules:
            if type(schedule).__name__ == "ReduceLROnPlateau":
                schedule.step(metric(epoch))
            else:
                schedule.step()
            assert schedule.get_last_lr() is not None
        yield rates(optimizer)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_same_rates_and_momenta_for_100_epochs(name, kind):
    found = []
    for lib in (fastnn, torch):
        optimizer, schedules = begin(lib, name, kind)
        found.append([rates(optimizer), *advance(optimizer, schedules, range(EPOCHS))])
        last = schedules[-1].get_last_lr()
        assert last == [group["lr"] for group in optimizer.param_groups]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-15)
    assert len(np.unique(np.round(np.array(found[0])[:, 0], 9))) > 1


@pytest.mark.parametrize("source", ["fastnn", "torch"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_states_are_resumed_from_here_and_from_pytorch(name, source):
    lib = {"fastnn": fastnn, "torch": torch}[source]
    optimizer, schedules = begin(lib, name)
    list(advance(optimizer, schedules, range(37)))
    want = list(advance(optimizer, schedules, range(37, EPOCHS)))
    again, resumed = begin(fastnn, name)
    optimizer, schedules = begin(lib, name)
    list(advance(optimizer, schedules, range(37)))
    state = optimizer.state_dict(), [schedule.state_dict() for schedule in schedules]
    again.load_state_dict(state[0])
    for schedule, saved in zip(resumed, state[1], strict=True):
        schedule.load_state_dict(saved)
    assert rates(again) == pytest.approx(rates(optimizer), rel=1e-9)
    got = list(advance(again, resumed, range(37, EPOCHS)))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ["step", "multistep", "exponential", "cosine", "polynomial"])
def test_last_epoch_and_jumps_to_an_epoch(name):
    makes = {
        "step": lambda s, o, e: s.StepLR(o, 9, 0.5, last_epoch=e),
        "multistep": lambda s, o, e: s.MultiStepLR(o, [5, 30, 30, 80], 0.3, last_epoch=e),
        "exponential": lambda s, o, e: s.ExponentialLR(o, 0.93, last_epoch=e),
        "cosine": lambda s, o, e: s.CosineAnnealingLR(o, 30, 1e-3, last_epoch=e),
        "polynomial": lambda s, o, e: s.PolynomialLR(o, 70, 1.7, last_epoch=e),
    }
    found = []
    for lib in (fastnn, torch):
        optimizer = lib.optim.SGD(
            [{"params": lib.zeros(2, requires_grad=True), "initial_lr": 0.4, "lr": 0.2}]
        )
        schedule = makes[name](lib.optim.lr_scheduler, optimizer, 11)
        seen = [rates(optimizer), *advance(optimizer, (schedule,), range(20))]
        for epoch in (3, 50, 90):
            schedule.step(epoch)
            seen.append(rates(optimizer))
        found.append(seen)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", lr_scheduler.__all__)
def test_arguments_have_pytorchs_names_order_and_defaults(name):
    if name == "LRScheduler":
        return
    ours = list(inspect.signature(getattr(lr_scheduler, name)).parameters.values())
    theirs = list(inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters.values())
    assert [p.name for p in ours] == [p.name for p in theirs]
    assert [p.default for p in ours] == [p.default for p in theirs]


def sgd(**options):
    return optim.SGD([fastnn.ones(1, requires_grad=True)], **options)


def other():
    return lr_scheduler.StepLR(sgd(), 2)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda s, o: s.MultiStepLR(o, [3, 1.5]), TypeError, "milestone must be an integer"),
        (lambda s, o: s.ExponentialLR(o, "0.1"), TypeError, "gamma must be a number"),
        (lambda s, o: s.ConstantLR(o, 1.5), ValueError, "factor is 1.5"),
        (lambda s, o: s.LinearLR(o, 0.0), ValueError, "start_factor is 0"),
        (lambda s, o: s.LinearLR(o, 0.5, 2.0), ValueError, "end_factor is 2.0"),
        (lambda s, o: s.PolynomialLR(o, 0), ValueError, "total_iters is 0"),
        (lambda s, o: s.CosineAnnealingLR(o, 0), ValueError, "T_max is 0"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0 is 0"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1), ValueError, "epoch is -1"),
        (lambda s, o: s.OneCycleLR(o, 0.1), ValueError, "give total_steps"),
        (lambda s, o: s.OneCycleLR(o, [0.1, 0.2], 9), ValueError, "2 values for 1 groups"),
        (lambda s, o: s.OneCycleLR(o, 0.1, 9, pct_start=2.0), ValueError, "pct_start is 2.0"),
        (lambda s, o: [s.OneCycleLR(o, 0.1, 2)] and [lr.step() for lr in
         [s.OneCycleLR(o, 0.1, 2)] * 3], ValueError, "step 3 of 2"),
        (lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"), ValueError, "mode is 'square'"),
        (lambda s, o: s.CyclicLR(o, 0.1, 0.2, 0), ValueError, "step_size_up is 0"),
        (lambda s, o: s.CyclicLR(optim.Rprop(o.param_groups[0]["params"]), 0.1, 0.2), ValueError,
         "neither momentum nor betas"),
        (lambda s, o: s.ReduceLROnPlateau(o, "best"), ValueError, "mode is 'best'"),
        (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is 1.0"),
        (lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1, 2]), ValueError, "2 values for 1 groups"),
        (lambda s, o: s.SequentialLR(o, [], []), ValueError, "schedulers is empty"),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]), ValueError, "1 milestones for 1"),
        (lambda s, o: s.SequentialLR(o, [other()], []), ValueError, "another optimizer"),
        (lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]), ValueError, "needs a metric"),
        (lambda s, o: s.ChainedScheduler([o]), TypeError, "expected an LRScheduler"),
        (lambda s, o: s.StepLR(o, 2, last_epoch=3), KeyError, "initial_lr"),
        (lambda s, o: s.StepLR(o, 2).load_state_dict({}), KeyError, "last_epoch"),
        (lambda s, o: s.ChainedScheduler([s.StepLR(o, 2)]).load_state_dict({"_schedulers": []}),
         ValueError, "has 0 schedulers"),
    ],
)  # fmt: skip
def test_wrong_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make(lr_scheduler, sgd(momentum=0.9))
