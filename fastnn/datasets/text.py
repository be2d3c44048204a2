"""Text to learn from: what travels with Python, a file, the King James Bible of Debian."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from .lzw import lzw_decode

_MAGIC = b"EC02Compressed Data File"
_BIBLE = "bible.data"
_MAX_WINDOW = 1 << 16
_DEBIAN = Path("/usr/lib")


def pydoc_topics() -> str:
    """The help topics of Python, nearly half a million characters of English with code: the values
    of the standard library's pydoc_data.topics, joined in the order of their sorted keys.

    The text differs between versions of Python.
    """
    from pydoc_data.topics import topics

    return "\n".join(topics[key] for key in sorted(topics))


def text_file(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The whole text of a file, line ends as "\\n".

    Raises OSError as `open` does; ValueError, naming the file, if it is empty or not in `encoding`.
    """
    try:
        text = Path(path).read_text(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not {encoding}: {error.reason}") from error
    except LookupError as error:
        raise ValueError(f"{path}: {error}") from error
    if not text:
        raise ValueError(f"{path}: the file is empty")
    return text


def kjv(path: str | os.PathLike[str] | None = None) -> str:
    """The King James Bible: a title line, then a verse a line, as "Ge1:1 In the beginning ...".

    Reads `path` if given; otherwise bible.data in the environment variable FASTNN_DATA, there or
    in bible-kjv/; otherwise /usr/lib/bible.data, of Debian's package bible-kjv-text. The file is a
    list of LZW windows of up to 64 KiB each (`lzw_decode`). Nothing is downloaded.

    Raises FileNotFoundError naming the places; ValueError, naming the file, if it is damaged.
    """
    path = _find() if path is None else Path(path)
    data = path.read_bytes()
    if not data.startswith(_MAGIC) or len(data) < 0x5C:
        raise ValueError(f"{path}: does not begin with {_MAGIC.decode()!r} and a header")
    size, count = struct.unpack_from(">II", data, 0x54)
    start = 0x5C + 4 * (count + 1)
    if size == 0 or count == 0 or len(data) < start:
        raise ValueError(f"{path}: damaged header: {count} windows of {size} bytes")
    offsets = struct.unpack_from(f">{count + 1}I", data, 0x5C)
    parts = []
    for i, (low, high) in enumerate(zip(offsets, offsets[1:], strict=False)):
        if not start <= low <= high <= len(data):
            raise ValueError(f"{path}: window {i}: bytes {low} to {high} of {len(data)}")
        part = lzw_decode(data[low:high], f"{path}: window {i}", min(size, _MAX_WINDOW))
        if len(part) != size and (i < count - 1 or not 0 < len(part) <= size):
            raise ValueError(f"{path}: window {i}: {len(part)} bytes, expected {size}")
        parts.append(part)
    try:
        return b"".join(parts).decode("ascii")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: character {error.start} is not ASCII") from error


def _find() -> Path:
    from_env = os.environ.get("FASTNN_DATA")
    tried = [Path(from_env) / "bible-kjv" / _BIBLE, Path(from_env) / _BIBLE] if from_env else []
    tried.append(_DEBIAN / _BIBLE)
    for path in tried:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"kjv: no {_BIBLE}; looked at {', '.join(map(str, tried))}; give path= or set FASTNN_DATA"
    )
