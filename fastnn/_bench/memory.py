"""Peak memory of one training step: `python -m fastnn._bench.memory LIBRARY CASE` prints bytes.

The peak resident set of the process over three steps, less what was resident after the imports.
Linux's ru_maxrss is of no use: a child inherits the parent's, through fork and exec.  VmHWM belongs
to the address space, which exec makes anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from .train_cases import fastnn_step, torch_steps

CASES = ("T5 resnet18 small", "T4 alexnet 224")


def peak(library: str, case: str, threads: int) -> int:
    """Bytes, in a process of its own; library "fastnn", "torch" or "torch tuned"."""
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    n = str(threads)
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": n, "FASTNN_NUM_THREADS": n}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fastnn._bench.memory", library, case],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _restart() -> None:
    """Set the peak to what is resident now, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _bytes() -> int:
    """The peak so far."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _main(library: str, case: str) -> None:
    if library == "fastnn":
        import fastnn

        fastnn.nn.Linear(2, 2)(fastnn.zeros(1, 2)).sum().backward()
        fastnn.models  # noqa: B018  opened when first named
        _restart()
        before = _bytes()
        step = fastnn_step(case)
    else:
        import torch

        torch.nn.Linear(2, 2)(torch.zeros(1, 2)).sum().backward()
        torch.optim  # noqa: B018
        _restart()
        before = _bytes()
        step = torch_steps(case, False)[library]
    for _ in range(3):
        step()
    print(json.dumps(_bytes() - before))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
