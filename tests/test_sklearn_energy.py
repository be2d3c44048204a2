"""scikit-learn's estimators over `classic`: its own checks of estimators, and its tools."""

import inspect
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastnn
from fastnn import classic
from fastnn.sklearn import (
    Adaline,
    BernoulliRBM,
    DBNClassifier,
    GaussianRBM,
    HopfieldMemory,
    NetClassifier,
    Perceptron,
)

ESTIMATORS = [
    Adaline(learning_rate=1e-5),  # there are X with a mean of 100, as nobody should give them
    BernoulliRBM(8),
    DBNClassifier((20, 20)),
    GaussianRBM(8),
    HopfieldMemory(),
    Perceptron(max_iter=100),
]
NO_PROBABILITIES = "accuracy of 0.83 on two real columns that are no probabilities; see the digits"
CHANCE = "score_samples flips a unit drawn at random in each row, as scikit-learn's own"
STATES = "predict gives states and score takes them: of shape (n_samples, n_features)"
EXPECTED = {
    DBNClassifier: {
        f"check_classifiers_train{kind}": NO_PROBABILITIES
        for kind in ("", "(readonly_memmap=True)", "(readonly_memmap=True,X_dtype=float32)")
    },
    BernoulliRBM: {
        "check_methods_subset_invariance": CHANCE,
        "check_methods_sample_order_invariance": CHANCE,
    },
    HopfieldMemory: {
        "check_estimator_sparse_array": STATES,
        "check_estimator_sparse_matrix": STATES,
        "check_fit_score_takes_y": STATES,
        "check_pipeline_consistency": STATES,
        "check_transformer_n_iter": "max_iter is that of recall; fit takes no iterations",
    },
}


def expected(estimator):
    return EXPECTED.get(type(estimator), {})


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
@pytest.mark.filterwarnings("ignore:.*are no probabilities of Bernoulli units")
def test_check(estimator, check):
    check(estimator)


X, Y = load_digits(return_X_y=True)
X = (X[:600] / 16).astype(np.float32)
Y = Y[:600]


def seed_of(random_state):
    return int(np.random.RandomState(random_state).randint(2**31 - 1))


def parameters(model):
    return [model.components_, model.intercept_hidden_, model.intercept_visible_]


def test_parameters_are_those_of_scikit_learn():
    theirs = inspect.signature(neural_network.BernoulliRBM).parameters
    mine = inspect.signature(BernoulliRBM).parameters
    for key, parameter in theirs.items():
        assert mine[key].default == parameter.default and mine[key].kind == parameter.kind, key


def test_features_and_likelihood_as_good_as_scikit_learns():
    def judge(kind):
        model = kind(64, learning_rate=0.06, n_iter=15, random_state=0)
        pipeline = make_pipeline(model, LogisticRegression(C=100, max_iter=2000))
        accuracy = cross_val_score(pipeline, X, Y, cv=3).mean()
        return accuracy, clone(model).fit(X).score_samples(X).mean()

    theirs, mine = judge(neural_network.BernoulliRBM), judge(BernoulliRBM)
    assert theirs[0] > 0.7 and mine[0] >= theirs[0] - 0.02
    assert mine[1] >= theirs[1] - 0.5


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_rbms_are_those_of_classic(visible):
    kind = {"bernoulli": BernoulliRBM, "gaussian": GaussianRBM}[visible]
    settings = {"learning_rate": 0.01, "momentum": 0.5, "algorithm": "cd", "batch_size": 20}
    mine = kind(12, n_iter=2, random_state=5, **settings).fit(X)
    generator = fastnn.Generator(seed_of(5))
    same = classic.RBM(12, visible=visible, n_epochs=2, random_state=generator, **settings).fit(X)
    for a, b in zip(parameters(mine), parameters(same), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(mine.transform(X), same.transform(X))
    assert mine.get_feature_names_out()[-1] == kind.__name__.lower() + "11"
    assert hasattr(mine, "score_samples") == (visible == "bernoulli")
    if visible == "gaussian":
        assert kind(12).learning_rate == 0.001


def test_units_and_the_belief_network_are_those_of_classic():
    for mine, theirs in (
        (Perceptron(max_iter=5, shuffle=True, random_state=3), classic.Perceptron),
        (Adaline(max_iter=5, learning_rate=1e-3, random_state=3), classic.Adaline),
        (DBNClassifier((16, 8), n_epochs=2, random_state=3), classic.DBN),
    ):
        generator = fastnn.Generator(seed_of(3))
        same = theirs(**mine.get_params()).set_params(random_state=generator).fit(X, Y)
        np.testing.assert_array_equal(mine.fit(X, Y).predict(X), same.predict(X))
        assert type(mine).__name__ == repr(mine).split("(")[0]
        assert clone(mine).get_params() == mine.get_params()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_belief_network_classifies():
    names = np.array(list("abcdefghij"))[Y]
    model = DBNClassifier((60, 60), n_epochs=(20, 80), random_state=0).fit(X[:450], names[:450])
    assert model.score(X[450:], names[450:]) > 0.7
    p = model.predict_proba(X)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    assert model.sample(3, 5, y="b").shape == (3, 64)
    grid = GridSearchCV(DBNClassifier(n_epochs=40, random_state=0),
                        {"n_components": [2, (60, 60)]}, cv=2, n_jobs=2)  # fmt: skip
    assert grid.fit(X, Y).best_params_ == {"n_components": (60, 60)} and grid.best_score_ > 0.6
    fastnn.manual_seed(0)  # of the new output layer
    network = NetClassifier(model.to_sequential(10), max_iter=60, learning_rate_init=0.01,
                            random_state=0, n_iter_no_change=60)  # fmt: skip
    assert network.fit(X[:450], names[:450]).score(X[450:], names[450:]) > 0.85


def test_gaussian_rbm_in_a_pipeline_and_a_search():
    pipeline = make_pipeline(
        StandardScaler(),
        GaussianRBM(80, n_iter=15, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    search = GridSearchCV(pipeline, {"gaussianrbm__learning_rate": [1e-6, 3e-3]}, cv=2)
    search.fit(X, Y)
    assert search.best_params_ == {"gaussianrbm__learning_rate": 3e-3} and search.best_score_ > 0.6


@pytest.mark.parametrize("model", [
    BernoulliRBM(9, n_iter=2, random_state=0), DBNClassifier((9, 7), n_epochs=1, random_state=0),
    Perceptron(max_iter=3), HopfieldMemory(random_state=0),
], ids=lambda model: type(model).__name__)  # fmt: skip
def test_sparse_x_pickle_and_threads(model):
    x = (X > 0.5).astype(np.float32)
    ask = "transform" if hasattr(model, "transform") else "decision_function"
    want = getattr(clone(model).fit(x, Y), ask)(x)
    with fastnn.threads(2):
        found = clone(model).fit(sparse.csr_matrix(x), Y)
    np.testing.assert_array_equal(getattr(found, ask)(sparse.csr_array(x)), want)
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(getattr(copy, ask)(x), want)
    with pytest.raises(NotFittedError):
        getattr(clone(model), ask)(x)


@pytest.mark.parametrize("model", [
    BernoulliRBM(9, n_iter=2, random_state=0), DBNClassifier((9, 7), n_epochs=1, random_state=0),
    HopfieldMemory(random_state=0),
], ids=lambda model: type(model).__name__)  # fmt: skip
def test_names_of_columns(model):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    named = clone(model).fit(frame, Y)
    assert list(named.feature_names_in_) == list(frame.columns)
    want = clone(model).fit(X, Y).transform(X)
    np.testing.assert_array_equal(named.transform(frame), want)
    out = named.set_output(transform="pandas").transform(frame)
    assert list(out.columns) == list(named.get_feature_names_out())
    if isinstance(model, HopfieldMemory):
        assert list(out.columns) == list(frame.columns)


def test_partial_fit_goes_on():
    model = BernoulliRBM(8, random_state=0)
    for _ in range(3):
        model.partial_fit(X)
        model = pickle.loads(pickle.dumps(model))
    one = BernoulliRBM(8, random_state=0).partial_fit(X)
    assert np.abs(model.components_ - one.components_).max() > 1e-3
    assert model.components_.shape == (8, 64)
    unit = Perceptron().partial_fit(X[:9], Y[:9], classes=np.arange(10))
    assert unit.partial_fit(X, Y).score(X, Y) > 0.5


def test_no_probabilities_are_told_of():
    with pytest.warns(UserWarning, match=r"BernoulliRBM.fit: X has values from 0.0 to 16.0; "):
        BernoulliRBM(4, n_iter=1).fit(X * 16)
    model = DBNClassifier((4, 4), n_epochs=1).fit(X, Y)
    with pytest.warns(UserWarning, match=r"DBNClassifier.predict: X has values from -1.0 to "):
        model.predict(X - 1)


def test_errors_name_the_estimator():
    for model, words in (
        (BernoulliRBM(n_iter=-1), "BernoulliRBM: n_iter is -1"),
        (GaussianRBM(batch_size=0), "GaussianRBM: batch_size is 0"),
        (DBNClassifier((4,), algorithm="x"), "DBNClassifier: algorithm is 'x'"),
        (DBNClassifier((4,), visible="gaussian"), "DBNClassifier.fit: labels need a second layer"),
        (GaussianRBM(9, learning_rate=1e3, n_iter=99), "GaussianRBM.fit: the weights grew"),
        (Perceptron(max_iter=0), "max_iter is 0"),
        (HopfieldMemory("hub"), "rule is 'hub'"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(X, Y)


def test_errors_of_what_is_inherited_name_the_estimator():
    for call, words in (
        (BernoulliRBM(30, n_iter=0).fit(X).log_partition, r"BernoulliRBM\.log_partition: 64 ber"),
        (DBNClassifier((4, 4), n_epochs=0).fit(X, Y).sample, r"DBNClassifier\.sample: n_samples"),
        (DBNClassifier((4, 4), n_epochs=0).fit(X, Y).to_sequential, r"DBNClassifier\.to_sequent"),
        (HopfieldMemory(binarize="x").fit, "HopfieldMemory: binarize must be"),
    ):
        wrong = {"sample": (-1,), "to_sequential": (0,), "fit": (X,)}.get(call.__name__, ())
        with pytest.raises((TypeError, ValueError), match=words):
            call(*wrong)


def test_log_partition_takes_random_states():
    model = BernoulliRBM(5, n_iter=2, random_state=0).fit(X)
    exact = model.log_partition()
    for seed in (3, np.random.RandomState(3)):
        found = model.log_partition(n_chains=100, n_betas=300, random_state=seed)
        assert found == pytest.approx(exact, abs=0.2)
        assert found == model.log_partition(n_chains=100, n_betas=300, random_state=3)


def test_verbose(capsys):
    BernoulliRBM(4, n_iter=2, verbose=1, random_state=0).fit(X)
    GaussianRBM(4, n_iter=1, verbose=True, random_state=0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" = ")[0] for line in lines] == [
        "[BernoulliRBM] Iteration 1, pseudo-likelihood",
        "[BernoulliRBM] Iteration 2, pseudo-likelihood",
        "[GaussianRBM] Iteration 1, reconstruction error",
    ]


@pytest.mark.parametrize("rule", ["hebb", "pseudoinverse", "storkey"])
def test_memory_recalls(rule):
    rng = np.random.default_rng(0)
    patterns = rng.choice([-1.0, 1.0], (5, 100)).astype(np.float32)
    noisy = np.where(rng.random((40, 100)) < 0.1, -1, 1) * patterns[np.arange(40) % 5]
    memory = HopfieldMemory(rule, random_state=0).fit(patterns)
    np.testing.assert_array_equal(memory.transform(noisy), patterns[np.arange(40) % 5])
    assert memory.score(noisy, patterns[np.arange(40) % 5]) == 1 == memory.score(patterns)
    assert (memory.energy(memory.predict(noisy)) <= memory.energy(noisy)).all()
    pixels = (noisy + 1) * 5  # 0 and 10
    found = clone(memory).set_params(binarize=5.0).fit((patterns + 1) * 5).transform(pixels)
    np.testing.assert_array_equal(found, patterns[np.arange(40) % 5])
    with pytest.raises(ValueError, match="X has the value 10.0, expected -1 and 1"):
        HopfieldMemory(rule, binarize=None).fit(pixels)
    search = GridSearchCV(memory, {"rule": ["hebb", "storkey"]}, cv=2).fit(patterns)
    assert search.best_params_["rule"] in ("hebb", "storkey")
