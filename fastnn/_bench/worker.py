"""Contenders in other processes, for libraries whose number of threads is fixed at their start.

`Worker(library, threads)` starts `python -m fastnn._bench.worker`, which builds contenders and runs
them when asked, one JSON line each way; it reports seconds, so the pipe is not timed.  Only the
worker that is asked computes.  A waiting worker sleeps in read(); the threads of XLA and TensorFlow
(Eigen's pool) spin for well under the rest before a turn (`timing.REST`), then sleep too: their
settings are left at the defaults.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .timing import duration


def environment(library: str, threads: int) -> dict[str, str]:
    """Variables that limit a library to so many threads."""
    n = str(threads)
    limits = {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n, "FASTNN_NUM_THREADS": "1"}
    if library == "jax":
        flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        limits |= {"NPROC": n, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    elif library == "tensorflow":
        limits |= {"TF_NUM_INTRAOP_THREADS": n, "TF_NUM_INTEROP_THREADS": "1"}
        limits |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "NPROC": n}
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    return {**os.environ, **limits, "PYTHONPATH": path}


class Worker:
    """A process with one library and a fixed number of threads."""

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "fastnn._bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(library, threads),
        )
        atexit.register(self.close)

    def ask(self, **question: Any) -> Any:
        """The answer to one request; RuntimeError with the worker's error."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the worker for {self.library} died")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.library}: {answer['error']}")
        return answer["value"]

    def build(self, function: str, *args: Any) -> dict[str, Remote]:
        """Contenders of `function`, "module:name" in this package, which the worker calls; those
        of the last build are dropped."""
        return {name: Remote(self, name) for name in self.ask(build=function, args=args)}

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._process.wait()


class Remote:
    """A contender in a worker."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker, self._name = worker, name

    def seconds(self, n: int) -> float:
        """Seconds of n calls, measured there."""
        return self._worker.ask(run=self._name, n=n)

    def __call__(self) -> None:
        self.seconds(1)


@functools.cache
def worker(library: str, threads: int) -> Worker:
    """The one worker of a library and number of threads, started when first asked for."""
    return Worker(library, threads)


def serve() -> None:
    """Answer requests until stdin ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contenders: dict[str, Any] = {}
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "build" in question:
                contenders.clear()
                module, name = question["build"].split(":")
                function = getattr(importlib.import_module(f"{__package__}.{module}"), name)
                contenders.update(function(*question["args"]))
                value: Any = list(contenders)
            else:
                value = duration(contenders[question["run"]], question["n"])
            answer = {"value": value}
        except Exception as error:  # told to the other side, which decides
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
