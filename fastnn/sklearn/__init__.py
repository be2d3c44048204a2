"""Estimators for scikit-learn: its base classes, checks and conventions, fastnn's networks.

Needs scikit-learn: pip install 'fastnn-cpu[sklearn]'.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "fastnn.sklearn needs scikit-learn: pip install 'fastnn-cpu[sklearn]'"
    ) from error

from .autoencoder import AutoencoderTransformer, VAETransformer
from .boltzmann import BernoulliRBM, DBNClassifier, GaussianRBM
from .cnn import CNNClassifier, CNNRegressor
from .forecaster import SequenceForecaster
from .memory import HopfieldMemory
from .mlp import MLPClassifier, MLPRegressor
from .net import NetClassifier, NetRegressor
from .rnn import RNNClassifier, RNNRegressor
from .units import Adaline, Perceptron

__all__ = [
    "Adaline",
    "AutoencoderTransformer",
    "BernoulliRBM",
    "CNNClassifier",
    "CNNRegressor",
    "DBNClassifier",
    "GaussianRBM",
    "HopfieldMemory",
    "MLPClassifier",
    "MLPRegressor",
    "NetClassifier",
    "NetRegressor",
    "Perceptron",
    "RNNClassifier",
    "RNNRegressor",
    "SequenceForecaster",
    "VAETransformer",
]
