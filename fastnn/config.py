"""Threads, and what this build found on this machine."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _kernels, backend
from .version import __version__

get_num_threads = _kernels._threads.get_num_threads
set_num_threads = _kernels._threads.set_num_threads


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """`with fastnn.threads(n):` kernels use at most n threads; results do not depend on it."""
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


class Config(dict[str, Any]):
    """A dict that prints as a table."""

    def __str__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{key:<{width}}  {value}" for key, value in self.items())


def show_config() -> Config:
    """Version, CPU level, threads and why, compiler, versions: a dict that prints as a table."""
    csrc, info = _kernels._csrc, _kernels._threads.threads_info()
    build = csrc.build_info()
    return Config(
        {
            "fastnn": __version__,
            "cpu level": csrc.isa_name(),
            "levels that run here": ", ".join(csrc.available_isas()),
            "levels in this build": ", ".join(csrc.compiled_isas()),
            "backend": backend.name(),
            "threads": info["threads"],
            "threads because of": info["reason"],
            "openmp": info["openmp"],
            "compiler": build["compiler"],
            "cython": build["cython"],
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": f"{platform.machine()}, {platform.system()}",
        }
    )
