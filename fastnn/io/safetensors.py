"""Files in the safetensors format, with a digest that any damage breaks.

The `safetensors` library lays out and reads the bytes; loading never runs code.  fastnn adds to the
file's metadata "fastnn.format" and "fastnn.sha256", the digest of names, dtypes, shapes, bytes and
the user's metadata.  Other programs read such files as any other; files without the two are read
too, with the format's own checks only.  float16 and bfloat16 become float32.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections import Counter
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..dtypes import bool_, float32, float64, int32, int64, uint8
from ..tensor import Tensor
from .files import write_atomically

_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": float32,
    "F64": float64,
    "I64": int64,
    "I32": int32,
    "U8": uint8,
    "BOOL": bool_,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_FORMAT, _DIGEST = "fastnn.format", "fastnn.sha256"
_LONGEST_HEADER = 100_000_000


def save(
    model_or_state_dict: Any,
    path: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a Module's state_dict, or {name: Tensor or ndarray}, to a safetensors file.

    The file is written beside `path`, flushed to disk and renamed over it: a crash or a full disk
    leaves the old file whole.  metadata: strings.  Raises TypeError for anything else (modules are
    never pickled), OSError.
    """
    state = model_or_state_dict
    if hasattr(state, "state_dict"):
        state = state.state_dict()
    if not isinstance(state, dict):
        raise TypeError(f"save: expected a Module or a dict of tensors, got {type(state).__name__}")
    arrays = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise TypeError(f"save: name {name!r} is not a string")
        if name == "__metadata__":
            raise ValueError("save: a tensor cannot be named '__metadata__'")
        _encodes(name, f"name {name!r}")
        array = value._data if isinstance(value, Tensor) else value
        if not isinstance(array, np.ndarray) or array.dtype.newbyteorder("=") not in _NAMES:
            kind = array.dtype if isinstance(array, np.ndarray) else type(value).__name__
            raise TypeError(f"save: {name!r} is {kind}, expected a Tensor or ndarray")
        arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(
            array.shape
        )
    notes = {} if metadata is None else metadata
    if not isinstance(notes, dict) or any(type(s) is not str for kv in notes.items() for s in kv):
        raise TypeError("save: metadata must map strings to strings")
    for text in (s for kv in notes.items() for s in kv):
        _encodes(text, f"metadata {text!r}")
    if _FORMAT in notes or _DIGEST in notes:
        raise ValueError(f"save: metadata must not hold {_FORMAT} or {_DIGEST}")
    write_atomically(path, _serialize(arrays, notes))


def _encodes(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"save: {what} is not valid Unicode") from None


def _serialize(arrays: dict[str, np.ndarray], notes: dict[str, str]) -> bytes:
    import safetensors.numpy

    seal = {_FORMAT: "1", _DIGEST: _digest(arrays, notes)}
    return safetensors.numpy.save(arrays, {**notes, **seal})


def _digest(arrays: dict[str, np.ndarray], notes: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(notes.items())).encode())
    for name in sorted(arrays):
        a = arrays[name]
        digest.update(json.dumps([name, _NAMES[a.dtype.newbyteorder("=")], a.shape]).encode())
        digest.update(a.data if a.flags.c_contiguous and a.size else a.tobytes())
    return digest.hexdigest()


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """{name: Tensor} of a safetensors file, each in memory of its own.

    Raises OSError, or ValueError that names the file and what is wrong with it.
    """
    return _load(path)[0]


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """What `save` was given as metadata, or another program wrote.  Raises as `load` does."""
    return _load(path)[1]


def _load(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    where = os.fspath(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        return _parse(content)
    except ValueError as error:
        raise ValueError(f"{where}: not a valid safetensors file: {error}") from None


def _parse(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    import safetensors

    notes = _metadata(content)
    try:
        entries = safetensors.deserialize(content)
    except Exception as error:  # the library has no narrower type for them all
        raise ValueError(str(error)) from None
    stored: dict[str, np.ndarray] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, entry in entries:
        shape, kind = tuple(entry["shape"]), entry["dtype"]
        if kind in _DTYPES:
            dtype: Any = _DTYPES[kind].newbyteorder("<")
            stored[name] = np.frombuffer(bytearray(entry["data"]), dtype).reshape(shape)
            arrays[name] = stored[name].astype(_DTYPES[kind], copy=False)
            if kind == "BOOL" and arrays[name].view(uint8).max(initial=0) > 1:
                raise ValueError(f"{name!r} has a boolean that is neither 0 nor 1")
        elif kind == "F16":
            arrays[name] = np.frombuffer(entry["data"], "<f2").reshape(shape).astype(float32)
        elif kind == "BF16":
            wide = np.frombuffer(entry["data"], "<u2").astype("<u4") << 16
            arrays[name] = wide.view("<f4").astype(float32).reshape(shape)
        else:
            known = ", ".join([*_DTYPES, "F16", "BF16"])
            raise ValueError(f"{name!r} has dtype {kind}, expected one of {known}")
    ours = _FORMAT in notes, _DIGEST in notes
    if any(ours):
        want = notes.pop(_DIGEST, None)
        if not all(ours) or notes.pop(_FORMAT) != "1" or want != _digest(stored, notes):
            raise ValueError("damaged: its SHA-256 does not fit its content")
    return {name: from_numpy(array) for name, array in arrays.items()}, notes


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in the header, which is read here for names that occur twice."""
    if len(content) < 8:
        raise ValueError(f"{len(content)} bytes are too short for a header")
    (length,) = struct.unpack("<Q", content[:8])
    if length > min(len(content) - 8, _LONGEST_HEADER):
        raise ValueError(f"the header claims {length} bytes, the file has {len(content)}")
    try:
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_unique)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"its header is not JSON: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    notes = header.get("__metadata__", {})
    if not isinstance(notes, dict) or any(type(v) is not str for v in notes.values()):
        raise ValueError("its metadata is not a map of strings")
    return notes


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        name = next(name for name, n in counts.items() if n > 1)
        raise ValueError(f"its header names {name!r} twice")
    return found
