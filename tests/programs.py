"""Other Python processes that import the fastnn under test, not a folder of that name nearby."""

import os
import subprocess
import sys
from pathlib import Path

import fastnn


def environment(**changes):
    """This process's variables without fastnn's own, with changes."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("FASTNN_", "OMP_"))}
    return {**env, "PYTHONPATH": str(Path(fastnn.__file__).parents[1]), **changes}


def run_python(*args, **changes):
    """`python -P args...`, finished: -P keeps the present folder out of sys.path."""
    return subprocess.run(
        [sys.executable, "-P", *map(str, args)],
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
