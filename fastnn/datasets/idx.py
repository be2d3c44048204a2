"""Reader of IDX files, MNIST's own format, plain or gzip-compressed.

Layout (http://yann.lecun.com/exdb/mnist/): two zero bytes, a dtype code, the number of dimensions,
one big-endian uint32 per dimension, then the items in row-major order, big-endian. Nothing is
allocated before the declared size has been compared with what the file can hold.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from typing import IO

import numpy as np

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMS = 32  # NumPy 1.26's limit
_MAX_DEFLATE_RATIO = 1032  # 258 bytes from 2 bits, zlib's documented bound
_CHUNK = 1 << 20

MAX_BYTES = 1 << 31  # default limit of `read_idx`; the largest EMNIST file has 0.55 GB


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Array of an IDX file, in its own shape and in native byte order.

    A file that starts with gzip's magic bytes is decompressed, whatever its name.
    `max_bytes` bounds the decompressed size in bytes.

    Returns an ndarray of dtype uint8, int8, int16, int32, float32 or float64. Raises
    FileNotFoundError, OSError; ValueError, with file and offset (in the decompressed bytes), for a
    wrong magic number, an unknown dtype code, a size that the file cannot hold, a short file,
    trailing bytes or a damaged gzip stream.
    """
    with open(path, "rb") as raw:
        return _read(raw, os.fspath(path), max_bytes)


def _read(raw: IO[bytes], name: str, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Parse the seekable stream `raw`; `name` is for messages only."""
    n_stored = raw.seek(0, os.SEEK_END)
    raw.seek(0)
    is_gzip = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    stream: IO[bytes] = gzip.GzipFile(fileobj=raw, mode="rb") if is_gzip else raw  # type: ignore[assignment]

    def fail(offset: int, reason: str) -> ValueError:
        return ValueError(f"{name}: byte {offset}: {reason}")

    magic = _read_exactly(stream, 4, 0, "the magic number", fail)
    code, n_dims = magic[2], magic[3]
    if magic[:2] != b"\0\0":
        raise fail(
            0, f"not an IDX file: magic number {magic.hex()}, expected it to start with 0000"
        )
    if code not in _DTYPES:
        known = ", ".join(f"{c:02x}" for c in _DTYPES)
        raise fail(2, f"unknown dtype code {code:02x}, expected one of {known}")
    if not 1 <= n_dims <= _MAX_DIMS:
        raise fail(3, f"{n_dims} dimensions, expected 1 to {_MAX_DIMS}")
    header = _read_exactly(stream, 4 * n_dims, 4, "the sizes", fail)
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(0, 4 * n_dims, 4))

    dtype = np.dtype(_DTYPES[code])
    start = 4 + 4 * n_dims
    # Zeros count as ones: NumPy refuses (0, 2**32, 2**32, ...) although it holds no item.
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > max_bytes:
        raise fail(
            4, f"declares shape {shape} of {dtype.itemsize}-byte items, limit {max_bytes} bytes"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    n_possible = (n_stored * _MAX_DEFLATE_RATIO) if is_gzip else n_stored - start
    if n_bytes > n_possible:
        raise fail(
            4,
            f"declares shape {shape}, {n_bytes} bytes, but the file can hold at most {n_possible}",
        )
    array = np.empty(shape, dtype)
    _fill(stream, array.reshape(-1).view(np.uint8).data, start, fail)
    if _guarded(lambda: stream.read(1), start + n_bytes, fail):
        raise fail(start + n_bytes, f"bytes after the declared {n_bytes} of shape {shape}")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _guarded(
    read: Callable[[], bytes], offset: int, fail: Callable[[int, str], ValueError]
) -> bytes:
    try:
        return read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise fail(offset, f"damaged gzip stream: {error}") from error


def _read_exactly(
    stream: IO[bytes], n: int, offset: int, what: str, fail: Callable[[int, str], ValueError]
) -> bytes:
    data = _guarded(lambda: stream.read(n), offset, fail)
    if len(data) < n:
        raise fail(offset + len(data), f"file ends inside {what}")
    return data


def _fill(
    stream: IO[bytes], out: memoryview, start: int, fail: Callable[[int, str], ValueError]
) -> None:
    # Chunks, so that a gzip bomb that lies about its size is found before it is unpacked.
    position = 0
    while position < len(out):
        n = min(_CHUNK, len(out) - position)
        data = _guarded(lambda n=n: stream.read(n), start + position, fail)  # type: ignore[misc]
        if not data:
            raise fail(start + position, f"file ends, {len(out) - position} bytes are missing")
        out[position : position + len(data)] = data
        position += len(data)
