"""Data sets: embedded ones, small made-up ones, and readers of well-known formats."""

from .char_text import CharText, TextSplit, tbptt_batches
from .embedded import IRIS_CLASSES, IRIS_FEATURES, Samples, Split, digits, digits8x8, iris
from .idx import read_idx
from .local import fashion_mnist, local_folder, mnist
from .lzw import lzw_decode
from .synthetic import moons, spirals, xor
from .text import kjv, pydoc_topics, text_file

__all__ = [
    "IRIS_CLASSES",
    "IRIS_FEATURES",
    "CharText",
    "Samples",
    "Split",
    "TextSplit",
    "digits",
    "digits8x8",
    "fashion_mnist",
    "iris",
    "kjv",
    "local_folder",
    "lzw_decode",
    "mnist",
    "moons",
    "pydoc_topics",
    "read_idx",
    "spirals",
    "tbptt_batches",
    "text_file",
    "xor",
]
