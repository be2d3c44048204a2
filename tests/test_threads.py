"""Which cores a team's threads are on."""

import os
import sys

import pytest
from programs import run_python

from fastnn._kernels import _threads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are spread on Linux")

# Regions of two threads; then the cores and moves of the last, and the threads' affinity.
REGIONS = """
import os
import numpy as np
import fastnn
from fastnn._kernels import _threads, relu_forward
allowed = os.sched_getaffinity(0)
fastnn.set_num_threads({threads})
_threads.watch_cores(True)
moves = 0
for _ in range(50):
    relu_forward(np.zeros(1 << 20, np.float32))
    moves += _threads.watch_cores(True)[1]
relu_forward(np.zeros(1 << 20, np.float32))
cores = _threads.watch_cores(False)[0]
kept = all(os.sched_getaffinity(int(t)) == allowed for t in os.listdir("/proc/self/task"))
print(cores, moves, kept, len(allowed))
"""


@pytest.fixture
def allowed():
    """The cores this process may use; in force again afterwards."""
    cores = os.sched_getaffinity(0)
    yield cores
    os.sched_setaffinity(0, cores)


def regions(threads=2, **variables):
    """(cores of the last region, moves, whether all threads may run everywhere, cores)."""
    done = run_python("-c", REGIONS.format(threads=threads), **variables)
    assert done.returncode == 0, done.stderr
    out = done.stdout.split()
    return int(out[0]), int(out[1]), out[2] == "True", int(out[3])


def test_the_second_thread_leaves_the_core_of_the_first(allowed):
    if len(allowed) < 2:
        pytest.skip("one core")
    moves = [_threads.spread_twice() for _ in range(20)]  # the system moves threads too, if seldom
    assert set(moves) <= {0, 1}
    assert sum(moves) >= 15
    assert os.sched_getaffinity(0) == allowed


def test_a_thread_that_may_use_one_core_stays(allowed):
    os.sched_setaffinity(0, {min(allowed)})
    assert _threads.spread_twice() == 0
    assert os.sched_getaffinity(0) == {min(allowed)}


def test_a_team_has_a_core_for_each_thread():
    cores, _, kept, available = regions()
    assert cores == min(2, available) if available > 1 else cores == 0
    assert kept


@pytest.mark.parametrize(
    "variables", [{"OMP_PROC_BIND": "false"}, {"OMP_PLACES": "cores"}], ids=str
)
def test_not_where_the_user_binds_threads(variables):
    assert regions(**variables)[:2] == (0, 0)


def test_not_with_more_threads_than_cores():
    assert regions(threads=len(os.sched_getaffinity(0)) + 1)[:2] == (0, 0)


def test_one_thread_with_the_slots_of_two_stays():
    """OpenMP may give fewer threads than asked for: no thread moves away from itself."""
    assert regions(OMP_THREAD_LIMIT="1")[1] == 0
