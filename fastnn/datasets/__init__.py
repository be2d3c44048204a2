"""Data sets: embedded ones, small made-up ones, and readers of well-known formats."""

from .dna import MotifSamples, motif_dna
from .embedded import IRIS_CLASSES, IRIS_FEATURES, Samples, Split, digits, digits8x8, iris
from .idx import read_idx
from .local import fashion_mnist, local_folder, mnist
from .series import lorenz, mackey_glass, series_file, windows
from .synthetic import moons, spirals, xor

__all__ = [
    "IRIS_CLASSES",
    "IRIS_FEATURES",
    "MotifSamples",
    "Samples",
    "Split",
    "digits",
    "digits8x8",
    "fashion_mnist",
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
