"""RNNClassifier and RNNRegressor."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import fastnn
from fastnn.sklearn import RNNClassifier, RNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return train_test_split((x / 16).astype(np.float32), y, random_state=0)


@pytest.fixture(scope="module")
def few(digits):
    x, _, y, _ = digits
    return x[:120], y[:120]


def small(**options):
    defaults = {"hidden_size": 6, "max_iter": 3, "random_state": 0, "input_shape": (8, 8)}
    return RNNClassifier(**{**defaults, **options})


def weights_of(estimator):
    return np.concatenate([p.detach().numpy().ravel() for p in estimator.module_.parameters()])


@pytest.mark.parametrize("options", [
    {"cell": "lstm"}, {"cell": "gru"}, {"cell": "rnn", "bidirectional": True},
])  # fmt: skip
def test_digits_read_row_by_row(digits, options):
    x, x_test, y, y_test = digits
    net = RNNClassifier(hidden_size=24, input_shape=(8, 8), max_iter=20, batch_size=50,
                        learning_rate_init=0.01, random_state=0, **options).fit(x, y)  # fmt: skip
    assert net.score(x_test, y_test) > 0.93
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(x_test), net.predict_proba(x_test))
    assert clone(net).get_params() == net.get_params()


def test_rows_sequences_and_csr_are_the_same(few):
    x, y = few
    nets = [
        small().fit(x, y),
        small(input_shape=None).fit(x.reshape(-1, 8, 8), y),
        small().fit(sparse.csr_matrix(x), y),
    ]
    assert nets[1].input_shape_ == (8, 8)
    for net in nets[1:]:
        np.testing.assert_array_equal(weights_of(net), weights_of(nets[0]))
    sequences = nets[1].predict_proba(x.reshape(-1, 8, 8))
    np.testing.assert_array_equal(sequences, nets[0].predict_proba(x))
    with pytest.raises(ValueError, match=r"samples of shape \(8, 4\), expected \(8, 8\)"):
        nets[1].predict(x.reshape(-1, 8, 8)[..., :4])


def test_same_bits_for_each_thread_count_and_generator_untouched(few):
    state = fastnn.default_generator.get_state()
    options = {"num_layers": 2, "bidirectional": True, "dropout": 0.3}
    nets = [small(n_jobs=n, **options).fit(*few) for n in (1, 2, 3)]
    assert fastnn.default_generator.get_state() == state
    for net in nets[1:]:
        np.testing.assert_array_equal(weights_of(net), weights_of(nets[0]))


def test_partial_fit_is_fit_and_goes_on_after_pickling(few):
    x, y = few
    options = {"dropout": 0.2, "num_layers": 2, "tol": 0.0}
    whole, steps = small(max_iter=4, **options).fit(x, y), small(**options)
    for epoch in range(4):
        steps.partial_fit(x, y, classes=np.arange(10) if epoch == 0 else None)
        steps = pickle.loads(pickle.dumps(steps))
    np.testing.assert_array_equal(weights_of(whole), weights_of(steps))
    assert not np.array_equal(
        weights_of(whole), weights_of(small(max_iter=4, num_layers=2).fit(x, y))
    )


@pytest.mark.parametrize("cell, gates", [("lstm", 4), ("gru", 3), ("rnn", 1)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_structure(few, cell, gates, bidirectional):
    net = small(cell=cell, num_layers=2, bidirectional=bidirectional, max_iter=1,
                learning_rate_init=1e-30).fit(*few)  # fmt: skip
    first, second = net.module_.layers
    directions = 1 + bidirectional
    assert first.weight_ih_l0.shape == (gates * 6, 8)
    assert second.weight_ih_l0.shape == (gates * 6, 6 * directions)
    assert net.module_.output.weight.shape == (10, 6 * directions)
    if cell == "lstm":
        forget = (first.bias_ih_l0 + first.bias_hh_l0).detach().numpy()[6:12]
        np.testing.assert_allclose(forget, 1.0, rtol=1e-6)
    x = few[0][:3].reshape(3, 8, 8)
    with fastnn.no_grad():
        h, _ = second(first(fastnn.from_numpy(x))[0])
        ends = [h.numpy()[:, -1, :6], h.numpy()[:, 0, 6:]]
        expected = net.module_.output(fastnn.from_numpy(np.concatenate(ends, 1))).numpy()
        found = net.module_(fastnn.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_every_feature_is_a_step():
    """The first of ten numbers: an input only nine steps before the end."""
    x = np.random.default_rng(0).normal(size=(300, 10))
    net = RNNRegressor("gru", 8, max_iter=60, batch_size=50, learning_rate_init=0.02,
                       random_state=0).fit(x[:200], x[:200, 0])  # fmt: skip
    assert net.input_shape_ == (10, 1) and net.score(x[200:], x[200:, 0]) > 0.8
    net.set_params(max_iter=2).fit(x, x[:, :2])
    assert net.predict(x).shape == (300, 2)


def test_grid_search_in_a_pipeline(few):
    x, y = few
    net = small(cell="gru", max_iter=30, learning_rate_init=0.03)
    grid = {"rnnclassifier__hidden_size": [1, 16]}
    search = GridSearchCV(make_pipeline(MinMaxScaler(), net), grid, cv=2).fit(x * 16, y)
    assert search.best_params_ == {"rnnclassifier__hidden_size": 16}
    assert search.score(x * 16, y) > 0.9


@pytest.mark.parametrize("options, message", [
    ({"cell": "elman"}, "'cell' parameter"),
    ({"hidden_size": 0}, "'hidden_size' parameter"),
    ({"num_layers": 1.5}, "'num_layers' parameter"),
    ({"input_shape": (8, 7)}, r"input_shape is \(8, 7\), expected \(steps, features\), together"),
    ({"input_shape": (1, 8, 8)}, r"input_shape is \(1, 8, 8\), expected \(steps, features\)"),
    ({"solver": "lbfgs", "dropout": 0.5}, "dropout is 0.5, expected 0 with solver='lbfgs'"),
])  # fmt: skip
def test_bad_parameters(few, options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(*few)
