"""A figure to draw on, without a window, and its file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from ..io.files import write_atomically


def new_figure(width: float = 10, height: float = 5) -> Any:
    """A matplotlib Figure of that many inches, with constrained layout, bound to no window.

    Raises ImportError, naming the extra, without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'fastnn-cpu[plot]'") from error
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def save(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write the figure atomically; the ending of `path` says the format (.png if there is none).

    Raises OSError; ValueError for an ending that matplotlib cannot write.
    """
    ending = Path(path).suffix[1:] or "png"
    data = io.BytesIO()
    figure.savefig(data, format=ending)
    write_atomically(path, data.getvalue())
