"""This machine's peak of fused multiply-adds, measured: GFLOP/s for a number of threads."""

from __future__ import annotations

import ctypes
import functools
import platform
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROUNDS = 400_000


@functools.cache
def _library() -> ctypes.CDLL | None:
    """peak.c, compiled for this machine; None where that is not possible."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    folder = tempfile.mkdtemp()
    out = Path(folder) / "peak.so"
    command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", "-o", str(out)]
    try:
        subprocess.run(
            [*command, str(Path(__file__).with_name("peak.c"))], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    library = ctypes.CDLL(str(out))
    library.fma_chains.restype = ctypes.c_double
    library.fma_chains.argtypes = (ctypes.c_size_t, ctypes.c_float, ctypes.c_void_p)
    return library


@functools.cache
def peak_gflops(threads: int = 1) -> float | None:
    """Best of 15 tries, all threads at once; None without a C compiler or off x86-64."""
    library = _library()
    if library is None:
        return None
    best = 0.0
    for _ in range(15):
        done: list[float] = []

        def work(done: list[float] = done) -> None:
            out = (ctypes.c_float * 16)()
            done.append(library.fma_chains(ROUNDS, 0.5, out))

        team = [threading.Thread(target=work) for _ in range(threads)]
        start = time.perf_counter()
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        best = max(best, sum(done) / (time.perf_counter() - start) / 1e9)
    return best


if __name__ == "__main__":
    for n in (1, 2):
        print(f"{n} threads: {peak_gflops(n):.1f} GFLOP/s")
