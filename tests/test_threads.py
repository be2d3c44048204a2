"""Which cores a team's threads are on."""

import os

import pytest

from fastnn._kernels import _threads

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="threads have no affinity here"
)


@pytest.fixture
def allowed():
    """The cores this process may use; in force again afterwards."""
    cores = os.sched_getaffinity(0)
    yield cores
    os.sched_setaffinity(0, cores)


def test_a_thread_leaves_the_core_of_another_of_its_team(allowed):
    if len(allowed) < 2:
        pytest.skip("one core")
    moves = []
    for _ in range(20):  # the system moves threads too, if seldom
        moves.append(_threads.leave_taken_core())
        assert os.sched_getaffinity(0) == allowed
    assert {core for move in moves for core in move} <= allowed
    assert sum(before != after for before, after in moves) >= 15


def test_a_thread_that_may_use_one_core_stays(allowed):
    core = min(allowed)
    os.sched_setaffinity(0, {core})
    assert _threads.leave_taken_core() == (core, core)
    assert os.sched_getaffinity(0) == {core}
