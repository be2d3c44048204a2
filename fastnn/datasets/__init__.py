"""Data sets: embedded ones, small made-up ones, and readers of well-known formats."""

from .dna import MotifSamples, motif_dna
from .embedded import IRIS_CLASSES, IRIS_FEATURES, Samples, Split, digits, digits8x8, iris
from .expressions import SYMBOLS, Expressions, boolean_expressions
from .idx import read_idx
from .local import fashion_mnist, local_folder, mnist
from .sequences import delayed_label, first_symbol_recall
from .series import lorenz, mackey_glass, series_file, windows
from .synthetic import moons, spirals, xor

__all__ = [
    "Expressions",
    "IRIS_CLASSES",
    "IRIS_FEATURES",
    "SYMBOLS",
    "MotifSamples",
    "Samples",
    "Split",
    "boolean_expressions",
    "delayed_label",
    "digits",
    "digits8x8",
    "fashion_mnist",
    "first_symbol_recall",
    "iris",
    "local_folder",
    "lorenz",
    "mackey_glass",
    "mnist",
    "moons",
    "motif_dna",
    "read_idx",
    "series_file",
    "spirals",
    "windows",
    "xor",
]
