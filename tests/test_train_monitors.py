"""EMA, LRMonitor, GradientFlow and lr_find."""

import numpy as np
import pytest

import fastnn
from fastnn import nn, optim, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((96, 5)).astype(np.float32)
Y = (X @ RNG.standard_normal((5, 2)) + 0.1 * RNG.standard_normal((96, 2))).astype(np.float32)
BATCHES = [(fastnn.tensor(X[i : i + 16]), fastnn.tensor(Y[i : i + 16])) for i in range(0, 96, 16)]


def net(seed=0):
    fastnn.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 2))


def trainer(*callbacks, lr=0.05, **options):
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    if options.pop("schedule", False):
        options["scheduler"] = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=18)
    return train.Trainer(
        model, nn.MSELoss(), optimizer, callbacks=callbacks, progress=False, **options
    )


def weights(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def test_ema_is_the_exponential_average_of_all_steps():
    ema = train.EMA(0.8)
    seen = []
    keep = train.LambdaCallback(on_batch_end=lambda t, loss: seen.append(weights(t.model)))
    trainer(ema, keep).fit(BATCHES, epochs=2)
    expected = seen[0]
    for new in seen[1:]:
        expected = [0.8 * a + 0.2 * b for a, b in zip(expected, new, strict=True)]
    for a, b in zip(weights(ema.averaged.module), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert int(ema.averaged.n_averaged) == 12


def test_ema_counts_steps_and_replaces_at_the_end():
    ema = train.EMA(0.5, every=2, replace=True)
    run = trainer(ema, accumulate=3)
    run.fit(BATCHES, epochs=3)
    assert run.iteration == 6 and int(ema.averaged.n_averaged) == 3
    for a, b in zip(weights(run.model), weights(ema.averaged.module), strict=True):
        assert np.array_equal(a, b)


def test_a_resumed_run_has_the_same_averages_rates_and_gradients(tmp_path):
    def made():
        return train.EMA(0.9), train.LRMonitor(), train.GradientFlow(2)

    whole = made()
    trainer(*whole, schedule=True).fit(BATCHES, epochs=3)
    first, second = made(), made()
    run = trainer(*first, schedule=True)
    run.fit(BATCHES, epochs=1)
    run.save_checkpoint(tmp_path / "run.safetensors")
    trainer(*second, schedule=True).fit(BATCHES, epochs=3, resume=tmp_path / "run.safetensors")
    for a, b in zip(weights(whole[0].averaged), weights(second[0].averaged), strict=True):
        assert a.tobytes() == b.tobytes()
    assert whole[1].state_dict() == second[1].state_dict()
    assert whole[2].state_dict() == second[2].state_dict()


def test_lr_monitor_follows_the_schedule():
    monitor = train.LRMonitor(3)
    run = trainer(monitor, schedule=True)
    run.fit(BATCHES, epochs=3)
    assert monitor.iterations == [3, 6, 9, 12, 15, 18]
    rates = [r for (r,) in monitor.rates]
    assert max(rates) > 5 * rates[-1] and monitor.momenta[0][0] != monitor.momenta[1][0]


def test_gradient_flow_sees_vanishing_gradients():
    def deep(activation):
        fastnn.manual_seed(0)
        layers = [m for _ in range(8) for m in (nn.Linear(5, 5), activation())]
        return nn.Sequential(*layers, nn.Linear(5, 2))

    ratios = {}
    for activation in (nn.Sigmoid, nn.Identity):
        flow = train.GradientFlow()
        with pytest.raises(ValueError, match="no step"):
            flow.ratio()
        model = deep(activation)
        optimizer = optim.SGD(model.parameters(), lr=1e-3)
        run = train.Trainer(model, nn.MSELoss(), optimizer, callbacks=[flow], progress=False)
        run.fit(BATCHES, epochs=1)
        ratios[activation] = flow.ratio()
        assert len(flow.norms) == 6 and len(flow.norms[0]) == len(flow.names) == 18
        gradient = dict(model.named_parameters())["16.weight"].grad.numpy()
        at = flow.names.index("16.weight")
        assert flow.norms[-1][at] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-5)
    assert ratios[nn.Sigmoid] < 1e-4 < ratios[nn.Identity]


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_lr_find_tells_three_regimes_and_leaves_no_trace(make):
    model = net()
    optimizer = make(model.parameters(), lr=0.0123)
    nn.MSELoss()(model(BATCHES[0][0]), BATCHES[0][1]).backward()
    optimizer.step()
    gradient = model[0].weight.grad
    before = weights(model), optimizer.state_dict(), fastnn.random.default_generator.get_state()
    state = {n: {k: np.copy(v) for k, v in s.items()} for n, s in before[1]["state"].items()}
    found = train.lr_find(model, nn.MSELoss(), optimizer, BATCHES, start_lr=1e-6, end_lr=100.0)
    for a, b in zip(weights(model), before[0], strict=True):
        assert a.tobytes() == b.tobytes()
    assert optimizer.param_groups[0]["lr"] == 0.0123 and model.training
    assert model[0].weight.grad is gradient
    assert fastnn.random.default_generator.get_state() == before[2]
    for number, saved in optimizer.state_dict()["state"].items():
        for key, value in saved.items():
            assert np.array_equal(value, state[number][key])
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 100
    assert found.too_small[1] < found.good[0] <= found.suggestion <= found.good[1]
    assert found.good[1] < found.unstable[0]
    assert found.regime(found.suggestion) == "good"
    assert found.regime(1e-6) == "too small" and found.regime(100.0) == "unstable"

    def after(lr):
        fastnn.manual_seed(1)
        twin = net()
        other = make(twin.parameters(), lr=lr)
        run = train.Trainer(twin, nn.MSELoss(), other, progress=False)
        with np.errstate(all="ignore"):
            return run.fit(BATCHES, epochs=5)["loss"][-1]

    good = after(found.suggestion)
    assert good < 0.8 * after(found.too_small[1] / 30)
    assert not after(found.unstable[0] * 30) < good


def test_lr_find_follows_the_objective():
    """With a penalty the losses are those of training on cost + penalty at the rates."""

    def penalty(m):
        return 0.5 * nn.utils.l2_penalty(m.parameters())

    model = net()
    before = weights(model)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    fastnn.manual_seed(3)
    found = train.lr_find(model, nn.MSELoss(), optimizer, BATCHES, penalty=penalty, n_steps=40)
    for a, b in zip(weights(model), before, strict=True):
        assert a.tobytes() == b.tobytes()
    fastnn.manual_seed(3)
    losses = []
    for i, rate in enumerate(found.rates):
        x, y = BATCHES[i % 6]
        for p in model.parameters():
            p.grad = None
        objective = nn.MSELoss()(model(x), y) + penalty(model)
        objective.backward()
        losses.append(objective.item())
        with fastnn.no_grad():
            for p in model.parameters():
                p -= rate * p.grad
    np.testing.assert_allclose(losses, found.losses, rtol=1e-5)
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    free, held = (
        train.lr_find(model, nn.MSELoss(), optimizer, BATCHES, penalty=f, smoothing=0.0)
        for f in (None, lambda m: 30.0 * nn.utils.l2_penalty(m.parameters()))
    )
    assert held.good[1] < 2 / 30 < free.good[1]  # beyond 2 / 30 the penalty alone diverges


def test_lr_find_takes_losses_of_samples():
    def found(loss):
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        return train.lr_find(model, loss, optimizer, BATCHES, n_steps=20).losses

    each = found(nn.MSELoss(reduction="none"))
    np.testing.assert_allclose(each, found(nn.MSELoss()), rtol=1e-5)


def test_lr_find_without_a_falling_loss():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    found = train.lr_find(model, lambda y, t: (y * 0.0).sum() + 1.0, optimizer, BATCHES, n_steps=20)
    assert found.suggestion is None and found.good is None and len(found.losses) == 20
    with pytest.raises(ValueError, match="never fell"):
        found.regime(0.1)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda f: f(start_lr=0.0), ValueError, "expected 0 < start < end"),
        (lambda f: f(n_steps=3), ValueError, "n_steps is 3"),
        (lambda f: f(smoothing=1.0), ValueError, "smoothing is 1.0"),
        (lambda f: f(stop_factor=1.0), ValueError, "stop_factor is 1.0"),
        (lambda f: f(data=[]), ValueError, "data has no batches"),
        (lambda f: f(penalty=0.1), TypeError, "lr_find: penalty is float"),
        (lambda f: f(penalty=lambda m: 0.1), TypeError, "lr_find: penalty returned float"),
        (lambda f: f(penalty=lambda m: m[0].bias), ValueError, "lr_find: penalty has shape"),
        (lambda f: train.EMA(1.5), ValueError, "decay is 1.5"),
        (lambda f: train.EMA(every=0), ValueError, "EMA: every is 0"),
        (lambda f: train.LRMonitor(0.5), TypeError, "every must be an integer"),
    ],
)
def test_wrong_arguments(make, error, words):
    model = net()

    def find(data=BATCHES, **options):
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        return train.lr_find(model, nn.MSELoss(), optimizer, data, **options)

    with pytest.raises(error, match=words):
        make(find)
