"""Reads one digit from a picture or a .npy file, for `fastnn predict`."""

from __future__ import annotations

import math
import os

import numpy as np

_SIDE = 28
_MAX_PIXELS = 1 << 24


def read_digit(path: str | os.PathLike[str], *, invert: bool = False) -> np.ndarray:
    """One grey image of any size -> float32 (1, 1, 28, 28) in [0, 1], white on black as in
    `datasets.digits`.

    A .npy file holds (H, W), or that with leading axes of size 1: uint8 0..255, bool, or floats in
    [0, 1]. Any other file is read with Pillow; colours become grey, transparent parts white. The
    image is made square with black margins, then scaled to 28x28 (triangle filter, so that thin
    lines do not vanish). invert: for dark digits on a bright ground, 1 - value before that.

    Raises OSError; ValueError, naming the file, for a damaged file or unfit values, or more than
    2**24 pixels; ImportError, naming the extra, without Pillow.
    """
    name = os.fspath(path)
    grey = _read_npy(name) if name.endswith(".npy") else _read_picture(name)
    if not (grey.size and np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= 1):
        raise ValueError(f"{name}: expected an image with values in [0, 1], or uint8")
    if invert:
        grey = 1 - grey
    return _fit(grey)[None, None].astype(np.float32)


def _read_npy(name: str) -> np.ndarray:
    """The header is compared with the file's size before anything is allocated; objects are
    refused."""
    with open(name, "rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, is_fortran, dtype = read_header(file)
        except (ValueError, KeyError, EOFError) as error:
            raise ValueError(f"{name}: not a .npy file: {error}") from error
        start = file.tell()
        if dtype.hasobject or dtype.kind not in "bf" and dtype != np.uint8:
            raise ValueError(f"{name}: dtype {dtype}, expected uint8, bool or floats")
        n_bytes = math.prod(shape) * dtype.itemsize
        n_stored = os.fstat(file.fileno()).st_size - start
        if any(size < 0 for size in shape) or n_bytes != n_stored:
            raise ValueError(
                f"{name}: byte {start}: shape {shape} of {dtype} needs {n_bytes} bytes, "
                f"found {n_stored}"
            )
        _check_size(name, math.prod(shape))
        array = np.frombuffer(file.read(n_bytes), dtype)
    array = array.reshape(shape, order="F" if is_fortran else "C")
    if array.ndim < 2 or math.prod(shape[:-2]) != 1:
        raise ValueError(f"{name}: shape {shape}, expected one image (H, W)")
    array = array.reshape(shape[-2:])
    return array / 255.0 if dtype == np.uint8 else array.astype(np.float64)


def _read_picture(name: str) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("pictures need Pillow: pip install 'fastnn-cpu[plot]'") from error
    try:
        with Image.open(name) as opened:
            image: Image.Image = opened
            _check_size(name, image.width * image.height)
            if image.mode.startswith("I;16"):
                return np.asarray(image, np.float64) / 65535.0
            if image.has_transparency_data:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("L"), np.float64) / 255.0
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name}: cannot be read as a picture: {error}") from error


def _check_size(name: str, n_pixels: int) -> None:
    if n_pixels > _MAX_PIXELS:
        raise ValueError(f"{name}: {n_pixels} pixels, limit {_MAX_PIXELS}")


def _fit(grey: np.ndarray) -> np.ndarray:
    """(H, W) -> (28, 28)."""
    if grey.shape == (_SIDE, _SIDE):
        return grey
    height, width = grey.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side))
    square[top : top + height, left : left + width] = grey
    weights = _triangle_weights(side, _SIDE)
    return np.clip(weights @ square @ weights.T, 0.0, 1.0)


def _triangle_weights(n_in: int, n_out: int) -> np.ndarray:
    """(n_out, n_in), rows add up to 1: linear interpolation, widened by the scale when
    shrinking."""
    scale = n_in / n_out
    centres = (np.arange(n_out) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(n_in))
    weights = np.maximum(0.0, 1.0 - distance / max(scale, 1.0))
    return weights / weights.sum(axis=1, keepdims=True)
