"""The half of row 63 that Optuna does, where it is installed and where it is not."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
from fastnn.demos import _digits8, grid_search
from fastnn.sklearn import MLPClassifier


def net():
    return MLPClassifier(max_iter=2, batch_size=32, random_state=0)


def test_without_optuna_the_row_says_so(monkeypatch):
    monkeypatch.setattr(grid_search, "optuna", lambda: "Optuna")
    figures, trials = grid_search._others(net(), _digits8.split(0), 200, 4, 0, 0.0)
    assert trials == [] and [f.name for f in figures] == ["Optuna: trials (it is not installed)"]
    assert figures[0].value == 0 and figures[0].relation is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_with_optuna_trials_follow_the_seed():
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    d = _digits8.split(0)
    runs = [grid_search._others(net(), d, 200, 7, seed, 2.0) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    figures, trials = runs[0]
    assert len(trials) == 7 and np.isfinite(trials).all()
    assert [f.passed for f in figures] == [True, False, True]  # nobody reads 2.0 of the digits
    assert figures[2].value == max(trials)
    assert optuna.logging.get_verbosity() == before
