"""CNNClassifier and CNNRegressor; the activations by name that scikit-learn has not."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from fastnn.sklearn import CNNClassifier, CNNRegressor, MLPClassifier

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
    defaults = {"channels": (4,), "dense": (16,), "max_iter": 3, "random_state": 0}
    return CNNClassifier(**{**defaults, **options})


def weights_of(estimator):
    return np.concatenate([p.detach().numpy().ravel() for p in estimator.module_.parameters()])


def kinds(modules):
    return [type(m).__name__ for m in modules]


def test_digits(digits):
    x, x_test, y, y_test = digits
    net = CNNClassifier((8, 16), dense=(32,), max_iter=8, batch_size=50, random_state=0,
                        learning_rate_init=0.01).fit(x, y)  # fmt: skip
    assert net.input_shape_ == (1, 8, 8) and net.score(x_test, y_test) > 0.96
    probabilities = net.predict_proba(x_test)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(x_test), probabilities)
    assert clone(net).get_params() == net.get_params()


def test_rows_images_and_csr_are_the_same(few):
    x, y = few
    nets = [
        small().fit(x, y),
        small().fit(x.reshape(-1, 1, 8, 8), y),
        small(input_shape=(1, 8, 8)).fit(sparse.csr_matrix(x), y),
    ]
    for net in nets[1:]:
        np.testing.assert_array_equal(weights_of(net), weights_of(nets[0]))
    images = nets[1].predict_proba(x.reshape(-1, 1, 8, 8))
    np.testing.assert_array_equal(images, nets[0].predict_proba(x))


def test_same_bits_for_each_thread_count(few):
    nets = [small(n_jobs=n, dropout=0.3, batch_norm=True).fit(*few) for n in (1, 2, 3)]
    for net in nets[1:]:
        np.testing.assert_array_equal(weights_of(net), weights_of(nets[0]))


@pytest.mark.parametrize("n_features, channels, expected", [
    (64, (2, 2), (1, 8, 8)),
    (16, (2, 2), (1, 4, 4)),
    (9, (2, 2), (1, 9)),  # no room for two poolings
    (9, (2,), (1, 3, 3)),
    (10, (2,), (1, 10)),
    (1, (2,), (1, 1)),
])  # fmt: skip
def test_shape_of_a_row(n_features, channels, expected):
    x = np.random.default_rng(0).normal(size=(12, n_features))
    net = CNNRegressor(channels, dense=(4,), max_iter=1).fit(x, x[:, 0])
    assert net.input_shape_ == expected and net.predict(x).shape == (12,)


def test_structure(few):
    x, y = few
    net = small(channels=(4, 6), batch_norm=True, activation="silu", dropout=0.1,
                dense=(9, 7)).fit(x, y)  # fmt: skip
    block, last = ["BatchNorm2d", "SiLU", "MaxPool2d"], ["BatchNorm1d", "SiLU", "Dropout"]
    assert kinds(net.module_) == [
        "Flatten", "Unflatten", "Conv2d", *block, "Conv2d", *block, "Flatten",
        "Linear", *last, "Linear", *last, "Linear",
    ]  # fmt: skip
    shapes = [tuple(p.shape) for p in net.module_.parameters() if p.ndim > 1]
    assert shapes == [(4, 1, 3, 3), (6, 4, 3, 3), (9, 24), (7, 9), (10, 7)]
    colours = np.stack([x.reshape(-1, 8, 8)] * 3, axis=1)
    net = small(pool=1, kernel_size=2, dense=(), activation="identity").fit(colours, y)
    assert kinds(net.module_) == ["Conv2d", "Flatten", "Linear"]
    assert net.module_[2].weight.shape == (10, 4 * 64)  # sizes stay under an even kernel too
    net = small(channels=(2,) * 4, input_shape=(1, 8, 8)).fit(x, y)
    assert kinds(net.module_).count("MaxPool2d") == 3  # 8, 4, 2, 1 pixels


def test_first_weights_keep_to_their_law(few):
    """learning_rate_init ~ 0 leaves them as they began; fans count the kernel's 9 pixels."""
    net = small(channels=(32, 64), max_iter=1, learning_rate_init=1e-30).fit(*few)
    weight = net.module_[5].weight.detach().numpy()
    bound = np.sqrt(6 / (9 * (32 + 64)))
    assert weight.shape == (64, 32, 3, 3)
    assert 0.98 * bound < np.abs(weight).max() <= bound
    assert weight.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    net.set_params(init="kaiming_normal").fit(*few)
    assert net.module_[5].weight.detach().numpy().std() == pytest.approx(
        np.sqrt(2 / (9 * 32)), rel=0.03
    )


def test_signals():
    """The frequency of a sine of any phase, which no linear function of its values tells."""
    rng = np.random.default_rng(0)
    frequency = rng.uniform(0.05, 0.25, 300)
    phase = rng.uniform(0, 2 * np.pi, (300, 1))
    x = np.sin(2 * np.pi * frequency[:, None] * np.arange(30) + phase)
    y = 10 * frequency
    net = CNNRegressor((8, 8), 5, 5, (16,), max_iter=40, batch_size=25, learning_rate_init=0.01,
                       random_state=0).fit(x[:200], y[:200])  # fmt: skip
    assert Ridge().fit(x[:200], y[:200]).score(x[200:], y[200:]) < 0.1
    assert net.input_shape_ == (1, 30) and net.score(x[200:], y[200:]) > 0.95
    net.set_params(input_shape=(2, 15), max_iter=2).fit(x, np.column_stack([frequency, phase]))
    assert net.module_[2].weight.shape == (8, 2, 5) and net.predict(x).shape == (300, 2)


def test_grid_search_in_a_pipeline(few):
    x, y = few
    pipeline = make_pipeline(MinMaxScaler(), small(max_iter=25, learning_rate_init=0.02))
    grid = {"cnnclassifier__channels": [(1,), (8,)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(x * 16, y)
    assert search.best_params_ == {"cnnclassifier__channels": (8,)}
    assert search.score(x * 16, y) > 0.9


@pytest.mark.parametrize("options, message", [
    ({"channels": (3, 0)}, "channels must be > 0, got"),
    ({"dense": (3, -1)}, "dense must be > 0, got"),
    ({"dense": (3, 1.5)}, "dense must be > 0, got"),
    ({"kernel_size": 0}, "'kernel_size' parameter"),
    ({"pool": 0}, "'pool' parameter"),
    ({"input_shape": (1, 8, 7)}, r"input_shape is \(1, 8, 7\), expected .* the 64 features"),
    ({"input_shape": (64,)}, r"input_shape is \(64,\), expected \(channels, length\) or"),
    ({"solver": "lbfgs", "dropout": 0.5}, "dropout is 0.5, expected 0 with solver='lbfgs'"),
])  # fmt: skip
def test_bad_parameters(few, options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(*few)


def test_bad_data(few):
    x, y = few
    images = x.reshape(-1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"samples of shape \(1, 4, 16\), expected \(1, 8, 8\)"):
        small().fit(images, y).predict(x.reshape(-1, 1, 4, 16))
    with pytest.raises(ValueError, match=r"samples of shape \(1, 1, 8, 8\), expected n_features"):
        small().fit(images[:, None], y)


@pytest.mark.parametrize("name, kind", [("elu", "ELU"), ("gelu", "GELU"), ("silu", "SiLU")])
def test_activations_of_an_mlp(few, name, kind):
    x, y = few
    net = MLPClassifier((32,), name, max_iter=60, learning_rate_init=0.01, random_state=0)
    assert net.fit(x, y).score(x, y) > 0.97 and kinds(net.module_) == ["Linear", kind, "Linear"]
