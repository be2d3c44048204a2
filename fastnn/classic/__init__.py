"""Networks and models that learn without back-propagation, one file each."""

from .adaline import Adaline
from .autoregressive import AutoRegressive
from .boltzmann import BoltzmannMachine
from .dbn import DBN
from .elm import ELM
from .esn import EchoStateNetwork
from .hopfield import Hopfield
from .lsm import LiquidStateMachine
from .neocognitron import Neocognitron
from .ngram import NGram
from .perceptron import Perceptron
from .rbf import RBFNetwork
from .rbm import RBM
from .som import SOM
from .threshold_unit import ThresholdUnit

__all__ = [
    "DBN",
    "ELM",
    "RBM",
    "SOM",
    "Adaline",
    "AutoRegressive",
    "BoltzmannMachine",
    "EchoStateNetwork",
    "Hopfield",
    "LiquidStateMachine",
    "NGram",
    "Neocognitron",
    "Perceptron",
    "RBFNetwork",
    "ThresholdUnit",
]
