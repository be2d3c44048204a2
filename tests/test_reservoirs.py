"""Echo state network and liquid state machine."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn.classic import EchoStateNetwork, LiquidStateMachine
from fastnn.classic._readout import ridge


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def echo(**settings):
    return EchoStateNetwork(**{"n_reservoir": 40, "washout": 20, "random_state": 0, **settings})


def liquid(**settings):
    return LiquidStateMachine(**{"shape": (4, 3, 3), "random_state": 0, **settings})


def trains(n=30, steps=60, inputs=3, rate=0.1, seed=0):
    return (np.random.default_rng(seed).random((n, steps, inputs)) < rate).astype(np.float32)


# The echo state network


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_echo_states_are_the_equation(leak):
    u, y = noise(80, 2), noise(80, seed=1)
    model = echo(leak=leak, alpha=1e-3).fit(u, y)
    W, W_in, b = model.reservoir_, model.input_weights_, model.biases_
    x, states = np.zeros(40), []
    for v in u:
        x = (1 - leak) * x + leak * np.tanh(W @ x + W_in @ v + b)
        states.append(x)
    np.testing.assert_allclose(model.transform(u), states, atol=1e-12)
    both = np.concatenate([u, states], axis=1)
    coef, intercept = ridge(both[20:], y[20:, None], 1e-3)
    np.testing.assert_allclose(model.coef_, coef, atol=1e-9)
    np.testing.assert_allclose(model.predict(u), (both @ coef + intercept)[:, 0], atol=1e-9)


@pytest.mark.parametrize("radius", [0.5, 0.9, 1.3])
def test_reservoir(radius):
    model = echo(spectral_radius=radius, connectivity=5, input_scale=0.3).fit(noise(60), noise(60))
    assert np.abs(np.linalg.eigvals(model.reservoir_)).max() == pytest.approx(radius)
    assert ((model.reservoir_ != 0).sum(1) == 5).all()
    assert 0.2 < np.abs(model.input_weights_).max() <= 0.3 and np.abs(model.biases_).max() <= 0.2
    dense = echo(connectivity=40).fit(noise(60), noise(60))
    assert (dense.reservoir_ != 0).all()


def test_echoes_fade():
    """The echo state property: the same input drives different pasts into one state."""
    u = noise(300)
    pasts = [np.concatenate([noise(50, seed=s), u]) for s in (1, 2)]
    fading = echo(spectral_radius=0.8).fit(u, u)
    a, b = (fading.transform(past) for past in pasts)
    assert np.abs(a[49] - b[49]).max() > 0.1 and np.abs(a[-1] - b[-1]).max() < 1e-10
    wild = echo(spectral_radius=3.0, input_scale=0.05).fit(u, u)
    a, b = (wild.transform(past) for past in pasts)
    assert np.abs(a[-1] - b[-1]).max() > 0.1  # chaos remembers everything and nothing


def test_remembers():
    """Memory capacity (Jaeger 2001b): a line of delays; no more than one a unit."""
    u = noise(1500)
    delays = np.arange(1, 61)
    y = np.stack([np.roll(u, d) for d in delays], axis=1)
    model = echo(n_reservoir=30, washout=100, input_scale=0.1, bias_scale=0.0, alpha=1e-12,
                 spectral_radius=0.95).fit(u[:1000], y[:1000])  # fmt: skip
    found, want = model.predict(u[1000:])[100:], y[1000:][100:]
    kept = [np.corrcoef(f, w)[0, 1] ** 2 for f, w in zip(found.T, want.T, strict=True)]
    assert min(kept[:8]) > 0.95 and kept[-1] < 0.2
    assert 10 < sum(kept) < 30 + 60 * 2 / len(want) + 1
    assert model.score(u[1000:], y[1000:]) < 1


def test_generates_in_a_closed_loop():
    wave = np.sin(np.arange(1500) * 0.2) + 0.5 * np.sin(np.arange(1500) * 0.2 * 2**0.5)
    settings = dict(n_reservoir=100, washout=100, leak=0.3, input_scale=0.3, alpha=1e-8)
    model = echo(**settings).fit(wave[:1000], wave[1:1001])
    found = model.generate(wave[:1200], 100)
    assert found.shape == (100,)
    np.testing.assert_allclose(found, wave[1200:1300], atol=0.02)
    # by hand: each output is the next input
    more = wave[:1200]
    for value in found[:5]:
        assert model.predict(more)[-1] == pytest.approx(value, abs=1e-9)
        more = np.append(more, value)
    pair = np.stack([wave, wave[::-1]], axis=1)
    two = echo(**settings).fit(pair[:1000], pair[1:1001])
    assert two.generate(pair[:1200], 7).shape == (7, 2) and two.generate(pair, 0).shape == (0, 2)
    np.testing.assert_allclose(two.generate(pair[:1200], 30), pair[1200:1230], atol=0.05)


def test_forecasts_chaos():
    x = fastnn.datasets.mackey_glass(2400, discard=200)
    x = x - x.mean()
    model = EchoStateNetwork(leak=0.5, alpha=1e-8, random_state=0).fit(x[:2000], x[1:2001])
    error = model.generate(x[:2200], 84) - x[2200:2284]
    assert np.sqrt((error**2).mean()) < 0.05 * x.std()
    assert model.score(x[2000:-1], x[2001:]) > 0.99999


# The liquid state machine


def run_by_hand(model, x):
    """The equations, neuron by neuron."""
    W, W_in = (a.astype(np.float64) for a in (model.recurrent_weights_, model.input_weights_))
    keep = [np.exp(-1 / t) for t in (model.tau_synapse, model.tau_membrane, model.tau_readout)]
    spikes = np.zeros((len(x), x.shape[1], len(W)), bool)
    traces = np.zeros((len(x), len(W)))
    for trial, u in enumerate(x):
        i, v, s, silent = (np.zeros(len(W)) for _ in range(4))
        for t in range(len(u)):
            i = i * keep[0] + W @ s + W_in @ u[t]
            for k in range(len(W)):
                v[k] = 0 if silent[k] else v[k] * keep[1] + i[k]
                silent[k] = max(silent[k] - 1, 0)
                s[k] = v[k] >= 1
                if s[k]:
                    v[k], silent[k] = 0, model.refractory
            traces[trial] = traces[trial] * keep[2] + s
            spikes[trial, t] = s > 0
    return spikes, traces


@pytest.mark.parametrize("refractory", [0, 3])
def test_liquid_is_the_equations(refractory):
    x = trains(6)
    model = liquid(refractory=refractory, recurrent_scale=0.1).fit(x, np.arange(6) % 2)
    spikes, traces = run_by_hand(model, x)
    assert 0.005 < spikes.mean() < 0.3
    assert (model.spikes(x) == spikes).all()
    np.testing.assert_allclose(model.transform(x), traces, atol=1e-5)
    if refractory:  # never within three steps of a spike
        for gap in range(1, 4):
            assert not (spikes[:, gap:] & spikes[:, :-gap]).any()
    else:
        assert (spikes[:, 1:] & spikes[:, :-1]).any()


def test_liquid_is_a_column():
    model = LiquidStateMachine((10, 5, 5), input_density=0.4, random_state=0)
    model.fit(trains(4, inputs=8), [0, 1, 0, 1])
    W = model.recurrent_weights_
    assert (W.diagonal() == 0).all()
    joined = W != 0
    sends = np.sign(W.sum(axis=0))  # a neuron excites or inhibits, never both
    for column, sign in zip(W.T, sends, strict=True):
        assert ((column == 0) | (np.sign(column) == sign)).all()
    assert 0.7 < (sends > 0).sum() / (sends != 0).sum() < 0.9
    at = np.stack(np.unravel_index(np.arange(250), (10, 5, 5)), 1)
    apart = np.sqrt(((at[:, None] - at) ** 2).sum(-1))
    near, far = joined[(apart > 0) & (apart < 1.5)].mean(), joined[apart > 5].mean()
    assert 0.1 < near < 0.3 and far < 0.002
    assert (model.input_weights_ != 0).mean() == pytest.approx(0.4, abs=0.05)
    assert (model.input_weights_ >= 0).all()
    exact = W * 4096
    assert (exact == np.round(exact)).all()


def xor_task(n, seed):
    """Two of four templates of spikes, one after the other, each 30 steps and jittered."""
    templates = np.random.default_rng(7).random((2, 2, 30, 4)) < 0.1
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 2, (n, 2))
    x = np.zeros((n, 60, 4), np.float32)
    for i, part in np.ndindex(n, 2):
        t, channel = np.nonzero(templates[part, which[i, part]])
        t = np.clip(t + rng.integers(-1, 2, len(t)), 0, 29)
        x[i, 30 * part + t, channel] = 1
    return x, which[:, 0] ^ which[:, 1]


def test_tells_patterns_apart():
    """The exclusive or of what came first and what came then, which filtered inputs alone do not
    give a linear readout."""
    x, y = xor_task(500, 0)
    test, truth = xor_task(300, 1)
    model = LiquidStateMachine(random_state=0).fit(x, y)
    assert model.score(test, truth) > 0.9

    def filtered(x):
        keep = np.exp(-1 / 30.0) ** np.arange(x.shape[1])[::-1]
        return np.einsum("ntc,t->nc", x, keep)

    coef, intercept = ridge(filtered(x), 2.0 * y[:, None] - 1, 1e-6)
    alone = (filtered(test) @ coef + intercept > 0)[:, 0] == truth
    assert alone.mean() < 0.8
    real = LiquidStateMachine(random_state=0).fit(x, y + 0.5)
    assert real.predict(test).dtype == np.float64 and real.score(test, truth + 0.5) > 0.3


# Both


def test_same_on_the_reference_and_for_any_threads():
    x, y = trains(40), np.arange(40) % 3
    ours = liquid().fit(x, y)
    with fastnn.backend("reference"):
        theirs = liquid().fit(x, y)
        assert (theirs.spikes(x) == ours.spikes(x)).all()
        assert (theirs.transform(x) == ours.transform(x)).all()
        u = noise(100)
        reservoir = echo().fit(u, u)
    np.testing.assert_allclose(reservoir.predict(u), echo().fit(u, u).predict(u), atol=1e-12)
    for threads in (2, 3):
        with fastnn.threads(threads):
            assert (liquid().fit(x, y).transform(x) == ours.transform(x)).all()


def test_draws_and_copies():
    u, x, y = noise(80), trains(12), np.arange(12) % 2
    for make, data in ((echo, (u, np.roll(u, 1))), (liquid, (x, y))):
        a, b, c = (make(random_state=s).fit(*data).transform(data[0]) for s in (0, 0, 1))
        assert (a == b).all() and (a != c).any()
        model = make().fit(*data)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert (other.predict(data[0]) == model.predict(data[0])).all()
        assert type(model)(**model.get_params()).get_params() == model.get_params()
        assert model.predict(data[0][:0]).shape == (0,)
    part = liquid().fit(x, y)
    assert (part.transform(x[3:5]) == part.transform(x)[3:5]).all()  # trials are apart
    assert (part.transform(x[:, :0]) == 0).all()


BAD_ECHO = {
    "n_reservoir is 0": dict(n_reservoir=0),
    "connectivity is 0": dict(connectivity=0),
    "spectral_radius is 0": dict(spectral_radius=0),
    "leak is 1.5, expected at most 1": dict(leak=1.5),
    "input_scale is -1.0, expected a finite number from 0": dict(input_scale=-1),
    "bias_scale is nan": dict(bias_scale=float("nan")),
    "alpha is -1.0": dict(alpha=-1),
    "washout is -1": dict(washout=-1),
    "X has 50 steps, expected 101 or more, as washout is 99": dict(washout=99),
}


def test_a_reservoir_of_fewer_units_than_the_connectivity_hears_all():
    u = noise(60)
    small, whole = (
        EchoStateNetwork(6, washout=5, random_state=1, **more).fit(u, u)
        for more in ({}, {"connectivity": 6})
    )
    assert (small.reservoir_ != 0).all() and (small.reservoir_ == whole.reservoir_).all()
    assert (small.predict(u) == whole.predict(u)).all()
    with pytest.raises(ValueError, match="read-only"):  # it would go unheard
        small.reservoir_[0, 0] = 1


@pytest.mark.parametrize("message", BAD_ECHO)
def test_bad_echo_settings(message):
    with pytest.raises(ValueError) as caught:
        echo(**BAD_ECHO[message]).fit(noise(50), noise(50))
    assert message in str(caught.value) and "EchoStateNetwork" in str(caught.value)


def test_bad_series():
    u = noise(50, 2)
    for X, y, error, words in (
        (u[None], u, ValueError, r"X has shape \(1, 50, 2\), expected \(T,\) or \(T, n\)"),
        (u, u[:9], ValueError, "y has 9 steps, expected 50"),
        (u * np.nan, u, ValueError, "X has values that are not finite"),
        (u, u * np.inf, ValueError, "y has values that are not finite"),
        (u.astype(complex), u, TypeError, "X has dtype complex128"),
        (u, u[:, :0], ValueError, r"y has shape \(50, 0\)"),
    ):
        with pytest.raises(error, match=f"EchoStateNetwork.fit: {words}"):
            echo().fit(X, y)
    model = echo().fit(u, u[:, 0])
    with pytest.raises(ValueError, match="predict: X has 1 features, expected 2"):
        model.predict(u[:, 0])
    with pytest.raises(ValueError, match="generate: 1 outputs cannot be the next 2 inputs"):
        model.generate(u, 3)
    with pytest.raises(ValueError, match=r"score: y has shape \(50, 2\), expected \(50,\)"):
        model.score(u, u)
    with pytest.raises(ValueError, match="score: X has 20 steps, expected more than 20"):
        model.score(u[:20], u[:20, 0])
    with pytest.raises(ValueError, match="generate: X has no steps"):
        echo().fit(u, u).generate(u[:0], 3)
    with pytest.raises(ValueError, match="steps is -1"):
        echo().fit(u, u).generate(u, -1)
    for method, arguments in (("predict", (u,)), ("transform", (u,)), ("generate", (u, 1))):
        with pytest.raises(RuntimeError, match="this EchoStateNetwork is not fitted yet"):
            getattr(echo(), method)(*arguments)


def test_a_reservoir_without_loops_is_refused(monkeypatch):
    """Its eigenvalues are all 0, and no factor makes them larger."""
    from fastnn.classic import esn

    after = iter([1, 2, 3, 3])  # each unit hears the next, the last one hears itself
    monkeypatch.setattr(esn, "randperm", lambda n, generator: fastnn.tensor([next(after)]))
    few = dict(n_reservoir=4, connectivity=1, washout=0)
    assert echo(**few).fit(noise(50), noise(50)).reservoir_[3, 3] != 0
    after = iter([1, 2, 3, 3])
    zero = lambda shape, low, high, g: np.array([[1, 1, 1, 0]], np.float32)  # noqa: E731
    monkeypatch.setattr(esn, "uniform_array", zero)
    with pytest.raises(ValueError, match="has no loops; connectivity is 1, raise it"):
        echo(**few).fit(noise(50), noise(50))


BAD_LIQUID = {
    "shape is (4, 3), expected three numbers of neurons": dict(shape=(4, 3)),
    "shape is 0": dict(shape=(0, 1, 1)),
    "excitatory is 1.5, expected a number from 0 to 1": dict(excitatory=1.5),
    "input_density is -1.0": dict(input_density=-1),
    "reach is 0": dict(reach=0),
    "tau_membrane is 0": dict(tau_membrane=0),
    "tau_readout is inf": dict(tau_readout=float("inf")),
    "recurrent_scale is -0.1": dict(recurrent_scale=-0.1),
    "refractory is -1": dict(refractory=-1),
    "alpha is -1": dict(alpha=-1),
    "task is 'rank'": dict(task="rank"),
}


@pytest.mark.parametrize("message", BAD_LIQUID)
def test_bad_liquid_settings(message):
    with pytest.raises(ValueError) as caught:
        liquid(**BAD_LIQUID[message]).fit(trains(4), [0, 1, 0, 1])
    assert message in str(caught.value) and "LiquidStateMachine" in str(caught.value)


def test_bad_trials():
    x, y = trains(6), np.arange(6) % 2
    for X, t, error, words in (
        (x[0], y, ValueError, r"X has shape \(60, 3\), expected \(N, T, inputs\)"),
        (x[:0], y[:0], ValueError, "X has shape"),
        (x * np.nan, y, ValueError, "X has values that are not finite"),
        (x.astype(complex), y, TypeError, "X has dtype complex128"),
        (x, y[:2], ValueError, r"y has shape \(2,\), expected \(6,\)"),
    ):
        with pytest.raises(error, match=f"LiquidStateMachine.fit: {words}"):
            liquid().fit(X, t)
    model = liquid().fit(x, y)
    for method in ("predict", "transform", "spikes", "decision_function"):
        with pytest.raises(ValueError, match=r"expected \(N, T, 3\)"):
            getattr(model, method)(x[..., :2])
        with pytest.raises(RuntimeError, match="this LiquidStateMachine is not fitted yet"):
            getattr(liquid(), method)(x)


def test_a_fit_that_is_refused_leaves_the_liquid_before():
    x = np.random.default_rng(0).random((10, 20, 2)) < 0.2
    model = LiquidStateMachine((3, 3, 3), random_state=0).fit(x, np.arange(10) % 2)
    want = model.decision_function(x)
    with pytest.raises(ValueError, match="y has"):
        model.fit(x[:, :, :1], np.zeros(10, int))
    assert (model.decision_function(x) == want).all()
