"""Row 63: nobody can tell the right hyper-parameters beforehand, so they are searched for."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import datasets
from ._digits8 import split
from ._needs import optuna, scikit_learn
from ._registry import Figure, Result, at_least, at_most, demo, exactly, told

_HIDDEN = {"4": (4,), "32": (32,), "128": (128,), "32-32": (32, 32), "8-8-8-8": (8, 8, 8, 8)}
_ACTIVATIONS = ("logistic", "tanh", "relu")
_SOLVERS = ("sgd", "adam")
_SCALES = ("as they are", "standardised")


def _draw(
    figure: Any, *, shares: np.ndarray, best: tuple, names: list, activations: list, trials: list
) -> None:
    """shares (scalings, solvers, activations, hidden); trials: Optuna's, one after the other."""
    figure, other = figure.subfigures(1, 2, width_ratios=(3, 1))
    _draw_trials(other.subplots(), trials)
    panels = figure.subplots(len(_SCALES), len(_SOLVERS))
    for i, row in enumerate(panels):
        for j, axes in enumerate(row):
            image = axes.imshow(shares[i, j], cmap="viridis", vmin=0.1, vmax=1, aspect="auto")
            for (a, h), share in np.ndenumerate(shares[i, j]):
                chosen = (i, j, a, h) == best
                text = f"{share:.3f}" + ("\nchosen" if chosen else "")
                axes.text(h, a, text, ha="center", va="center", fontsize=9,
                          weight="bold" if chosen else "normal",
                          color="white" if share < 0.7 else "black")  # fmt: skip
            axes.set_xticks(range(len(names)), names)
            axes.set_yticks(range(len(activations)), activations)
            axes.set_title(f"{_SOLVERS[j]}, pixels {_SCALES[i]}", fontsize=10)
    figure.supxlabel("units of the hidden layers", fontsize=10)
    figure.colorbar(image, ax=panels, label="share read right, mean of three folds")


def _draw_trials(axes: Any, trials: list) -> None:
    axes.set_title("Optuna: trial after trial", fontsize=10)
    if not trials:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "left out: Optuna is\nnot installed", ha="center", va="center")
        return
    steps = range(1, len(trials) + 1)
    axes.plot(steps, trials, "o", ms=4, label="a trial")
    axes.step(steps, np.maximum.accumulate(trials), "C1", where="post", label="best so far")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("trial")
    axes.set_ylabel("share read right, mean of three folds")
    axes.legend(fontsize=9, loc="lower right")


def _tried(net: Any, trial: Any) -> Any:
    """The estimator of a trial: its number of units and its rate lie between bounds, where a grid
    must name each value.
    """
    from sklearn.base import clone

    depth = trial.suggest_int("depth", 1, 4)
    return clone(net).set_params(
        hidden_layer_sizes=(trial.suggest_int("width", 4, 128, log=True),) * depth,
        activation=trial.suggest_categorical("activation", _ACTIVATIONS),
        solver=trial.suggest_categorical("solver", _SOLVERS),
        learning_rate_init=trial.suggest_float("rate", 1e-4, 1e-1, log=True),
    )


def _study(net: Any, x: np.ndarray, y: np.ndarray, n_trials: int, seed: int) -> Any:
    """Optuna's study: a few trials by chance, then where those before were good."""
    import optuna
    from sklearn.model_selection import cross_val_score

    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(
            lambda trial: float(cross_val_score(_tried(net, trial), x, y, cv=3).mean()), n_trials
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
    return study


def _others(
    net: Any, d: datasets.Split, n: int, n_trials: int, seed: int, bar: float
) -> tuple[tuple[Figure, ...], list[float]]:
    """Optuna's figures and trials; where it is not installed, the count 0 and none."""
    if optuna():
        return (told("Optuna: trials (it is not installed)", 0),), []
    study = _study(net, d.x_train[:n], d.y_train[:n], n_trials, seed)
    best = _tried(net, study.best_trial).fit(d.x_train[:n], d.y_train[:n])
    figures = (
        exactly("Optuna: trials", len(study.trials), n_trials),
        at_least("Optuna: new digits read by its best", best.score(d.x_test, d.y_test), bar),
        told("Optuna: share on the folds, its best", study.best_value),
    )
    return figures, [trial.value for trial in study.trials]


@demo(
    63,
    name="grid-search",
    title="Layers, units, activation, optimizer: searched, not known",
    bar="of 60 settings of MLPClassifier the one that scikit-learn's GridSearchCV chooses reads at "
    "least 0.95 of new 8x8 digits (quick: of 24, 0.90, after 400 digits); the worst setting at "
    "most 0.60 on the folds: the choice matters; where Optuna is installed, the best of its 20 "
    "trials (quick 8) reads at least 0.95 (0.80) too",
    draw=_draw,
    size=(16, 6.5),
    seconds=(16, 4),
    source="Bergstra and Bengio 2012, https://www.jmlr.org/papers/v13/bergstra12a.html; Pedregosa "
    "et al. 2011, arXiv:1201.0490; Akiba et al. 2019 (Optuna), arXiv:1907.10902",
    needs=scikit_learn,
)
def grid_search(quick: bool, seed: int) -> Result:
    """Nobody can say beforehand how many layers and units, which activation and which optimizer
    suit a task, so settings are tried and the best is kept. Here scikit-learn's grid search tries
    every setting of a list and Optuna's search chooses the next from what it has seen, and both
    winners are tested on digits that took no part.

    No theory gives these numbers, nor the scale of the data; settings are compared by
    cross-validation, and the best of them depends on the other choices. The best share on the folds
    is a little too good, as the largest of many. Optuna searches widths and rates between bounds,
    where a grid needs a list; it is not a dependency: where it is not installed, the row says so
    and leaves this half out.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from ..sklearn import MLPClassifier

    d = split(seed)
    n = 400 if quick else len(d.x_train)
    names = ["4", "32", "8-8-8-8"] if quick else list(_HIDDEN)
    activations = ["logistic", "relu"] if quick else list(_ACTIVATIONS)
    net = MLPClassifier(max_iter=10, batch_size=32, learning_rate_init=0.01, random_state=seed)
    grid = {
        "net__activation": activations,
        "net__hidden_layer_sizes": [_HIDDEN[name] for name in names],
        "net__solver": list(_SOLVERS),
        "scale": ["passthrough", StandardScaler()],
    }
    search = GridSearchCV(Pipeline([("scale", "passthrough"), ("net", net)]), grid, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten epochs: a setting of the row
        search.fit(d.x_train[:n], d.y_train[:n])
        other, trials = _others(net, d, n, 8 if quick else 20, seed, 0.8 if quick else 0.95)
    shape = len(activations), len(names), len(_SOLVERS), len(_SCALES)  # the last varies fastest
    found = search.cv_results_["mean_test_score"].reshape(shape)
    a, h, solver, scale = (int(i) for i in np.unravel_index(search.best_index_, shape))
    return Result(
        (
            exactly("settings tried", found.size, 24 if quick else 60),
            at_least("new digits read by the chosen one", search.score(d.x_test, d.y_test),
                     0.9 if quick else 0.95),
            at_most("share on the folds: worst setting", float(found.min()), 0.6),
            told("share on the folds: chosen setting", float(search.best_score_)),
            *other,
        ),
        {"shares": found.transpose(3, 2, 0, 1), "best": (scale, solver, a, h), "names": names,
         "activations": activations, "trials": trials},
    )  # fmt: skip
