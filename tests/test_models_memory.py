"""Inputs of a thousand different shapes do not make the process grow."""

import json
import sys
from pathlib import Path

import pytest
from programs import run_python


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("mode", ["train", "infer"])
def test_a_thousand_shapes(mode):
    done = run_python(Path(__file__).with_name("memory_job.py"), mode)
    assert done.returncode == 0, done.stderr
    sizes = json.loads(done.stdout)  # after each 100 of 1,200 shapes
    assert len(sizes) == 12
    # The largest arrays of all shapes are 4 x 12 x 69 x 43 floats, 0.5 MiB; a leak of one array a
    # shape would be hundreds of MiB.
    assert max(sizes[2:]) - sizes[1] < 24, sizes
