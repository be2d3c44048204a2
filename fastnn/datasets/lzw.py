"""The reader of LZW windows as Debian's bible-kjv-text packs them; no encoder lives here."""

from __future__ import annotations

_FIRST = 257  # after the 256 single bytes; code 256 empties the table
_CLEAR = 256
_MAX_BITS = 16
_MAX_SIZE = 1 << 26


def lzw_decode(data: bytes, name: str = "lzw_decode", max_size: int = _MAX_SIZE) -> bytes:
    """Bytes of an LZW stream of Unix compress, 9- to 16-bit codes in block mode, without its
    3-byte header (1f 9d 90).

    Codes are packed from the lowest bit up, in groups of 8 codes; a group is left unfinished, and
    its rest skipped, when the code's width grows or the table is emptied. ValueError, beginning
    with `name`, for a code that the table does not hold, and as soon as there are more than
    max_size bytes (default: 64 MiB): a few hundred kilobytes can stand for gigabytes.
    Source: Welch 1984, doi:10.1109/MC.1984.1659158.
    """
    table = [bytes((i,)) for i in range(256)] + [b""]
    out: list[bytes] = []
    width, previous = 9, b""
    n_bits = 8 * len(data)
    size = 0
    group = position = 0  # in bits
    while position + width <= n_bits:
        first = position >> 3
        code = int.from_bytes(data[first : first + 4], "little") >> (position & 7)
        code &= (1 << width) - 1
        position += width
        if code == _CLEAR:
            del table[_FIRST:]
            previous = b""
            position = group = _next_group(position, group, width)
            width = 9
            continue
        if code < len(table):
            entry = table[code]
        elif code == len(table) and previous:
            entry = previous + previous[:1]  # the code that is being defined: cScSc
        else:
            raise ValueError(f"{name}: bit {position - width}: code {code} is not in the table")
        size += len(entry)
        if size > max_size:
            raise ValueError(f"{name}: more than {max_size} bytes, the max_size")
        out.append(entry)
        if previous and len(table) < 1 << _MAX_BITS:
            table.append(previous + entry[:1])
        previous = entry
        # The encoder is one entry ahead of the decoder: it grows when its next code needs it.
        if len(table) >= 1 << width and width < _MAX_BITS:
            position = group = _next_group(position, group, width)
            width += 1
    return b"".join(out)


def _next_group(position: int, group: int, width: int) -> int:
    size = 8 * width
    return group + -(-(position - group) // size) * size
