"""The deep belief network: its stack, its labels, what it samples, what it refuses."""

import pickle

import numpy as np
import pytest

import fastnn
from fastnn import nn
from fastnn.classic import DBN, RBM
from fastnn.demos._digits8 import prototypes


def data(n=200, seed=0):
    """Noisy copies of three of the 8x8 digits, as 0 and 1, and which."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = (prototypes()[y] > 0).astype(np.float32)
    noise = rng.random(x.shape) < 0.05
    return np.where(noise, 1 - x, x), np.array(["nought", "one", "two"])[y]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_stack_is_rbms_one_after_the_other():
    x, _ = data()
    model = DBN((20, 12, 7), learning_rate=(0.1, 0.2, 0.05), n_epochs=(3, 1, 2), random_state=4)
    model.fit(x)
    generator, below = fastnn.Generator(4), x
    for layer, size, rate, epochs in zip(
        model.layers_, (20, 12, 7), (0.1, 0.2, 0.05), (3, 1, 2), strict=True
    ):
        rbm = RBM(
            size, algorithm="cd", learning_rate=rate, momentum=0.5, n_epochs=epochs,
            random_state=generator,
        ).fit(below)  # fmt: skip
        np.testing.assert_array_equal(layer.components_, rbm.components_)
        np.testing.assert_array_equal(layer.intercept_hidden_, rbm.intercept_hidden_)
        below = rbm.transform(below)
    np.testing.assert_array_equal(model.transform(x), below)
    np.testing.assert_array_equal(DBN(**model.get_params()).set_params(random_state=4)
                                  .fit_transform(x), below)  # fmt: skip
    assert model.n_features_in_ == 64 and model.classes_ is None
    for layer in reversed(model.layers_):
        below = layer.inverse_transform(below)
    np.testing.assert_array_equal(model.reconstruct(x), below)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("sizes", [(10,), (20, 10)])
def test_sequential_computes_transform(sizes, labelled):
    x, y = data()
    model = DBN(sizes, n_epochs=2, random_state=0).fit(x, y if labelled else None)
    network = model.to_sequential()
    with fastnn.no_grad():
        found = network(fastnn.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, model.transform(x), atol=1e-6)
    whole = model.to_sequential(3)
    kinds = [type(module) for module in whole]
    assert kinds == [nn.Linear, nn.Sigmoid] * len(sizes) + [nn.Linear]
    assert tuple(whole[-1].weight.shape) == (3, 10)
    before = model.layers_[0].components_.copy()
    loss = nn.functional.cross_entropy(whole(fastnn.from_numpy(x)), fastnn.zeros(200).long())
    loss.backward()
    fastnn.optim.SGD(whole.parameters(), lr=1.0).step()
    assert np.abs(whole[0].weight.detach().numpy()[:, :64] - before[:, :64]).max() > 0
    np.testing.assert_array_equal(model.layers_[0].components_, before)  # copies


def test_label_units_take_part_as_equation_says():
    """p(y | x) of the top RBM: the free energies, class by class, in float64."""
    x, y = data()
    model = DBN((20, 10), n_epochs=3, random_state=0).fit(x, y)
    top = model.layers_[1]
    features = model.layers_[0].transform(x).astype(np.float64)
    w, c, b = (
        p.astype(np.float64)
        for p in (top.components_, top.intercept_hidden_, top.intercept_visible_)
    )
    assert w.shape == (10, 23)
    scores = np.stack(
        [b[20 + i] + np.logaddexp(0, features @ w[:, :20].T + w[:, 20 + i] + c).sum(axis=1)
         for i in range(3)]
    )  # fmt: skip
    np.testing.assert_array_equal(model.predict(x), model.classes_[scores.argmax(axis=0)])
    want = sigmoid(features @ w[:, :20].T + w[:, 20:].mean(axis=1) + c)
    np.testing.assert_allclose(model.transform(x), want, atol=1e-5)
    assert model.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("sizes", [(30,), (30, 30), (30, 30, 30)])
def test_learns_classifies_and_samples_the_class_asked_for(sizes):
    x, y = data(600)
    model = DBN(sizes, n_epochs=40, random_state=0).fit(x, y)
    fresh, truth = data(300, seed=1)
    assert model.score(fresh, truth) > 0.97
    wanted = np.repeat(["nought", "one", "two"], 40)
    s = model.sample(120, 100, y=wanted)
    assert s.shape == (120, 64) and s.dtype == np.float32 and s.min() >= 0 and s.max() <= 1
    nearest = (prototypes()[:3] @ (2 * s.T - 1)).argmax(axis=0)
    assert (np.array(["nought", "one", "two"])[nearest] == wanted).mean() > 0.9
    one = model.sample(20, 100, y="two")
    assert ((prototypes()[:3] @ (2 * one.T - 1)).argmax(axis=0) == 2).mean() > 0.9
    free = model.sample(100, 100)
    assert np.abs(2 * free - 1) @ np.ones(64) @ np.ones(100) / 6400 > 0.7  # sure of most elements


def test_samples_of_one_layer_are_those_of_its_rbm():
    """The mean over samples is that of the exact distribution."""
    x, _ = data()
    model = DBN((6,), n_epochs=20, random_state=1).fit(x[:, 16:32])
    rbm = model.layers_[0]
    found = model.sample(20_000, 100).mean(axis=0)
    states = ((np.arange(1 << 16)[:, None] >> np.arange(16)) & 1).astype(np.float32)
    want = np.exp(rbm.log_likelihood(states)) @ states
    np.testing.assert_allclose(found, want, atol=0.02)


def test_gaussian_visible_units():
    generator = fastnn.Generator(0)
    x = fastnn.randn(300, 10, generator=generator).numpy()
    x[:150] += 3
    settings = dict(visible="gaussian", learning_rate=(0.005, 0.1), n_epochs=20, random_state=0)
    model = DBN((16, 8), **settings).fit(x)
    s = model.sample(200, 200)
    assert s.min() < 0.5 and s.max() > 2.5  # means, not probabilities
    assert model.layers_[1].visible == "bernoulli"
    with pytest.raises(ValueError, match="labels need a second layer"):
        DBN((16,), visible="gaussian").fit(x, np.arange(300) % 2)


def test_same_on_the_reference_and_on_any_number_of_threads():
    x, y = data()
    fit = lambda: DBN((70, 40), n_epochs=2, batch_size=40, random_state=3).fit(x, y)  # noqa: E731
    found = []
    for n in (1, 2, 3):
        with fastnn.threads(n):
            model = fit()
            found.append(model.transform(x).tobytes() + model.sample(5, 9, y="one").tobytes())
    assert found[0] == found[1] == found[2]
    features = model.transform(x)
    with fastnn.backend("reference"):
        np.testing.assert_allclose(fit().transform(x), features, atol=1e-3)


def test_pickle():
    x, y = data()
    model = DBN((9, 8), n_epochs=1, random_state=3).fit(x, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(x), model.transform(x))
    np.testing.assert_array_equal(copy.sample(3, 5), model.sample(3, 5))


def test_bad_input():
    x, y = data(20)
    for settings, words in (
        (dict(n_components=()), "n_components is ()"),
        (dict(n_components=0), "n_components is 0"),
        (dict(n_components="5"), "expected a size for each layer"),
        (dict(n_components=(5, 0)), "n_components is 0"),
        (dict(learning_rate=(0.1,)), "learning_rate has 1 values for 2 layers"),
        (dict(n_epochs=[1, 2, 3]), "n_epochs has 3 values for 2 layers"),
        (dict(algorithm="x"), "algorithm is 'x'"),
        (dict(visible="x"), "visible is 'x'"),
    ):
        with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
            DBN(**settings).fit(x)
    with pytest.raises(ValueError, match="X has values from"):
        DBN().fit(x * 2)
    with pytest.raises(ValueError, match=r"y has shape \(3,\)"):
        DBN().fit(x, y[:3])
    model = DBN((5, 4), n_epochs=1).fit(x)
    for call in (lambda: model.predict(x), lambda: model.sample(2, 3, y="one")):
        with pytest.raises(RuntimeError, match="fitted without y"):
            call()
    with pytest.raises(ValueError, match=r"transform: X has shape \(20, 3\)"):
        model.transform(x[:, :3])
    with pytest.raises(ValueError, match=r"inverse_transform: X has shape"):
        model.inverse_transform(x)
    with pytest.raises(ValueError, match="n_classes is 0"):
        model.to_sequential(0)
    with pytest.raises(ValueError, match="n_steps is 0"):
        model.sample(1, 0)
    model.fit(x, y)
    with pytest.raises(ValueError, match="y has the class 'three', expected one of"):
        model.sample(2, 3, y="three")
    with pytest.raises(ValueError, match=r"y has shape \(2,\), expected \(3,\)"):
        model.sample(3, 3, y=["one", "two"])
    for method in ("transform", "inverse_transform", "predict"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(DBN(), method)(x)
    for method in ("sample", "to_sequential"):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            getattr(DBN(), method)()


def test_probabilities_are_those_of_the_free_energies():
    x, y = data()
    model = DBN((20, 10), n_epochs=3, random_state=0).fit(x, y)
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(x))
    features, top = model.layers_[0].transform(x), model.layers_[1]
    hot = np.eye(3, dtype=np.float32)
    f = [top.free_energy(np.concatenate([features, np.tile(h, (200, 1))], axis=1)) for h in hot]
    odds = np.exp(np.clip(f[0] - f[1], -30, 30))
    np.testing.assert_allclose(p[:, 1], odds * p[:, 0], rtol=1e-6, atol=1e-12)


def test_errors_name_the_dbn():
    x, y = data()
    model = DBN((8, 4), n_epochs=1).fit(x, y)
    for method in ("fit", "transform", "predict", "predict_proba", "reconstruct"):
        with pytest.raises(ValueError, match=r"^DBN\.\w+: X has values from .* expected 0 to 1"):
            getattr(model, method)(x * 3)
    for settings, words in (
        (dict(batch_size=0), "^DBN: batch_size is 0"),
        (dict(algorithm="x"), "^DBN: algorithm is 'x'"),
        (dict(visible="x"), r"^DBN\.fit: visible is 'x'"),
        (dict(n_epochs=(1, -1)), "^DBN: n_epochs is -1"),
        (dict(learning_rate=1e3, visible="gaussian", n_epochs=200), r"^DBN\.fit: the weights grew"),
    ):
        with pytest.raises(ValueError, match=words):
            DBN((8, 4), **settings).fit(x)
