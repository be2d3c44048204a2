"""Row 118: function approximation on real data, beside scikit-learn's network."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ._needs import scikit_learn
from ._registry import Result, at_least, at_most, demo, told


def _draw(figure: Any, *, scores: dict, y: np.ndarray, said: np.ndarray, linear: float) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    left.plot(y, said, "o", ms=4, alpha=0.6)
    ends = [25, 350]
    left.plot(ends, ends, "k:", lw=1, label="if it were exact")
    left.plot(ends, [y.mean()] * 2, "C3--", lw=1, label="the mean for everybody")
    left.set_xlabel("progression of diabetes after a year: measured")
    left.set_ylabel("predicted from ten values of today, by others' data")
    left.set_title("each patient when held out", fontsize=10)
    left.legend(fontsize=8)
    names = list(scores)
    for place, name in enumerate(names):
        values = scores[name]
        right.plot(np.full(len(values), place), values, "o", alpha=0.5)
        right.plot([place - 0.25, place + 0.25], [values.mean()] * 2, "k", lw=2)
        right.text(place + 0.28, values.mean(), f"{values.mean():.3f}", va="center")
    right.axhline(linear, color="gray", ls=":", label="linear regression")
    right.set_xticks(range(len(names)), names)
    right.set_ylim(linear - 0.1, linear + 0.1)
    right.set_xlim(-0.5, len(names) - 0.3)
    right.set_ylabel("R² on held-out patients (dot: one seed; line: mean)")
    right.set_title("the same settings in both libraries", fontsize=10)
    right.legend(fontsize=8)


@demo(
    118,
    name="regression",
    title="Regression: how diabetes goes on, beside scikit-learn",
    bar="mean R^2 over seeds, five-fold, within 0.02 of scikit-learn's MLPRegressor with the same "
    "settings and folds, and at least 0.40",
    draw=_draw,
    size=(12, 5),
    seconds=(4, 2),
    source="Efron, Hastie, Johnstone, Tibshirani 2004, doi:10.1214/009053604000000067 (data); "
    "Hornik, Stinchcombe, White 1989, doi:10.1016/0893-6080(89)90020-8",
    needs=scikit_learn,
)
def regression(quick: bool, seed: int) -> Result:
    """A network whose output is a number predicts how diabetes goes on in 442 patients, and does so
    as well as scikit-learn's network with the same settings. With data so few and so noisy it
    explains about half of the variation, and a straight line does as well.

    It is trained on squared errors. That networks approximate any function says nothing about what
    so much noise allows: R^2 ends near 0.5. The two libraries start from different random weights,
    so means over seeds are compared, of the same folds.
    """
    from sklearn import neural_network
    from sklearn.datasets import load_diabetes
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ..sklearn import MLPRegressor

    x, y = load_diabetes(return_X_y=True)
    center, scale = y.mean(), y.std()
    target = (y - center) / scale
    folds = KFold(5, shuffle=True, random_state=seed)

    def held_out(model: Any) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is a setting here
            return cross_val_predict(make_pipeline(StandardScaler(), model), x, target, cv=folds)

    settings: dict[str, Any] = {
        "hidden_layer_sizes": (16,), "activation": "tanh", "solver": "lbfgs", "alpha": 20.0,
        "max_iter": 100,
    }  # fmt: skip
    seeds = range(seed, seed + (2 if quick else 5))
    said = {
        "fastnn": [held_out(MLPRegressor(random_state=s, **settings)) for s in seeds],
        "scikit-learn": [
            held_out(neural_network.MLPRegressor(random_state=s, **settings)) for s in seeds
        ],
    }
    scores = {
        name: np.array([r2_score(target, one) for one in all_]) for name, all_ in said.items()
    }
    linear = r2_score(target, held_out(LinearRegression()))
    mean, other = (float(scores[name].mean()) for name in ("fastnn", "scikit-learn"))
    return Result(
        (
            at_least("R^2, mean over seeds", mean, 0.40),
            told("R^2 of scikit-learn's", other),
            at_most("difference of the two", abs(mean - other), 0.02),
            told("R^2 of linear regression", float(linear)),
        ),
        {"scores": scores, "y": y, "said": said["fastnn"][0] * scale + center, "linear": linear},
    )
