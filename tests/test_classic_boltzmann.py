"""The Boltzmann machine: its distribution, its learning rule, annealing, what it refuses."""

import pickle
from itertools import product

import numpy as np
import pytest

import fastnn
from fastnn.classic import BoltzmannMachine

PARITY = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])


def states(n):
    return np.array(list(product((0, 1), repeat=n)))


def random_machine(n, n_hidden=0, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    w = np.triu(rng.normal(0, scale, (n, n)), 1)
    model = BoltzmannMachine(n_hidden, random_state=seed)
    return model.set_weights(w + w.T, rng.normal(0, 0.5, n))


def energy_by_hand(model, s):
    """Pair by pair, in float64."""
    w, b = model.weights_.astype(np.float64), model.biases_.astype(np.float64)
    n = len(b)
    pairs = sum(w[i, j] * s[i] * s[j] for i in range(n) for j in range(i + 1, n))
    return -pairs - sum(b[i] * s[i] for i in range(n))


def distribution(model, temperature=1.0):
    weight = np.exp([-energy_by_hand(model, s) / temperature for s in states(len(model.biases_))])
    return weight / weight.sum()


def test_energy_and_exact_distribution():
    model = random_machine(6, 2)
    s = states(6)
    np.testing.assert_allclose(
        model.energy(s), [energy_by_hand(model, row) for row in s], rtol=1e-9
    )
    for t in (0.3, 1.0, 4.0):
        np.testing.assert_allclose(model.probabilities(t), distribution(model, t), rtol=1e-9)
    p = distribution(model)
    by_hand = [p[(s[:, :4] == v).all(axis=1)].sum() for v in states(4)]
    np.testing.assert_allclose(model.visible_probabilities(), by_hand, rtol=1e-9)
    np.testing.assert_allclose(model.log_likelihood(states(4)), np.log(by_hand), rtol=1e-9)
    x = states(4)[[3, 3, 5, 9]]
    want = 0.5 * np.log(0.5 / by_hand[3]) + 0.25 * np.log(0.0625 / (by_hand[5] * by_hand[9]))
    assert model.kl_divergence(x) == pytest.approx(want)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_samples_follow_the_distribution(temperature):
    model = random_machine(5)
    found = model.sample(60_000, 30, temperature=temperature)
    assert found.dtype == np.float32 and set(np.unique(found)) == {0, 1}
    share = np.bincount((found @ [16, 8, 4, 2, 1]).astype(int), minlength=32) / len(found)
    want = distribution(model, temperature)
    assert (np.abs(share - want) < 6 * np.sqrt(want / len(found))).all()
    assert want.max() > 1.5 / 32  # far from uniform


def test_one_sweep_draws_each_unit_given_the_others():
    """From the same start: the shares of 1 are those of a walk through the units."""
    model = random_machine(3, scale=2)
    w, b = model.weights_.astype(np.float64), model.biases_.astype(np.float64)
    p = {(1, 0, 1): 1.0}
    for i in range(3):
        after = {}
        for s, share in p.items():
            on = 1 / (1 + np.exp(-(b[i] + w[i] @ np.array(s)) / 0.7))
            for bit, q in ((1, on), (0, 1 - on)):
                key = (*s[:i], bit, *s[i + 1 :])
                after[key] = after.get(key, 0) + share * q
        p = after
    found = model.gibbs(np.tile([1, 0, 1], (100_000, 1)), 1, temperature=0.7)
    for s, want in p.items():
        assert abs((found == s).all(axis=1).mean() - want) < 0.008


def test_clamped_units_stay_and_condition_the_others():
    model = random_machine(5, scale=1.5)
    held = np.array([True, False, False, True, False])
    start = np.tile([1, 0, 0, 0, 0], (60_000, 1))
    found = model.gibbs(start, 30, clamped=held)
    assert (found[:, held] == [1, 0]).all()
    s, p = states(5), distribution(model)
    fits = (s[:, held] == [1, 0]).all(axis=1)
    want = (p[fits] @ s[fits]) / p[fits].sum()
    np.testing.assert_allclose(found.mean(axis=0), want, atol=0.01)
    everything = np.ones(5, bool)
    np.testing.assert_array_equal(model.gibbs(start, 3, clamped=everything), start)


def test_a_step_is_the_gradient_of_the_likelihood():
    """Central differences of the exact mean log-likelihood, all weights and biases."""
    x = states(3)[[0, 0, 3, 6, 7]]
    model = random_machine(5, 2)
    w, b = model.weights_.copy(), model.biases_.copy()
    model.set_params(learning_rate=1.0).partial_fit(x)
    other = BoltzmannMachine(2)
    eps = 1e-3

    def likelihood(dw, db):
        return other.set_weights(w + dw, b + db).log_likelihood(x).mean()

    for i in range(5):
        e = np.zeros(5, np.float32)
        e[i] = eps
        slope = (likelihood(0, e) - likelihood(0, -e)) / (2 * eps)
        assert model.biases_[i] - b[i] == pytest.approx(slope, abs=2e-4)
        for j in range(i):
            d = np.zeros((5, 5), np.float32)
            d[i, j] = d[j, i] = eps
            slope = (likelihood(d, 0) - likelihood(-d, 0)) / (2 * eps)
            assert model.weights_[i, j] - w[i, j] == pytest.approx(slope, abs=2e-4)
    assert (model.weights_ == model.weights_.T).all() and not model.weights_.diagonal().any()


def test_sampled_step_is_the_exact_one_on_average():
    x = np.repeat(states(3)[[0, 0, 3, 6, 7]], 4000, axis=0)
    exact = random_machine(5, 2)
    sampled = random_machine(5, 2).set_params(method="gibbs", n_chains=20_000, n_sweeps=30)
    w, b = exact.weights_.copy(), exact.biases_.copy()
    for model in (exact, sampled):
        model.set_params(learning_rate=1.0).partial_fit(x)
    np.testing.assert_allclose(sampled.weights_ - w, exact.weights_ - w, atol=0.025)
    np.testing.assert_allclose(sampled.biases_ - b, exact.biases_ - b, atol=0.025)
    assert np.abs(exact.weights_ - w).max() > 0.1
    assert (sampled.weights_ == sampled.weights_.T).all()


def test_parity_needs_hidden_units():
    """Even parity of three bits has no pairwise correlations: without hidden units KL = log 2."""
    without = BoltzmannMachine(0, n_epochs=500, init_std=1.0, random_state=0).fit(PARITY)
    assert without.kl_divergence(PARITY) == pytest.approx(np.log(2), abs=1e-3)
    for method, n_epochs in (("exact", 2000), ("gibbs", 1500)):
        model = BoltzmannMachine(
            4, method=method, n_epochs=n_epochs, learning_rate=0.4, init_std=1.0, random_state=0
        )
        assert model.fit(np.tile(PARITY, (25, 1))).kl_divergence(PARITY) < 0.25, method


def test_annealing_finds_the_ground_state():
    model = random_machine(12, scale=2, seed=4)
    lowest = model.energy(states(12)).min()
    found = model.anneal(200, 100, start=10, stop=0.1)
    slow = np.isclose(model.energy(found), lowest, atol=1e-5).mean()
    assert model.energy_trace_.shape == (101, 200) and model.temperatures_.shape == (100,)
    np.testing.assert_allclose(model.energy_trace_[-1], model.energy(found))
    np.testing.assert_allclose(model.temperatures_[[0, -1]], [10, 0.1])
    ratios = model.temperatures_[1:] / model.temperatures_[:-1]
    np.testing.assert_allclose(ratios, ratios[0])
    quenched = model.anneal(200, 100, start=1e-6, stop=1e-6)
    fast = np.isclose(model.energy(quenched), lowest, atol=1e-5).mean()
    assert slow > fast + 0.1 and slow > 0.5


@pytest.mark.parametrize("method", ["exact", "gibbs"])
def test_same_on_the_reference(method):
    settings = dict(method=method, n_epochs=5, init_std=0.5, random_state=3)
    model = BoltzmannMachine(2, **settings).fit(PARITY)
    with fastnn.backend("reference"):
        other = BoltzmannMachine(2, **settings).fit(PARITY)
    np.testing.assert_allclose(model.weights_, other.weights_, atol=1e-5)
    np.testing.assert_allclose(model.biases_, other.biases_, atol=1e-5)


def test_same_bits_for_any_number_of_threads():
    found = []
    for n in (1, 2, 3):
        with fastnn.threads(n):
            model = BoltzmannMachine(8, n_epochs=3, random_state=3).fit(PARITY)
            many = random_machine(40).sample(3000, 5)
            found.append(model.weights_.tobytes() + many.tobytes())
    assert found[0] == found[1] == found[2]


def test_pickle_and_settings():
    settings = dict(method="gibbs", n_epochs=3, n_chains=7, random_state=3)
    model = BoltzmannMachine(2, **settings).fit(PARITY)
    copy = pickle.loads(pickle.dumps(model))
    for m in (model, copy):
        m.partial_fit(PARITY)
    np.testing.assert_array_equal(model.weights_, copy.weights_)
    again = BoltzmannMachine(**copy.get_params())
    np.testing.assert_array_equal(again.fit(PARITY).weights_, again.fit(PARITY).weights_)


def test_bad_input():
    for settings, words in (
        (dict(n_hidden=-1), "n_hidden is -1"),
        (dict(method="cd"), "method is 'cd', expected 'exact' or 'gibbs'"),
        (dict(learning_rate=0.0), "learning_rate is 0"),
        (dict(init_std=-1.0), "init_std is -1"),
        (dict(n_epochs=-1), "n_epochs is -1"),
        (dict(method="gibbs", n_chains=0), "n_chains is 0"),
        (dict(method="gibbs", n_sweeps=0), "n_sweeps is 0"),
        (dict(n_hidden=14), "17 units, expected at most 16"),
    ):
        with pytest.raises(ValueError, match=words):
            BoltzmannMachine(**settings).fit(PARITY)
    for bad, words in (
        (PARITY * 2, "X has the value 2.0, expected 0 and 1"),
        (PARITY[0], r"X has shape \(3,\)"),
        (PARITY[:0], r"X has shape \(0, 3\)"),
    ):
        with pytest.raises(ValueError, match=words):
            BoltzmannMachine().fit(bad)
    w = np.array([[0, 1], [2, 0]])
    for weights, biases, words in (
        (w, None, "symmetric with a zero diagonal"),
        (np.eye(2), None, "symmetric with a zero diagonal"),
        (w[:1], None, r"weights have shape \(1, 2\)"),
        (w + w.T, [1, 2, 3], r"biases have shape \(3,\), expected \(2,\)"),
        (w + w.T, [1, np.inf], "finite"),
    ):
        with pytest.raises(ValueError, match=words):
            BoltzmannMachine().set_weights(weights, biases)
    with pytest.raises(ValueError, match=r"expected \(N, N\) with N > 2"):
        BoltzmannMachine(2).set_weights(w + w.T)
    model = random_machine(3)
    with pytest.raises(ValueError, match="clamped is bool"):
        model.gibbs(PARITY, clamped=np.ones(2, bool))
    for call in (lambda: model.gibbs(PARITY, temperature=0), lambda: model.anneal(stop=-1)):
        with pytest.raises(ValueError, match="temperature is"):
            call()
    with pytest.raises(ValueError, match="expected start >= stop"):
        model.anneal(start=1, stop=2)
    with pytest.raises(ValueError, match=r"energy: X has shape \(4, 2\), expected \(N, 3\)"):
        model.energy(PARITY[:, :2])
    for method in ("energy", "gibbs", "log_likelihood"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(BoltzmannMachine(), method)(PARITY)
    for method in ("sample", "anneal", "probabilities"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(BoltzmannMachine(), method)()


def test_gibbs_gives_a_new_array_where_all_units_are_clamped():
    s = states(3).astype(np.float32)
    got = random_machine(3).gibbs(s, 2, clamped=np.ones(3, bool))
    assert np.array_equal(got, s) and not np.shares_memory(got, s)


@pytest.mark.parametrize(
    "wrong", [{"method": "sampled"}, {"learning_rate": 0}, {"n_sweeps": 0}, {"n_hidden": 14}]
)
def test_a_fit_that_is_refused_leaves_the_one_before(wrong):
    model = BoltzmannMachine(1, n_epochs=2, random_state=0).fit(PARITY)
    want = model.weights_.copy()
    words = "17 units, expected at most 16" if "n_hidden" in wrong else next(iter(wrong))
    with pytest.raises(ValueError, match=words):
        model.set_params(n_epochs=0, **wrong).fit(PARITY)
    assert np.array_equal(model.weights_, want)
