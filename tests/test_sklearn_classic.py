"""fastnn.classic inside scikit-learn's pipelines, cross-validation and searches."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier, is_clusterer, is_regressor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fastnn import classic, datasets

X, Y = load_iris(return_X_y=True)
ESTIMATORS = [
    cls
    for cls in (getattr(classic, name) for name in classic.__all__)
    if hasattr(cls, "get_params") and cls is not classic.ThresholdUnit  # no defaults
]

CLASSIFIERS = {  # and the least share of iris that is right
    classic.Perceptron(max_iter=50, shuffle=True, random_state=0): 0.8,
    classic.Adaline(random_state=0): 0.75,
    classic.ELM(30, task="classification", random_state=0): 0.93,
    classic.RBFNetwork(20, task="classification", random_state=0): 0.9,
}


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_pipelines_can_be_made_cloned_and_shown(cls):
    model = make_pipeline(StandardScaler(), cls())
    assert cls.__name__ in clone(model)._repr_html_()


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_classifiers_are_cross_validated_by_stratified_folds(model):
    """Iris is in the order of its classes: without strata no fold knows the class it is tested
    on."""
    for estimator in (make_pipeline(StandardScaler(), model), model):
        scores = cross_val_score(estimator, X, Y, cv=3)
        assert np.isfinite(scores).all()
    scores = cross_val_score(make_pipeline(StandardScaler(), model), X, Y, cv=3)
    assert scores.mean() >= CLASSIFIERS[model]


def test_regression_is_searched():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classic.ELM(20, random_state=0)),
        {"elm__alpha": [1e-3, 1e9]},
        scoring="r2",
    )
    rows = np.random.default_rng(0).permutation(len(X))
    search.fit(X[rows, :3], X[rows, 3])
    assert search.best_params_ == {"elm__alpha": 1e-3} and search.best_score_ > 0.85


@pytest.mark.parametrize(
    "model",
    [classic.RBM(30, random_state=0), classic.SOM((5, 6), random_state=0),
     classic.DBN((30,), random_state=0), classic.ELM(30, random_state=0)],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_transformers_come_before_others(model):
    digits = datasets.digits8x8()
    x, y = digits.x.reshape(-1, 64)[:600], digits.y[:600]
    pipeline = make_pipeline(MinMaxScaler(clip=True), model, LogisticRegression(max_iter=5000))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.6
    assert clone(pipeline).fit(x, y)[:-1].transform(x).shape == (600, 30)


def test_kinds():
    assert is_classifier(classic.Perceptron()) and is_classifier(classic.DBN())
    assert is_clusterer(classic.SOM()) and is_regressor(classic.EchoStateNetwork())
    assert is_regressor(classic.ELM(task="regression"))
    automatic = classic.ELM(10)
    assert not is_regressor(automatic) and not is_classifier(automatic)
    assert is_classifier(automatic.fit(X, Y)) and is_regressor(automatic.fit(X, X[:, 0]))
