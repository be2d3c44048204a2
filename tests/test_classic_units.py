"""Threshold unit, perceptron and Adaline."""

import numpy as np
import pytest

import fastnn
from fastnn import classic, datasets, nn
from fastnn.classic import Adaline, Perceptron, ThresholdUnit

BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
AND, OR, NAND, XOR = ([0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 0])
UNITS = [Perceptron, Adaline]


def clouds(n=60, classes=2, features=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = 3 * rng.standard_normal((classes, features))
    return (centres[y] + rng.standard_normal((n, features))).astype(np.float32), y


@pytest.mark.parametrize(
    "weights, threshold, X, y",
    [
        ([1, 1], 1.5, BITS, AND),
        ([1, 1], 0.5, BITS, OR),
        ([-1, -1], -1.5, BITS, NAND),
        ([-1], -0.5, [[0], [1]], [1, 0]),
    ],
)
def test_threshold_unit(weights, threshold, X, y):
    unit = ThresholdUnit(weights, threshold)
    assert unit.predict(X).tolist() == y and unit.score(X, y) == 1
    net = np.asarray(X) @ np.asarray(weights) - threshold
    np.testing.assert_allclose(unit.decision_function(X), net)
    assert ThresholdUnit(weights, net[0] + threshold).predict(X)[0] == 0  # at it is not above


def test_threshold_unit_bad_input():
    for unit, error, words in (
        (ThresholdUnit([[1.0]]), ValueError, "weights as a row: X has shape"),
        (ThresholdUnit(["a"]), TypeError, "weights"),
        (ThresholdUnit([np.nan, 1]), ValueError, "not finite"),
        (ThresholdUnit([1, 1], "x"), TypeError, "threshold must be a number"),
        (ThresholdUnit([1, 1, 1]), ValueError, r"X has shape \(4, 2\), expected \(N, 3\)"),
    ):
        with pytest.raises(error, match=words):
            unit.predict(BITS)


@pytest.mark.parametrize("target", [AND, OR, NAND])
def test_perceptron_learns_within_novikoffs_bound(target):
    # The widest margins of a plane through 0 in (x1, x2, 1), by hand: R^2 = 3.
    w = {0: (2, 2, -3), 1: (2, 2, -1)}[target[1]] if target[0] == 0 else (-2, -2, 3)
    x = np.column_stack([BITS, np.ones(4)])
    t = 2 * np.array(target) - 1
    margin = (t * (x @ w)).min() / np.linalg.norm(w)
    assert margin > 0
    unit = Perceptron().fit(BITS, target)
    assert unit.score(BITS, target) == 1
    assert 0 < unit.mistakes_[0] <= 3 / margin**2
    for seed in range(20):
        other = Perceptron(shuffle=True, random_state=seed).fit(BITS, target)
        assert other.score(BITS, target) == 1 and other.mistakes_[0] <= 3 / margin**2


@pytest.mark.parametrize("classes", [2, 4])
def test_perceptron_is_the_rule_one_by_one(classes):
    x, y = clouds(200, classes)
    x = np.round(4 * x)  # whole numbers: float32 is exact
    unit = Perceptron(max_iter=5).fit(x, y)
    inputs = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    for k in range(1 if classes == 2 else classes):
        t = np.where(y == (1 if classes == 2 else k), 1, -1)
        w, mistakes = np.zeros(4), 0
        for _ in range(unit.n_iter_):
            for row, sign in zip(inputs, t, strict=True):
                if sign * (w @ row) <= 0:
                    w, mistakes = w + sign * row, mistakes + 1
        assert (unit.coef_[k] == w[:3]).all() and unit.intercept_[k] == w[3]
        assert unit.mistakes_[k] == mistakes


def test_xor_is_never_learned():
    unit = Perceptron(max_iter=10_000).fit(BITS, XOR)
    assert unit.n_iter_ == 10_000 and unit.score(BITS, XOR) <= 0.75


def test_without_bias_no_nand():
    for X, y in ((BITS, NAND), ([[0], [1]], [1, 0])):
        unit = Perceptron(fit_intercept=False, max_iter=100).fit(X, y)
        assert unit.predict(X)[0] == 0 and unit.intercept_[0] == 0
        assert Perceptron().fit(X, y).score(X, y) == 1


def test_perceptron_digits():
    x, y = datasets.digits8x8()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x.reshape(len(x), -1)[order], y[order]
    unit = Perceptron(max_iter=10, shuffle=True, random_state=0).fit(x[:1400], y[:1400])
    assert unit.score(x[1400:], y[1400:]) >= 0.90
    assert unit.coef_.shape == (10, 64) and unit.mistakes_.shape == (10,)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_adaline_finds_least_squares(classes, fit_intercept):
    x, y = clouds(80, classes)
    x = (x - x.mean(0)) / x.std(0)
    unit = Adaline(
        learning_rate=0.5, method="batch", max_iter=2000, tol=0, fit_intercept=fit_intercept
    )
    unit.fit(x, y)
    inputs = np.column_stack([x, np.ones(len(x))]) if fit_intercept else x
    targets = np.where(y[:, None] == ([1] if classes == 2 else range(3)), 1.0, -1.0)
    want = np.linalg.lstsq(inputs.astype(np.float64), targets, rcond=None)[0].T
    found = np.column_stack([unit.coef_, unit.intercept_]) if fit_intercept else unit.coef_
    assert np.linalg.norm(found - want) < 1e-3 * np.linalg.norm(want)
    assert all(b <= a + 1e-6 for a, b in zip(unit.loss_curve_, unit.loss_curve_[1:], strict=False))
    slow = Adaline(learning_rate=1e-3, max_iter=300, fit_intercept=fit_intercept, shuffle=True,
                   random_state=0).fit(x, y)  # fmt: skip
    assert np.linalg.norm(slow.coef_ - unit.coef_) < 0.04 * np.linalg.norm(want)  # near it


@pytest.mark.parametrize("method", ["batch", "online"])
def test_adaline_update_is_the_gradient(method):
    x, y = clouds(1 if method == "online" else 50)
    unit = Adaline(learning_rate=0.05, method="batch").partial_fit(*clouds(40, seed=1))
    unit.method = method
    layer = nn.Linear(3, 1)
    with fastnn.no_grad():
        layer.weight.copy_(fastnn.from_numpy(unit.coef_))
        layer.bias.copy_(fastnn.from_numpy(unit.intercept_))
    error = layer(fastnn.from_numpy(x)) - fastnn.from_numpy(2.0 * y[:, None] - 1).to("float32")
    (error * error).mean().mul(0.5).backward()
    before = unit.coef_, unit.intercept_
    unit.partial_fit(x, y)
    np.testing.assert_allclose(unit.coef_ - before[0], -0.05 * layer.weight.grad.numpy(), atol=1e-6)
    step = unit.intercept_ - before[1]
    np.testing.assert_allclose(step, -0.05 * layer.bias.grad.numpy(), atol=1e-6)
    assert np.abs(step).max() > 1e-4


def test_adaline_online_is_the_rule_one_by_one():
    x, y = clouds(150)
    unit = Adaline(learning_rate=0.02, max_iter=3).fit(x, y)
    w = np.zeros(4)
    for _ in range(3):
        for row, label in zip(np.column_stack([x, np.ones(150)]), y, strict=True):
            w += 0.02 * (2 * label - 1 - w @ row) * row
    np.testing.assert_allclose(np.append(unit.coef_, unit.intercept_), w, rtol=1e-4, atol=1e-5)


def test_adaline_stops_and_overflows():
    x, y = clouds()
    unit = Adaline(learning_rate=0.1, method="batch", max_iter=5000, tol=1e-4).fit(x, y)
    assert 1 < unit.n_iter_ < 5000 and len(unit.loss_curve_) == unit.n_iter_
    for method in ("online", "batch"):
        with pytest.raises(ValueError, match="learning_rate 50.0 is too large"):
            Adaline(learning_rate=50.0, method=method).fit(x, y)


@pytest.mark.parametrize("Unit", UNITS)
def test_labels_of_any_kind_and_partial_fit(Unit):
    x, y = clouds(90, 3)
    names = np.array(["ash", "elm", "oak"])[y]
    unit = Unit(max_iter=30).fit(x, names)
    assert set(unit.predict(x)) <= set(names) and unit.score(x, names) > 0.7
    assert unit.decision_function(x).shape == (90, 3) and unit.predict(x[:0]).shape == (0,)
    bit = Unit().partial_fit(x[:1], names[:1], classes=names).partial_fit(x[1:], names[1:])
    whole = Unit().partial_fit(x, names)
    np.testing.assert_allclose(bit.coef_, whole.coef_, rtol=1e-4, atol=1e-5)
    for i in range(2):  # a bool is a label like any other
        two = Unit().fit(x, y == i)
        assert two.classes_.dtype == bool and two.decision_function(x).shape == (90,)


@pytest.mark.parametrize("Unit", UNITS)
def test_same_on_the_reference(Unit):
    x, y = clouds(200, 3)
    settings = dict(max_iter=5, shuffle=True, random_state=3)
    found = Unit(**settings).fit(x, y)
    with fastnn.backend("reference"):
        other = Unit(**settings).fit(x, y)
    np.testing.assert_allclose(found.coef_, other.coef_, rtol=1e-4, atol=1e-4)
    assert (found.predict(x) == other.predict(x)).all()


@pytest.mark.parametrize("Unit", UNITS)
def test_bad_input(Unit):
    x, y = clouds()
    for arguments, error, words in (
        ((x[0], y), ValueError, r"fit: X has shape \(3,\)"),
        ((x[:0], y[:0]), ValueError, r"X has shape \(0, 3\)"),
        ((x * np.float32("inf"), y), ValueError, "not finite"),
        ((x.astype(complex), y), TypeError, "X has dtype complex128"),
        ((x, y[:5]), ValueError, r"y has shape \(5,\), expected \(60,\)"),
        ((x, 0 * y), ValueError, "y has 1 classes"),
    ):
        with pytest.raises(error, match=words):
            Unit().fit(*arguments)
    with pytest.raises(RuntimeError, match="not fitted yet"):
        Unit().predict(x)
    with pytest.raises(ValueError, match="max_iter is 0, expected at least 1"):
        Unit(max_iter=0).fit(x, y)
    unit = Unit().fit(x, y)
    with pytest.raises(ValueError, match=r"expected \(N, 3\)"):
        unit.predict(x[:, :2])
    with pytest.raises(ValueError, match="the class 7, expected one of"):
        unit.partial_fit(x, y + 7)
    with pytest.raises(ValueError, match="has no rows"):
        unit.partial_fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="score: y has shape"):
        unit.score(x, y[:3])


def test_bad_adaline_settings():
    x, y = clouds()
    for settings, error, words in (
        (dict(method="both"), ValueError, "method is 'both', expected 'online' or 'batch'"),
        (dict(learning_rate=0), ValueError, "learning_rate is 0, expected above 0"),
        (dict(learning_rate=None), TypeError, "learning_rate must be a number"),
    ):
        with pytest.raises(error, match=words):
            Adaline(**settings).fit(x, y)


def test_parameters():
    unit = Adaline(learning_rate=0.5)
    assert unit.get_params()["learning_rate"] == 0.5
    assert "method='online'" in repr(unit)
    assert unit.set_params(method="batch").method == "batch"


@pytest.mark.parametrize("wrong", [{"tol": -1.0}, {"tol": "low"}, {"method": "both"}])
def test_a_fit_that_is_refused_leaves_the_one_before(wrong):
    x, y = clouds(40)
    unit = Adaline(max_iter=2).fit(x, y)
    want, words = unit.coef_.copy(), next(iter(wrong))
    with pytest.raises((TypeError, ValueError), match=f"Adaline.*{words}"):
        unit.set_params(**wrong).fit(x[:, :1], y)
    assert np.array_equal(unit.coef_, want) and unit.decision_function(x).shape == (40,)


def test_no_rows_have_no_score():
    x, y = clouds(40)
    signs = np.where(x > 0, 1, -1)
    for model, rows, right in (
        (Adaline(max_iter=1).fit(x, y), x, y),
        (ThresholdUnit([1.0, 1.0, 1.0]), x, y),
        (classic.ELM(5).fit(x, y), x, y),
        (classic.ELM(5).fit(x, x[:, 0]), x, x[:, 0]),
        (classic.DBN((2,), n_epochs=1).fit(x > 0, y), x > 0, y),
        (classic.Hopfield().fit(signs[:2]), signs, signs),
    ):
        assert 0 <= model.score(rows, right) <= 1
        with pytest.raises(ValueError, match=rf"{type(model).__name__}.score: X has no rows"):
            model.score(rows[:0], right[:0])


def test_learning_goes_on_from_coefficients_set_by_hand():
    x = np.array([[2.0, 1.0], [-1.0, 3.0]], np.float32)
    y = [0, 1]
    unit = Perceptron().fit(x, y)
    unit.coef_, unit.intercept_ = np.array([[-5.0, 0.0]], np.float32), np.array([1.0], np.float32)
    unit.partial_fit(x, y)  # both are right: nothing changes
    np.testing.assert_array_equal(unit.coef_, [[-5, 0]])
    np.testing.assert_array_equal(unit.intercept_, [1])
    unit.coef_ = np.array([[5.0, 0.0]], np.float32)
    unit.partial_fit(x[:1], y[:1])  # a mistake: w -= x
    np.testing.assert_array_equal(unit.coef_, [[3, -1]])
    np.testing.assert_array_equal(unit.intercept_, [0])
