"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat


def write_atomically(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write `data` (str as UTF-8) to a temporary file beside `path`, then rename it over `path`.

    A link is followed, and a file that is there keeps its permissions.  What a killed process left
    behind is removed.  Raises OSError; the old file is then whole and the temporary one removed.
    """
    content = data.encode() if isinstance(data, str) else data
    target = os.path.realpath(os.fsdecode(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{target} is a directory")
    if mode is not None and not (stat.S_ISREG(mode) and os.access(target, os.W_OK)):
        raise PermissionError(f"{target} cannot be written")
    _sweep(target)
    handle, temporary = _create_beside(target)
    try:
        with open(handle, "wb") as file:
            if mode is not None:
                os.fchmod(handle, stat.S_IMODE(mode))
            file.write(content)
            file.flush()
            os.fsync(handle)
            os.replace(temporary, target)  # before close() lets go of the lock
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _pattern(target: str) -> tuple[str, str]:
    """How the names of target's temporary files begin and end."""
    return f".{os.path.basename(target)[:32]}.", ".tmp"


def _create_beside(target: str) -> tuple[int, str]:
    """A new locked file in target's folder, with the permissions that open() gives."""
    start, end = _pattern(target)
    while True:
        name = os.path.join(os.path.dirname(target), f"{start}{secrets.token_hex(4)}{end}")
        try:
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        with contextlib.suppress(OSError):  # file systems without locks sweep nothing either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):  # nobody swept it before it was locked
            return handle, name
        os.close(handle)


def _sweep(target: str) -> None:
    """Remove temporary files of target whose writer is no more: they are not locked."""
    start, end = _pattern(target)
    entries: list[os.DirEntry[str]] = []
    with contextlib.suppress(OSError):  # a folder that may be written but not listed
        entries = list(os.scandir(os.path.dirname(target)))
    for entry in entries:
        if not (entry.name.startswith(start) and entry.name.endswith(end)):
            continue
        with contextlib.suppress(OSError), open(entry.path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(entry.path)
