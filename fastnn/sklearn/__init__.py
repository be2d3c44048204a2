"""Estimators for scikit-learn: its base classes, checks and conventions, fastnn's networks.

Needs scikit-learn: pip install 'fastnn-cpu[sklearn]'.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "fastnn.sklearn needs scikit-learn: pip install 'fastnn-cpu[sklearn]'"
    ) from error

from .cnn import CNNClassifier, CNNRegressor
from .forecaster import SequenceForecaster
from .mlp import MLPClassifier, MLPRegressor
from .net import NetClassifier, NetRegressor
from .rnn import RNNClassifier, RNNRegressor

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "NetClassifier",
    "NetRegressor",
    "RNNClassifier",
    "RNNRegressor",
    "SequenceForecaster",
]
