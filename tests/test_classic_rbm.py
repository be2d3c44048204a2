"""The restricted Boltzmann machine: its equations, what it learns, what it refuses."""

import pickle
from itertools import product

import numpy as np
import pytest

import fastnn
from fastnn.classic import RBM
from fastnn.classic._binary_states import binary_states, log_sum_over_states


def bits(n, features, seed=0):
    generator = fastnn.Generator(seed)
    p = fastnn.rand(features, generator=generator)
    return fastnn.bernoulli(p.expand(n, features), generator=generator).numpy()


def machine(n_hidden=4, n_visible=5, visible="bernoulli", scale=1.0, **settings):
    """An RBM with large random parameters."""
    model = RBM(n_hidden, visible=visible, n_epochs=0, random_state=3, **settings)
    model.fit(bits(20, n_visible))
    rng = np.random.default_rng(1)
    for p in (model.components_, model.intercept_hidden_, model.intercept_visible_):
        p[...] = rng.normal(0, scale, p.shape)
    return model


def parameters(model):
    names = ("components_", "intercept_hidden_", "intercept_visible_")
    return [getattr(model, name).astype(np.float64) for name in names]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def energies(model, v, h):
    w, c, b = parameters(model)
    quadratic = 0.5 * ((v - b) ** 2).sum() if model.visible == "gaussian" else -v @ b
    return quadratic - h @ c - h @ w @ v


def test_states_are_all_states():
    states = binary_states(3)
    assert states.tolist() == [list(s) for s in product((0.0, 1.0), repeat=3)]
    weights = np.array([0.3, -2.0, 1.5])
    want = np.log(np.exp(states @ weights).sum())
    assert log_sum_over_states(3, lambda s: s @ weights) == pytest.approx(want, rel=1e-12)
    many = log_sum_over_states(16, lambda s: np.full(len(s), 800.0))  # several blocks, no overflow
    assert many == pytest.approx(800 + 16 * np.log(2), rel=1e-12)


@pytest.mark.parametrize("n_hidden, n_visible", [(3, 5), (6, 4)])
def test_likelihood_is_the_sum_over_all_states(n_hidden, n_visible):
    """Energy by energy; both layers are the smaller one in turn."""
    model = machine(n_hidden, n_visible)
    all_v, all_h = binary_states(n_visible), binary_states(n_hidden)
    weight = np.exp([[-energies(model, v, h) for h in all_h] for v in all_v])
    assert model.log_partition() == pytest.approx(np.log(weight.sum()), rel=1e-9)
    np.testing.assert_allclose(model.free_energy(all_v), -np.log(weight.sum(axis=1)), rtol=1e-6)
    want = np.log(weight.sum(axis=1) / weight.sum())
    np.testing.assert_allclose(model.log_likelihood(all_v), want, rtol=1e-6)
    assert np.exp(model.log_likelihood(all_v)).sum() == pytest.approx(1)
    for v, row in zip(all_v, weight, strict=True):
        np.testing.assert_allclose(model.transform([v])[0], row @ all_h / row.sum(), atol=1e-6)
    for h, column in zip(all_h, weight.T, strict=True):
        want = column @ all_v / column.sum()
        np.testing.assert_allclose(model.inverse_transform([h])[0], want, atol=1e-6)


def test_gaussian_likelihood_integrates_to_one():
    model = machine(3, 2, "gaussian")
    axis = np.linspace(-15, 15, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(model.log_likelihood(grid))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-4)
    v, h = np.float32([[0.4, -1.2]]), np.float32([[1, 0, 1]])
    w, c, b = parameters(model)
    np.testing.assert_allclose(model.transform(v), sigmoid(v @ w.T + c), rtol=1e-5)
    np.testing.assert_allclose(model.inverse_transform(h), h @ w + b, rtol=1e-5)
    by_state = [-energies(model, v[0].astype(float), s) for s in binary_states(3)]
    assert model.free_energy(v)[0] == pytest.approx(-np.log(np.exp(by_state).sum()), rel=1e-5)


def test_reconstruction_goes_there_and_back():
    model, x = machine(), bits(7, 5)
    w, c, b = parameters(model)
    want = sigmoid(sigmoid(x @ w.T + c) @ w + b)
    np.testing.assert_allclose(model.reconstruct(x), want, atol=1e-6)
    other = RBM(4, n_epochs=1, random_state=0)
    np.testing.assert_array_equal(other.fit_transform(x), other.transform(x))


def draws(generator, p):
    return np.asarray(fastnn.rand(*p.shape, generator=generator)) < p


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_learning_is_the_papers_equations(algorithm, n_steps, visible):
    """Three mini-batches, the last one short, in float64 NumPy with the same random stream."""
    x = bits(11, 6, seed=4) if visible == "bernoulli" else fastnn.randn(11, 6).numpy()
    settings = dict(visible=visible, algorithm=algorithm, n_gibbs_steps=n_steps, batch_size=4)
    rates = dict(learning_rate=0.3, momentum=0.6, weight_decay=0.02)
    model = RBM(3, random_state=5, n_epochs=0, **settings, **rates).fit(x)
    model.components_ *= 30
    w, c, b = parameters(model)
    g = fastnn.Generator(5)
    g.set_state(model._machine.generator.get_state())
    up = lambda v: sigmoid(v @ w.T + c)  # noqa: E731

    def down(h):
        if visible == "gaussian":
            return h @ w + b + fastnn.randn(len(h), 6, generator=g).numpy()
        return draws(g, sigmoid(h @ w + b)).astype(float)

    chains = np.zeros((4, 3))
    velocity = [np.zeros_like(p) for p in (w, c, b)]
    for start in (0, 4, 8):
        data = x[start : start + 4].astype(np.float64)
        h = chains if algorithm == "pcd" else draws(g, up(data)).astype(float)
        for i in range(n_steps):
            v = down(h)
            if i < n_steps - 1 or algorithm == "pcd":
                h = draws(g, up(v)).astype(float)
        chains, n, m = h, len(data), len(v)
        gradients = (
            up(data).T @ data / n - up(v).T @ v / m - 0.02 * w,
            up(data).mean(axis=0) - up(v).mean(axis=0),
            data.mean(axis=0) - v.mean(axis=0),
        )
        for u, gradient in zip(velocity, gradients, strict=True):
            u[...] = 0.6 * u + gradient
        for p, u in zip((w, c, b), velocity, strict=True):
            p += 0.3 * u
    model.partial_fit(x)
    for found, want in zip(parameters(model), (w, c, b), strict=True):
        np.testing.assert_allclose(found, want, atol=2e-5)
    assert hasattr(model, "h_samples_") == (algorithm == "pcd")
    if algorithm == "pcd":
        np.testing.assert_array_equal(model.h_samples_, chains)


def test_start_of_the_parameters():
    x = bits(200, 300)
    model = RBM(200, n_epochs=0, random_state=0).fit(x)
    assert model.components_.shape == (200, 300) and model.n_features_in_ == 300
    assert abs(model.components_.std() - 0.01) < 1e-4 and abs(model.components_.mean()) < 2e-4
    assert (model.intercept_hidden_ == 0).all()
    p = (x.sum(axis=0, dtype=np.float64) + 1) / 202
    np.testing.assert_allclose(model.intercept_visible_, np.log(p / (1 - p)), atol=1e-5)
    y = fastnn.randn(50, 3).numpy() + 2
    b = RBM(2, visible="gaussian", n_epochs=0).fit(y).intercept_visible_
    np.testing.assert_allclose(b, y.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_samples_follow_the_distribution(visible):
    model = machine(3, 4, visible, scale=0.7)
    w, c, b = parameters(model)
    v = model.sample(40_000, 40)
    assert v.shape == (40_000, 4) and v.dtype == np.float32
    if visible == "bernoulli":
        states = binary_states(4)
        counts = np.bincount((v @ [8, 4, 2, 1]).astype(int), minlength=16) / len(v)
        want = np.exp(model.log_likelihood(states))
        assert np.abs(counts - want).max() < 0.01 and want.max() > 0.1
    else:
        h = binary_states(3)
        weight = np.exp(h @ c + h @ w @ b + 0.5 * ((h @ w) ** 2).sum(axis=1))
        weight /= weight.sum()
        np.testing.assert_allclose(v.mean(axis=0), b + weight @ h @ w, atol=0.06)
    assert not np.array_equal(model.sample(50, 1), model.sample(50, 1))  # the stream goes on
    np.testing.assert_array_equal(model.gibbs(v[:5], 0), v[:5])
    assert model.sample(0, 3).shape == (0, 4)


def test_pseudo_likelihood():
    """The estimate's mean over all units is the exact sum over them."""
    model = machine(4, 5)
    x = bits(3, 5, seed=2)
    want = np.zeros(3)
    for i in range(5):
        other = x.copy()
        other[:, i] = 1 - other[:, i]
        want += np.log(sigmoid(model.free_energy(other) - model.free_energy(x)))
    many = np.repeat(x, 20_000, axis=0)
    found = model.score_samples(many).reshape(3, -1)
    np.testing.assert_allclose(found.mean(axis=1), want, atol=6 * found.std() / np.sqrt(20_000))
    assert (model.score_samples(x) == model.score_samples(x)).all()  # random_state is a number
    assert (np.unique(found[0]).size) == 5


def test_learns_exactly_what_it_is_shown():
    """Two patterns out of 64: the exact likelihood rises from -6 log 2 to near -log 2."""
    x = np.float32([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    for algorithm in ("cd", "pcd"):
        model = RBM(6, algorithm=algorithm, n_epochs=0, batch_size=100, random_state=0).fit(x)
        before = model.log_likelihood(x).mean()
        for rate in (0.1, 0.03, 0.01):
            model.set_params(learning_rate=rate)
            for _ in range(20):
                model.partial_fit(np.tile(x, (1000, 1)))
        assert before < -3.5
        assert -1.0 < model.log_likelihood(x).mean() < -np.log(2)


SETTINGS = [
    dict(algorithm="cd"),
    dict(weight_decay=1e-3),
    dict(visible="gaussian", learning_rate=0.01, momentum=0.5),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_same_on_the_reference(settings):
    x = bits(60, 20, seed=8)
    fit = lambda: RBM(12, n_epochs=3, random_state=1, **settings).fit(x)  # noqa: E731
    model = fit()
    with fastnn.backend("reference"):
        other = fit()
        features = other.transform(x)
    for one, two in zip(parameters(model), parameters(other), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    np.testing.assert_allclose(model.transform(x), features, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
def test_same_bits_for_any_number_of_threads(settings):
    x = bits(70, 200, seed=8)
    found = []
    for n in (1, 2, 3):
        with fastnn.threads(n):
            model = RBM(150, n_epochs=2, batch_size=32, random_state=1, **settings).fit(x)
            found.append(model.components_.tobytes() + model.sample(9, 5).tobytes())
    assert found[0] == found[1] == found[2]


def test_pickle_and_settings():
    x = bits(30, 8)
    model = RBM(5, momentum=0.5, n_epochs=2, random_state=2).fit(x)
    copy = pickle.loads(pickle.dumps(model))
    for m in (model, copy):
        m.partial_fit(x)  # velocity, chains and the random stream went along
    np.testing.assert_array_equal(model.components_, copy.components_)
    np.testing.assert_array_equal(model.sample(3, 4), copy.sample(3, 4))
    again = RBM(**model.get_params()).fit(x)
    assert again.momentum == 0.5 and "momentum=0.5" in repr(again)
    np.testing.assert_array_equal(again.fit(x).components_, again.fit(x).components_)
    model.set_params(learning_rate=1e-9, momentum=0.0)
    before = model.components_.copy()
    model.partial_fit(x)
    np.testing.assert_allclose(model.components_, before, atol=1e-7)


def test_bad_input():
    x = bits(6, 4)
    for settings, words in (
        (dict(n_components=0), "n_components is 0"),
        (dict(visible="binary"), "visible is 'binary', expected 'bernoulli' or 'gaussian'"),
        (dict(algorithm="sml"), "algorithm is 'sml', expected 'cd' or 'pcd'"),
        (dict(n_gibbs_steps=0), "n_gibbs_steps is 0"),
        (dict(learning_rate=0.0), "learning_rate is 0"),
        (dict(momentum=1.0), "momentum is 1.0, expected 0 <= momentum < 1"),
        (dict(weight_decay=-1.0), "weight_decay is -1.0"),
        (dict(batch_size=0), "batch_size is 0"),
        (dict(n_epochs=-1), "n_epochs is -1"),
    ):
        with pytest.raises(ValueError, match=words):
            RBM(**settings).fit(x)
    with pytest.raises(TypeError, match="n_components must be an integer"):
        RBM(2.5).fit(x)
    for bad, words in (
        (x + 0.5, "X has values from 0.5 to 1.5, expected 0 to 1"),
        (x[0], r"X has shape \(4,\)"),
        (x[:0], r"X has shape \(0, 4\)"),
        (x * np.float32("nan"), "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            RBM(3).fit(bad)
    with pytest.raises(TypeError, match="X has dtype"):
        RBM(3).fit([["a"]])
    model = RBM(3, n_epochs=1).fit(x)
    for method in ("transform", "partial_fit", "gibbs", "free_energy", "score_samples"):
        with pytest.raises(ValueError, match=rf"{method}: X has shape \(6, 3\)"):
            getattr(model, method)(x[:, :3])
    with pytest.raises(ValueError, match=r"inverse_transform: X has shape \(6, 4\)"):
        model.inverse_transform(x)
    with pytest.raises(ValueError, match="n_steps is -1"):
        model.sample(3, -1)
    for method in ("transform", "inverse_transform", "gibbs", "free_energy", "score_samples"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(RBM(3), method)(x)
    with pytest.raises(ValueError, match="at most 24"):
        RBM(25, n_epochs=0).fit(bits(3, 25)).log_partition()
    with pytest.raises(ValueError, match="exists for 'bernoulli' only"):
        RBM(3, visible="gaussian", learning_rate=1e-3).fit(x).score_samples(x)
    with pytest.raises(ValueError, match="learning_rate is 1000.0, try a smaller one"):
        RBM(9, visible="gaussian", learning_rate=1e3, n_epochs=200).fit(x)


def test_no_steps_of_gibbs_sampling_give_a_new_array():
    x = bits(4, 5)
    got = machine().gibbs(x, 0)
    assert np.array_equal(got, x) and not np.shares_memory(got, x)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"algorithm": "pdc"}, {"momentum": 1}, {"learning_rate": 0}]
)
def test_a_fit_that_is_refused_leaves_the_one_before(wrong):
    """Also where no epoch would come to use the setting."""
    x = bits(20, 5)
    model = RBM(3, n_epochs=1, random_state=0).fit(x)
    want = model.transform(x)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            getattr(model.set_params(n_epochs=0, **wrong), method)(x)
        assert np.array_equal(model.transform(x), want)
        with pytest.raises(ValueError, match=next(iter(wrong))):
            getattr(fresh := RBM(3, n_epochs=0, **wrong), method)(x)
        assert not hasattr(fresh, "components_")


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("n_hidden, n_visible, scale", [(4, 5, 1.0), (6, 20, 0.7), (14, 9, 0.5)])
def test_annealed_log_partition_comes_to_the_exact_one(visible, n_hidden, n_visible, scale):
    model = machine(n_hidden, n_visible, visible, scale)
    exact = model.log_partition()
    settings = dict(n_chains=200, n_betas=2000)
    found = [model.log_partition(random_state=seed, **settings) for seed in range(3)]
    np.testing.assert_allclose(found, exact, atol=0.06)
    assert len(set(found)) == 3 and model.log_partition(random_state=0, **settings) == found[0]
    hasty = model.log_partition(n_chains=200, n_betas=1, random_state=0)  # plain importance
    assert abs(hasty - exact) > max(abs(f - exact) for f in found)


def test_annealing_is_exact_without_weights_and_serves_large_machines():
    """Without W and c each chain has weight 1; with W = 0 units are independent."""
    x = bits(50, 60)
    model = RBM(40, n_epochs=0, random_state=0).fit(x)
    w, c, b = parameters(model)
    model.components_ = np.zeros_like(w)
    independent = np.logaddexp(0, b).sum() + 40 * np.log(2)
    assert model.log_partition(n_chains=3, n_betas=2) == pytest.approx(independent, rel=1e-6)
    model.intercept_hidden_ = np.linspace(-2, 2, 40)
    independent = np.logaddexp(0, b).sum() + np.logaddexp(0, np.linspace(-2, 2, 40)).sum()
    assert model.log_partition(n_chains=1, n_betas=2) == pytest.approx(independent, rel=1e-6)
    for wrong in ("n_chains", "n_betas"):
        with pytest.raises(ValueError, match=f"RBM.log_partition: {wrong} is 0"):
            model.log_partition(**{"n_chains": 2, wrong: 0})


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_what_is_assigned_to_parameters_is_used(algorithm):
    x = bits(20, 6)
    model = RBM(3, algorithm=algorithm, n_epochs=1, random_state=0).fit(x)
    rng = np.random.default_rng(0)
    w, c, b = rng.normal(size=(3, 6)), rng.normal(size=3), rng.normal(size=6)
    held = model.components_
    model.components_, model.intercept_hidden_, model.intercept_visible_ = w, c, b
    np.testing.assert_allclose(model.transform(x), sigmoid(x @ w.T + c), atol=1e-6)
    h = bits(4, 3)
    np.testing.assert_allclose(model.inverse_transform(h), sigmoid(h @ w + b), atol=1e-6)
    want = -(x @ b) - np.logaddexp(0, x @ w.T + c).sum(axis=1)
    np.testing.assert_allclose(model.free_energy(x), want, rtol=1e-5)
    assert held is model.components_ and held.dtype == np.float32
    w[...] = 0
    assert model.components_.any()  # a copy
    before = model.components_.copy()
    model.partial_fit(x)
    assert 0 < np.abs(model.components_ - before).max() < 1  # goes on from there
    for name, wrong, words in (
        ("components_", w.T, r"components_ has shape \(6, 3\), expected \(3, 6\)"),
        ("intercept_hidden_", b, r"intercept_hidden_ has shape \(6,\), expected \(3,\)"),
        ("intercept_visible_", b * np.nan, "intercept_visible_ has values that are not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            setattr(model, name, wrong)
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        assert not hasattr(RBM(3), name)
        with pytest.raises(AttributeError, match="not fitted yet"):
            setattr(RBM(3), name, w)
    if algorithm == "pcd":
        model.h_samples_ = np.ones((10, 3))
        assert (model._machine.chains == 1).all()
