"""Networks and models that learn without back-propagation, one file each."""

from .adaline import Adaline
from .autoregressive import AutoRegressive
from .hopfield import Hopfield
from .neocognitron import Neocognitron
from .ngram import NGram
from .perceptron import Perceptron
from .som import SOM
from .threshold_unit import ThresholdUnit

__all__ = [
    "SOM",
    "Adaline",
    "AutoRegressive",
    "Hopfield",
    "NGram",
    "Neocognitron",
    "Perceptron",
    "ThresholdUnit",
]
