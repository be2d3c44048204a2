"""The Hopfield network."""

import numpy as np
import pytest

import fastnn
from fastnn.classic import Hopfield, _hopfield_rules

RULES = ["hebb", "pseudoinverse", "storkey"]
UPDATES = ["asynchronous", "synchronous"]


def signs(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape).astype(np.float32)


def flipped(x, share, seed=1):
    return np.where(np.random.default_rng(seed).random(x.shape) < share, -x, x)


def weights_by_hand(rule, x):
    """From the equations, index by index."""
    p, n = x.shape
    x = x.astype(np.float64)
    w = np.zeros((n, n))
    if rule == "pseudoinverse":
        w = x.T @ np.linalg.inv(x @ x.T) @ x
    for pattern in x if rule != "pseudoinverse" else ():
        old = w.copy()
        for i, j in np.ndindex(n, n):
            if rule == "hebb":
                w[i, j] += pattern[i] * pattern[j]
            elif i != j:
                others = [k for k in range(n) if k not in (i, j)]
                h_ij = sum(old[i, k] * pattern[k] for k in others)
                h_ji = sum(old[j, k] * pattern[k] for k in others)
                w[i, j] += (pattern[i] * pattern[j] - pattern[i] * h_ji - h_ij * pattern[j]) / n
    np.fill_diagonal(w, 0)
    return w


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_the_equations(rule):
    x = signs(4, 13)
    found = Hopfield(rule).fit(x).weights_
    np.testing.assert_allclose(found, weights_by_hand(rule, x), atol=1e-6)
    assert (found == found.T).all() and (found.diagonal() == 0).all()
    assert found.dtype == np.float32 and not found.flags.writeable


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_patterns", [2, 20])
def test_synchronous_is_the_sign_of_the_net_value(rule, n_patterns):
    """By thin products (2 patterns) and by the whole matrix (20 of 30 units)."""
    x = signs(n_patterns, 30)
    model = Hopfield(rule, update="synchronous", max_iter=1).fit(x)
    starts = signs(50, 30, seed=2)
    net = starts @ weights_by_hand(rule, x)
    clear = np.abs(net) > 1e-4
    if rule == "hebb":  # whole numbers: 0 is 0, and the unit keeps its state
        assert (net == 0).any() or n_patterns == 2
        assert (model.predict(starts) == starts)[net == 0].all()
        assert (clear == (net != 0)).all()
    assert (model.predict(starts) == np.sign(net))[clear].all() and clear.mean() > 0.8


@pytest.mark.parametrize("rule", RULES)
def test_asynchronous_is_one_unit_after_the_other(rule):
    x, starts = signs(3, 40), signs(25, 40, seed=2)
    w = weights_by_hand(rule, x)
    found = Hopfield(rule, max_iter=2, random_state=5).fit(x).predict(starts)
    generator, s = fastnn.Generator(5), starts.copy()
    for _ in range(2):
        for i in fastnn.randperm(40, generator=generator).numpy():
            h = s @ w[i]
            s[:, i] = np.where(np.abs(h) < 1e-9, s[:, i], np.sign(h))
    assert (found == s).all() and (found != starts).any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_patterns", [3, 60])
def test_energy_never_rises_asynchronously(rule, n_patterns):
    model = Hopfield(rule, random_state=0).fit(signs(n_patterns, 50))
    starts = signs(20, 50, seed=3)
    trace = model.energy_trace(starts)
    w = weights_by_hand(rule, model.patterns_) if n_patterns < 50 or rule != "pseudoinverse" else 0
    if np.ndim(w):
        want = [-0.5 * s @ w @ s for s in starts.astype(np.float64)]
        np.testing.assert_allclose(trace[0], want, atol=1e-4)
    scale = max(np.abs(trace).max(), 1)
    assert (np.diff(trace, axis=0) <= 1e-6 * scale).all()
    rest = model.predict(starts)
    np.testing.assert_allclose(trace[-1], model.energy(rest), rtol=1e-6)
    assert (model.predict(rest) == rest).all()
    assert model.n_iter_ == 1
    if len(trace) == 1:  # as many patterns as units: the projection is the identity
        assert rule == "pseudoinverse" and n_patterns == 60 and (model.weights_ == 0).all()


def test_synchronous_energy_may_rise_and_cycles_end():
    model = Hopfield(update="synchronous").fit([[1, 1]])
    starts = np.array([[1, -1], [1, 1], [-1, 1]])
    found = model.predict(starts)  # 0 and 2 swap for ever
    assert model.n_iter_ == 2 and (found[1] == 1).all()
    assert {tuple(found[0]), tuple(found[2])} <= {(1, -1), (-1, 1)}
    many = Hopfield(update="synchronous", max_iter=1000).fit(signs(12, 40))
    starts = signs(300, 40, seed=4)
    found = many.predict(starts)
    assert many.n_iter_ < 60
    once = Hopfield(update="synchronous", max_iter=1).fit(signs(12, 40))
    assert (once.predict(once.predict(found)) == found).all()  # of period 1 or 2
    assert (once.predict(found) != found).any()
    assert (np.diff(Hopfield(update="synchronous", max_iter=9).fit(signs(12, 40))
                    .energy_trace(starts), axis=0) > 0).any()  # fmt: skip


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("rule", RULES)
def test_recall(rule, update):
    x = signs(10, 200)
    model = Hopfield(rule, update=update, random_state=0).fit(x)
    noisy = flipped(np.tile(x, (20, 1)), 0.1)
    assert model.score(noisy, np.tile(x, (20, 1))) >= 0.99
    assert model.score(-x, -x) == 1  # the opposite of a pattern is stored with it


def test_correlated_patterns_need_the_pseudoinverse():
    x = flipped(np.tile(signs(1, 100), (10, 1)), 0.15)
    assert Hopfield("hebb").fit(x).score(x, x) == 0
    assert Hopfield("pseudoinverse").fit(x).score(x, x) == 1
    twice = np.concatenate([x, x])  # linearly dependent
    assert Hopfield("pseudoinverse").fit(twice).score(x, x) == 1


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("rule", RULES)
def test_same_on_the_reference(rule, update):
    x, starts = signs(8, 120), signs(100, 120, seed=2)
    settings = dict(update=update, random_state=1)
    model = Hopfield(rule, **settings).fit(x)
    with fastnn.backend("reference"):
        other = Hopfield(rule, **settings).fit(x)
        found = other.predict(starts)
    assert (model.weights_ == other.weights_).all()
    assert (model.predict(starts) == found).mean() >= (1 if rule == "hebb" else 0.99)


def test_rows_do_not_depend_on_each_other():
    model = Hopfield(random_state=2).fit(signs(5, 64))
    starts = signs(40, 64, seed=3)
    whole = model.predict(starts)
    assert (np.concatenate([model.predict(starts[i : i + 1]) for i in range(40)]) == whole).all()
    assert (model.predict(starts) == whole).all()
    assert model.predict(starts[:0]).shape == (0, 64)
    assert (model.predict(starts > 0) == whole).all()


def test_bad_input():
    x = signs(3, 8)
    for settings, words in (
        (dict(rule="delta"), "rule is 'delta', expected one of hebb, pseudoinverse, storkey"),
        (dict(update="both"), "update is 'both', expected 'asynchronous' or 'synchronous'"),
        (dict(max_iter=0), "max_iter is 0"),
    ):
        with pytest.raises(ValueError, match=words):
            Hopfield(**settings).fit(x).predict(x)
    for bad, words in (
        (np.zeros((2, 8)), "X has the value 0.0, expected -1 and 1"),
        (x[0], r"X has shape \(8,\)"),
        (x[:0], r"X has shape \(0, 8\)"),
        (x * np.float32("nan"), "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            Hopfield().fit(bad)
    with pytest.raises(ValueError, match=r"predict: X has shape \(3, 7\), expected \(N, 8\)"):
        Hopfield().fit(x).predict(x[:, :7])
    with pytest.raises(ValueError, match="score: y has 2 rows, expected 3"):
        Hopfield().fit(x).score(x, x[:2])
    for method in ("predict", "energy", "energy_trace"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(Hopfield(), method)(x)


def test_factors_are_the_weights():
    """What recall uses for few patterns is W itself."""
    x = signs(5, 33)
    for rule in ("hebb", "pseudoinverse"):
        weights, left, diagonal = _hopfield_rules.RULES[rule](x)
        np.testing.assert_allclose(left @ x - np.diag(diagonal), weights, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_stored_is_not_the_callers_array(rule):
    x = signs(3, 60)
    want = x.copy()
    model = Hopfield(rule, random_state=0).fit(x)
    x[:] = 1
    assert np.array_equal(model.patterns_, want)
    assert model.score(flipped(want, 0.05), want) == 1
