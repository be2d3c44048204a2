"""RBF network and extreme learning machine: random or clustered features, a linear readout."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn.classic import ELM, RBFNetwork
from fastnn.classic._distances import k_means, nearest, squared_distances
from fastnn.classic._readout import ridge

BOTH = [RBFNetwork, ELM]


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def moons(n=300, seed=0):
    return fastnn.datasets.moons(n, generator=fastnn.Generator(seed))


def make(kind, n, **settings):
    return kind(n, random_state=0, **settings)


def wave(x):
    return np.sin(6 * x[:, 0]) + 0.5 * x[:, 1].astype(np.float64) ** 2


# What the readout must be


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 2.0])
def test_ridge_is_the_minimum(alpha):
    h = np.random.default_rng(0).normal(size=(40, 6))
    t = np.random.default_rng(1).normal(size=(40, 2))
    coef, intercept = ridge(h, t, alpha)
    hc, tc = h - h.mean(0), t - t.mean(0)
    want = np.linalg.solve(hc.T @ hc + alpha * np.eye(6), hc.T @ tc)
    np.testing.assert_allclose(coef, want, rtol=1e-9)
    np.testing.assert_allclose(intercept, t.mean(0) - h.mean(0) @ coef, rtol=1e-9)


def test_ridge_of_dependent_features():
    h = np.random.default_rng(0).normal(size=(30, 4))
    h = np.concatenate([h, h], axis=1)  # each twice
    t = np.random.default_rng(1).normal(size=(30, 1))
    coef, _ = ridge(h, t, 0)
    half, _ = ridge(h[:, :4], t, 0)
    np.testing.assert_allclose(coef, np.concatenate([half, half]) / 2, atol=1e-9)  # the shortest
    wide, intercept = ridge(h[:5], t[:5], 0)  # more features than samples
    np.testing.assert_allclose(h[:5] @ wide + intercept, t[:5], atol=1e-9)


# Features


def test_rbf_features_are_the_equation():
    x = uniform(70, 3)
    for width in (0.4, "distance", "neighbors"):
        model = make(RBFNetwork, 12, centers="sample", width=width).fit(x, wave(x))
        c = model.centers_.astype(np.float64)
        gaps = np.sqrt(((c[:, None] - c) ** 2).sum(-1))
        two = np.sqrt((np.sort(gaps, 1)[:, 1:3] ** 2).mean(1))
        s = {"distance": gaps.max() / np.sqrt(24), "neighbors": two}.get(width, width)
        np.testing.assert_allclose(model.widths_, np.broadcast_to(s, 12), rtol=1e-5)
        want = np.exp(-((x[:, None] - c) ** 2).sum(-1) / (2 * s * s * np.ones(12)))
        found = model.transform(x)
        np.testing.assert_allclose(found, want, atol=1e-5)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            model.predict(x), want @ model.coef_[:, 0] + model.intercept_, atol=1e-2
        )
        assert {tuple(row) for row in model.centers_} <= {tuple(row) for row in x}


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_elm_features_are_the_equation(activation):
    x = uniform(50, 3)
    model = make(ELM, 20, activation=activation, weight_scale=3.0).fit(x, wave(x))
    z = x @ model.weights_.T.astype(np.float64) + model.biases_
    want = {"sigmoid": 1 / (1 + np.exp(-z)), "tanh": np.tanh(z), "relu": np.maximum(z, 0)}
    np.testing.assert_allclose(model.transform(x), want[activation], atol=1e-6)
    for drawn in (model.weights_, model.biases_):
        assert np.abs(drawn).max() <= 3 and drawn.min() < 0 < drawn.max()
    np.testing.assert_allclose(
        model.predict(x), want[activation] @ model.coef_[:, 0] + model.intercept_, atol=1e-3
    )


def test_k_means():
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [5, 0], [0, 5], [5, 5]])
    x = (middles[rng.integers(0, 4, 400)] + 0.3 * rng.normal(size=(400, 2))).astype(np.float32)
    centres = k_means(x, (middles + 1).astype(np.float32), 50)
    which = nearest(x, centres)
    want = [x[which == j].astype(np.float64).mean(0) for j in range(4)]
    np.testing.assert_allclose(centres, want, atol=1e-5)  # at rest
    np.testing.assert_allclose(centres, middles, atol=0.15)
    far = np.array([[0, 0], [99, 99]], np.float32)
    assert (k_means(x, far, 50)[1] == 99).all()  # nearest to nothing: it stays
    d = squared_distances(x, centres)
    np.testing.assert_allclose(d, ((x[:, None] - centres) ** 2).sum(-1), atol=1e-4)


# What they can do


def test_goes_through_every_sample():
    """As many units as samples and no penalty: Broomhead and Lowe 1988, Huang 2006, theorem 2.1."""
    x = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    y = np.random.default_rng(0).normal(size=9)
    for model in (
        make(RBFNetwork, 9, centers="sample", width=0.2, alpha=0.0),
        make(ELM, 40, weight_scale=20.0, alpha=0.0),
    ):
        np.testing.assert_allclose(model.fit(x, y).predict(x), y, atol=1e-3)
        assert model.score(x, y) > 0.99999


@pytest.mark.parametrize("kind", BOTH)
def test_approximates_a_function(kind):
    x, test = uniform(600, 2), uniform(300, 2, seed=1)
    settings = {"width": 0.3} if kind is RBFNetwork else {"weight_scale": 4.0}
    model = make(kind, 60, **settings).fit(x, wave(x))
    assert model.score(test, wave(test)) > 0.999
    two = make(kind, 60, **settings).fit(x, np.stack([wave(x), -wave(x)], 1))
    np.testing.assert_allclose(two.predict(test)[:, 0], model.predict(test), atol=1e-6)
    np.testing.assert_allclose(two.predict(test)[:, 1], -model.predict(test), atol=1e-6)
    assert two.score(test, np.stack([wave(test), -wave(test)], 1)) > 0.999
    assert not hasattr(model, "classes_") and model.predict(test).dtype == np.float64


@pytest.mark.parametrize("kind", BOTH)
def test_classifies(kind):
    x, y = moons()
    test, truth = moons(seed=1)
    model = make(kind, 40, **({"weight_scale": 3.0} if kind is ELM else {})).fit(x, y)
    assert model.score(test, truth) > 0.97
    net = model.decision_function(test)
    assert net.shape == (300,) and (model.predict(test) == model.classes_[(net > 0) * 1]).all()
    names = np.array(["left", "right"])[y]
    assert (model.fit(x, names).predict(test) == names[:0].dtype.type("left")).any()
    assert set(model.predict(test)) == {"left", "right"}
    d = fastnn.datasets.digits8x8()
    x, y = d.x.reshape(-1, 64), d.y
    model = make(kind, 300, alpha=1e-2).fit(x[:1200], y[:1200])
    assert model.score(x[1200:], y[1200:]) > 0.93
    assert model.decision_function(x[:5]).shape == (5, 10) and model.coef_.shape == (300, 10)


@pytest.mark.parametrize("kind", BOTH)
def test_task(kind):
    x = uniform(40, 2)
    y = np.arange(40) % 3
    assert hasattr(make(kind, 5).fit(x, y), "classes_")
    model = make(kind, 5, task="regression").fit(x, y)
    assert not hasattr(model, "classes_") and model.predict(x).dtype == np.float64
    model.set_params(task="classification").fit(x, y.astype(float))
    assert model.classes_.tolist() == [0, 1, 2]
    model.set_params(task="auto").fit(x, y.astype(float))
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("kind", BOTH)
def test_same_on_the_reference_and_for_any_threads(kind):
    x, test = uniform(400, 3), uniform(2000, 3, seed=1)
    ours = make(kind, 50, alpha=1e-3).fit(x, wave(x))
    with fastnn.backend("reference"):
        theirs = make(kind, 50, alpha=1e-3).fit(x, wave(x))
        np.testing.assert_allclose(theirs.transform(test), ours.transform(test), atol=1e-5)
        np.testing.assert_allclose(theirs.predict(test), ours.predict(test), atol=1e-3)
    for threads in (2, 3):
        with fastnn.threads(threads):
            other = make(kind, 50, alpha=1e-3).fit(x, wave(x))
            assert (other.transform(test) == ours.transform(test)).all()


@pytest.mark.parametrize("kind", BOTH)
def test_draws_and_copies(kind):
    x = uniform(60, 3)
    a, b, c = (kind(8, random_state=s).fit(x, wave(x)).predict(x) for s in (0, 0, 1))
    assert (a == b).all() and (a != c).any()
    model = make(kind, 8).fit(x, wave(x))
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (other.predict(x) == model.predict(x)).all()
    assert kind(**model.get_params()).get_params() == model.get_params()
    assert model.predict(x[:0]).shape == (0,)


def test_narrow_cases():
    x = uniform(20, 2)
    one = RBFNetwork(1).fit(x, wave(x))
    spread = np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(one.widths_, spread, rtol=1e-5)  # there is no other centre
    np.testing.assert_allclose(RBFNetwork(1).fit(100 * x, wave(x)).widths_, 100 * spread, rtol=1e-5)
    np.testing.assert_allclose(one.centers_[0], x.mean(0), rtol=1e-5)
    assert (RBFNetwork(2, width="neighbors").fit(x, wave(x)).widths_ > 0).all()
    for width in ("neighbors", "distance"):
        with pytest.warns(UserWarning, match="3 of 3 centres coincide with others"):
            point = RBFNetwork(3, width=width).fit(np.ones((5, 2)), np.arange(5.0))
        assert (point.widths_ == 1).all()
    given = uniform(4, 2, seed=3)
    assert (RBFNetwork(4, centers=given).fit(x, wave(x)).centers_ == given).all()


BAD = [
    (RBFNetwork, "n_centers is 0", dict(n_centers=0)),
    (RBFNetwork, "n_centers is 99, but X has 20 rows", dict(n_centers=99)),
    (RBFNetwork, "centers is 'grid', expected 'kmeans', 'sample' or an array",
     dict(centers="grid")),
    (RBFNetwork, "centers has 3 rows, expected 5", dict(centers=np.ones((3, 2)))),
    (RBFNetwork, "width is 'wide', expected 'distance', 'neighbors' or a number",
     dict(width="wide")),
    (RBFNetwork, "width is -1", dict(width=-1)),
    (RBFNetwork, "max_iter is 0", dict(max_iter=0)),
    (ELM, "n_hidden is 0", dict(n_hidden=0)),
    (ELM, "activation is 'step', expected 'sigmoid', 'tanh' or 'relu'", dict(activation="step")),
    (ELM, "weight_scale is 0", dict(weight_scale=0)),
    *((kind, "alpha is -1, expected a finite number from 0 on", dict(alpha=-1)) for kind in BOTH),
    *((kind, "task is 'rank', expected one of auto, classification, regression",
       dict(task="rank")) for kind in BOTH),
]  # fmt: skip


@pytest.mark.parametrize("kind, message, settings", BAD)
def test_bad_settings(kind, message, settings):
    first = {RBFNetwork: "n_centers", ELM: "n_hidden"}[kind]
    x = uniform(20, 2)
    with pytest.raises(ValueError) as caught:
        kind(**{first: 5, **settings}).fit(x, wave(x))
    assert message in str(caught.value) and kind.__name__ in str(caught.value)


@pytest.mark.parametrize("kind", BOTH)
def test_bad_arrays(kind):
    x, name = uniform(20, 2), kind.__name__
    y = wave(x)
    for X, t, error, words in (
        (x[0], y, ValueError, "X has shape"),
        (x * np.nan, y, ValueError, "X has values that are not finite"),
        (x.astype(complex), y, TypeError, "X has dtype complex128"),
        (x, y[:3], ValueError, r"y has shape \(3,\), expected \(20,\)"),
        (x, y * np.inf, ValueError, "y has values that are not finite"),
        (x, np.zeros(20, int), ValueError, "y has 1 classes, expected 2 or more"),
        (x, np.zeros((20, 0)), ValueError, r"y has shape \(20, 0\)"),
    ):
        with pytest.raises(error, match=f"{name}.fit: {words}"):
            make(kind, 5).fit(X, t)
    with pytest.raises(TypeError, match="y has dtype <U1"):
        make(kind, 5, task="regression").fit(x, np.array(["a"] * 20))
    model = make(kind, 5).fit(x, y)
    for method in ("predict", "transform", "decision_function"):
        with pytest.raises(ValueError, match=r"X has shape \(20, 1\), expected \(N, 2\)"):
            getattr(model, method)(x[:, :1])
        with pytest.raises(RuntimeError, match=f"this {name} is not fitted yet"):
            getattr(kind(), method)(x)
    with pytest.raises(ValueError, match=r"score: y has shape \(20, 2\), expected \(20,\)"):
        model.score(x, np.zeros((20, 2)))


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize("centers", ["kmeans", "sample"])
def test_equal_centres_have_no_width_of_rounding(centers, offset):
    """Few different rows, each many times: most centres are equal, as close as float32 can say."""
    x = np.repeat(10 * uniform(4, 6), 10, axis=0) + np.float32(offset)
    for seed in range(10):
        with pytest.warns(UserWarning, match="of 12 centres coincide with others"):
            widths = RBFNetwork(12, centers=centers, random_state=seed).fit(x, wave(x)).widths_
        assert widths.min() >= 0.5
        own, times = np.unique(widths, return_counts=True)
        if times.max() < 12:  # some have a width; the others their mean
            rest = widths[widths != own[times.argmax()]]
            np.testing.assert_allclose(own[times.argmax()], rest.mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_a_fit_that_is_refused_leaves_the_one_before(kind):
    x = uniform(40, 3)
    labels = (wave(x) > 0).astype(int)
    model = make(kind, 9).fit(x, labels)
    want = model.decision_function(x)
    for y in (labels[:-1], np.zeros(40, int), np.full(40, np.nan)):
        with pytest.raises(ValueError, match="y has"):
            model.fit(uniform(40, 5), y)
        assert (model.decision_function(x) == want).all() and (model.classes_ == [0, 1]).all()
    with pytest.raises(ValueError, match="alpha is -1"):
        model.set_params(alpha=-1).fit(uniform(40, 5), labels)
    assert (model.decision_function(x) == want).all()
