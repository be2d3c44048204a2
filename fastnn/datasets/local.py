"""MNIST-like sets read from a folder of IDX files; nothing is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .embedded import Split, _scaled
from .idx import read_idx

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip
_FOLDERS = {
    "mnist": ("mnist", "MNIST/raw"),
    "fashion_mnist": ("fashion-mnist", "FashionMNIST/raw"),
}
_DEBIAN = Path("/usr/share/datasets")


def mnist(
    root: str | os.PathLike[str] | None = None, *, dtype: str | np.dtype | type = "float32"
) -> Split:
    """MNIST, 60,000 + 10,000 handwritten digits, from a local folder.

    Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, each plain or .gz, in `root` if given; otherwise in the environment
    variable FASTNN_DATA; otherwise in /usr/share/datasets. In each the folder itself, mnist/ and
    MNIST/raw/ are looked at. Nothing is downloaded; `digits` is the tenth that travels with fastnn.

    dtype: "float32" or "float64", intensities in [0, 1], or "uint8", 0..255.
    Returns `Split`: x (N, 1, 28, 28), white on black; y int64 (N,) in 0..9.
    Raises FileNotFoundError naming the folders; ValueError for a damaged file or wrong counts.
    Source: LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/, CC BY-SA 3.0.
    """
    return _load("mnist", root, dtype)


def fashion_mnist(
    root: str | os.PathLike[str] | None = None, *, dtype: str | np.dtype | type = "float32"
) -> Split:
    """Fashion-MNIST, 60,000 + 10,000 pictures of 10 kinds of clothes, from a local folder.

    The folders and files are those of `mnist`, with fashion-mnist/ and FashionMNIST/raw/ for mnist/
    and MNIST/raw/ (Debian's package dataset-fashion-mnist is found by itself).

    dtype, shapes and errors as for `mnist`.
    Source: Xiao, Rasul, Vollgraf 2017 (arXiv:1708.07747), MIT.
    """
    return _load("fashion_mnist", root, dtype)


def local_folder(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """The folder that "mnist" or "fashion_mnist" reads, found by its files' names; none is opened.

    Raises FileNotFoundError naming the folders that were looked at; ValueError for another name.
    """
    if name not in _FOLDERS:
        raise ValueError(f"local_folder: name is {name!r}, expected {' or '.join(_FOLDERS)}")
    if root is not None:
        bases = [Path(root)]
    else:
        from_env = os.environ.get("FASTNN_DATA")
        bases = ([Path(from_env)] if from_env else []) + [_DEBIAN]
    # The Debian folder itself holds no set of its own name.
    tried = [base / sub for base in bases for sub in (*_FOLDERS[name], ".")]
    for folder in tried:
        if all(_variant(folder, file, missing_ok=True) for file in _FILES):
            return folder
    raise FileNotFoundError(
        f"{name}: no folder with {', '.join(_FILES)} (or .gz); looked in "
        + ", ".join(str(folder) for folder in tried)
        + "; give root= or set FASTNN_DATA"
    )


def _load(name: str, root: str | os.PathLike[str] | None, dtype: str | np.dtype | type) -> Split:
    folder = local_folder(name, root)
    arrays = []
    for part in ("train", "t10k"):
        images_path = _variant(folder, f"{part}-images-idx3-ubyte")
        labels_path = _variant(folder, f"{part}-labels-idx1-ubyte")
        if images_path is None or labels_path is None:  # _variant has raised
            continue
        images, labels = read_idx(images_path), read_idx(labels_path)
        if images.dtype != np.uint8 or images.ndim != 3:
            raise ValueError(
                f"{images_path}: holds {images.dtype} of shape {images.shape}, "
                "expected uint8 (N, H, W)"
            )
        if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{labels_path}: holds {labels.dtype} of shape {labels.shape}, expected uint8 "
                f"({images.shape[0]},) as {images_path} has {images.shape[0]} images"
            )
        wrong = np.flatnonzero(labels > 9)
        if wrong.size:
            raise ValueError(
                f"{labels_path}: byte {8 + wrong[0]}: label {labels[wrong[0]]}, expected 0 to 9"
            )
        arrays += [_scaled(images, dtype, 255), labels.astype(np.int64)]
    return Split(*arrays)


def _variant(folder: Path, file: str, *, missing_ok: bool = False) -> Path | None:
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    if missing_ok:
        return None
    raise FileNotFoundError(f"{folder / file}: not found, nor with .gz")
