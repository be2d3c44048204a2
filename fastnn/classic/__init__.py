"""Networks and models that learn without back-propagation, one file each."""

from .adaline import Adaline
from .autoregressive import AutoRegressive
from .boltzmann import BoltzmannMachine
from .dbn import DBN
from .hopfield import Hopfield
from .neocognitron import Neocognitron
from .ngram import NGram
from .perceptron import Perceptron
from .rbm import RBM
from .threshold_unit import ThresholdUnit

__all__ = [
    "DBN",
    "RBM",
    "Adaline",
    "AutoRegressive",
    "BoltzmannMachine",
    "Hopfield",
    "NGram",
    "Neocognitron",
    "Perceptron",
    "ThresholdUnit",
]
