"""Data sets: embedded ones, small made-up ones, and readers of well-known formats."""

from .char_text import CharText, TextSplit, tbptt_batches
from .dna import MotifSamples, motif_dna
from .embedded import IRIS_CLASSES, IRIS_FEATURES, Samples, Split, digits, digits8x8, iris
from .expressions import SYMBOLS, Expressions, boolean_expressions
from .idx import read_idx
from .local import fashion_mnist, local_folder, mnist
from .lzw import lzw_decode
from .rendered import SHAPE_FACTORS, SHAPE_NAMES, ShapeSamples, shapes
from .sequences import delayed_label, first_symbol_recall
from .series import lorenz, mackey_glass, series_file, windows
from .synthetic import bars_and_stripes, moons, spirals, xor
from .text import kjv, pydoc_topics, text_file

__all__ = [
    "IRIS_CLASSES",
    "IRIS_FEATURES",
    "SHAPE_FACTORS",
    "SHAPE_NAMES",
    "SYMBOLS",
    "ShapeSamples",
    "CharText",
    "Expressions",
    "MotifSamples",
    "Samples",
    "Split",
    "TextSplit",
    "bars_and_stripes",
    "boolean_expressions",
    "delayed_label",
    "digits",
    "digits8x8",
    "fashion_mnist",
    "first_symbol_recall",
    "iris",
    "kjv",
    "local_folder",
    "lorenz",
    "lzw_decode",
    "mackey_glass",
    "mnist",
    "moons",
    "motif_dna",
    "pydoc_topics",
    "read_idx",
    "series_file",
    "shapes",
    "spirals",
    "tbptt_batches",
    "text_file",
    "windows",
    "xor",
]
