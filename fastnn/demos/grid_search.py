"""Row 63: nobody can tell the right hyper-parameters beforehand, so they are searched for."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ._digits8 import split
from ._needs import scikit_learn
from ._registry import Result, at_least, at_most, demo, exactly, told

_HIDDEN = {"4": (4,), "32": (32,), "128": (128,), "32-32": (32, 32), "8-8-8-8": (8, 8, 8, 8)}
_ACTIVATIONS = ("logistic", "tanh", "relu")
_SOLVERS = ("sgd", "adam")
_SCALES = ("as they are", "standardised")


def _draw(figure: Any, *, shares: np.ndarray, best: tuple, names: list, activations: list) -> None:
    """shares (scalings, solvers, activations, hidden)."""
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


@demo(
    63,
    name="grid-search",
    title="Layers, units, activation, optimizer: searched, not known",
    bar="of 60 settings of MLPClassifier the one that scikit-learn's GridSearchCV chooses reads at "
    "least 0.95 of new 8x8 digits (quick: of 24, 0.90, after 400 digits); the worst setting at "
    "most 0.60 on the folds: the choice matters",
    draw=_draw,
    size=(13, 6.5),
    seconds=(12, 3),
    source="Bergstra and Bengio 2012, https://www.jmlr.org/papers/v13/bergstra12a.html; Pedregosa "
    "et al. 2011, arXiv:1201.0490",
    needs=scikit_learn,
)
def grid_search(quick: bool, seed: int) -> Result:
    """No theory gives the number of layers and units, the activation, the optimizer and the scale
    of the data; settings are tried, by cross-validation, and the best of them depends on the other
    choices. The best share on the folds is a little too good, as the largest of many; so the
    winner is tested on digits that took no part.
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
        ),
        {"shares": found.transpose(3, 2, 0, 1), "best": (scale, solver, a, h), "names": names,
         "activations": activations},
    )  # fmt: skip
