"""What a row may need that a machine may lack."""

from __future__ import annotations

import importlib.util


def scikit_learn() -> str:
    """ "" where scikit-learn can be imported, otherwise its name."""
    return "" if importlib.util.find_spec("sklearn") else "scikit-learn"


def optuna() -> str:
    """ "" where Optuna can be imported, otherwise its name."""
    return "" if importlib.util.find_spec("optuna") else "Optuna"
