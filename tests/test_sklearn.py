"""Estimators for scikit-learn: beside scikit-learn's own, inside its tools, and options."""

import inspect
import pickle
import time
import warnings

import numpy as np
import pytest
from programs import run_python

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn import nn, optim
from fastnn.models import MLP
from fastnn.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
from fastnn.train import LambdaCallback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return train_test_split(x / 16, y, random_state=0)


@pytest.fixture(scope="module")
def few(digits):
    x, _, y, _ = digits
    return x[:150].astype(np.float32), y[:150]


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return train_test_split(x, y, random_state=0)


def weights_of(estimator):
    return np.concatenate([p.detach().numpy().ravel() for p in estimator.module_.parameters()])


def same(a, b):
    np.testing.assert_array_equal(weights_of(a), weights_of(b))


# Beside scikit-learn's own


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_are_those_of_scikit_learn(name):
    theirs = inspect.signature(getattr(neural_network, name)).parameters
    mine = inspect.signature(getattr(fastnn.sklearn, name)).parameters
    for key, parameter in theirs.items():
        assert mine[key].default == parameter.default, key
    order = [k for k, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert order == list(theirs)[: len(order)]  # what may be given by position


@pytest.mark.parametrize(
    "options",
    [{}, {"solver": "sgd", "learning_rate_init": 0.1}, {"solver": "lbfgs"}],
    ids=["adam", "sgd", "lbfgs"],
)
def test_digits_as_good_as_scikit_learn(digits, options):
    x, x_test, y, y_test = digits
    seeds = range(3) if options.get("solver") == "lbfgs" else (0,)  # its minima differ most

    def score(kind):
        nets = [kind(random_state=seed, max_iter=60, **options).fit(x, y) for seed in seeds]
        return np.mean([net.score(x_test, y_test) for net in nets])

    theirs, mine = score(neural_network.MLPClassifier), score(MLPClassifier)
    assert theirs > 0.95 and mine >= theirs - 0.01


def test_diabetes_as_good_as_scikit_learn(diabetes):
    x, x_test, y, y_test = diabetes
    common = {"hidden_layer_sizes": (20,), "max_iter": 300, "learning_rate_init": 0.01}

    def score(kind):
        nets = [kind(random_state=s, **common) for s in range(3)]
        scores = [make_pipeline(StandardScaler(), n).fit(x, y).score(x_test, y_test) for n in nets]
        return np.mean(scores)

    theirs, mine = score(neural_network.MLPRegressor), score(MLPRegressor)
    assert theirs > 0.3 and mine >= theirs - 0.02


@pytest.mark.parametrize("options", [
    {"activation": "tanh"},
    {"activation": "tanh", "alpha": 0.5},
    {"solver": "sgd", "learning_rate": "invscaling", "activation": "logistic"},
    {"solver": "sgd", "learning_rate": "adaptive", "nesterovs_momentum": False, "tol": 0.05,
     "n_iter_no_change": 2},
    {"solver": "sgd", "momentum": 0.0},
])  # fmt: skip
@pytest.mark.parametrize("kind", ["binary", "multiclass", "weighted", "regression"])
def test_each_epoch_equals_scikit_learns(few, options, kind):
    """From the same weights, on batches in the same order, losses and predictions are the same.

    With a large alpha the losses differ a little: the penalty told is that of the epoch's last
    weights, not of each step's; with weights, a step's penalty is divided by their mean sum.
    """
    x, y = few
    name = "MLPRegressor" if kind == "regression" else "MLPClassifier"
    y = {"binary": (y > 4).astype(int), "regression": y / 10}.get(kind, y)
    weight = np.linspace(0.2, 3, 150)[np.arange(150) * 7 % 150] if kind == "weighted" else None
    common = {"hidden_layer_sizes": (12, 7), "shuffle": False, "batch_size": 50,
              "random_state": 1, **options}  # fmt: skip
    theirs = getattr(neural_network, name)(max_iter=1, learning_rate_init=1e-30, **common)
    mine = getattr(fastnn.sklearn, name)(max_iter=1, learning_rate_init=1e-30, **common)
    wide = x.astype(np.float64)
    start = theirs.fit(wide, y)
    mine.fit(x, y)  # makes the network
    weights = zip([*mine.coefs_, *mine.intercepts_], [*start.coefs_, *start.intercepts_],
                  strict=True)  # fmt: skip
    for target, source in weights:
        target[...] = source
    mine.t_, mine.loss_curve_, mine.best_loss_, mine._no_improvement_count = 0, [], np.inf, 0
    settings = {"max_iter": 12, "learning_rate_init": 0.01}
    theirs = clone(theirs).set_params(**settings).fit(wide, y, sample_weight=weight)
    mine.set_params(warm_start=True, **settings).fit(x, y, sample_weight=weight)
    assert mine.n_iter_ == theirs.n_iter_ == 12 and mine.t_ == theirs.t_
    rough = options.get("alpha") == 0.5
    rtol = 0.05 if rough else 1e-3
    np.testing.assert_allclose(mine.loss_curve_, theirs.loss_curve_, rtol=rtol)
    if kind == "regression":
        found, expected = mine.predict(x), theirs.predict(wide)
    else:
        found, expected = mine.predict_proba(x), theirs.predict_proba(wide)
    np.testing.assert_allclose(found, expected, atol=0.02 if rough else 2e-3)


# Inside scikit-learn's tools


def test_pipeline_and_cross_validation(digits):
    x, _, y, _ = digits
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=30, random_state=0,
                             learning_rate_init=0.005))  # fmt: skip
    assert cross_val_score(pipeline, x, y, cv=3).min() > 0.93


def test_grid_search_in_processes(few):
    """It ends, and finds what it finds in this process."""
    x, y = few
    grid = {"hidden_layer_sizes": [(4,), (16,)], "solver": ["adam", "lbfgs"]}
    net = MLPClassifier(max_iter=20, random_state=0, learning_rate_init=0.01)
    start = time.perf_counter()
    searches = [GridSearchCV(net, grid, cv=2, n_jobs=n).fit(x, y) for n in (2, 1)]
    assert time.perf_counter() - start < 60
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    same(searches[0].best_estimator_, searches[1].best_estimator_)
    assert len(set(scores[0])) > 1


def test_grid_search_over_a_module(few):
    x, y = few
    net = NetClassifier(MLP, module__hidden=(8,), max_iter=30, random_state=0, optimizer="sgd")
    grid = {"module__hidden": [(2,), (32,)], "optimizer__momentum": [0.0, 0.9]}
    search = GridSearchCV(net.set_params(learning_rate_init=0.1), grid, cv=2, n_jobs=2).fit(x, y)
    assert search.best_params_ == {"module__hidden": (32,), "optimizer__momentum": 0.9}
    assert clone(net).get_params() == net.get_params()


# What is promised of a fit


@pytest.mark.parametrize("options", [
    {}, {"dropout": 0.3, "batch_norm": True, "residual": True}, {"solver": "lbfgs"},
])  # fmt: skip
def test_same_bits_for_each_thread_count_and_generator_untouched(few, options):
    x, y = few
    state = fastnn.default_generator.get_state()
    common = {"hidden_layer_sizes": (40, 40), "max_iter": 10, "random_state": 3, **options}
    nets = [MLPClassifier(n_jobs=n, **common).fit(x, y) for n in (1, 2, 5)]
    assert fastnn.default_generator.get_state() == state
    same(nets[0], nets[1])
    same(nets[0], nets[2])
    other = MLPClassifier(**{**common, "random_state": 4}).fit(x, y)
    assert not np.array_equal(weights_of(other), weights_of(nets[0]))


def test_n_jobs_limits_threads_during_the_fit_only(few):
    seen = []
    note = LambdaCallback(on_epoch_end=lambda *_: seen.append(fastnn.get_num_threads()))
    with fastnn.threads(2):
        for n_jobs in (1, 3, None):
            MLPClassifier((4,), max_iter=1, n_jobs=n_jobs, callbacks=[note]).fit(*few)
            assert fastnn.get_num_threads() == 2
    assert seen == [1, 3, 2]


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_sparse_equals_dense(few, kind):
    x, y = few
    net = kind(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    dense, rows = clone(net).fit(x, y), clone(net).fit(sparse.csr_matrix(x), y)
    same(dense, rows)
    np.testing.assert_array_equal(dense.predict(x), rows.predict(sparse.csr_array(x)))


def test_float32_is_kept(few):
    x, y = few
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5).fit(x, y)
    assert net.predict(x).dtype == np.float32 and net.predict(x.astype(float)).dtype == np.float64
    assert net.coefs_[0].dtype == np.float32 and net.coefs_[0].shape == (64, 8)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_weights_equal_repetition(few, solver):
    x, y = few
    times = np.arange(len(y)) % 4
    net = MLPClassifier(
        (8,), solver=solver, batch_size=10**6, max_iter=40, random_state=0, alpha=0.1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # batch_size is clipped
        weighted = clone(net).fit(x, y, sample_weight=times)
        repeated = clone(net).fit(np.repeat(x, times, axis=0), np.repeat(y, times))
        plain = clone(net).fit(x, y)
    p = [each.predict_proba(x) for each in (weighted, repeated, plain)]
    np.testing.assert_allclose(p[0], p[1], rtol=1e-4)
    assert np.abs(p[0] - p[2]).max() > 1e-3


def test_class_weight(few):
    x, y = few
    y = (y == 3).astype(int)
    net = MLPClassifier((8,), max_iter=20, random_state=0)
    by_class = clone(net).set_params(class_weight={0: 1, 1: 5}).fit(x, y)
    same(by_class, clone(net).fit(x, y, sample_weight=np.where(y, 5.0, 1.0)))
    balanced = clone(net).set_params(class_weight="balanced").fit(x, y)
    assert balanced.predict(x).sum() > clone(net).fit(x, y).predict(x).sum()


def test_partial_fit_is_fit_and_goes_on_after_pickling(few):
    x, y = few
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "dropout": 0.2, "tol": 0.0}
    whole = MLPClassifier(max_iter=6, **options).fit(x, y)
    steps = MLPClassifier(**options)
    for epoch in range(6):
        steps.partial_fit(x, y, classes=np.arange(10) if epoch == 0 else None)
        steps = pickle.loads(pickle.dumps(steps))
    same(whole, steps)
    assert steps.loss_curve_ == whole.loss_curve_ and steps.t_ == whole.t_
    with pytest.raises(ValueError, match="not in `self.classes_`"):
        steps.partial_fit(x[:5], np.full(5, 77))
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(x, y)
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


def test_warm_start_goes_on(few):
    net = MLPClassifier((8,), max_iter=5, random_state=0, warm_start=True).fit(*few)
    first, module = list(net.loss_curve_), net.module_
    net.fit(*few)
    assert net.module_ is module and net.loss_curve_[:5] == first and len(net.loss_curve_) == 10
    assert net.loss_curve_[5] < first[0]
    assert net.set_params(warm_start=False).fit(*few).loss_curve_ == first


def test_early_stopping_restores_the_best(few):
    x, y = few
    net = MLPClassifier(
        (16,), early_stopping=True, max_iter=200, random_state=0, learning_rate_init=0.05,
        n_iter_no_change=4, validation_fraction=0.3,
    )  # fmt: skip
    net.fit(x, y)
    assert net.n_iter_ < 200 and net.best_loss_ is None
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert len(net.validation_loss_curve_) == len(net.validation_scores_) == net.n_iter_
    other = (x[::-1][:40], y[::-1][:40])
    net.fit(x, y, validation_data=other)
    assert net.score(*other) == pytest.approx(net.best_validation_score_)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        net.partial_fit(x, y)
    with pytest.raises(ValueError, match="validation set is too small"):
        MLPRegressor(early_stopping=True, validation_fraction=0.01).fit(x[:50], y[:50])


def test_adaptive_and_schedulers_change_the_learning_rate(few):
    rates = []
    note = LambdaCallback(on_epoch_end=lambda t, row: rates.append(row["lr"]))
    MLPClassifier((4,), solver="sgd", learning_rate="adaptive", tol=10.0, n_iter_no_change=1,
                  max_iter=7, learning_rate_init=1.0, callbacks=[note]).fit(*few)  # fmt: skip
    assert rates == pytest.approx(
        [1, 1, 1, 0.2, 0.2, 0.04, 0.04]
    )  # the first epoch is always better
    rates.clear()
    halve = lambda optimizer: optim.lr_scheduler.StepLR(optimizer, 2, 0.5)  # noqa: E731
    MLPClassifier((4,), max_iter=5, learning_rate_init=0.8, scheduler=halve,
                  callbacks=[note]).fit(*few)  # fmt: skip
    assert rates == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2])


def test_penalties_act(few):
    penalties = {"alpha": 0.0}, {"alpha": 50.0}, {"alpha": 0.0, "l1": 10.0}
    net = MLPClassifier((16,), max_iter=150, random_state=0)
    plain, l2, l1 = (np.abs(clone(net).set_params(**p).fit(*few).coefs_[0]) for p in penalties)
    assert (l2**2).sum() < 0.5 * (plain**2).sum() and l1.sum() < 0.5 * plain.sum()
    # Adam's steps are as long as the learning rate, so weights held at 0 dance that far around it.
    assert (l1 < 3e-3).mean() > (plain < 3e-3).mean() + 0.3


def test_structure_of_the_network(few):
    net = MLPClassifier((8, 8), dropout=0.2, batch_norm=True, residual=True, max_iter=2,
                        init="orthogonal", activation="leaky_relu").fit(*few)  # fmt: skip
    kinds = [type(m).__name__ for m in net.module_]
    assert kinds == ["Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Residual", "Linear"]
    x, y = few
    net.set_params(batch_size=149).fit(x, y)  # the last batch of one sample is left out
    assert net.n_layers_ == 4 and net.n_outputs_ == 10 and net.out_activation_ == "softmax"


def test_several_labels_and_several_targets(few):
    x, y = few
    labels = np.stack([y > 4, y % 2 == 0, y == 3], axis=1).astype(int)
    net = MLPClassifier((32,), max_iter=80, learning_rate_init=0.01, random_state=0).fit(x, labels)
    assert net.predict_proba(x).shape == (150, 3) and net.score(x, labels) > 0.95
    x, y = make_regression(100, 5, n_targets=2, random_state=0)
    net = MLPRegressor(
        hidden_layer_sizes=(32,), max_iter=300, learning_rate_init=0.01, random_state=0
    )
    assert net.fit(x, y / 100).predict(x).shape == (100, 2) and net.score(x, y / 100) > 0.95


def test_losses(diabetes):
    x, _, y, _ = diabetes
    x, y = x * 20, y / 100
    for loss in ("squared_error", "absolute_error", "huber", "poisson", nn.L1Loss()):
        net = MLPRegressor(loss, (16,), max_iter=150, random_state=0, learning_rate_init=0.01)
        assert net.fit(x, y).score(x, y) > 0.4, loss
        assert (net.predict(x) > 0).all() or loss != "poisson"
        net.set_params(max_iter=2).fit(x, y, sample_weight=np.ones(len(y)))
    with pytest.raises(ValueError, match="poisson.*targets >= 0"):
        MLPRegressor("poisson").fit(x, -y)
    smooth = nn.CrossEntropyLoss(label_smoothing=0.2)
    labels = (y > 1).astype(int)
    net = MLPClassifier((16,), max_iter=100, random_state=0, loss=smooth).fit(x, labels)
    assert net.n_outputs_ == 2 and net.score(x, labels) > 0.7


# Any Module


class Pooled(nn.Module):
    """Images (N, 1, 8, 8) -> logits, with a dropout that draws from the default generator."""

    def __init__(self, channels=4, out_features=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Dropout(0.1), nn.Linear(16 * channels, out_features),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def test_images_through_a_module(digits):
    x, x_test, y, y_test = digits
    net = NetClassifier(Pooled, module__channels=8, max_iter=12, random_state=0,
                        learning_rate_init=0.01, optimizer=optim.NAdam)  # fmt: skip
    state = fastnn.default_generator.get_state()
    net.fit(x.reshape(-1, 1, 8, 8), y)
    assert net.score(x_test.reshape(-1, 1, 8, 8), y_test) > 0.95
    assert fastnn.default_generator.get_state() == state
    again = pickle.loads(pickle.dumps(net)).fit(x.reshape(-1, 1, 8, 8), y)
    same(net, again)


def test_an_instance_is_copied(few):
    x, y = few
    module = MLP(64, (8,), 1)
    before = module.state_dict()["layers.1.weight"].numpy().copy()
    net = NetRegressor(module, max_iter=3).fit(x, y)
    assert net.module_ is not module and net.predict(x).shape == (150,)
    np.testing.assert_array_equal(module.state_dict()["layers.1.weight"].numpy(), before)
    with pytest.raises(ValueError, match="module__hidden has no place"):
        clone(net).set_params(module__hidden=(3,)).fit(x, y)
    with pytest.raises(TypeError, match="no parameter 'hidden'"):
        NetRegressor(MLP, hidden=(3,)).fit(x, y)
    with pytest.raises(ValueError, match="Invalid parameter 'hidden'"):
        net.set_params(hidden=(3,))


# Errors


@pytest.mark.parametrize("options, message", [
    ({"solver": "newton"}, "'solver' parameter"),
    ({"dropout": 1.0}, "'dropout' parameter"),
    ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
    ({"solver": "lbfgs", "dropout": 0.5}, "dropout is 0.5, expected 0 with solver='lbfgs'"),
    ({"init": "zeros"}, "'init' parameter"),
    ({"n_jobs": 1.5}, "'n_jobs' parameter"),
])  # fmt: skip
def test_bad_parameters(few, options, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**options).fit(*few)


def test_bad_data(few):
    x, y = few
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(x)
    with pytest.raises(ValueError, match="sample_weight is 0 for all|weights"):
        MLPClassifier().fit(x, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6, max_iter=30).fit(x * 1e6, y)


def test_it_says_when_it_has_not_converged(few):
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning) as seen:
            MLPClassifier(max_iter=2, solver=solver).fit(*few)
        assert seen[0].filename == __file__


def test_without_scikit_learn_the_extra_is_named():
    code = "import sys; sys.modules['sklearn'] = None; import fastnn; import fastnn.sklearn"
    done = run_python("-c", code)
    assert done.returncode == 1 and "pip install 'fastnn-cpu[sklearn]'" in done.stderr
