"""What every test leaves behind: threads, CPU level, backend, random stream, grad mode."""

import sys

import pytest

import fastnn
from fastnn import _kernels, backend, random
from fastnn.grad_mode import mode


@pytest.fixture(autouse=True)
def settings_stay_as_they_were():
    """Put process-wide settings back, whatever the test did to them."""
    n_threads, level = fastnn.get_num_threads(), _kernels._csrc.isa_name()
    kernels, state = backend.kernels, random.default_generator.get_state()
    switches = mode.enabled, mode.anomaly
    if "torch" in sys.modules:  # whose stream is not to depend on the tests that ran before
        sys.modules["torch"].manual_seed(0)
    yield
    fastnn.set_num_threads(n_threads)
    _kernels._csrc.force_isa(level)
    backend.kernels = kernels
    random.default_generator.set_state(state)
    mode.enabled, mode.anomaly = switches
